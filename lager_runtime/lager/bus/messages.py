"""Messages of D-Bus as bytes and back (D-Bus specification, Message Format)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import lru_cache
from struct import Struct, unpack_from
from typing import Any

from lager.bus.signatures import Reader, readers, split, writers

_VERSION = 1
_START = Struct("<BBBBIII")
_FIELD_CACHE = 1000
_PATH, _INTERFACE, _MEMBER, _ERROR, _REPLY, _DESTINATION, _SENDER, _SIGNATURE, _FDS = range(1, 10)
_DEFAULTS = (
    (_PATH, ""), (_INTERFACE, ""), (_MEMBER, ""), (_ERROR, ""), (_REPLY, 0), (_DESTINATION, ""), (_SENDER, ""),
    (_SIGNATURE, ""), (_FDS, 0),
)  # fmt: skip


class Kind(IntEnum):
    CALL = 1
    REPLY = 2
    ERROR = 3
    SIGNAL = 4


class Flag(IntFlag):
    NONE = 0
    NO_REPLY_EXPECTED = 1
    NO_AUTOSTART = 2
    INTERACTIVE = 4


@dataclass(slots=True)
class Message:
    """`body` has plain values; `fds` are the descriptors that travel along, to which an `h` is an index. `raw` is what
    came of a message whose body is still to be read."""

    kind: Kind
    flags: int = 0
    serial: int = 0
    path: str = ""
    interface: str = ""
    member: str = ""
    error: str = ""
    reply_serial: int = 0
    destination: str = ""
    sender: str = ""
    signature: str = ""
    fd_count: int = 0
    body: list[Any] = field(default_factory=list)
    fds: list[int] = field(default_factory=list)
    raw: bytes = b""

    def unpack(self) -> list[Any]:
        """The values of a body that came; any Exception where its bytes are not as its signature says."""
        raw, self.raw = self.raw, b""
        if raw:
            self.body = _body(raw, self.signature)
        return self.body


def encode(message: Message) -> bytes:
    """The bytes of `message`. UnicodeError where a text in it is none, others where a value is not of its type."""
    body = bytearray()
    for write, value in zip(writers(message.signature), message.body, strict=True):
        write(body, value)
    fields = bytearray()
    for code, text in (
        (_PATH, message.path), (_INTERFACE, message.interface), (_MEMBER, message.member), (_ERROR, message.error),
        (_DESTINATION, message.destination), (_SIGNATURE, message.signature),
    ):  # fmt: skip
        if text:
            fields += bytes(-len(fields) & 7) + _text_field(code, text)
    for code, number in ((_REPLY, message.reply_serial), (_FDS, len(message.fds))):
        if number:
            fields += bytes(-len(fields) & 7) + _field(code, "u", number)
    start = _START.pack(
        ord("l"), message.kind, message.flags, _VERSION, len(body), message.serial, len(fields)
    )  # fmt: skip
    return start + fields + bytes(-len(fields) & 7) + body


@lru_cache(_FIELD_CACHE)
def _text_field(code: int, text: str) -> bytes:
    return _field(code, {_PATH: "o", _SIGNATURE: "g"}.get(code, "s"), text)


def _field(code: int, kind: str, value: Any) -> bytes:
    out = bytearray((code, 1, ord(kind), 0))
    writers(kind)[0](out, value)
    return bytes(out)


def decode(raw: bytes) -> Message:
    """The message whose bytes these are, whole; any Exception where they are none."""
    message = head(raw)
    message.unpack()
    return message


def head(raw: bytes) -> Message:
    """The same with its body still to be unpacked."""
    order = _order(raw)
    _, kind, flags, _, _, serial, length = unpack_from(order + "BBBBIII", raw)
    # Who calls the same method again writes the same fields; an answer tells each time of another call.
    read = _fields if kind in (Kind.REPLY, Kind.ERROR) else _known_fields
    message = Message(Kind(kind), flags, serial, *read(raw[16 : 16 + length], order))
    message.raw = raw
    return message


def _fields(raw: bytes, order: str) -> tuple[Any, ...]:
    """The fields of a header, in the order of those of a Message."""
    reader, found = Reader(raw, order), {}
    (read,) = readers("(yv)")
    while reader.at < len(raw):
        code, found[code] = read(reader)
    return tuple(found.get(code, default) for code, default in _DEFAULTS)


_known_fields = lru_cache(_FIELD_CACHE)(_fields)


def _body(raw: bytes, signature: str) -> list[Any]:
    order = _order(raw)
    length, _, fields = unpack_from(order + "III", raw, 4)
    reader = Reader(raw, order, 16 + (fields + 7) // 8 * 8)
    body = [read(reader) for read in readers(signature)] if length else []
    if reader.at > len(raw) or len(body) != len(split(signature)):
        raise ValueError("the body is not as its signature says")
    return body


def take(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole messages off the front of `buffer`."""
    while len(buffer) >= 16:
        body, _, fields = unpack_from(_order(buffer) + "III", buffer, 4)
        length = 16 + (fields + 7) // 8 * 8 + body
        if len(buffer) < length:
            return
        raw = bytes(buffer[:length])
        del buffer[:length]
        yield raw


def _order(raw: bytes | bytearray) -> str:
    return "<" if raw[0] == ord("l") else ">"
