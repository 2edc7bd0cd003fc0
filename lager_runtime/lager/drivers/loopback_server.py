"""A TCP server on loopback that serves one client after the other, in a thread that ends with its block."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

PATIENCE = 10.0  # seconds; only a test that fails waits that long


class LoopbackServer:
    def __init__(self, host: str = "127.0.0.1") -> None:
        self._connection: socket.socket | None = None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port: int = self._listener.getsockname()[1]

    def talk(self, connection: socket.socket) -> None:
        """Serve one client until it leaves."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for end in (self._listener, self._connection):
            if end:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            with self._connection, contextlib.suppress(OSError):
                self.talk(self._connection)
