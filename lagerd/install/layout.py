"""Which files an installation has, and where they go."""

import os
import stat
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lager
import lagerd
from lager.contract import CONFIG_FILE, GROUP, NETS_FILE, NOTIFY_FILE, PAGE_FOLDER
from lager.errors import LagerError
from lagerd.install import ports

# The users that an installation has, and what passwd says of them.
USER = GROUP
USERS = {USER: "Lager breakpoint daemon", "lager-notify": "Lager notifier"}
SERVICE = "usr/lib/systemd/system/lagerd.service"
NOTIFY_SERVICE = "usr/lib/systemd/system/lager-notify.service"
START = "usr/lib/systemd/system/lager-start.socket"
UNITS = {SERVICE: "lagerd.service", NOTIFY_SERVICE: "lager-notify.service"}  # those that run
STARTED_AT_BOOT = {START: "lager-start.socket", **UNITS}
WANTS = "etc/systemd/system/multi-user.target.wants"
# The links of `systemctl enable` for units that 0.21.0 does not have. It removes what an installation has recorded and
# it does not know; the link of lagerd.service stays.
RECORDED_LINKS = ("etc/systemd/system/sockets.target.wants/lager-start.socket", f"{WANTS}/lager-notify.service")
SYSUSERS = "usr/lib/sysusers.d/lager.conf"
# Below the root of an installation.
CONFIG, NETS, NOTIFY = (file.lstrip("/") for file in (CONFIG_FILE, NETS_FILE, NOTIFY_FILE))
# Where ssh finds a command without a login shell: lager --box NAME starts lager there.
LINKS = ("usr/local/bin/lager", "usr/local/bin/lagerd")
KILL = "usr/lib/systemd/system/lager-kill@.service"
SAFE = "usr/lib/systemd/system/lager-safe@.service"
PORTS = "usr/lib/udev/rules.d/99-lager-ports.rules"
OWN_FOLDERS = ("etc/lager", "usr/share/lager")
# The page is installed where Cockpit is, whose part for pages this is.
PAGE = PAGE_FOLDER.lstrip("/")
COCKPIT = str(Path(PAGE).with_name("base1"))
_PAGE_FILES = ("*.css", "*.html", "*.js", "manifest.json")

# Where each template goes. The user comes first, since the bus and udev look up its name when they read the others.
FILES = {
    SYSUSERS: "lager.sysusers",
    SERVICE: "lagerd.service",
    NOTIFY_SERVICE: "lager-notify.service",
    "usr/share/lager/notify.toml": "notify.toml",
    "usr/share/dbus-1/interfaces/com.lager.Breakpoints.xml": "com.lager.Breakpoints.xml",
    "usr/share/dbus-1/interfaces/com.lager.Instruments.xml": "com.lager.Instruments.xml",
    "usr/share/polkit-1/actions/com.lager.breakpoints.policy": "com.lager.breakpoints.policy",
    "usr/lib/udev/rules.d/70-lager.rules": "70-lager.rules",
    PORTS: "99-lager-ports.rules",
    "usr/lib/systemd/catalog/lager.catalog": "lager.catalog",
    KILL: "lager-kill@.service",
    SAFE: "lager-safe@.service",
    "usr/lib/systemd/system/lager-safe.socket": "lager-safe.socket",
    START: "lager-start.socket",
    "usr/share/polkit-1/rules.d/lager.rules": "lager.polkit.rules",
    CONFIG: "lagerd.toml",
    "usr/share/dbus-1/system.d/com.lager.conf": "com.lager.conf",
}

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))
_ADVICE = "Install it where everybody can read it: python3 -m venv /opt/lager && /opt/lager/bin/pip install lager-box"


@dataclass(frozen=True)
class Layout:
    """`program` is the path of lagerd as seen inside the root, `python` that of its interpreter."""

    templates: Path
    program: Path
    python: Path
    protect_home: str
    ports: str = ""
    page: Path | None = None

    def render(self) -> Iterator[tuple[str, str]]:
        """Yield the place of each file below the root, and its text."""
        for place, name in FILES.items():
            text = (self.templates / name).read_text(encoding="utf-8")
            if place in (SERVICE, NOTIFY_SERVICE, KILL, SAFE):
                text = text.replace("{lagerd}", _quoted(self.program)).replace("{protect_home}", self.protect_home)
                text = text.replace("{lager}", _quoted(self.program.with_name("lager")))
                text = text.replace("{python}", _quoted(self.python))
            if place == PORTS:
                text = text.replace("{ports}\n", self.ports)
            yield place, text
        if self.page is not None:
            for file in sorted(file for pattern in _PAGE_FILES for file in self.page.rglob(pattern)):
                yield f"{PAGE}/{file.relative_to(self.page)}", file.read_text(encoding="utf-8")


def find(root: Path) -> Layout:
    """Return the layout for `root`. Raises LagerError if the user of the service could not run lagerd from there."""
    program = _program()
    needed = _needed(program)
    if all(path.is_relative_to(root) for path in needed):
        for path in needed:
            _check(path)
    home = any(path.is_relative_to(folder) for path in needed for folder in _HOMES)
    inside, python = (_inside(root, path) for path in (program, Path(sys.executable)))
    page = _data("page") if (root / COCKPIT).is_dir() else None
    return Layout(_data("units"), inside, python, "read-only" if home else "yes", ports.rules(root), page)


def _inside(root: Path, path: Path) -> Path:
    return Path("/") / path.relative_to(root) if path.is_relative_to(root) else path


def _data(folder: str) -> Path:
    package = Path(lagerd.__file__).parent
    in_wheel, in_checkout = package / folder, package.parent / folder
    return in_wheel if in_wheel.is_dir() else in_checkout


def _program() -> Path:
    folders = [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    for folder in folders:
        if (folder / "lagerd").is_file():
            return folder / "lagerd"
    raise LagerError(f"There is no lagerd command in {folders[0]}.", _ADVICE)


def _needed(program: Path) -> list[Path]:
    """Return the paths that lagerd reads at its start, as given and with symbolic links resolved."""
    modules = [Path(str(module.__file__)) for module in (lagerd, lager, os)]
    paths = [program, Path(sys.executable), Path(sysconfig.get_path("purelib")), *modules]
    return [*paths, *(path.resolve() for path in paths)]


def _check(path: Path) -> None:
    for folder in _TEMPORARY:
        if path.is_relative_to(folder):
            raise LagerError(f"lagerd cannot run from {path}: each service has its own {folder}.", _ADVICE)
    for part in (path, *path.parents):
        mode = part.stat().st_mode
        wanted = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if not mode & wanted:
            why = f"the user {USER} cannot read {part} ({stat.filemode(mode)})"
            raise LagerError(f"lagerd cannot run from {path}: {why}.", _ADVICE)


def _quoted(path: Path) -> str:
    """Quote a path for systemd.service(5): C escapes in double quotes, and % doubled."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if any(c in text for c in " '\"\\;") else text
