"""A TCP server that plays one recorded exchange: it expects these bytes in this order and answers with those.

    with ScriptedInstrument(("*IDN?", "RIGOL TECHNOLOGIES,DP821,…"), (":MEAS:VOLT?", "3.3")) as instrument:
        open(instrument.visa)

A request is a line (bytes: exactly these bytes). A reply is a line, bytes to send as they are, None for no reply, CUT
to close the connection, or a list of these. Anything else that arrives, or a script that is not played to its end,
fails the test when the block ends (but for *CLS, of which the script says nothing: lager sends it before the first
command of a connection), be it with an error of lager's that is expected outside the block. A client that connects
again continues at the same point of the script.
"""

import contextlib
import socket
from types import TracebackType
from typing import Any

from lager.drivers.loopback_server import PATIENCE, LoopbackServer
from lager.errors import LagerError

CUT = object()
_CLEAR = b"*CLS\n"


class _Stop(Exception):
    pass


class ScriptedInstrument(LoopbackServer):
    def __init__(self, *script: tuple[Any, Any], host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self._script = list(script)
        self._surprises: list[str] = []
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.visa = f"TCPIP::127.0.0.1::{self.port}::SOCKET"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        if kind is None or issubclass(kind, LagerError):
            assert self._surprises == []
            assert self._script == [], "these were never asked"

    def talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(_Stop):
            self._play(connection)

    def _play(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        pending = b""
        while received := connection.recv(4096):
            pending += received
            pending = pending.removeprefix(_CLEAR)
            while taken := self._expected(pending):
                pending = pending[taken:].removeprefix(_CLEAR)
                self._answer(connection, self._script.pop(0)[1])

    def _expected(self, pending: bytes) -> int:
        """Return the length of the request that is due now; 0 while it is not complete."""
        if _CLEAR.startswith(pending):
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
