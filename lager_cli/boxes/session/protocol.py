"""The protocol between the two ends of a session: frames with a kind, a stream, a length and a payload.

The box sends first: one line with the number of the protocol and its version of lager. Anything that a login shell
prints before that line is skipped. Payloads are JSON, except DATA (bytes of the stream) and CREDIT (a number).
"""

import json
import re
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from lager.errors import BoxError

PROTOCOL = 1
GREETING = re.compile(rb"lager session protocol ([0-9]{1,9}), version ([!-~]{1,100})\n")
LONGEST = 16 << 20
LONGEST_FROM_A_BOX = 64 << 10  # a box is not trusted with more of the user's memory
_NOISE = 1 << 16
_HEAD = struct.Struct(">BBI")
_NUMBER = struct.Struct(">Q")


class FrameKind(IntEnum):
    """`HEADER` opens a session, `EXIT` ends it; `BEAT` only says that its sender is alive. `HELLO` is the greeting,
    which is not a frame."""

    HELLO = 0
    HEADER = 1
    DATA = 2
    END = 3  # no more of this stream
    STOP = 4  # the receiver of this stream is gone
    CREDIT = 5  # this many more bytes of this stream may be sent
    SIGNAL = 6
    SIZE = 7
    BEAT = 8
    REFUSED = 9
    EXIT = 10


class Stream(IntEnum):
    """Standard streams by their descriptors; TERMINAL for all that are a terminal; UPLOAD and DOWNLOAD for files."""

    IN = 0
    OUT = 1
    ERR = 2
    TERMINAL = 3
    UPLOAD = 4
    DOWNLOAD = 5


def greeting(version: str) -> bytes:
    return f"lager session protocol {PROTOCOL}, version {version}\n".encode("ascii")


def head(kind: FrameKind, stream: int, length: int) -> bytes:
    return _HEAD.pack(kind, stream, length)


def encode(kind: FrameKind, value: Any = None, stream: int = 0) -> bytes:
    """Return a frame with a value as JSON; the value of CREDIT is a number."""
    payload = _NUMBER.pack(value) if kind is FrameKind.CREDIT else b"" if value is None else json.dumps(value).encode()
    return head(kind, stream, len(payload)) + payload


def decode(kind: FrameKind, payload: bytes) -> Any:
    """Return the value in a frame. Raises BoxError if it is invalid."""
    try:
        return _NUMBER.unpack(payload)[0] if kind is FrameKind.CREDIT else json.loads(payload) if payload else None
    except (ValueError, RecursionError, struct.error):
        raise BoxError(f"A frame of the session cannot be read ({kind.name}).") from None


class FrameDecoder:
    """Decodes bytes as they arrive. Yields DATA in pieces, at once and uncopied; all other frames whole."""

    def __init__(self, greeted: bool = True, longest: int = LONGEST) -> None:
        self.greeted = greeted
        self._longest = longest
        self._noise = b""
        self._head = b""
        self._kind = FrameKind.BEAT
        self._stream = 0
        self._left = -1  # of the payload; -1: the head is not complete
        self._payload = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[FrameKind, int, bytes | bytearray | memoryview]]:
        if not self.greeted:
            self._noise += data
            found = GREETING.search(self._noise)
            if found is None:
                self._check_noise()
                return
            self.greeted, data, self._noise = True, self._noise[found.end() :], b""
            yield (
                FrameKind.HELLO,
                0,
                json.dumps({"protocol": int(found[1]), "version": found[2].decode("ascii")}).encode(),
            )
        view, at = memoryview(data), 0
        while at < len(data) or self._left == 0:
            if self._left < 0:
                need = _HEAD.size - len(self._head)
                self._head += view[at : at + need]
                at += need
                if len(self._head) == _HEAD.size:
                    self._begin()
                continue
            piece = view[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            if self._kind is FrameKind.DATA:
                if piece:
                    yield self._kind, self._stream, piece
            else:
                self._payload += piece
            if self._left == 0:
                self._left = -1
                if self._kind is not FrameKind.DATA:
                    yield self._kind, self._stream, self._payload

    def _check_noise(self) -> None:
        if len(self._noise) > _NOISE:
            raise BoxError(
                "The program that answers on the box is not lager.",
                "Check whether a login script there prints without end.",
            )

    def _begin(self) -> None:
        kind, self._stream, self._left = _HEAD.unpack(self._head)
        self._head, self._payload = b"", bytearray()
        try:
            self._kind = FrameKind(kind)
        except ValueError:
            raise BoxError(f"A frame of the session has an unknown kind ({kind}).") from None
        if self._stream > max(Stream):
            raise BoxError(f"A frame of the session has an unknown stream ({self._stream}).")
        if self._left > (LONGEST if self._kind is FrameKind.DATA else self._longest):
            raise BoxError(f"A frame of the session is too long: {self._left} bytes.")
