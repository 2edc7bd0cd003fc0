"""Closes, in a forked child, its copies of the descriptors of its parent's instrument connections.

Otherwise the child's copy of a connection could outlive the parent and its lease. The next holder would then be granted
an instrument that still has an open connection, and an instrument that accepts one connection at a time would refuse
the new one.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

_DEEPEST = 6  # levels from a session to its socket; pyvisa-py's VXI-11 needs two, the rest is reserve
# Only objects of these packages belong to a connection. Others, such as a logger, may refer to standard error.
_LIBRARIES = ("lager", "pyvisa_py", "pymodbus", "serial", "socket", "usb")


def of(connection: object) -> set[int]:
    """Return the open descriptors of the sockets, serial ports and USB devices that `connection` refers to."""
    return set(_found(connection, set(), 0))


def close_copies(descriptors: set[int]) -> None:
    """Close this process's copies of `descriptors`; the copies of other processes stay open.

    Each number is kept in use for /dev/null, open for reading: the objects that own the numbers close them later, and
    must not close an unrelated file that reused one. Reads return end of file, writes fail.
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
        with contextlib.suppress(Exception):  # a closed port raises an error of its library
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
    """Yield the descriptors that are open on the device's node in usbfs, because libusb does not expose them."""
    node = f"/dev/bus/usb/{device.bus:03}/{device.address:03}"
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{entry}") == node:
                yield int(entry)
