"""The thread of a console: takes sources one by one, evaluates each, and can be interrupted while it does."""

import codecs
import contextlib
import os
import platform
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lager import streams
from lager.aside import raise_in
from lager.evaluation import Evaluator, Leave
from lager.wire import encode

_WAITING_LINES = 10_000
_LONG_SECONDS = 0.1


class Evaluating(threading.Thread):
    """`worked` is called in this thread after each evaluation that took long, `ended` when nothing more will come."""

    is_lager_console = True

    def __init__(
        self,
        connection: socket.socket,
        namespace: dict[str, Any],
        number: int,
        id: str,
        worked: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__(name=f"lager-console-{number}", daemon=True)
        self._wire = _Wire(connection)
        self._hello = {"python": platform.python_version(), "console": number, "id": id}
        self._worked = worked
        self._ended = ended
        self._out = streams.Output(self._wire.sender("out"))
        self._err = streams.Output(self._wire.sender("err"))
        self._evaluator = Evaluator(namespace, number, self._err)
        self._streams = streams.Streams(self._out, self._err, self._evaluator.display)
        self._sources: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running = False
        self._cancelled = False
        self._stopped = False

    # From the link's thread.

    def evaluate(self, source: str) -> bool:
        """Queue a source; False where far too many wait already."""
        self._sources.put(source)
        return self._sources.qsize() < _WAITING_LINES

    def interrupt(self) -> None:
        """Interrupt what runs; where it has not begun yet, it does not begin."""
        with self._lock:
            if self._running:
                raise_in(self.ident, KeyboardInterrupt)
            else:
                self._cancelled = not self._sources.empty()

    def stop(self) -> None:
        self._stopped = True
        self._sources.put(None)
        with self._lock:
            if self._running:
                raise_in(self.ident, SystemExit)

    # In the thread itself.

    def run(self) -> None:
        try:
            self._wire.send({"hello": self._hello})
            self._serve()
        except (OSError, SystemExit, KeyboardInterrupt):
            pass  # the other side has left, or the script goes on
        except Leave as leaving:
            with contextlib.suppress(OSError):
                self._flush()
                self._wire.send({"bye": leaving.code})
        finally:
            streams.unroute()
            self._evaluator.close()
            self._ended()

    def _serve(self) -> None:
        process = os.getpid()
        while (source := self._sources.get()) is not None and not self._stopped:
            began = time.monotonic()
            streams.route(self._streams)
            done = self._run(source)
            if os.getpid() != process:
                os._exit(0)  # a child that the code forked: the console is its parent's
            self._flush()
            self._wire.send({"done": done})
            if time.monotonic() - began > _LONG_SECONDS:
                self._worked()

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

    def _begin(self) -> bool:
        """False where it is interrupted already."""
        with self._lock:
            cancelled, self._cancelled = self._cancelled, False
            self._running = not cancelled
            return self._running

    def _finish(self) -> None:
        with self._lock:
            self._running = False
            raise_in(self.ident, None)


class _Wire:
    """Frames to the client, whole even where the console's code writes from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        frame = encode(message)
        with self._lock:
            self._connection.sendall(frame)

    def sender(self, key: str) -> Callable[[bytes], None]:
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode

        def send(data: bytes) -> None:
            self.send({key: decode(data)})

        return send
