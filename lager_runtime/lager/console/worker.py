"""The thread of a console: takes sources one by one, evaluates each, and can be interrupted while it does."""

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
from lager.text import printable

_WAITING_LINES = 10_000
_LONG_SECONDS = 0.1
_TOLD_AFTER = 0.3  # seconds of waiting for another console
_LEFT_SECONDS = 1.0  # for a statement to end whose user has left, before the others go on


class Evaluating(threading.Thread):
    """In it, `heard` is called with what is evaluated and printed, `worked` after each evaluation that took long, and
    `ended` when nothing more will come. `short`: values are shown as a terminal can take them."""

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
    ) -> None:
        super().__init__(name=f"lager-console-{hello['console']}", daemon=True)
        self.last: dict[str, Any] | None = None
        self._wire = _Wire(connection, heard)
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
        self._evaluator = Evaluator(names, hello["console"], self._err, self._displayed if short else repr)
        self._streams = stdio.Streams(self._out, self._err, self._evaluator.display)
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._news: dict[str, Any] | None = None
        self._waiting = 0
        self._running = False
        self._cancelled = False
        self._stopped = False

    # From the link's thread.

    def evaluate(self, source: str) -> bool:
        """Queue a source; False where far too many wait already."""
        with self._lock:
            self._waiting += 1
        self._work.put(lambda: self._evaluate(source))
        return self._work.qsize() < _WAITING_LINES

    def post(self, frame: dict[str, Any]) -> None:
        """Send a frame as soon as this console evaluates nothing."""
        self._posted.append(frame)
        self._work.put(self._send_pending)

    def tell(self, news: dict[str, Any]) -> None:
        """As `post`; the latest news are in the place of those that were not sent yet."""
        with self._lock:
            first, self._news = self._news is None, news
        if first:
            self._work.put(self._send_pending)

    def names(self) -> dict[str, Any]:
        return self._evaluator.namespace

    def interrupt(self) -> None:
        """Interrupt what runs; where it has not begun yet, it does not begin."""
        with self._lock:
            if self._running:
                raise_in(self.ident, KeyboardInterrupt)
            else:
                self._cancelled = self._waiting > 0

    def stop(self) -> None:
        """End; the frame `last`, if there is one, is sent before."""
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
        try:
            self._wire.send({"hello": self._hello})
            while (work := self._work.get()) is not None and not self._stopped:
                work()
        except (OSError, SystemExit, KeyboardInterrupt):
            pass  # the other side has left, or the script goes on
        except Leave as leaving:
            if not self._stopped:  # else it did not leave by itself
                with contextlib.suppress(OSError):
                    self._flush()
                    self._wire.send({"bye": leaving.code})
        finally:
            stdio.unroute()
            self._evaluator.close()
            with contextlib.suppress(OSError):
                self._wire.send(self.last)
            self._ended()

    def _evaluate(self, source: str) -> None:
        began = time.monotonic()
        stdio.route(self._streams)
        self._heard({"in": source})
        self._turn = Turn(self._who)
        self._turn.ask()
        try:
            self._await(self._turn)
            done = self._run(source)
        finally:
            self._turn.end()
        if os.getpid() != self._process:
            os._exit(0)  # a child that the code forked: the console is its parent's
        self._flush()
        self._wire.send({"done": done})
        self._heard({"done": done})
        if time.monotonic() - began > _LONG_SECONDS:
            self._worked()

    def _await(self, turn: Turn) -> None:
        """Until it is our turn, or we are interrupted; then nothing of the statement begins. SystemExit at the end."""
        self._queue_up(turn, self._send_pending)

    def _queue_up(self, turn: Turn, meanwhile: Callable[[], None] = lambda: None) -> None:
        asked, told = time.monotonic(), ""
        while (other := turn.waits_for()) is not None and not self._cancelled:
            if self._stopped:
                raise SystemExit
            turn.begin_write()
            if other != told and time.monotonic() - asked > _TOLD_AFTER:
                told = other
                self._wire.send({"err": f"lager: waiting for {other}; Ctrl-C gives up\n"})
            meanwhile()
            if not turn.end_write():
                turn.ask()
            turn.wait()

    def _printer(self, key: str) -> Callable[[bytes], None]:
        """Sends what is printed. A client that does not read holds up its own console only: its statement goes on when
        it has the turn again."""
        send = self._wire.sender(key)

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
            self._wire.send(self._posted.popleft())
        with self._lock:
            news, self._news = self._news, None
        self._wire.send(news)

    def _displayed(self, value: object) -> str:
        return displayed(value, lambda: stdio.route(self._streams), stdio.unroute)

    def _flush(self) -> None:
        self._out.flush()
        self._err.flush()

    def _run(self, source: str) -> bool:
        """Evaluate; an interrupt that comes too late for this source hits nothing after it."""
        try:
            try:
                if self._begin():
                    return self._evaluator.run(source)
                raise KeyboardInterrupt
            finally:
                self._finish()
        except KeyboardInterrupt:
            # It came before the code began, or after it ended, and here even at the door of _finish().
            self._finish()
            self._err.write("KeyboardInterrupt\n")
            return False
        except SystemExit:
            self._finish()  # stop() came there: the next one must not hit the queue of the others
            raise

    def _begin(self) -> bool:
        """False where it is interrupted already, SystemExit where it is stopped."""
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


class _Wire:
    """Frames to the client, whole even where the console's code writes from several threads; what is printed is also
    heard by others."""

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
