"""A connection to the broker that sends exactly the given bytes."""

import array
import os
import select
import socket
import struct
from collections.abc import Iterator, Sequence

from tests.hostile import marshal
from tests.processes import PATIENCE


class Raw:
    """Blocking. `name` is the unique name that the broker gave."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address.removeprefix("unix:path="))
        self._unread = b""
        self._serial = 0
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert self._line().startswith(b"OK")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        assert self._line() == b"AGREE_UNIX_FD"
        self.socket.sendall(b"BEGIN\r\n")
        self.send(marshal.call(self.serial(), "org.freedesktop.DBus", "Hello"))
        body = next(iter(self.received())).partition(b":")[2]
        self.name = ":" + body.split(b"\0")[0].decode()

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send it all, and drop what has come meanwhile. ConnectionError where the broker has hung up."""
        if fds:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            sent = self.socket.sendmsg([data], rights)
            data = data[sent:]
        while data:
            readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE)
            if readable and not self.socket.recv(1 << 16):
                raise ConnectionResetError
            if writable:
                data = data[self.socket.send(data[: 1 << 16]) :]

    def received(self) -> Iterator[bytes]:
        """Whole messages as they come; ends where the broker hangs up."""
        while data := self.socket.recv(1 << 16):
            self._unread += data
            yield from self._whole()

    def ask_broker(self) -> None:
        """Wait for an answer of the broker, which has then seen all that was sent."""
        asked = self.serial() + (1 << 20)
        self.send(marshal.call(asked, "org.freedesktop.DBus", "GetId"))
        for one in self.received():
            if struct.pack("<I", asked) in one[:80]:
                return

    def close(self) -> None:
        self.socket.close()

    def _whole(self) -> Iterator[bytes]:
        while len(self._unread) >= 16:
            body, _, fields = struct.unpack_from("<III", self._unread, 4)
            length = 16 + (fields + 7) // 8 * 8 + body
            if len(self._unread) < length:
                return
            one, self._unread = self._unread[:length], self._unread[length:]
            yield one

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.socket.recv(1)
        return line[:-2]
