"""Consoles inside the paused process. The client's thread reads their sockets; each evaluates in its own thread.

So an interrupt is read while code runs, a client that does not read blocks only its own console, and the script resumes
at once, whatever its consoles are doing.
"""

import asyncio
import contextlib
import inspect
import json
import os
import platform
import socket
import textwrap
import time
import traceback
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Protocol

from lager.console.clients.watchers import Watcher, Watchers
from lager.console.protocol import MessageDecoder
from lager.console.queries import Queries
from lager.console.worker import Worker
from lager.errors import InvalidArgument, LagerError
from lager.inspection.frames.location import Place
from lager.process import threads
from lager.stepping.course import Request
from lager.wording.text import printable, visible

_WRITE_SECONDS = 86400.0
_TOUCH_SECONDS = 0.005
_INPUT_LENGTH = 4096
_INSIST_SECONDS = 0.1
_LAST_SECONDS = 0.2  # for a client to read the last frame
_MOST_HELD = 1000

_ABOUT = ("id", "label", "file", "line", "function", "thread", "run_id")
_numbers = count(1)
# The world runs these when they are used first (_LATER in lager/world.py). That is now: once a console is there, the
# script may have no descriptor left to read their files.
_NEEDED = (json.dumps, traceback.TracebackException, inspect.getattr_static, textwrap.indent)


class Report(Protocol):
    """Reports an event of a console to lagerd, by the number that lagerd gave it."""

    def __call__(self, member: str, console: int, /, **details: Any) -> None: ...


class Step(Protocol):
    """Resumes the script with a step, for a console by the number that lagerd gave it. Raises LagerError."""

    def __call__(self, request: Request, console: int, /) -> Awaitable[None]: ...


class Consoles:
    """The consoles and watchers of one pause, and of the pauses at the ends of its steps. Use it in the client's
    thread."""

    def __init__(self, place: Place, details: dict[str, Any], report: Report, step: Step) -> None:
        self._is_at(place, details, report, step)
        self.running = False  # a step runs
        self._answer: Callable[[], None] = lambda: None  # tells who has asked for it
        self.watchers = Watchers()
        self._all: dict[Console | Watcher, dict[str, Any]] = {}

    def attach(self, connection: socket.socket, details: dict[str, Any]) -> None:
        """Attach a console. `details` has the user and the options: "watch" only follows the others, "news" sends more
        than results, "short" shortens large values, "quiet" does not show them; "breakpoints" is only for those on
        lines. Raises Failed if there can be no thread for it."""
        known_as = int(details.get("console", 0))
        if details.get("breakpoints"):
            self._attach_lines(connection, known_as)
            return
        number = next(_numbers)
        hello = {"python": platform.python_version(), "console": number, "id": self.about["id"]}
        who = {"console": number, "user": str(details.get("user", "")), "pid": details.get("pid", 0)}
        watching = bool(details.get("watch"))
        one: Console | Watcher
        if watching:
            one = Watcher(connection, hello, lambda: (self.place, self.about), lambda: self.left(one, known_as))
            self.watchers.add(one)
        else:
            news, short = bool(details.get("news")), bool(details.get("short"))
            one = Console(
                connection, hello, self, who, known_as, news=news, short=short, quiet=bool(details.get("quiet"))
            )
        self._all[one] = {**who, "since": time.time(), "watching": watching}
        try:
            one.begin()
        except BaseException:
            self._remove(one)
            raise

    def _attach_lines(self, connection: socket.socket, known_as: int) -> None:
        from lager.console.clients.line_client import LineClient  # rarely needed

        LineClient(
            connection, {"process": os.getpid()},
            lambda text: self.report("Touch", known_as, input=visible(text[:_INPUT_LENGTH])),
            lambda: self.report("Detach", known_as),
        ).begin()  # fmt: skip

    def told(self, left: float) -> None:
        """Send the time left (`left` in seconds, 0: no timeout) and the attached users to all consoles."""
        news = {"left": left, "consoles": list(self._all.values())}
        for one in list(self._all):
            one.tell(news)

    def left(self, one: "Console | Watcher", known_as: int) -> None:
        """Remove a console that has ended. lagerd knows it by the number `known_as`."""
        self._remove(one)
        self.report("Detach", known_as)

    def _remove(self, one: "Console | Watcher") -> None:
        del self._all[one]
        if isinstance(one, Watcher):
            self.watchers.discard(one)

    async def step(self, asker: "Console", number: int, asked: Any) -> None:
        """Resume the script with a step, as the console `asker` asks. It gets its answer, by the `number` of the
        question, before it is told of the stop. Raises LagerError."""
        what = asked if isinstance(asked, dict) else {}
        request = Request(what.get("kind"), what.get("line"))
        if self.running:
            raise InvalidArgument("The script is running a step.", "Wait until it is paused again.")
        busy = [one.who for one in self._all if isinstance(one, Console) and one.is_busy()]
        if busy:
            raise InvalidArgument(f"{busy[0]} is running a statement.", "Wait until it ends.")
        self._kind = request.kind
        self._answer = lambda: asker.answer({"answer": number, "step": True})
        await self._step(request, asker.known_as)

    def run(self, by: dict[str, Any]) -> None:
        """Tell all consoles that a step runs, and let them drop their references to the frames."""
        self.running = True
        for one in list(self._all):
            one.run({"stepping": {"id": self.about["id"], "step": self._kind, "by": by}})
        self._answer()

    def stopped(self, place: Place, details: dict[str, Any], report: Report, step: Step) -> None:
        """Tell all consoles that the script is paused again, as the pause with these details."""
        self._is_at(place, details, report, step)
        self.running = False
        told = {**self.about, "stepped_from": details["stepped_from"], "returning": "__return__" in place.more}
        for one in list(self._all):
            one.stopped({"paused": told})

    def _is_at(self, place: Place, details: dict[str, Any], report: Report, step: Step) -> None:
        self.place = place
        self.about = {**{key: details[key] for key in _ABOUT}, "reason": place.reason, "process": os.getpid()}
        self.report = report
        self._step = step
        self._kind = ""

    def close(self, reason: str, by: dict[str, Any]) -> None:
        """End all consoles, because the script resumes."""
        for one in list(self._all):
            one.end({"ended": {"reason": reason, "by": by}})


class Console:
    def __init__(
        self,
        connection: socket.socket,
        hello: dict[str, Any],
        pause: Consoles,
        who: dict[str, Any],
        known_as: int,
        *,
        news: bool,
        short: bool,
        quiet: bool,
    ) -> None:
        # With a timeout, Python waits with poll(), so the thread can write while the loop reads without blocking.
        connection.settimeout(_WRITE_SECONDS)
        self._connection = connection
        self._decoder = MessageDecoder()
        self._pause = pause
        self.known_as = known_as
        self.who = f"console {who['console']} of {printable(who['user'], 40)}"
        self._held: list[dict[str, Any]] = []  # what came while a step ran
        self._steps: set[asyncio.Task[None]] = set()
        self._news = news
        self._open = True
        self._inputs: list[str] = []
        self._touching: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._worker = Worker(
            connection, pause.place.namespace(), hello, pause.watchers.of(who),
            self._soon(self._touch), self._soon(self._thread_ended), user=who["user"], short=short,
            quiet=quiet,
        )  # fmt: skip
        self._idents: list[int] = []
        self._queries = self._queries_here()

    def _queries_here(self) -> Queries:
        pause = self._pause
        return Queries(
            pause.place, pause.about, self._worker.names, self._worker.post, self._worker.last_value,
            self._worker.use, self._idents,
        )  # fmt: skip

    def is_busy(self) -> bool:
        """Return whether a statement runs or waits."""
        return self._worker.is_busy()

    def run(self, news: dict[str, Any]) -> None:
        """Send `news`, that a step runs, and drop all references to the frames."""
        self._tell_input()
        self._queries.close()
        self._worker.begin_again({})
        self._worker.post(news)

    def stopped(self, news: dict[str, Any]) -> None:
        """Send `news`, that the script is paused again, and continue there with the frames that were received
        meanwhile."""
        self._worker.begin_again(self._pause.place.namespace())
        self._queries = self._queries_here()
        self._worker.post(news)
        held, self._held = self._held, []
        for frame in held:
            self._take(frame)

    def begin(self) -> None:
        threads.start(self._worker)  # first, because it may fail; its calls to this object come later
        self._loop.add_reader(self._connection.fileno(), self._read)

    def tell(self, news: dict[str, Any]) -> None:
        if self._news:
            self._worker.tell(news)

    def end(self, last: dict[str, Any] | None = None) -> None:
        """Interrupt the running statement, let the thread send the frame `last` and end, and shut the connection
        down."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._connection.fileno())
        self._queries.close()
        self._worker.last = last if self._news else None
        if self._worker.last is None:
            self._shut_down()
        else:
            self._loop.call_later(_LAST_SECONDS, self._shut_down)
        self._insist(_INSIST_SECONDS)
        self._tell_input()
        self._pause.left(self, self.known_as)

    def _shut_down(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _insist(self, delay: float) -> None:
        """Stop the evaluation. Repeat with growing delays if the code catches even SystemExit."""
        self._worker.stop()
        if self._worker.is_alive():
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
        if self._pause.running:
            self._take_later(frame)
        elif "interrupt" in frame:
            self._worker.interrupt()
        elif isinstance(frame.get("eval"), str):
            if not self._worker.evaluate(frame["eval"], self._names_of(frame.get("frame"))):
                self.end()
            self._inputs.append(frame["eval"][:_INPUT_LENGTH])
            self._touch()
        elif "step" in frame and type(frame.get("ask")) is int:
            task = asyncio.ensure_future(self._step(frame["ask"], frame["step"]))
            self._steps.add(task)
            task.add_done_callback(self._steps.discard)
        elif "ask" in frame:
            self._queries.ask(frame)

    async def _step(self, number: int, asked: Any) -> None:
        try:
            await self._pause.step(self, number, asked)
        except LagerError as problem:
            self.answer({"answer": number, "error": str(problem)})

    def answer(self, frame: dict[str, Any]) -> None:
        self._worker.post(frame)

    def _take_later(self, frame: dict[str, Any]) -> None:
        """Keep a source until the script is paused again; an interrupt drops the kept sources."""
        if "interrupt" in frame:
            for _ in self._held:
                self._worker.post({"err": "KeyboardInterrupt\n"})
                self._worker.post({"done": False})
            self._held.clear()
        elif isinstance(frame.get("eval"), str) and len(self._held) < _MOST_HELD:
            self._held.append(frame)
        elif "eval" in frame:
            self.end()
        elif "step" in frame and type(frame.get("ask")) is int:
            self._worker.post(
                {"answer": frame["ask"], "error": "The script is running a step. Wait until it is paused."}
            )
        elif type(frame.get("ask")) is int:
            self._worker.post({"answer": frame["ask"]})

    def _names_of(self, frame: Any) -> Callable[[], dict[str, Any]] | None:
        if type(frame) is not int:
            return None
        return lambda: self._queries.tree.names(frame)

    def _touch(self) -> None:
        """Restart the countdown a moment later, so that the evaluation keeps Python's lock."""
        if self._touching is None and self._open:
            self._touching = self._loop.call_later(_TOUCH_SECONDS, self._tell_input)

    def _tell_input(self) -> None:
        if self._touching is not None:
            self._touching.cancel()
            self._touching = None
            lines, self._inputs = "".join(self._inputs), []
            # A string on the bus has no NUL and no lone surrogate; a line may.
            source = {"input": visible(lines[:_INPUT_LENGTH])} if lines else {}
            self._pause.report("Touch", self.known_as, **source)
