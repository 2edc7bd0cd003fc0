"""Choose the bus: the bus that the environment names, else the system bus if lagerd is installed, else the embedded bus
of this user.

This module does not connect to a bus. It only reads the environment, files and sockets, which takes almost no time.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import lager
from lager import variables
from lager.contract import NETS_FILE
from lager.errors import BusError
from lager.wording import text_files

if TYPE_CHECKING:
    from pathlib import Path  # on a box, the bus is chosen without it

SYSTEM = "unix:path=/run/dbus/system_bus_socket"
_INSTALLED = (
    "/usr/share/dbus-1/system.d/com.lager.conf",
    "/etc/dbus-1/system.d/com.lager.conf",
)
_LONGEST_RUNTIME = 90  # the path of a socket has 107 bytes at most: unix(7)


class Address(NamedTuple):
    """The address of a bus. `embedded`: it is this user's embedded bus, which may have to be started first."""

    text: str
    embedded: bool


def given_or_system() -> str:
    """Return the bus address of the environment as it was at the start, else the address of the system bus."""
    if lager.at_start(variables.BENCH):
        return unix_address(bench_folder() / "bus")
    return lager.at_start(variables.BUS_ADDRESS) or lager.at_start("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM


def choose() -> Address:
    """Return the bus for this process.

    Raises BusError if the machine has a bench but no lagerd: a simulated bench never replaces a real one.
    """
    if lager.at_start(variables.BENCH):
        return Address(unix_address(bench_folder() / "bus"), embedded=False)
    named = lager.at_start(variables.BUS_ADDRESS)
    if named:
        return Address(named, embedded=False)
    if any(os.path.exists(path) for path in _INSTALLED):
        return Address(given_or_system(), embedded=False)
    if os.path.exists(NETS_FILE) or text_files.drop_ins(NETS_FILE):
        raise BusError(
            f"This machine has a bench ({NETS_FILE}), but lagerd is not installed.",
            "Install it with: sudo lagerd install && sudo systemctl start lagerd",
        )
    return Address(unix_address(embedded_folder() / "bus"), embedded=True)


def unix_address(path: "Path | str") -> str:
    """Return the D-Bus address of a socket file, escaped (D-Bus specification, Server Addresses)."""
    plain = b"-_/.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "unix:path=" + "".join(chr(byte) if byte in plain else f"%{byte:02x}" for byte in os.fsencode(path))


def listening(path: "Path") -> bool:
    """Return whether a process listens on a socket file."""
    import socket  # most commands get the bus from the environment and do not call this

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def embedded_folder() -> "Path":
    """Return the private folder of this user's embedded daemon, created if needed. Raises BusError if it cannot be
    created.

    With a simulated bench, this is the folder of the bench.
    """
    return bench_folder() if lager.at_start(variables.BENCH) else own_folder()


def bench_folder() -> "Path":
    """Return the folder LAGER_BENCH of a simulated bench. Raises BusError if this user has none there."""
    from pathlib import Path

    folder = Path(lager.at_start(variables.BENCH) or "")
    found = folder.lstat() if folder.is_absolute() and folder.is_dir() else None
    if found is None or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BusError(
            f"You have no simulated bench at {folder} (LAGER_BENCH).", "Unset LAGER_BENCH, or start the bench."
        )
    return folder


def own_folder() -> "Path":
    """Return the private folder of this user; see `embedded_folder`."""
    from pathlib import Path

    runtime = lager.at_start("XDG_RUNTIME_DIR") or ""
    if _takes_sockets(runtime):
        try:
            return private(Path(runtime) / "lager")
        except (OSError, BusError):
            pass  # missing, read-only or owned by another user: try the temporary folder
    temporary = lager.at_start("TMPDIR") or ""
    first = Path(temporary if _takes_sockets(temporary) else "/tmp") / f"lager-{os.getuid()}"
    try:
        return private(first)
    except (OSError, BusError) as error:
        # Any user can create that name in a temporary folder, but not in the home of this user.
        for folder in _in_home():
            with contextlib.suppress(OSError, BusError):
                folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                return private(folder)
        if isinstance(error, BusError):
            raise
        raise BusError(
            f"Cannot create {first} ({error.strerror}).", "Set XDG_RUNTIME_DIR to a folder that you own."
        ) from error


def _takes_sockets(folder: str) -> bool:
    """Return whether the path is absolute and short enough for lager's sockets."""
    return os.path.isabs(folder) and len(os.fsencode(folder)) < _LONGEST_RUNTIME


def _in_home() -> "Iterator[Path]":
    from pathlib import Path

    home = os.path.expanduser("~")
    if _takes_sockets(f"{home}/.cache"):
        yield Path(home) / ".cache" / "lager"


def require_user_name() -> None:
    """Raise BusError if this user id has no name: dbus-daemon neither runs for it nor accepts it."""
    import pwd

    uid = os.getuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise BusError(
            f"The user id {uid} has no entry in passwd, and D-Bus needs one.",
            f"Add a user with this id (sudo useradd --uid {uid} NAME), or run as a user that has one.",
        ) from None


def embedded_records() -> "Path | None":
    """Return the file with the records of this user's embedded daemon; None if this process uses another bus.

    Raises BusError as `choose` does.
    """
    where = choose()
    folder = embedded_folder()
    return folder / "records" if where.embedded or where.text == unix_address(folder / "bus") else None


def private(folder: "Path") -> "Path":
    """Create `folder` if needed, and return it. Raises OSError, or BusError if other users have access to it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BusError(f"{folder} is not a private folder of yours.", "Remove it, or set XDG_RUNTIME_DIR.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "Permission denied", str(folder))
    return folder
