"""Consoles inside the paused process. The link's thread reads their sockets; each evaluates in a thread of its own.

So an interrupt is read while code runs, a client that does not read holds up nobody but its own console, and the script
goes on at once when it is resumed, whatever its consoles are doing.
"""

import asyncio
import contextlib
import ctypes
import platform
import socket
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lager import streams
from lager.evaluation import Evaluator, Leave
from lager.wire import Decoder, WireError, encode

_CHUNK = 1 << 16
_FRAME_TEXT = 1 << 15
_FLUSH_AT = 8192
_WAITING_LINES = 10_000
_WRITE_SECONDS = 86400.0

Report = Callable[[str, int], None]


class Consoles:
    """The consoles of one pause. To be used in the link's thread."""

    def __init__(self, namespace: dict[str, Any], report: Report) -> None:
        self._namespace = namespace
        self._report = report
        self._all: set[Console] = set()

    def attach(self, connection: socket.socket, details: dict[str, Any]) -> None:
        console = Console(connection, self._namespace, details, self._report, self._all.discard)
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
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._evaluating = _Evaluating(connection, namespace, self._number, report, self._from_thread)

    def begin(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._read)
        self._evaluating.start()

    def end(self) -> None:
        """Close the connection, interrupt what is running, and let the thread run out."""
        if self._connection.fileno() < 0:
            return
        self._loop.remove_reader(self._connection.fileno())
        self._left(self)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._evaluating.stop()

    def _from_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # the process is ending
            self._loop.call_soon_threadsafe(self._thread_ended)

    def _thread_ended(self) -> None:
        self.end()
        self._connection.close()

    def _read(self) -> None:
        try:
            data = self._connection.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            frames = self._decoder.feed(data) if data else None
        except WireError:
            frames = None
        if frames is None:
            self.end()
            return
        for frame in frames:
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        if "interrupt" in frame:
            self._evaluating.interrupt()
        elif isinstance(frame.get("eval"), str) and not self._evaluating.evaluate(frame["eval"]):
            self.end()


class _Evaluating(threading.Thread):
    """The thread of a console."""

    is_lager_console = True

    def __init__(
        self,
        connection: socket.socket,
        namespace: dict[str, Any],
        number: int,
        report: Report,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(name=f"lager-console-{number}", daemon=True)
        self._connection = connection
        self._number = number
        self._report = report
        self._ended = ended
        self._evaluator = Evaluator(namespace, number)
        self._sources: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running = False
        self._stopped = False

    # From the link's thread.

    def evaluate(self, source: str) -> bool:
        """Queue a source; False where far too many wait already."""
        self._sources.put(source)
        return self._sources.qsize() < _WAITING_LINES

    def interrupt(self) -> None:
        self._raise(KeyboardInterrupt)

    def stop(self) -> None:
        self._stopped = True
        self._sources.put(None)
        self._raise(SystemExit)

    def _raise(self, kind: type[BaseException]) -> None:
        with self._lock:
            if self._running:
                _set_async_exception(self.ident, kind)

    # In the thread itself.

    def run(self) -> None:
        out, err = _Output(self._connection, "out"), _Output(self._connection, "err")
        streams.route(streams.Streams(out, err, self._evaluator.display))
        try:
            self._send({"hello": {"python": platform.python_version(), "console": self._number}})
            self._serve(out, err)
        except (OSError, Leave, SystemExit):
            pass  # the other side has left, or the code has, or the script goes on
        finally:
            streams.unroute()
            self._evaluator.close()
            self._report("Detach", self._number)
            self._ended()

    def _serve(self, out: "_Output", err: "_Output") -> None:
        while (source := self._sources.get()) is not None and not self._stopped:
            self._report("Touch", self._number)
            try:
                done = self._run(source)
                out.flush()
                err.flush()
            except Leave:
                out.flush()
                self._send({"bye": True})
                raise
            self._send({"done": done})
            self._report("Touch", self._number)

    def _run(self, source: str) -> bool:
        """Evaluate; an interrupt that comes too late for this source hits nothing after it."""
        with self._lock:
            self._running = True
        try:
            return self._evaluator.run(source)
        except KeyboardInterrupt:
            return False
        finally:
            self._finish()

    def _finish(self) -> None:
        while True:
            try:
                with self._lock:
                    self._running = False
                    _set_async_exception(self.ident, None)
                return
            except (KeyboardInterrupt, SystemExit):
                continue

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.sendall(encode(message))


class _Output:
    """A console's standard output or error: a line, or what is flushed, is a frame."""

    encoding = "utf-8"
    errors = "backslashreplace"
    closed = False

    def __init__(self, connection: socket.socket, key: str) -> None:
        self._connection = connection
        self._key = key
        self._pending: list[str] = []
        self._length = 0

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._pending.append(text)
        self._length += len(text)
        if self._length >= _FLUSH_AT or text.endswith("\n"):
            self.flush()
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        text, self._pending, self._length = "".join(self._pending), [], 0
        for start in range(0, len(text), _FRAME_TEXT):
            self._connection.sendall(encode({self._key: text[start : start + _FRAME_TEXT]}))

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("a console's output has no descriptor")


def _set_async_exception(ident: int | None, kind: type[BaseException] | None) -> None:
    """Let `kind` be raised in another thread at its next bytecode, or take back one that has not been raised yet."""
    exception = ctypes.py_object(kind) if kind else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident or 0), exception)
