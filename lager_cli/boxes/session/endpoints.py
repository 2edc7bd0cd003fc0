"""The ends of the streams of a session: descriptors to read from or write to."""

import os
import queue
import select
import threading
from collections import deque
from collections.abc import Callable

from lager_cli.boxes.session.multiplexer import CHUNK, Bytes, Multiplexer
from lager_cli.boxes.session.protocol import FrameKind


class Source:
    """Reads a descriptor and sends its data."""

    def __init__(
        self, multiplexer: Multiplexer, stream: int, fd: int, on_end: Callable[[], None] | None = None
    ) -> None:
        self._multiplexer, self._stream, self.fd, self._on_end = multiplexer, stream, fd, on_end
        self.ended = False
        self.paused = False
        multiplexer.draw(stream, self)

    def interest(self) -> tuple[int, int] | None:
        if self.ended or self.paused or self._multiplexer.congested() or self._multiplexer.room(self._stream) <= 0:
            return None
        return self.fd, select.POLLIN

    def ready(self) -> None:
        self.read()

    def read(self) -> bool:
        """Send one piece. Return False if there is none."""
        try:
            data = os.read(self.fd, min(CHUNK, self._multiplexer.room(self._stream)))
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a terminal whose other end is closed
        if data:
            self._multiplexer.send_data(self._stream, data)
        else:
            self.end()
        return bool(data)

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self._multiplexer.send(FrameKind.END, stream=self._stream)
            if self._on_end is not None:
                self._on_end()


class PipeSink:
    """A sink that writes to a non-blocking descriptor of our own. It is closed at the end of the stream."""

    def __init__(self, multiplexer: Multiplexer, stream: int, fd: int, *, keep: bool = False) -> None:
        self._multiplexer, self._stream, self._fd, self._keep = multiplexer, stream, fd, keep
        self._waiting: deque[Bytes] = deque()
        self._ending = False
        os.set_blocking(fd, False)
        multiplexer.deliver(stream, self)
        multiplexer.parties.append(self)

    def put(self, data: Bytes) -> None:
        if self._fd < 0:
            self._multiplexer.grant(self._stream, len(data))
        else:
            self._waiting.append(data)

    def end(self) -> None:
        self._ending = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        if self._fd >= 0 and not self._keep:
            os.close(self._fd)
        self._fd = -1

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def interest(self) -> tuple[int, int] | None:
        return (self._fd, select.POLLOUT) if self._fd >= 0 and self._waiting else None

    def ready(self) -> None:
        try:
            while self._waiting:
                written = os.write(self._fd, self._waiting[0])
                self._multiplexer.grant(self._stream, written)
                rest = self._waiting.popleft()[written:]
                if rest:
                    self._waiting.appendleft(rest)
            if self._ending:
                self.close()
        except BlockingIOError:
            return
        except OSError:  # the reader is gone
            self._broken()

    def _broken(self) -> None:
        self._multiplexer.grant(self._stream, sum(map(len, self._waiting)))
        self._waiting.clear()
        self.close()
        self._multiplexer.send(FrameKind.STOP, stream=self._stream)


class ThreadedSink:
    """A sink that writes to a shared descriptor in a thread, since the write may block.

    `problem` is why some data could not be written; None if the reader closed the pipe.
    """

    problem: OSError | None = None

    def __init__(self, multiplexer: Multiplexer, stream: int, fd: int) -> None:
        self._multiplexer, self._stream = multiplexer, stream
        self._waiting: queue.SimpleQueue[Bytes | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._owed = 0
        self._broken = False
        self._woken, self._wake = os.pipe()
        self._fd = os.dup(fd)  # lives as long as the thread
        multiplexer.deliver(stream, self)
        multiplexer.parties.append(self)
        # A daemon thread: a write that blocks forever, to a pager left open, must not prevent the exit.
        threading.Thread(target=self._work, name=f"writer of {fd}", daemon=True).start()

    @property
    def idle(self) -> bool:
        return not self._owed

    def put(self, data: Bytes) -> None:
        self._owed += len(data)
        self._waiting.put(data)

    def end(self) -> None:
        """Do nothing: the descriptor is shared, so it stays open."""

    def interest(self) -> tuple[int, int] | None:
        return (self._woken, select.POLLIN) if self._owed else None

    def ready(self) -> None:
        os.read(self._woken, 4096)
        while not self._done.empty():
            count = self._done.get()
            self._owed -= abs(count)
            self._multiplexer.grant(self._stream, abs(count))
            if count < 0 and not self._broken:
                self._broken = True
                self._multiplexer.send(FrameKind.STOP, stream=self._stream)

    def close(self) -> None:
        """Stop; queued data is written in the background, if the reader takes it."""
        self._multiplexer.parties.remove(self)
        self._waiting.put(None)

    def _work(self) -> None:
        broken = False
        while (data := self._waiting.get()) is not None:
            broken = broken or not self._write(data)
            self._done.put(-len(data) if broken else len(data))
            os.write(self._wake, b"\0")
        for fd in (self._fd, self._woken, self._wake):
            os.close(fd)

    def _write(self, data: Bytes) -> bool:
        """Return False if the reader is gone; later data is dropped."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # another process has made the shared description non-blocking
                select.select([], [self._fd], [])
            except BrokenPipeError:
                return False
            except OSError as problem:
                self.problem = problem
                return False
        return True
