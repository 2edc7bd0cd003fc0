"""What is spoken on a console's socket: frames of a 4-byte big-endian length and one JSON object.

To the script: {"eval": source}, {"interrupt": true}.
From it, first: {"hello": {...}}. Then {"out": text} and {"err": text} as they are written, and after each evaluation
{"done": true}, or false where it raised; {"bye": code} after exit(code). The script closes the socket when it goes on.

A client may ask: {"ask": number, kind: what}, and gets {"answer": number, kind: the answer}, null where there is none,
as soon as this console evaluates nothing. The kinds: "complete" (the text before the cursor), "doc" (a dotted name),
"look", "where" and "vars" (true). To a kind that is asked again meanwhile only the latest gets an answer.

A client that opened its console with the option "news" also gets {"left": seconds, "consoles": [...]} whenever the time
left (0: no limit) or who is attached may have changed, and {"ended": {"reason", "by"}} before the socket is closed.
With the option "short" the values of lines are shown as a terminal can take them: shortened, and none for ever.
One that opened it with "watch" cannot evaluate, and gets besides all that the others type and get: {"in": source},
{"out": text}, {"err": text}, {"done": ...}, each with "of": {"console", "user", "pid"}; and {"lost": count} where it
did not read fast enough.

{"ask": number, "extend": seconds} and {"ask": number, "continue": true} are for the relay of lager_cli, not for the
script; the answer is the seconds left, or the id; or there is an "error", which is a sentence.
"""

import json
import socket
import struct
from collections.abc import Iterator
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


class Splitter:
    """Bytes in, as they come; whole frames out, as the bytes that they are."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def split(self, data: bytes) -> Iterator[bytes]:
        """The frames that are complete now, each with its length in front. WireError at the first that cannot be one;
        nothing after it can be read."""
        self._buffer += data
        while len(self._buffer) >= 4:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LIMIT:
                raise WireError(f"A frame that says it has {length} bytes is longer than a console takes.")
            if len(self._buffer) < 4 + length:
                break
            frame = bytes(self._buffer[: 4 + length])
            del self._buffer[: 4 + length]
            yield frame


class Decoder(Splitter):
    """Bytes in, as they come; whole frames out."""

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
        return [parsed(frame) for frame in self.split(data)]


def parsed(frame: bytes) -> dict[str, Any]:
    """What a whole frame says. WireError where that is no JSON object."""
    try:
        message = json.loads(frame[_LENGTH.size :])
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise WireError("A frame on a console is no JSON object.")
    return message
