"""An instrument at the other end of HiSLIP: its address names the port.

IVI-6.1 High-Speed LAN Instrument Protocol, revision 1.1: the header, the two channels, synchronized mode, device clear
and status query. Each message that is written is put to `answer`; what that returns is one message to read.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

_HEADER = struct.Struct("!2sBBIQ")
_INITIALIZE, _DATA, _DATA_END, _CLEAR_COMPLETE = 0, 6, 7, 8
_MAXIMUM_SIZE, _ASYNC_INITIALIZE, _ASYNC_CLEAR, _ASYNC_STATUS = 15, 17, 19, 21
_VERSION, _SESSION = 0x0100, 1


class HislipInstrument:
    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.visa = f"TCPIP::127.0.0.1::hislip0,{self._listener.getsockname()[1]}::INSTR"
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]

    def __enter__(self) -> "HislipInstrument":
        self._threads[0].start()
        return self

    def __exit__(self, *_: Any) -> None:
        for end in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        message = b""
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            while header := stream.read(_HEADER.size):
                _, kind, _, parameter, length = _HEADER.unpack(header)
                payload = stream.read(length)
                if kind in (_DATA, _DATA_END):
                    message += payload
                    reply = self._answer(message) if kind == _DATA_END else None
                    message = b"" if kind == _DATA_END else message
                    if reply is not None:
                        connection.sendall(_HEADER.pack(b"HS", _DATA_END, 0, parameter, len(reply)) + reply)
                else:
                    connection.sendall(_response(kind))


def _response(kind: int) -> bytes:
    """The response to a message that is no data; its number is the next one, but for the asynchronous device clear."""
    answers = {
        _INITIALIZE: (1, 0, _VERSION << 16 | _SESSION, b""),
        _ASYNC_INITIALIZE: (18, 0, 0, b""),
        _MAXIMUM_SIZE: (16, 0, 0, struct.pack("!Q", 1 << 20)),
        _ASYNC_CLEAR: (23, 0, 0, b""),
        _CLEAR_COMPLETE: (9, 0, 0, b""),
        _ASYNC_STATUS: (22, 0, 0, b""),
    }
    number, control, parameter, payload = answers[kind]
    return _HEADER.pack(b"HS", number, control, parameter, len(payload)) + payload
