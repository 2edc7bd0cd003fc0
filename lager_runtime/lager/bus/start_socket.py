"""Start lagerd on a box by its start socket, which only root and the group lager may connect to.

On the system bus, lagerd is not started by its name: the broker would do that for every user, since its policy cannot
check the arguments of StartServiceByName. systemd listens on the socket while lagerd is not running, and starts lagerd
for a connection. lagerd closes the connection when it owns its names. If lagerd ends before that, systemd closes it.

Nothing here imports asyncio.
"""

import os
import socket
import struct

from lager.bus.address import SYSTEM
from lager.contract import BREAKPOINTS, GROUP, INSTRUMENTS, START_SOCKET
from lager.errors import AccessDenied, NoDaemon

SECONDS = 25.0  # longer than TimeoutStartSec= of lagerd.service
# The first connection may meet a lagerd that is stopping, and ends with it; the next one starts a new lagerd.
KNOCKS = 3
_PATH = START_SOCKET
_SYSTEM = SYSTEM.removeprefix("unix:path=")
_HINT = "See why: systemctl status lagerd"


def starts(address: str, name: str) -> bool:
    """Return whether the start socket of this machine starts the service `name` on the bus at `address`."""
    path = address.removeprefix("unix:path=").partition(",")[0]
    return name in (BREAKPOINTS, INSTRUMENTS) and (path == _SYSTEM or os.path.realpath(path) == _SYSTEM)


def knock(connection: str, absent: NoDaemon) -> socket.socket:
    """Return a connection to the start socket. A read from it ends when lagerd owns its names or has failed.

    `connection` is the caller's unique name on the bus, from which lagerd records who started it. Raises `absent` if
    the socket has no listener, AccessDenied if this user may not connect. Blocks for a second at most, while the queue
    is full.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
        sock.connect(_PATH)
        sock.sendall(connection.encode())
    except BlockingIOError:
        pass  # the queue is full, and lagerd is about to empty it; reading fails at once, and the caller tries again
    except (BrokenPipeError, ConnectionResetError):
        pass  # already closed: lagerd is running
    except PermissionError:
        sock.close()
        raise AccessDenied(
            f"lagerd is not running, and only root and the group {GROUP} may start it.",
            f"Ask to be added to the group {GROUP}.",
        ) from None
    except OSError:
        sock.close()
        raise absent from None
    return sock


def start_blocking(connection: str, absent: NoDaemon) -> None:
    """Start lagerd; return when it has started or has failed. Raises as `knock` does, and NoDaemon if it takes long."""
    with knock(connection, absent) as sock:
        sock.settimeout(SECONDS)
        try:
            sock.recv(1)
        except TimeoutError:
            raise _slow() from None
        except OSError:
            return  # systemd has closed it


async def start(connection: str, absent: NoDaemon) -> None:
    """Do what `start_blocking` does, in an asyncio loop."""
    import asyncio

    with knock(connection, absent) as sock:
        sock.setblocking(False)
        try:
            async with asyncio.timeout(SECONDS):
                await asyncio.get_running_loop().sock_recv(sock, 1)
        except TimeoutError:
            raise _slow() from None
        except OSError:
            return


def failed() -> NoDaemon:
    return NoDaemon("lagerd does not start.", _HINT)


def _slow() -> NoDaemon:
    return NoDaemon(f"lagerd did not start within {SECONDS:g} s.", _HINT)
