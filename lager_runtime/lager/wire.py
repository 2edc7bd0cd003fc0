"""What is spoken on a console's socket: frames of a 4-byte big-endian length and one JSON object.

To the script: {"eval": source}, {"interrupt": true}.
From it, first: {"hello": {...}}. Then {"out": text} and {"err": text} as they are written, and after each evaluation
{"done": true}, or false where it raised; {"bye": code} after exit(code). The script closes the socket when it goes on.
"""

import json
import socket
import struct
from typing import Any

from lager.errors import LagerError

LIMIT = 16 << 20
_CHUNK = 1 << 16
_LENGTH = struct.Struct(">I")


class WireError(LagerError):
    pass


def encode(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode("ascii")
    if len(body) > LIMIT:
        raise WireError(f"A frame of {len(body)} bytes is longer than a console takes.", "Send it in parts.")
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Bytes in, as they come; whole frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, connection: socket.socket) -> list[dict[str, Any]] | None:
        """What has come, without blocking: the frames that are complete; None at the end, or where it is no frames."""
        try:
            data = connection.recv(_CHUNK, socket.MSG_DONTWAIT)
            return self.feed(data) if data else None
        except BlockingIOError:
            return []
        except (OSError, WireError):
            return None

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The frames that are complete now. WireError at the first that cannot be one; nothing after it can be read."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= 4:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LIMIT:
                raise WireError(f"A frame that says it has {length} bytes is longer than a console takes.")
            if len(self._buffer) < 4 + length:
                break
            frames.append(_parsed(bytes(self._buffer[4 : 4 + length])))
            del self._buffer[: 4 + length]
        return frames


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        raise WireError("A frame on a console is no JSON object.")
    return frame
