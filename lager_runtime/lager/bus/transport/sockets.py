"""Connect the socket of a connection to the broker, and close descriptors."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterable

from lager.bus.address import unix_address
from lager.bus.transport import wire

_BACKLOG_SECONDS = 5  # the longest that connect() blocks while the broker's listen queue is full


def close_fds(fds: Iterable[int]) -> None:
    """Close descriptors. A negative number is a descriptor that was taken out of the list."""
    for fd in fds:
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def connected(address: str) -> socket.socket:
    """Return a socket that is connected to the first unix: address. Raises OSError if it cannot be reached."""
    where = _path(address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _BACKLOG_SECONDS, 0))
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def _path(address: str) -> str:
    """Return the path of the first unix: address. The path of an abstract socket begins with NUL."""
    path = address.removeprefix("unix:path=")
    if address == unix_address(path):  # nothing to decode, as in nearly every address
        return path
    options = [options for transport, options in wire.parse_address(address) if transport == "unix"]
    if not options:
        raise OSError("not a unix: address")
    return options[0].get("path") or "\0" + options[0]["abstract"]
