"""Values of D-Bus as bytes and back (D-Bus specification, Marshaling): one writer and one reader for each type.

Every value is a plain one. What is read out of a variant stands for itself; what is written into one gets the type that
suits it: b, u or x, d, s, a{sv}, as.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from struct import Struct
from typing import Any

_CACHED = 1000
_DEEPEST = 64
_FIXED = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I", "b": "I"}
_BASIC = {*_FIXED, "s", "o", "g"}
_EIGHT = "xtd({"  # aligned to eight bytes
_LENGTH = Struct("<I").pack

Write = Callable[[bytearray, Any], None]
Read = Callable[["Reader"], Any]


class Reader:
    """Bytes in one byte order, and how far they have been read."""

    __slots__ = ("at", "data", "formats", "length", "order")

    def __init__(self, data: bytes, order: str, at: int = 0) -> None:
        self.data = data
        self.order = order
        self.at = at
        self.formats = _FORMATS[order]
        self.length = self.formats["u"].unpack_from


@lru_cache(_CACHED)
def split(signature: str) -> tuple[str, ...]:
    """The complete types of a signature; ValueError if it is none."""
    types, at = [], 0
    while at < len(signature):
        end = _end(signature, at)
        types.append(signature[at:end])
        at = end
    return tuple(types)


def _end(signature: str, at: int, depth: int = 0) -> int:
    """Where the complete type that begins at `at` ends."""
    token, after = signature[at : at + 1], signature[at + 1 : at + 2]
    if depth < _DEEPEST:
        if token == "a" and after == "{" and signature[at + 2 : at + 3] in _BASIC:
            end = _end(signature, at + 3, depth + 1)
            if signature[end : end + 1] == "}":
                return end + 1
        elif token == "a":
            return _end(signature, at + 1, depth + 1)
        elif token == "(" and after != ")":
            at += 1
            while signature[at : at + 1] != ")":
                at = _end(signature, at, depth + 1)
            return at + 1
        elif token in _BASIC or token == "v":
            return at + 1
    raise ValueError(f"{signature!r} is no signature")


@lru_cache(_CACHED)
def readers(signature: str) -> tuple[Read, ...]:
    return tuple(map(_reader, split(signature)))


@lru_cache(_CACHED)
def writers(signature: str) -> tuple[Write, ...]:
    return tuple(map(_writer, split(signature)))


# Reading.


def _reader(kind: str) -> Read:
    token = kind[0]
    if token == "b":
        number = _read_fixed("u")
        return lambda reader: bool(number(reader))
    if token in _FIXED:
        return _read_fixed(token)
    if token == "a":
        return _read_array(kind[1:])
    if token == "(":
        return _read_struct(readers(kind[1:-1]))
    return {"s": _read_string, "o": _read_string, "g": _read_signature, "v": _read_variant}[token]


def _read_fixed(token: str) -> Read:
    size = _FORMATS["<"][token].size

    def read(reader: Reader) -> Any:
        at = -(-reader.at // size) * size
        reader.at = at + size
        return reader.formats[token].unpack_from(reader.data, at)[0]

    return read


def _read_string(reader: Reader) -> str:
    at = reader.at + 3 & ~3
    end = at + 4 + reader.length(reader.data, at)[0]
    reader.at = end + 1
    return reader.data[at + 4 : end].decode()


def _read_signature(reader: Reader) -> str:
    at = reader.at
    end = at + 1 + reader.data[at]
    reader.at = end + 1
    return reader.data[at + 1 : end].decode()


def _read_variant(reader: Reader) -> Any:
    (read,) = readers(_read_signature(reader))
    return read(reader)


def _read_struct(inside: tuple[Read, ...]) -> Read:
    def read(reader: Reader) -> Any:
        reader.at = reader.at + 7 & ~7
        return [one(reader) for one in inside]

    return read


def _read_array(kind: str) -> Read:
    if kind == "{sv}":
        return _read_details
    if kind[0] == "{":
        return _read_dict(*readers(kind[1:-1]))
    one, eight = _reader(kind), kind[0] in _EIGHT

    def read(reader: Reader) -> Any:
        end, values = _end_of_array(reader, eight), []
        while reader.at < end:
            values.append(one(reader))
        return values

    return _read_bytes if kind == "y" else read


def _read_details(reader: Reader) -> dict[str, Any]:
    """An a{sv}, which is most of what there is to read, with the texts in it read on the spot."""
    data, length, values = reader.data, reader.length, {}
    last = _end_of_array(reader, True)
    while (at := reader.at + 7 & ~7) < last:
        end = at + 4 + length(data, at)[0]
        key = data[at + 4 : end].decode()
        if data[end + 1 : end + 4] == b"\1s\0":
            at = end + 7 & ~3
            end = at + 4 + length(data, at)[0]
            reader.at = end + 1
            values[key] = data[at + 4 : end].decode()
        else:
            reader.at = end + 1
            values[key] = _read_variant(reader)
    return values


def _read_dict(key: Read, value: Read) -> Read:
    def read(reader: Reader) -> Any:
        end, values = _end_of_array(reader, True), {}
        while reader.at < end:
            reader.at = reader.at + 7 & ~7
            name = key(reader)
            values[name] = value(reader)
        return values

    return read


def _read_bytes(reader: Reader) -> bytes:
    end = _end_of_array(reader, False)
    began, reader.at = reader.at, end
    return reader.data[began:end]


def _end_of_array(reader: Reader, eight: bool) -> int:
    """Where the array ends that begins here; the reader is moved to its first element."""
    at = reader.at + 3 & ~3
    reader.at = at + 11 & ~7 if eight else at + 4
    return reader.at + int(reader.length(reader.data, at)[0])


# Writing.


def _writer(kind: str) -> Write:
    token = kind[0]
    if token == "b":
        number = _write_fixed("u")
        return lambda out, value: number(out, bool(value))
    if token in _FIXED:
        return _write_fixed(token)
    if token == "a":
        return _write_array(kind[1:])
    if token == "(":
        return _write_struct(writers(kind[1:-1]))
    return {"s": _write_string, "o": _write_string, "g": _write_signature, "v": _write_variant}[token]


def _write_fixed(token: str) -> Write:
    pack, size = _FORMATS["<"][token].pack, _FORMATS["<"][token].size

    def write(out: bytearray, value: Any) -> None:
        out += bytes(-len(out) % size) + pack(value)

    return write


def _write_string(out: bytearray, value: str) -> None:
    text = _text(value)
    out += bytes(-len(out) & 3) + _LENGTH(len(text)) + text + b"\0"


def _text(value: str) -> bytes:
    text = value.encode()
    if b"\0" in text:
        raise UnicodeError("a text with NUL in it")
    return text


def _write_signature(out: bytearray, value: str) -> None:
    out += bytes((len(value),)) + value.encode() + b"\0"


def _write_variant(out: bytearray, value: Any) -> None:
    kind = _kind(value)
    _write_signature(out, kind)
    writers(kind)[0](out, value)


def _kind(value: Any) -> str:
    """The type of a value in a variant."""
    kind = _KINDS.get(type(value)) or next((_KINDS[one] for one in _KINDS if isinstance(value, one)), None)
    if kind is None:
        raise TypeError(f"no D-Bus type for {type(value).__name__}")
    return "x" if kind == "u" and not 0 <= value < 1 << 32 else kind


def _write_struct(inside: tuple[Write, ...]) -> Write:
    def write(out: bytearray, values: Any) -> None:
        out += bytes(-len(out) & 7)
        for one, value in zip(inside, values, strict=True):
            one(out, value)

    return write


def _write_array(kind: str) -> Write:
    if kind == "{sv}":
        return _sized(_write_details, eight=True)
    if kind[0] == "{":
        entry = _write_struct(writers(kind[1:-1]))
        return _sized(lambda out, values: _write_all(out, entry, values.items()), eight=True)
    one = _writer(kind)
    return _sized(lambda out, values: _write_all(out, one, values), eight=kind[0] in _EIGHT)


def _sized(content: Write, *, eight: bool) -> Write:
    """An array: its length, and where its elements are aligned to eight bytes what fills the gap before them."""

    def write(out: bytearray, values: Any) -> None:
        out += bytes(-len(out) & 3)
        length = len(out)
        out += bytes(8 if eight and not length & 4 else 4)
        began = len(out)
        content(out, values)
        out[length : length + 4] = _LENGTH(len(out) - began)

    return write


def _write_all(out: bytearray, one: Write, values: Iterable[Any]) -> None:
    for value in values:
        one(out, value)


def entries(values: dict[str, Any], after: bytes = b"") -> bytes:
    """The entries of an a{sv}, behind others: bytes that may be written in its place, by whoever does so often."""
    out = bytearray(after)
    _write_details(out, values)
    return bytes(out)


def _write_details(out: bytearray, values: dict[str, Any] | bytes) -> None:
    """The entries of an a{sv}; one whose value is None is left out."""
    if isinstance(values, bytes):
        out += values
        return
    for key, value in values.items():
        if value is not None:
            kind = _kind(value)
            out += bytes(-len(out) & 7) + _head(key, kind)
            if kind == "s":
                text = _text(value)
                out += _LENGTH(len(text)) + text + b"\0"
            else:
                writers(kind)[0](out, value)


@lru_cache(_CACHED)
def _head(key: str, kind: str) -> bytes:
    """The key of an entry, the signature of its variant, and what fills the gap before the value."""
    out = bytearray()
    _write_string(out, key)
    _write_signature(out, kind)
    return bytes(out + bytes(-len(out) % (8 if kind in _EIGHT else 4)))


_KINDS: dict[type, str] = {bool: "b", int: "u", float: "d", str: "s", dict: "a{sv}", list: "as"}
_FORMATS = {order: {token: Struct(order + code) for token, code in _FIXED.items()} for order in "<>"}
