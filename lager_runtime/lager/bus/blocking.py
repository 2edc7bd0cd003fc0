"""Call methods over a connection without an event loop. A command that calls lagerd once does not need asyncio, whose
import takes longer than the call.

Not thread-safe. Descriptors and signals are not supported: `facade` has them. A call raises the same exceptions as
there, except that the first call makes the connection.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from lager.bus import replies
from lager.bus.transport.sockets import connected
from lager.bus.transport.wire import BROKER, HEAD, LONGEST, AuthExternal, Flag, Incoming, Kind, encode, sizes
from lager.errors import NoDaemon, NotRunning

_CONNECT_SECONDS = 10.0
_BROKER_PATH = "/org/freedesktop/DBus"
_SEND_SECONDS = 25.0
_CHUNK = 1 << 16


class BlockingBus:
    """One connection to a D-Bus broker."""

    def __init__(self, address: str) -> None:
        """Connect and register. Raises BusError if no broker listens or it does not answer within ten seconds."""
        self._serial = 0
        self._address = address
        self._first_call: tuple[Any, ...] = ()  # sent to a service that this connection starts, before any other call
        try:
            self._sock = connected(address)
        except Exception as error:
            raise replies.unreachable(address, error) from error
        try:
            end = time.monotonic() + _CONNECT_SECONDS
            self._authenticate(end)
            (self._name,) = replies.result(self._answer(self._send(BROKER, _BROKER_PATH, "Hello"), end), None)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception):
                raise replies.unreachable(address, error) from error
            raise

    def close(self) -> None:
        self._sock.close()

    def call(
        self,
        destination: str,
        path: str,
        member: str,
        signature: str = "",
        *values: Any,
        interface: str = "",
        timeout: float | None = 25.0,
    ) -> list[Any]:
        """Call a method and return its result: a list of plain values. Raises, and starts a service, as `Bus.call`
        does."""
        words = (destination, path, member, signature, values, interface, timeout)
        try:
            return self._call(*words)
        except NotRunning as absent:
            from lager.bus import start_socket

            if not start_socket.starts(self._address, destination):
                raise
            refusal: NoDaemon = absent
            for _ in range(start_socket.KNOCKS):
                start_socket.start_blocking(self._name, refusal)
                refusal = start_socket.failed()  # the start socket had a listener, so lagerd is installed
                if self._first_call:
                    self.post(*self._first_call)
                with contextlib.suppress(NotRunning):
                    return self._call(*words)
            raise refusal from None

    def _call(
        self,
        destination: str,
        path: str,
        member: str,
        signature: str,
        values: Sequence[Any],
        interface: str,
        timeout: float | None,
    ) -> list[Any]:
        end = None if timeout is None else time.monotonic() + timeout
        try:
            serial = self._send(destination, path, member, signature, *values, interface=interface)
            return replies.result(self._answer(serial, end), None)
        except UnicodeError:
            raise replies.not_text() from None
        except TimeoutError:
            raise replies.silent(destination, member, timeout) from None
        except OSError:
            raise replies.gone() from None

    def post(self, destination: str, path: str, member: str, signature: str, *values: Any, start: bool = False) -> None:
        """Call a method without a reply, not even an error. `start` has the same effect as in `Bus.post`."""
        if start:
            self._first_call = (destination, path, member, signature, *values)
        flags = Flag.NO_REPLY_EXPECTED | (Flag.NONE if start else Flag.NO_AUTOSTART)
        try:
            self._send(destination, path, member, signature, *values, flags=flags)
        except OSError:
            raise replies.gone() from None

    def _authenticate(self, end: float) -> None:
        authenticator = AuthExternal()
        line = "\0" + authenticator._authentication_start(negotiate_unix_fd=False)
        while True:
            self._sock.sendall(line.encode() + b"\r\n")
            if line == "BEGIN":
                return
            answer = b""
            while not answer.endswith(b"\r\n"):
                answer += self._received(1, end)
            line = authenticator._receive_line(answer[:-2].decode())

    def _send(
        self,
        destination: str,
        path: str,
        member: str,
        signature: str = "",
        *values: Any,
        interface: str = "",
        flags: Flag = Flag.NONE,
    ) -> int:
        """Send a call and return its serial number."""
        self._serial += 1
        self._sock.settimeout(_SEND_SECONDS)
        self._sock.sendall(
            encode(
                Kind.METHOD_CALL, self._serial, flags=flags, path=path, interface=interface or destination,
                member=member, destination=destination, signature=signature, values=values,
            )
        )  # fmt: skip
        return self._serial

    def _answer(self, serial: int, end: float | None) -> Incoming:
        """Return the reply to the call `serial`. Signals and late replies that come before it are ignored."""
        while True:
            head = self._received(HEAD, end)
            size = sizes(head)[1]
            if size > LONGEST:
                raise OSError("the message is too long")
            raw = head + self._received(size - HEAD, end)
            message = Incoming(raw, size)
            if message.reply_serial == serial and message.kind in (Kind.METHOD_RETURN, Kind.ERROR):
                return message

    def _received(self, count: int, end: float | None) -> bytes:
        """Return the next `count` bytes. Raises TimeoutError after `end`, another OSError if the broker hangs up."""
        pieces = []
        while count:
            if end is None:
                self._sock.settimeout(None)
            else:
                self._sock.settimeout(max(end - time.monotonic(), 0.001))
            piece = self._sock.recv(min(count, _CHUNK))
            if not piece:
                raise ConnectionResetError("it closed the connection")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)
