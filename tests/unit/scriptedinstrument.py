"""A TCP server that plays one recorded exchange: it expects these bytes in this order and answers with those.

    with ScriptedInstrument(("*IDN?", "RIGOL TECHNOLOGIES,DP821,…"), ("*CLS", None)) as instrument:
        open(instrument.visa)

A request is a line (bytes: exactly these bytes). A reply is a line, bytes to send as they are, None for no reply, CUT
to close the connection, or a list of these. Anything else that arrives, or a script that is not played to its end,
fails the test when the block ends, be it with an error of lager's that is expected outside the block. A client that
connects again goes on where the script stands.
"""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

from lager.errors import LagerError

CUT = object()
_PATIENCE = 10.0  # seconds; only a test that fails waits that long


class _Stop(Exception):
    pass


class ScriptedInstrument:
    def __init__(self, *script: tuple[Any, Any], host: str = "127.0.0.1") -> None:
        self._script = list(script)
        self._surprises: list[str] = []
        self._connection: socket.socket | None = None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.visa = f"TCPIP::127.0.0.1::{self.port}::SOCKET"

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
        self._thread.join(_PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()
        if kind is None or issubclass(kind, LagerError):
            assert self._surprises == []
            assert self._script == [], "these were never asked"

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            with self._connection, contextlib.suppress(_Stop, OSError):
                self._play(self._connection)

    def _play(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        pending = b""
        while received := connection.recv(4096):
            pending += received
            while taken := self._expected(pending):
                pending = pending[taken:]
                self._answer(connection, self._script.pop(0)[1])

    def _expected(self, pending: bytes) -> int:
        """How many bytes the request took that is due now; 0 while it is not complete."""
        if not pending:
            return 0
        request = self._script[0][0] if self._script else "(the end)"
        expected = request if isinstance(request, bytes) else f"{request}\n".encode()
        if pending.startswith(expected):
            return len(expected)
        if expected.startswith(pending):
            return 0
        self._surprises.append(f"expected {expected!r} and got {pending!r}")
        raise _Stop

    def _answer(self, connection: socket.socket, reply: Any) -> None:
        for part in reply if isinstance(reply, list) else [reply]:
            if part is CUT:
                raise _Stop
            if part is not None:
                connection.sendall(part if isinstance(part, bytes) else f"{part}\n".encode())
