"""Marshalled details: the details of each object are marshalled once, and their bytes are sent in every list.

The entries of an a{sv} begin at a multiple of eight, as each entry does (D-Bus specification, Marshalling). So the
bytes of an entry are the same in any message, and further entries can be appended.
"""

import struct
from collections.abc import Iterable
from typing import Any

from lager.bus.transport.wire import Kind, Marshalled, encode, sizes

_HEAD = struct.Struct("<II")  # the length of an array, and the padding to the next multiple of eight
_number = struct.Struct("<d").pack


def entries(values: dict[str, Any]) -> bytes:
    """Return the bytes of the entries of an a{sv}, without those that are None. More entries can be appended."""
    message = encode(Kind.METHOD_RETURN, 1, reply_serial=1, signature="a{sv}", values=(values,))
    found = message[sizes(message)[0] + _HEAD.size :]
    return found + bytes(-len(found) % 8)


class Number:
    """The last entry of an a{sv}: a number that differs in each message."""

    def __init__(self, key: str) -> None:
        self._begin = entries({key: 0.0})[:-8]

    def __call__(self, value: float) -> bytes:
        return self._begin + _number(value)


def listed(each: Iterable[bytes]) -> Marshalled:
    """Return an aa{sv} whose dictionaries have these entries; the last entry of each is a `Number`."""
    first = 0
    pieces: list[bytes] = []
    for one in each:
        first = first or len(one)
        pieces += (_HEAD.pack(len(one), 0), one)
    if not pieces:
        return Marshalled(bytes(4))
    pieces[0] = b""  # before the first dictionary come the lengths of both arrays, without padding
    size = sum(map(len, pieces)) + 4
    return Marshalled(b"".join((_HEAD.pack(size, first), *pieces)))
