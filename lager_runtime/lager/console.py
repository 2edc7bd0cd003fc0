"""Consoles inside the paused process. The link's thread reads their sockets; each evaluates in a thread of its own.

So an interrupt is read while code runs, a client that does not read holds up nobody but its own console, and the script
goes on at once when it is resumed, whatever its consoles are doing.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from lager.evaluating import Evaluating
from lager.wire import Decoder

_WRITE_SECONDS = 86400.0
_TOUCH_SECONDS = 0.005
_INPUT_LENGTH = 4096
_INSIST_SECONDS = 0.1

Namespace = Callable[[], dict[str, Any]]
_numbers = count(1)


class Report(Protocol):
    """Tells lagerd of a console, by the number that lagerd gave it."""

    def __call__(self, member: str, console: int, /, **details: Any) -> None: ...


class Consoles:
    """The consoles of one pause. To be used in the link's thread."""

    def __init__(self, namespace: Namespace, report: Report) -> None:
        self._namespace = namespace
        self._report = report
        self._all: set[Console] = set()

    def attach(self, connection: socket.socket, details: dict[str, Any]) -> None:
        console = Console(connection, self._namespace(), details, self._report, self._all.discard)
        self._all.add(console)
        console.begin()

    def close(self) -> None:
        """The script goes on: every console ends now."""
        for console in list(self._all):
            console.end()


class Console:
    def __init__(
        self,
        connection: socket.socket,
        namespace: dict[str, Any],
        details: dict[str, Any],
        report: Report,
        left: Callable[["Console"], None],
    ) -> None:
        # With a timeout Python waits by poll(), so the thread may write to what the loop reads without blocking.
        connection.settimeout(_WRITE_SECONDS)
        self._connection = connection
        self._decoder = Decoder()
        self._number = int(details.get("console", 0))
        self._report = report
        self._left = left
        self._open = True
        self._inputs: list[str] = []
        self._touching: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._evaluating = Evaluating(
            connection, namespace, next(_numbers), str(details.get("id", "")),
            self._soon(self._touch), self._soon(self._thread_ended),
        )  # fmt: skip

    def begin(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._read)
        self._evaluating.start()

    def end(self) -> None:
        """Shut the connection down, interrupt what is running, and let the thread run out."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._connection.fileno())
        self._left(self)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._insist(_INSIST_SECONDS)
        self._tell_input()
        self._report("Detach", self._number)

    def _insist(self, delay: float) -> None:
        """Stop the evaluation, again and again and ever more seldom where the code catches even SystemExit."""
        self._evaluating.stop()
        if self._evaluating.is_alive():
            self._loop.call_later(delay, self._insist, 2 * delay)

    def _soon(self, work: Callable[[], None]) -> Callable[[], None]:
        def from_the_thread() -> None:
            with contextlib.suppress(RuntimeError):  # the process is ending
                self._loop.call_soon_threadsafe(work)

        return from_the_thread

    def _thread_ended(self) -> None:
        self.end()
        self._connection.close()

    def _read(self) -> None:
        frames = self._decoder.receive(self._connection)
        if frames is None:
            self.end()
            return
        for frame in frames:
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        if "interrupt" in frame:
            self._evaluating.interrupt()
        elif isinstance(frame.get("eval"), str):
            if not self._evaluating.evaluate(frame["eval"]):
                self.end()
            self._inputs.append(frame["eval"][:_INPUT_LENGTH])
            self._touch()

    def _touch(self) -> None:
        """Let the countdown start again; a moment later, so as not to take Python's lock from what is evaluated."""
        if self._touching is None and self._open:
            self._touching = self._loop.call_later(_TOUCH_SECONDS, self._tell_input)

    def _tell_input(self) -> None:
        if self._touching is not None:
            self._touching.cancel()
            self._touching = None
            lines, self._inputs = "".join(self._inputs), []
            self._report("Touch", self._number, **({"input": lines[:_INPUT_LENGTH]} if lines else {}))
