"""Details as bytes: those of many things are marshalled once, and sent in each list of them.

The entries of an a{sv} begin at a multiple of eight, as each entry does (D-Bus specification, Marshalling). So their
bytes are the same in any message, and entries can follow others.
"""

import struct
from collections.abc import Iterable
from typing import Any

from lager.bus.transport.wire import Kind, Marshalled, encode, sizes

_HEAD = struct.Struct("<II")  # the length of an array, and what begins at a multiple of eight behind it
_number = struct.Struct("<d").pack


def entries(values: dict[str, Any]) -> bytes:
    """Return the entries of an a{sv}, so that others can follow. Those that are None are left out."""
    message = encode(Kind.METHOD_RETURN, 1, reply_serial=1, signature="a{sv}", values=(values,))
    found = message[sizes(message)[0] + _HEAD.size :]
    return found + bytes(-len(found) % 8)


class Number:
    """The last entry of an a{sv}: a number that is another one each time."""

    def __init__(self, key: str) -> None:
        self._begin = entries({key: 0.0})[:-8]

    def __call__(self, value: float) -> bytes:
        return self._begin + _number(value)


def listed(each: Iterable[bytes]) -> Marshalled:
    """Return an aa{sv}. Its dictionaries have these entries, of which the last one is a `Number`."""
    first = 0
    pieces: list[bytes] = []
    for one in each:
        first = first or len(one)
        pieces += (_HEAD.pack(len(one), 0), one)
    if not pieces:
        return Marshalled(bytes(4))
    pieces[0] = b""  # the first one begins at a multiple of eight behind the length of the whole
    size = sum(map(len, pieces)) + 4
    return Marshalled(b"".join((_HEAD.pack(size, first), *pieces)))
