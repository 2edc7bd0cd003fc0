"""An instrument at the other end of VXI-11, without a port mapper: its address names the port.

VXI-11 TCP/IP Instrument Protocol Specification, revision 1.0, section B (core channel), over ONC RPC (RFC 5531). Each
message that is written is put to `answer`; what that returns is one message to read. A reader that sets a termination
character gets the message in parts, as the specification wants it (B.5.2).
"""

import socket
import struct
from collections.abc import Callable

from lager.drivers.loopback_server import LoopbackServer

_CREATE_LINK, _WRITE, _READ, _CLEAR, _DESTROY_LINK = 10, 11, 12, 15, 23
_IO_TIMEOUT = 15
_TERMCHAR_SET, _BY_CHAR, _BY_END = 0x80, 2, 4


class Vxi11Instrument(LoopbackServer):
    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        super().__init__()
        self._answer = answer
        self._unread = b""
        self.visa = f"TCPIP::127.0.0.1,{self.port}::INSTR"

    def talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as calls:
            while mark := calls.read(4):
                call = calls.read(struct.unpack(">I", mark)[0] & 0x7FFFFFFF)
                reply = call[:4] + struct.pack(">5I", 1, 0, 0, 0, 0) + self._called(call)
                connection.sendall(struct.pack(">I", len(reply) | 0x80000000) + reply)

    def _called(self, call: bytes) -> bytes:
        """The result of a call; behind its header are two empty authentications, and then its parameters."""
        procedure, parameters = struct.unpack_from(">I", call, 20)[0], call[40:]
        if procedure == _CREATE_LINK:
            return struct.pack(">iiII", 0, 1, 0, 4096)
        if procedure == _WRITE:
            length = struct.unpack_from(">I", parameters, 16)[0]
            self._unread = self._answer(parameters[20 : 20 + length]) or b""
            return struct.pack(">iI", 0, length)
        if procedure == _READ:
            flags, character = struct.unpack_from(">ii", parameters, 16)
            return self._read(bytes([character]) if flags & _TERMCHAR_SET else b"")
        assert procedure in (_CLEAR, _DESTROY_LINK)
        self._unread = b""
        return struct.pack(">i", 0)

    def _read(self, character: bytes) -> bytes:
        if not self._unread:
            return struct.pack(">iiI", _IO_TIMEOUT, 0, 0)
        end = self._unread.find(character) + 1 if character else 0
        part, self._unread = (self._unread[:end], self._unread[end:]) if end else (self._unread, b"")
        reason = (_BY_CHAR if end else 0) | (0 if self._unread else _BY_END)
        return struct.pack(">iiI", 0, reason, len(part)) + part + bytes(-len(part) % 4)
