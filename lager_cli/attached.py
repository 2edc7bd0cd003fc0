"""The console in the paused process, as this end of its socket sees it."""

import asyncio
import sys
from enum import Enum, auto
from typing import Any

from lager.wire import Decoder, encode


class Outcome(Enum):
    """How an evaluation ended: well, with a traceback, with exit(), or because the console was closed."""

    DONE = auto()
    RAISED = auto()
    LEFT = auto()
    CLOSED = auto()


class Attached:
    """Prints what the console prints, whenever it does. `hello` is its greeting, empty if it never came."""

    def __init__(self, connection: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._decoder = Decoder()
        self._answer: asyncio.Future[Outcome] | None = None
        self.hello: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.code = 0
        connection.setblocking(False)
        # A turn of the loop for each piece that is read: so Ctrl-C is heard in a flood.
        self._loop.add_reader(connection.fileno(), self._read)

    async def evaluate(self, source: str) -> Outcome:
        self._answer = self._loop.create_future()
        await self.send({"eval": source})
        await self.closed_or(self._answer)
        if self._answer.done():
            return self._answer.result()
        self.closed.result()
        return Outcome.CLOSED

    async def closed_or(self, other: "asyncio.Future[Any]") -> None:
        """Wait until the console is closed, or `other` is done."""
        waiting: list[asyncio.Future[Any]] = [self.closed, other]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def send(self, message: dict[str, Any]) -> None:
        try:
            await self._loop.sock_sendall(self._connection, encode(message))
        except OSError:
            self.close()

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
                self._take(frame)
        except OSError as error:
            self.close(error)  # nobody reads what we print

    def _take(self, frame: dict[str, Any]) -> None:
        if "out" in frame:
            write(sys.stdout, frame["out"])
        elif "err" in frame:
            write(sys.stderr, frame["err"])
        elif "hello" in frame and not self.hello.done():
            self.hello.set_result(frame["hello"])
        elif "done" in frame:
            self._answered(Outcome.DONE if frame["done"] else Outcome.RAISED)
        elif "bye" in frame:
            self.code = int(frame["bye"])
            self._answered(Outcome.LEFT)

    def _answered(self, outcome: Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)


def write(stream: Any, text: str) -> None:
    stream.buffer.write(text.encode(stream.encoding, "backslashreplace"))
    stream.flush()
