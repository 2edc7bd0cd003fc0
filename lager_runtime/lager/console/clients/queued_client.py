"""A client that the paused script never waits for: frames to it are queued, and counted as lost if it does not read."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from lager.console.protocol import MessageDecoder, encode

_WAITING = 1000


class QueuedClient:
    """To be used in the client's thread, but for `tell`. `left` is called once, at its end."""

    def __init__(self, connection: socket.socket, hello: dict[str, Any], left: Callable[[], None]) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._decoder = MessageDecoder()
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[dict[str, Any]] = deque([{"hello": hello}])
        self._lost = 0
        self._unsent = b""
        self._writing = False

    def take(self, frame: dict[str, Any]) -> None:
        """Handle a received frame."""
        raise NotImplementedError

    def begin(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._read)
        self._flush()

    def tell(self, frame: dict[str, Any]) -> None:
        """Queue a frame, or count it as lost if too many wait. From any thread, which may be interrupted at any moment:
        so without a lock."""
        if len(self._waiting) >= _WAITING:
            self._lost += 1
            return
        self._waiting.append(frame)
        if len(self._waiting) == 1 or "done" in frame:
            with contextlib.suppress(RuntimeError):  # the process is ending
                self._loop.call_soon_threadsafe(self._flush)

    def end(self, last: dict[str, Any] | None = None) -> None:
        """Send `last` if there is space for it, and close."""
        if self._connection.fileno() < 0:
            return
        if last is not None:
            self._waiting.append(last)
            self._flush()
        if self._connection.fileno() < 0:
            return
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())
        self._connection.close()
        self._left()

    def _read(self) -> None:
        frames = self._decoder.receive(self._connection)
        if frames is None:
            self.end()
            return
        for frame in frames:
            self.take(frame)

    def _flush(self) -> None:
        fd = self._connection.fileno()
        if fd < 0:
            return
        try:
            while self._unsent or self._next():
                sent = self._connection.send(self._unsent, socket.MSG_NOSIGNAL)
                self._unsent = self._unsent[sent:]
        except BlockingIOError:
            if not self._writing:
                self._loop.add_writer(fd, self._flush)
                self._writing = True
            return
        except OSError:
            self.end()
            return
        if self._writing:
            self._loop.remove_writer(fd)
            self._writing = False

    def _next(self) -> bool:
        """Prepare the next data to send. Return False if there is none."""
        if self._waiting:
            self._unsent = encode(self._waiting.popleft())
        elif self._lost:
            lost, self._lost = self._lost, 0
            self._unsent = encode({"lost": lost})
        return bool(self._unsent)
