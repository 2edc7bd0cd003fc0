"""Gives back, in a forked child, the copies of the descriptors through which its parent talks to an instrument.

The child's copy of a connection would outlive its parent, and with it the lease: somebody else would be granted an
instrument that still has a connection, and an instrument that takes one connection at a time would refuse theirs.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

_DEEPEST = 6  # from a session of ours to the socket: pyvisa-py's VXI-11 needs two steps, and others may come
# Whose objects make up a connection. What else these know (a logger, and so standard error) is no part of it.
_LIBRARIES = ("lager", "pyvisa_py", "pymodbus", "serial", "socket", "usb")


def of(connection: object) -> set[int]:
    """The open descriptors of the sockets, serial ports and USB devices that `connection` keeps in its attributes."""
    return set(_found(connection, set(), 0))


def give_back(descriptors: set[int]) -> None:
    """End our copies of `descriptors`, and nobody else's.

    Their numbers stay taken, by /dev/null open for reading: the objects that know them will close them some day, and
    must not close what got the number since. Reading tells the end, writing fails.
    """
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


def _found(thing: Any, seen: set[int], depth: int) -> Iterator[int]:
    if id(thing) in seen or depth > _DEEPEST:
        return
    seen.add(id(thing))
    kind = type(thing)
    if isinstance(thing, dict | list | tuple):
        parts = list(thing.values()) if isinstance(thing, dict) else list(thing)
    elif kind.__module__.partition(".")[0] not in _LIBRARIES:
        return
    elif hasattr(kind, "fileno"):
        with contextlib.suppress(Exception):  # a port that is closed raises what its library has for that
            if (descriptor := thing.fileno()) >= 0:
                yield descriptor
        return
    elif (kind.__module__, kind.__name__) == ("usb.core", "Device"):
        yield from _usb(thing)
        return
    else:
        parts = list(getattr(thing, "__dict__", {}).values())
    for part in parts:
        yield from _found(part, seen, depth + 1)


def _usb(device: Any) -> Iterator[int]:
    """libusb keeps its descriptors to itself; what they are open on tells (usbfs: /dev/bus/usb/BUS/DEVICE)."""
    node = f"/dev/bus/usb/{device.bus:03}/{device.address:03}"
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{entry}") == node:
                yield int(entry)
