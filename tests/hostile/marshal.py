"""Encode D-Bus messages by hand, so that they can also be invalid (D-Bus specification, Message Format)."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

CALL, REPLY, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY, NO_START = 1, 2
_FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_FIELDS = {"path": (1, "o"), "interface": (2, "s"), "member": (3, "s"), "error": (4, "s"), "reply_to": (5, "u"),
           "destination": (6, "s"), "sender": (7, "s"), "signature": (8, "g"), "fds": (9, "u")}  # fmt: skip


def types(signature: str) -> Iterator[str]:
    """The complete types of a signature, one by one."""
    at = 0
    while at < len(signature):
        end = _end(signature, at)
        yield signature[at:end]
        at = end


def _end(signature: str, at: int) -> int:
    if signature[at] == "a":
        return _end(signature, at + 1)
    if signature[at] not in "({":
        return at + 1
    depth = 0
    while True:
        depth += (signature[at] in "({") - (signature[at] in ")}")
        at += 1
        if not depth:
            return at


class Writer:
    """`order` is "<" or ">". The value of a variant is a pair: its signature and its value."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.data = bytearray()

    def pad(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def write(self, kind: str, value: Any) -> None:
        first = kind[0]
        if first in _FIXED:
            code = _FIXED[first]
            self.pad(struct.calcsize(code))
            self.data += struct.pack(self.order + code, value)
        elif first in "so":
            text = value if isinstance(value, bytes) else value.encode()
            self.write("u", len(text))
            self.data += text + b"\0"
        elif first == "g":
            self.data += bytes([len(value)]) + value.encode() + b"\0"
        elif first == "v":
            self.write("g", value[0])
            self.write(*value)
        elif first == "a":
            self._array(kind[1:], value)
        else:
            self.pad(8)
            for inner, item in zip(types(kind[1:-1]), value, strict=True):
                self.write(inner, item)

    def _array(self, kind: str, value: Any) -> None:
        self.write("u", 0)
        at = len(self.data)
        self.pad(_alignment(kind))
        begin = len(self.data)
        for item in value.items() if kind[0] == "{" else value:
            self.write(kind, item)
        self.data[at - 4 : at] = struct.pack(self.order + "I", len(self.data) - begin)


def _alignment(kind: str) -> int:
    first = kind[0]
    return {"v": 1, "g": 1, "(": 8, "{": 8}.get(first) or struct.calcsize(_FIXED.get(first, "I"))


def message(
    kind: int,
    serial: int,
    signature: str = "",
    body: Sequence[Any] | bytes = (),
    *,
    order: str = "<",
    flags: int = 0,
    length: int | None = None,
    **fields: Any,
) -> bytes:
    """A whole message. `body` may be bytes that do not fit the signature, `length` a length that is not its own."""
    writer = Writer(order)
    for one, value in () if isinstance(body, bytes) else zip(types(signature), body, strict=True):
        writer.write(one, value)
    content = body if isinstance(body, bytes) else bytes(writer.data)
    if signature:
        fields["signature"] = signature
    head = Writer(order)
    for one, value in zip("yyyyuu", (ord("l" if order == "<" else "B"), kind, flags, 1, 0, serial), strict=True):
        head.write(one, value)
    head.data[4:8] = struct.pack(order + "I", len(content) if length is None else length)
    known = [(*_FIELDS[name], value) for name, value in fields.items() if value is not None]
    head.write("a(yv)", [(code, (type, value)) for code, type, value in known])
    head.pad(8)
    return bytes(head.data) + content


def call(serial: int, name: str, member: str, signature: str = "", *body: Any, **more: Any) -> bytes:
    """A call of the object that is called like its service."""
    fields = {"destination": name, "path": "/" + name.replace(".", "/"), "interface": name, "member": member, **more}
    return message(CALL, serial, signature, body, **fields)
