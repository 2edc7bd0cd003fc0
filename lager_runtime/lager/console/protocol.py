"""The protocol of a console's socket: frames of a 4-byte big-endian length and one JSON object.

To the script: {"eval": source}, {"interrupt": true}. A source with "frame", a number as below, runs in a copy of the
names of that frame, and what it assigns is lost.
From it, first: {"hello": {...}}. Then {"out": text} and {"err": text} as they are written, and after each evaluation
{"done": true}, or false if it raised; {"bye": code} after exit(code). The script closes the socket when it resumes.

A client may ask: {"ask": number, kind: what}, and gets {"answer": number, kind: the answer}, null if there is none,
when this console evaluates nothing. The kinds: "complete" (the text before the cursor), "doc" (a dotted name),
"look", "where" and "vars" (true), and "move": so many frames outward, or inward if negative. What comes after that uses
the names of that frame, and "where" says which one of its frames is "selected". A debugger asks
(lager.inspection.object_tree) for "about" (true: the keys of the pause, its "process", and its "reason": "pause",
"step", "breakpoint" or "exception"), "threads" (true), "frames" (the number of a thread), "scopes" (of a frame),
"members" ([reference, first, count]), "hover" ({"path", "frame"}), "last" (true: the value that this console showed
last) and "exception" (true: the error of the pause). If a kind is asked again meanwhile, only the latest gets an
answer.

A client that opened its console with the option "news" also gets {"left": seconds, "consoles": [...]} whenever the time
left (0: no timeout) or who is attached may have changed, and {"ended": {"reason", "by"}} before the socket is closed.
{"ask": number, "step": {"kind", "line"}} resumes the script with a step (lager.stepping); the answer is true or an
"error". Every console and watcher then gets {"stepping": {"id", "step", "by"}}, and, when the script has stopped again,
{"paused": {the keys of the new pause, "reason", "stepped_from", "returning"}}: from then on it is a console of that
pause, with the names of the new frame. What is sent meanwhile waits. If the script does not stop again, it is {"ended":
...}.

With the option "breakpoints", a client has breakpoints on lines, and nothing else. It gets a "hello" with the
"process", and stays when the script resumes; its breakpoints end with it. {"ask": number, "breakpoints": {"paths":
names of a file, "lines": [{"line", "condition", "hit", "log"}]}} replaces those in a file; the answer has for each
whether it is "verified", and its "line" or a "message". {"log": text} is the message of one that was passed.

With the option "short", large values are shortened, and a repr that takes too long is stopped. With "quiet", values are
not shown, because a debugger asks for the "last", and exit() is an error. A client that opened it
with "watch" cannot evaluate, and also gets all that the others type and get: {"in": source}, {"out": text},
{"err": text}, {"done": ...}, each with "of": {"console", "user", "pid"}; and {"lost": count} if it did not read fast
enough.

{"ask": number, "extend": seconds}, {"ask": number, "continue": true} and {"ask": number, "given": text}, which answers
the question of the pause, are for the relay of lager_cli, not for the script; the answer is the seconds left, the id,
the answer that was taken, or an "error", which is a sentence.
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


class ProtocolError(LagerError):
    pass


def encode(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode("ascii")
    if len(body) > LIMIT:
        raise ProtocolError(f"A frame of {len(body)} bytes exceeds the limit of {LIMIT}.", "Send it in parts.")
    return _LENGTH.pack(len(body)) + body


class Splitter:
    """Splits a stream of bytes into frames, as bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def split(self, data: bytes) -> Iterator[bytes]:
        """Yield the complete frames, each with its length in front. Raises ProtocolError at the first invalid one; what
        follows it cannot be read."""
        self._buffer += data
        while len(self._buffer) >= 4:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LIMIT:
                raise ProtocolError(f"A frame of {length} bytes exceeds the limit of {LIMIT}.")
            if len(self._buffer) < 4 + length:
                break
            frame = bytes(self._buffer[: 4 + length])
            del self._buffer[: 4 + length]
            yield frame


class MessageDecoder(Splitter):
    """Decodes a stream of bytes into messages."""

    def receive(self, connection: socket.socket) -> list[dict[str, Any]] | None:
        """Return the messages that have come, without blocking; None at the end or after invalid bytes."""
        try:
            data = connection.recv(_CHUNK, socket.MSG_DONTWAIT)
            return self.feed(data) if data else None
        except BlockingIOError:
            return []
        except (OSError, ProtocolError):
            return None

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the complete messages. Raises ProtocolError at the first invalid frame; the rest cannot be read."""
        return [parsed(frame) for frame in self.split(data)]


def parsed(frame: bytes) -> dict[str, Any]:
    """Return the message of a complete frame. Raises ProtocolError if it is not a JSON object."""
    try:
        message = json.loads(frame[_LENGTH.size :])
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ProtocolError("A frame on a console is not a JSON object.")
    return message
