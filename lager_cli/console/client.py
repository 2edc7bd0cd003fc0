"""The client of a console: this end of its socket."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable
from enum import Enum, auto
from itertools import count
from typing import Any

from lager import errors
from lager.breakpoints.terminal import banner
from lager.console.protocol import MessageDecoder, encode
from lager.contract import LONGEST
from lager.errors import Failed, LagerError
from lager.wording.text import printable, visible

_ANSWER_SECONDS = 6.0
_LONGEST_TEXT = 100_000
_DEEPEST = 20


class Outcome(Enum):
    """How an evaluation ended: normally, with a traceback, with exit(), or because the console was closed."""

    DONE = auto()
    RAISED = auto()
    LEFT = auto()
    CLOSED = auto()


class Attached:
    """One console.

    `show` is called with "out" or "err" and the text printed there, or with "log" and the message of a breakpoint;
    `stepped`, when a step begins or has stopped. After a step, `place` has the keys of the pause where it has stopped.
    `hello` is the greeting, empty if it never came; it raises the error with which the console was refused.
    """

    def __init__(
        self, connection: socket.socket, show: Callable[[str, str], None] | None = None, *, own: bool = False
    ) -> None:
        """Output of the user's `own` script is shown unchanged; that of another user or machine is made printable."""
        self._own = own
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._decoder = MessageDecoder()
        self._evaluated: asyncio.Future[Outcome] | None = None
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = count(1)
        self._ends_at: float | None = None
        self._ended: dict[str, Any] | None = None
        self.show = show or _print
        self.other: Callable[[dict[str, Any]], None] = lambda _: None
        self.told: Callable[[], None] = lambda: None
        self.stepped: Callable[[], None] = lambda: None
        self.place: dict[str, Any] = {}
        self._stopped = asyncio.Event()
        self._stopped.set()
        self.consoles: list[dict[str, Any]] = []
        self.hello: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.code = 0
        connection.setblocking(False)
        # One turn of the loop for each piece that is read, so that Ctrl-C works during a flood of output.
        self._loop.add_reader(connection.fileno(), self._read)

    async def evaluate(self, source: str, frame: int | None = None) -> Outcome:
        """Evaluate `source` in the script, with the names of the pause or of the frame with a number."""
        self._evaluated = self._loop.create_future()
        await self.send({"eval": source} if frame is None else {"eval": source, "frame": frame})
        await self.closed_or(self._evaluated)
        if self._evaluated.done():
            return self._evaluated.result()
        self.closed.result()
        return Outcome.CLOSED

    async def ask(self, kind: str, what: Any, seconds: float = _ANSWER_SECONDS) -> Any:
        """Ask the script, and return the answer as described in lager.console.protocol; None if it is late.

        Raises LagerError if lagerd refuses.
        """
        number = next(self._numbers)
        answer = self._asked[number] = self._loop.create_future()
        try:
            async with asyncio.timeout(seconds):
                await self.send({"ask": number, kind: what})
                await self.closed_or(answer)
        except TimeoutError:
            return None
        finally:
            del self._asked[number]
        frame = answer.result() if answer.done() else {}
        if "error" in frame:
            raise Failed(str(frame["error"]))
        return frame.get(kind)

    @property
    def running(self) -> bool:
        """Return whether a step runs, so that the script is not paused."""
        return not self._stopped.is_set()

    async def stopped(self) -> None:
        """Wait until the script is paused again, or the console is closed."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future(self._stopped.wait())
        try:
            await self.closed_or(waiting)
        finally:
            waiting.cancel()

    @property
    def left(self) -> float | None:
        """Return the seconds until the script resumes automatically; None for no limit."""
        return None if self._ends_at is None else max(self._ends_at - time.monotonic(), 0.0)

    def why(self) -> str:
        """Return in a few words why the script was resumed."""
        if self._ended is None:
            return "was resumed, or ended"
        return banner.why(str(self._ended.get("reason")), dict(self._ended.get("by", {})))

    async def closed_or(self, other: "asyncio.Future[Any]") -> None:
        """Wait until the console is closed, or `other` is done."""
        waiting: list[asyncio.Future[Any]] = [self.closed, other]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # closed; its last output and the reason are still to be read
            await self._loop.sock_sendall(self._connection, encode(message))

    def close(self, error: OSError | None = None) -> None:
        if self.closed.done():
            return
        self._loop.remove_reader(self._connection.fileno())
        self._connection.close()
        if error is None:
            self.closed.set_result(None)
        else:
            self.closed.set_exception(error)
        if not self.hello.done():
            self.hello.set_result({})

    def _read(self) -> None:
        frames = self._decoder.receive(self._connection)
        if frames is None:
            self.close()
            return
        try:
            for frame in frames:
                self._take(_printable(frame))
        except OSError as error:
            self.close(error)  # our standard output is closed

    def _take(self, frame: dict[str, Any]) -> None:
        match frame:
            case {"of": _} | {"lost": _}:
                self.other(frame)
            case {"out": str(text)}:
                self.show("out", text if self._own else visible(text))
            case {"err": str(text)}:
                self.show("err", text if self._own else visible(text))
            case {"log": str(text)}:
                self.show("log", f"{text}\n")
            case {"done": done}:
                self._answered(Outcome.DONE if done else Outcome.RAISED)
            case {"answer": int(number)} if number in self._asked:
                if not self._asked[number].done():
                    self._asked[number].set_result(frame)
            case {"left": int() | float() as left, "consoles": list(consoles)} if 0 <= left <= LONGEST:
                self._ends_at = time.monotonic() + left if left else None
                self.consoles = [one for one in consoles if isinstance(one, dict)]
                self.told()
            case {"bye": int(code)}:
                self.code = code
                self._answered(Outcome.LEFT)
            case {"stepping": dict(_)}:
                self._stopped.clear()
                self._ends_at = None
                self.stepped()
            case {"paused": dict(place)}:
                self.place = place
                self._stopped.set()
                self.stepped()
            case {"ended": dict(ended)}:
                self._ended = ended
            case {"hello": dict(hello)} if not self.hello.done():
                self.hello.set_result(hello)
            case {"refused": {"kind": kind, "what": what, "hint": hint}} if not self.hello.done():
                self.hello.set_exception(_refusal(str(kind), str(what), str(hint)))

    def _answered(self, outcome: Outcome) -> None:
        if self._evaluated is not None and not self._evaluated.done():
            self._evaluated.set_result(outcome)


def _printable(frame: dict[str, Any]) -> dict[str, Any]:
    """Return the frame without characters that control the terminal, except in output, which is cleaned later."""
    if {"out", "err", "in", "refused"} & frame.keys():  # the last is shown as an error, line by line
        return frame
    return {key: _made_printable(value) for key, value in frame.items()}


def _made_printable(value: Any, depth: int = 0) -> Any:
    """Return a printable copy. Leaves out what is nested too deep, so that it cannot raise RecursionError."""
    if isinstance(value, str):
        return printable(value, _LONGEST_TEXT)
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [_made_printable(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {printable(key): _made_printable(item, depth + 1) for key, item in value.items()}
    return value


def write(stream: Any, text: str) -> None:
    stream.buffer.write(text.encode(stream.encoding, "backslashreplace"))
    stream.flush()


def _print(stream: str, text: str) -> None:
    write(sys.stdout if stream == "out" else sys.stderr, text)


def _refusal(kind: str, what: str, hint: str) -> LagerError:
    """Return the error of the other machine, with its class if the name is known."""
    known = getattr(errors, kind, None)
    return (known if isinstance(known, type) and issubclass(known, LagerError) else Failed)(what, hint)
