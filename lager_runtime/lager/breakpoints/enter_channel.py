"""How Enter in the terminal of a run resumes its pauses while there is no lagerd, or no bus: a socket beside them.

Whoever reads the Enter of a run listens at a name that the run's id makes. A paused script without lagerd connects,
writes the id of its pause, and reads ENTER when it is resumed; either side sees at once when the other has gone. The
name is one in the abstract namespace (unix(7)), so that nothing is left of it however its owner ends. Anybody may
connect there, or listen in the place of one that has gone: each side asks the kernel who the other is.
"""

import asyncio
import contextlib
import os
import pwd
import socket
import struct
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
ENTER = b"enter\n"
ID_LENGTH = 8
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)
_RETRY_FIRST, _RETRY_LAST = 0.05, 2.0


def name_of(run_id: str) -> str:
    """Where the Enter of a run is read."""
    return f"\0lager-enter-{run_id}"


def is_trusted(peer: socket.socket) -> bool:
    """Whether the other side is of our own user."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(raw)[1] == os.getuid())


def user_name() -> str:
    """Who presses Enter there: our own user."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Pressed(Exception):
    """Enter was pressed in the terminal of the run."""


async def unless_pressed(run_id: str, id: str, work: Coroutine[Any, Any, _T]) -> _T:
    """The result of `work`, which waits for a lagerd. Raises Pressed where Enter resumes the pause `id` first."""
    waiting, entered = asyncio.ensure_future(work), asyncio.ensure_future(pressed(run_id, id))
    try:
        await asyncio.wait({waiting, entered}, return_when=asyncio.FIRST_COMPLETED)
        if entered.done():
            entered.result()
            raise Pressed
        return waiting.result()
    finally:
        waiting.cancel()
        entered.cancel()
        await asyncio.gather(waiting, entered, return_exceptions=True)


async def pressed(run_id: str, id: str) -> None:
    """Return when Enter is pressed for the pause `id` in the terminal of its run; for ever where there is none."""
    delay = _RETRY_FIRST
    while True:
        with contextlib.suppress(OSError):
            if await _pressed(run_id, id):
                return
            delay = _RETRY_FIRST
        await asyncio.sleep(delay)
        delay = min(delay * 2, _RETRY_LAST)


async def _pressed(run_id: str, id: str) -> bool:
    """False where the other side has gone, or is not to be trusted."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)
        await loop.sock_connect(channel, name_of(run_id))
        if not is_trusted(channel):
            raise PermissionError
        await loop.sock_sendall(channel, id.encode())
        return await loop.sock_recv(channel, len(ENTER)) == ENTER
