"""A console on a socket, frame by frame."""

import socket
from typing import Any

from lager.console.protocol import MessageDecoder, encode
from tests.processes import PATIENCE


class Frames:
    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.connection = connection
        self._decoder = MessageDecoder()
        self._frames: list[dict[str, Any]] = []

    def send(self, **frame: Any) -> None:
        self.connection.sendall(encode(frame))

    def until(self, key: str) -> dict[str, Any]:
        """The next frame with `key`; those before it are passed over."""
        while True:
            while not self._frames:
                data = self.connection.recv(1 << 16)
                assert data, f"closed before {key}"
                self._frames = self._decoder.feed(data)
            if key in (frame := self._frames.pop(0)):
                return frame
