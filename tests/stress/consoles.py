"""The client's end of a console, which may connect and leave at any time."""

import asyncio
import contextlib
import socket

from lager.console.protocol import MessageDecoder, encode


class Console:
    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._decoder = MessageDecoder()
        self._lock = asyncio.Lock()
        self.closed = False

    async def evaluate(self, source: str) -> str:
        """Return the result: done, or closed if the console ends before."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            try:
                await loop.sock_sendall(self._socket, encode({"eval": source}))
                while data := await loop.sock_recv(self._socket, 1 << 16):
                    if any("done" in frame for frame in self._decoder.feed(data)):
                        return "done"
            except OSError:
                pass
            finally:
                if self.closed:
                    self._socket.close()
            return "closed"

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # which whoever reads from it hears
        if not self._lock.locked():
            self._socket.close()
