"""The thread of a console: evaluates one source after the other, and can be interrupted while it does."""

import codecs
import contextlib
import math
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lager.console import stdio
from lager.console.display import displayed
from lager.console.evaluator import Evaluator, Leave
from lager.console.protocol import encode
from lager.console.turns import Turn
from lager.inspection.side_thread import raise_in
from lager.process import threads
from lager.wording.text import printable

_WAITING_LINES = 10_000
_LONG_SECONDS = 0.1
_TOLD_AFTER = 0.3  # seconds of waiting for another console
_LEFT_SECONDS = 1.0  # seconds for a statement to end whose user has left, before the next console runs


class Worker(threading.Thread):
    """Calls, in its own thread, `heard` with each source and what it prints, `worked` after each long evaluation, and
    `ended` at the end. `short`: large values are shortened. `quiet`: values are not shown."""

    is_lager_console = True

    def __init__(
        self,
        connection: socket.socket,
        names: dict[str, Any],
        hello: dict[str, Any],
        heard: Callable[[dict[str, Any]], None],
        worked: Callable[[], None],
        ended: Callable[[], None],
        *,
        user: str,
        short: bool,
        quiet: bool,
    ) -> None:
        super().__init__(name=f"lager-console-{hello['console']}", daemon=True)
        self.last: dict[str, Any] | None = None
        self._writer = _FrameWriter(connection, heard)
        self._hello = hello
        self._who = f"console {hello['console']}" + (f" of {printable(user, 40)}" if user else "")
        self._turn: Turn | None = None
        self._stopped_at = math.inf
        self._posted: deque[dict[str, Any]] = deque()
        self._heard = heard
        self._worked = worked
        self._ended = ended
        self._out = stdio.Output(self._printer("out"))
        self._err = stdio.Output(self._printer("err"))
        self._evaluator = Evaluator(names, hello["console"], self._err, self._displayed if short else repr, quiet=quiet)
        self._streams = stdio.Streams(self._out, self._err, self._evaluator.display)
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._news: dict[str, Any] | None = None
        self._waiting = 0
        self._running = False
        self._cancelled = False
        self._stopped = False

    # From the client's thread.

    def evaluate(self, source: str, names: Callable[[], dict[str, Any]] | None = None) -> bool:
        """Queue a source, to be run with the names of the pause or with others. Return False if too many are queued
        already."""
        with self._lock:
            self._waiting += 1
        self._work.put(lambda: self._evaluate(source, names))
        return self._work.qsize() < _WAITING_LINES

    def post(self, frame: dict[str, Any]) -> None:
        """Send a frame as soon as this console evaluates nothing."""
        self._posted.append(frame)
        self._work.put(self._send_pending)

    def tell(self, news: dict[str, Any]) -> None:
        """Send news like `post`. The latest news replace those that were not sent yet."""
        with self._lock:
            first, self._news = self._news is None, news
        if first:
            self._work.put(self._send_pending)

    def use(self, names: dict[str, Any] | None) -> None:
        """Run the following sources with these names; None means those of the pause."""
        self._work.put(lambda: self._evaluator.use(names))

    def begin_again(self, names: dict[str, Any]) -> None:
        """Run the following sources with these names, and drop all others."""
        self._work.put(lambda: self._evaluator.begin_again(names))

    def is_busy(self) -> bool:
        """Return whether a source runs or waits."""
        with self._lock:
            return self._running or self._waiting > 0

    def names(self) -> dict[str, Any]:
        return self._evaluator.namespace

    def last_value(self) -> Any:
        """Return the value that was shown last, None if the last source showed none."""
        return self._evaluator.last

    def interrupt(self) -> None:
        """Interrupt the statement that runs; one that has not begun yet will not begin."""
        with self._lock:
            if self._running:
                raise_in(self.ident, KeyboardInterrupt)
            else:
                self._cancelled = self._waiting > 0

    def stop(self) -> None:
        """End the thread, after the frame `last`, if there is one."""
        self._stopped = True
        self._work.put(None)
        self._stopped_at = min(self._stopped_at, time.monotonic())
        if (turn := self._turn) is not None and time.monotonic() - self._stopped_at > _LEFT_SECONDS:
            turn.end()  # it is in a call that Python cannot interrupt
        with self._lock:
            if self._running:
                raise_in(self.ident, SystemExit)

    # In the thread itself.

    def run(self) -> None:
        author = {"console": self._hello["console"], "how": "console"}
        with threads.counted_in(threads.ours), threads.acting_for(author):
            self._work_until_the_end()

    def _work_until_the_end(self) -> None:
        try:
            self._writer.send({"hello": self._hello})
            while (work := self._work.get()) is not None and not self._stopped:
                work()
        except (OSError, SystemExit, KeyboardInterrupt):
            pass  # the client has left, or the script resumes
        except Leave as leaving:
            if not self._stopped:  # else the end of the pause stopped it
                with contextlib.suppress(OSError):
                    self._flush()
                    self._writer.send({"bye": leaving.code})
        finally:
            stdio.unroute()
            self._evaluator.close()
            with contextlib.suppress(OSError):
                self._writer.send(self.last)
            self._ended()

    def _evaluate(self, source: str, names: Callable[[], dict[str, Any]] | None) -> None:
        began = time.monotonic()
        stdio.route(self._streams)
        self._heard({"in": source})
        self._turn = Turn(self._who)
        self._turn.ask()
        try:
            self._await(self._turn)
            done = self._run(source, names)
        finally:
            self._turn.end()
        if os.getpid() != self._process:
            os._exit(0)  # a child that the code forked: the console belongs to the parent
        self._flush()
        self._writer.send({"done": done})
        self._heard({"done": done})
        if time.monotonic() - began > _LONG_SECONDS:
            self._worked()

    def _await(self, turn: Turn) -> None:
        """Wait until it is our turn or we are interrupted; then the statement does not begin. SystemExit if stopped."""
        self._queue_up(turn, self._send_pending)

    def _queue_up(self, turn: Turn, meanwhile: Callable[[], None] = lambda: None) -> None:
        asked, told = time.monotonic(), ""
        while (other := turn.waits_for()) is not None and not self._cancelled:
            if self._stopped:
                raise SystemExit
            turn.begin_write()
            if other != told and time.monotonic() - asked > _TOLD_AFTER:
                told = other
                self._writer.send({"err": f"lager: waiting for {other}; Ctrl-C gives up\n"})
            meanwhile()
            if not turn.end_write():
                turn.ask()
            turn.wait()

    def _printer(self, key: str) -> Callable[[bytes], None]:
        """Return the function that sends what is printed. A client that does not read blocks only its own console: its
        statement continues when it has its turn again."""
        send = self._writer.sender(key)

        def printed(data: bytes) -> None:
            turn = self._turn
            if turn is None or threading.get_ident() != self.ident:
                send(data)
                return
            turn.begin_write()
            try:
                send(data)
            finally:
                kept = turn.end_write()
            if not kept:
                turn.ask()
                self._queue_up(turn)

        return printed

    def _send_pending(self) -> None:
        while self._posted:
            self._writer.send(self._posted.popleft())
        with self._lock:
            news, self._news = self._news, None
        self._writer.send(news)

    def _displayed(self, value: object) -> str:
        return displayed(value, lambda: stdio.route(self._streams), stdio.unroute)

    def _flush(self) -> None:
        self._out.flush()
        self._err.flush()

    def _run(self, source: str, names: Callable[[], dict[str, Any]] | None) -> bool:
        """Evaluate `source`. An interrupt that comes too late for it does not affect the next source."""
        try:
            try:
                if self._begin():
                    return self._evaluator.run(source, names)
                raise KeyboardInterrupt
            finally:
                self._finish()
        except KeyboardInterrupt:
            # It came before the code began or after it ended, perhaps as _finish() began.
            self._finish()
            self._err.write("KeyboardInterrupt\n")
            return False
        except SystemExit:
            self._finish()  # stop() came there: its next interrupt must not hit the queue of the consoles
            raise

    def _begin(self) -> bool:
        """Begin a source. Return False if it was interrupted already; raise SystemExit if we are stopped."""
        with self._lock:
            if self._stopped:
                raise SystemExit
            self._waiting -= 1
            cancelled, self._cancelled = self._cancelled, False
            self._running = not cancelled
            return self._running

    def _finish(self) -> None:
        with self._lock:
            self._running = False
            raise_in(self.ident, None)


class _FrameWriter:
    """Sends frames to the client, each complete even if the console's code writes from several threads. Watchers get
    what is printed, too."""

    def __init__(self, connection: socket.socket, heard: Callable[[dict[str, Any]], None]) -> None:
        self._connection = connection
        self._heard = heard
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        frame = encode(message)
        with self._lock:
            self._connection.sendall(frame)

    def sender(self, key: str) -> Callable[[bytes], None]:
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode

        def send(data: bytes) -> None:
            message = {key: decode(data)}
            self.send(message)
            self._heard(message)

        return send
