"""Which bus: the one that is named, else the system bus where lagerd is installed there, else this user's own.

Nothing here talks to a bus; it looks at the environment, at files and at sockets, so that it costs next to nothing.
"""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lager
from lager.errors import BusError

SYSTEM = "unix:path=/run/dbus/system_bus_socket"
NETS_FILE = Path("/etc/lager/nets.toml")
_INSTALLED = (
    Path("/usr/share/dbus-1/system-services/com.lager.Breakpoints.service"),
    Path("/usr/local/share/dbus-1/system-services/com.lager.Breakpoints.service"),
    Path("/usr/share/dbus-1/system.d/com.lager.conf"),
    Path("/etc/dbus-1/system.d/com.lager.conf"),
)
_LONGEST_RUNTIME = 90  # a socket's path has at most 107 bytes: unix(7)


@dataclass(frozen=True)
class Address:
    """A bus, and whether it is this user's embedded one (which may have to be started first)."""

    text: str
    embedded: bool


def given_or_system() -> str:
    return lager.at_start("LAGER_BUS_ADDRESS") or lager.at_start("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM


def choose() -> Address:
    """The bus for this process. BusError where a real bench has no lagerd: a simulated one never stands in for it."""
    named = lager.at_start("LAGER_BUS_ADDRESS")
    if named:
        return Address(named, embedded=False)
    if any(path.exists() for path in _INSTALLED):
        return Address(given_or_system(), embedded=False)
    if NETS_FILE.exists():
        raise BusError(
            f"This machine has a bench ({NETS_FILE}), but lagerd is not installed.",
            "Install it with: sudo lagerd install && sudo systemctl start lagerd",
        )
    return Address(unix_address(embedded_folder() / "bus"), embedded=True)


def unix_address(path: Path) -> str:
    """The D-Bus address of a socket file (D-Bus specification, Server Addresses: what may stand unescaped)."""
    plain = b"-_/.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "unix:path=" + "".join(chr(byte) if byte in plain else f"%{byte:02x}" for byte in os.fsencode(path))


def listening(path: Path) -> bool:
    """Whether somebody listens at a socket file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def embedded_folder() -> Path:
    """The private folder of this user's embedded daemon, made if need be; BusError if it cannot be private."""
    runtime = lager.at_start("XDG_RUNTIME_DIR") or ""
    if os.path.isabs(runtime) and len(os.fsencode(runtime)) < _LONGEST_RUNTIME:
        try:
            return private(Path(runtime) / "lager")
        except (OSError, BusError):
            pass  # absent, read-only or somebody else's: the temporary folder will do
    first = Path(lager.at_start("TMPDIR") or "/tmp") / f"lager-{os.getuid()}"
    try:
        return private(first)
    except (OSError, BusError) as error:
        # Anybody can make that name in a temporary folder, but nobody else in the home of this user.
        for folder in _in_home():
            with contextlib.suppress(OSError, BusError):
                folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                return private(folder)
        if isinstance(error, BusError):
            raise
        raise BusError(
            f"Cannot create {first} ({error.strerror}).", "Set XDG_RUNTIME_DIR to a folder that you own."
        ) from error


def _in_home() -> Iterator[Path]:
    home = os.path.expanduser("~")
    if os.path.isabs(home) and len(os.fsencode(home)) < _LONGEST_RUNTIME - len("/.cache"):
        yield Path(home) / ".cache" / "lager"


def require_user_name() -> None:
    """BusError for a user id without a name: dbus-daemon neither runs for it nor lets it in."""
    import pwd

    uid = os.getuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise BusError(
            f"The user id {uid} has no entry in passwd, and D-Bus needs one.",
            f"Add a user with this id (sudo useradd --uid {uid} NAME), or run as a user that has one.",
        ) from None


def embedded_records() -> Path | None:
    """Where the embedded daemon of this user keeps its records; None where the bus of this process is another one.
    BusError as `choose` raises it."""
    where = choose()
    folder = embedded_folder()
    return folder / "records" if where.embedded or where.text == unix_address(folder / "bus") else None


def private(folder: Path) -> Path:
    """`folder`, made if need be; OSError or BusError where it cannot be one that only this user can use."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BusError(f"{folder} is not a private folder of yours.", "Remove it, or set XDG_RUNTIME_DIR.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "Permission denied", str(folder))
    return folder
