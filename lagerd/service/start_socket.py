"""The start socket: systemd starts lagerd for a connection to it, and lagerd closes each connection when it can be
called."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable

from lager.errors import LagerError
from lagerd.callers.clients import Client, Clients

_FIRST = 3  # SD_LISTEN_FDS_START: sd_listen_fds(3)
_AT_ONCE = 64
_LONGEST_NAME = 255  # of a connection: D-Bus specification, Valid Names
_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: unix(7), SO_PEERCRED


class StartSocket:
    """The start socket. `given` is None if systemd has not started lagerd, or passed no start socket."""

    def __init__(self, given: socket.socket | None, clients: Clients, started_for: Callable[[Client], None]) -> None:
        self._socket = given
        self._clients = clients
        self._started_for = started_for
        self._recording: asyncio.Task[None] | None = None

    def serve(self) -> None:
        """Close all connections, now and later, because lagerd can be called. The first one belongs to the command that
        started it."""
        if self._socket is not None:
            first = self._accept()
            if first is not None:
                with first:
                    self._record(first)
            asyncio.get_running_loop().add_reader(self._socket, self._close_waiting)

    async def close(self) -> None:
        """Leave further connections to systemd, and wait until it is recorded who started lagerd."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._recording is not None:
            await self._recording

    def _accept(self) -> socket.socket | None:
        assert self._socket is not None
        try:
            return self._socket.accept()[0]
        except OSError:  # no connection waits, it has been closed, or there is no free descriptor
            return None

    def _close_waiting(self) -> None:
        for _ in range(_AT_ONCE):
            connection = self._accept()
            if connection is None:
                return
            connection.close()

    def _record(self, first: socket.socket) -> None:
        """Find out who connected: the bus name that the command sent is its own if both belong to the same process.

        The pid comes from the kernel. The uid does not: PrivateUsers= of lagerd.service hides it.
        """
        with contextlib.suppress(OSError, UnicodeError):
            first.setblocking(False)
            name = first.recv(_LONGEST_NAME).decode("ascii")
            pid, _, _ = _CREDENTIALS.unpack(first.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
            if name.startswith(":"):
                self._recording = asyncio.ensure_future(self._identify(name, pid))

    async def _identify(self, name: str, pid: int) -> None:
        with contextlib.suppress(LagerError):  # it has left the bus
            client = await self._clients.of(name)
            if client.pid == pid:
                self._started_for(client)


def given_by_systemd() -> socket.socket | None:
    """Return the socket that systemd listens at, once; None without one. Children of this process do not get it."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or count != "1":
        return None
    found = socket.socket(fileno=_FIRST)
    found.set_inheritable(False)
    found.setblocking(False)
    return found
