"""The socket through which Enter in the terminal of a run resumes its pauses while lagerd or the bus is not running.

`lager python` listens at a name made from the run's id. A paused script without lagerd connects, writes the id of its
pause, and reads a line when it is resumed: ENTER, or the answer to its question. Each side notices at once when the
other has ended. The name is in the abstract namespace (unix(7)), which leaves nothing behind however its owner ends.
Any user can connect there, or listen once the owner has ended. So each side asks the kernel which user the other side
is.

A lagerd or a bus that has stopped answering looks alive to the script. So each paused process listens, too, and `lager
python` writes to it the id and the line of an Enter to which lagerd does not react. `lager python` may not know the
pause at that time. So a script also reports to it the beginning and the end of each pause that lagerd has accepted.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from lager.wording.question import Question

_T = TypeVar("_T")
ENTER = b"enter\n"
_ANSWER = b"answer "
_LONGEST = 1 << 15  # bytes of a line
ID_LENGTH = 8
BEGUN, ENDED = b"+", b"-"  # after the id of a pause that lagerd keeps
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)
_RETRY_FIRST, _RETRY_LAST = 0.05, 2.0
_KNOCK_SECONDS = 2.0


def name_of(run_id: str) -> str:
    """Return the address at which `lager python` listens for the pauses of a run."""
    return f"\0lager-enter-{run_id}"


def is_trusted(peer: socket.socket) -> bool:
    """Return whether the other side is a process of this user."""
    return _credentials(peer)[1] == os.getuid()


def pid_of(peer: socket.socket) -> int:
    """Return the process id of the other side."""
    return _credentials(peer)[0]


def _credentials(peer: socket.socket) -> tuple[int, int, int]:
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return pid, uid, gid


def name_of_process(run_id: str, pid: int) -> str:
    """Return the address at which a paused process of a run listens for an Enter to which lagerd does not react."""
    return f"{name_of(run_id)}-{pid}"


class Pressed(Exception):
    """Enter was pressed in the terminal of the run, after `answer`; None if the script asked no question."""

    def __init__(self, answer: str | None) -> None:
        super().__init__(answer)
        self.answer = answer


def answer_line(text: str) -> bytes:
    """Return the line that `lager python` writes instead of ENTER for a question."""
    return _ANSWER + text.encode(errors="surrogateescape").replace(b"\n", b" ") + b"\n"


async def unless_pressed(run_id: str, id: str, work: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of `work`, which waits for lagerd. Raises Pressed if Enter resumes the pause `id` first."""
    waiting, entered = asyncio.ensure_future(work), asyncio.ensure_future(pressed(run_id, id))
    try:
        await asyncio.wait({waiting, entered}, return_when=asyncio.FIRST_COMPLETED)
        if entered.done():
            raise Pressed(entered.result())
        return waiting.result()
    finally:
        waiting.cancel()
        entered.cancel()
        await asyncio.gather(waiting, entered, return_exceptions=True)


async def pressed(run_id: str, id: str) -> str | None:
    """Wait until Enter is pressed for the pause `id` in the terminal of its run. Return the typed answer, or None.

    Waits forever without a terminal."""
    delay = _RETRY_FIRST
    while True:
        with contextlib.suppress(OSError):
            typed = _meant(await _pressed(run_id, id))
            if typed is not None:
                return typed.answer
            delay = _RETRY_FIRST
        await asyncio.sleep(delay)
        delay = min(delay * 2, _RETRY_LAST)


async def _pressed(run_id: str, id: str) -> bytes:
    """Return the line of the other side, empty if it has ended. Raises PermissionError if it is another user's."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)
        await loop.sock_connect(channel, name_of(run_id))
        if not is_trusted(channel):
            raise PermissionError
        await loop.sock_sendall(channel, id.encode())
        return await _line(channel)


async def knocks(run_id: str) -> AsyncIterator[tuple[str, Pressed]]:
    """Listen for this process; yield the id of a pause and the typed text for each Enter that comes directly.

    Ends if the name is taken or no descriptor is free: then Enter needs lagerd.
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.setblocking(False)
        listener.bind(name_of_process(run_id, os.getpid()))
        listener.listen()
        while True:
            caller, _ = await loop.sock_accept(listener)
            with caller, contextlib.suppress(OSError, ValueError):
                if is_trusted(caller):
                    async with asyncio.timeout(_KNOCK_SECONDS):
                        line = await _line(caller)
                    id, pressed = line[:ID_LENGTH].decode("ascii"), _meant(line[ID_LENGTH:])
                    if pressed is not None:
                        yield id, pressed


def knock(run_id: str, pid: int, id: str, line: bytes) -> None:
    """Send the Enter `line` for the pause `id` to its process. Never blocks. Raises OSError if that does not listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.setblocking(False)
        channel.connect(name_of_process(run_id, pid))
        if is_trusted(channel):
            channel.send(id.encode() + line)


def tell(run_id: str, id: str, what: bytes, question: Question | None = None) -> None:
    """Tell `lager python` that the pause `id`, which lagerd keeps, has BEGUN, perhaps with a question, or has ENDED.
    Never blocks. Raises OSError if it does not listen."""
    asks = "" if question is None or what != BEGUN else json.dumps(question.details(), ensure_ascii=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.setblocking(False)
        channel.connect(name_of(run_id))
        if is_trusted(channel):
            channel.sendall(id.encode() + what + asks.encode(errors="replace") + b"\n")


def told(data: bytes) -> tuple[str, bool, dict[str, Any]] | None:
    """Return the content of a line of `tell`: the id, whether the pause has begun, and the keys of its question. None
    for other lines."""
    what = data[ID_LENGTH : ID_LENGTH + 1]
    if what not in (BEGUN, ENDED):
        return None
    asks: Any = {}
    with contextlib.suppress(ValueError):
        asks = json.loads(data[ID_LENGTH + 1 :] or b"{}")
    return data[:ID_LENGTH].decode("ascii", "replace"), what == BEGUN, asks if isinstance(asks, dict) else {}


def _meant(line: bytes) -> Pressed | None:
    """Return what a line means: Enter, with the typed answer if it has one; None if it means nothing."""
    if line == ENTER:
        return Pressed(None)
    if line.startswith(_ANSWER):
        return Pressed(line.removeprefix(_ANSWER).removesuffix(b"\n").decode(errors="replace"))
    return None


async def _line(channel: socket.socket) -> bytes:
    """Return a line; an empty one if the other side ends before the line is complete."""
    loop = asyncio.get_running_loop()
    line = b""
    while not line.endswith(b"\n") and len(line) < _LONGEST:
        more = await loop.sock_recv(channel, _LONGEST)
        if not more:
            return b""
        line += more
    return line
