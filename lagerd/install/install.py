"""Installs and removes the units of a box.

`install` and `uninstall` do their work while they are iterated, and yield each step for the caller to print. MANIFEST
records which files were installed, so that edited ones are recognised.
"""

import contextlib
import grp
import hashlib
import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lager.errors import LagerError
from lagerd.install import journal_upload, layout
from lagerd.install.layout import (
    CONFIG,
    FILES,
    LINKS,
    NETS,
    NOTIFY,
    OWN_FOLDERS,
    RECORDED_LINKS,
    START,
    STARTED_AT_BOOT,
    SYSUSERS,
    UNITS,
    WANTS,
)

MANIFEST = "usr/share/lager/installed.json"
_RUNTIME = (Path("/run/lager"), Path("/run/lager-metrics"), Path("/run/lager-safe"))
_STATES = (Path("/var/lib/lager"), Path("/var/lib/lager-notify"))
_UNIT_FOLDER = "usr/lib/systemd/system/"
_COMMAND_SECONDS = 60.0
_SYSTEMD, _UDEV, _BUS = Path("/run/systemd/system"), Path("/run/udev/control"), Path("/run/dbus/system_bus_socket")


@dataclass(frozen=True)
class Step:
    """One step: what was done, the file or command, and the reason."""

    did: str
    what: str
    note: str = ""

    @property
    def failed(self) -> bool:
        return self.did == "failed"

    def __str__(self) -> str:
        return f"{self.did:<13} {self.what}{f' ({self.note})' if self.note else ''}"


def install(root: Path = Path("/"), dry_run: bool = False, upload_to: str = "") -> Iterator[Step]:
    """Install below `root`; if that is /, also make the running system reload its files. Raises LagerError.

    `upload_to` is the URL to which systemd sends the journal from now on; without it, that stays as it is.
    """
    work = _Work(root.absolute(), dry_run)
    work.check_root("install")
    with _explained():
        upload = journal_upload.files(work.root, upload_to) if upload_to else {}
        found = layout.find(work.root)
        new = [unit for place, unit in STARTED_AT_BOOT.items() if not (work.root / place).exists()]
        files = dict(found.render())
        for place, text in files.items():
            yield work.put(place, text)
            if place == SYSUSERS:
                yield from work.run(_SYSTEMD, "systemd-sysusers", f"/{SYSUSERS}", needed=True)
        for place in LINKS:
            yield from work.link(place, found.program.with_name(Path(place).name))
        yield from work.drop_stale(files)
        sending = [work.put(place, text) for place, text in upload.items()]
        yield from sending
        work.make_folder(work.root / WANTS)
        work.remember()
        if new:
            yield from work.systemctl("enable", *new)
        work.record_links()
        yield from work.tell()
        yield from work.restart(new)
        if sending:
            yield from work.start_upload(changed=any(step.did != "unchanged" for step in sending))


def uninstall(root: Path = Path("/"), dry_run: bool = False) -> Iterator[Step]:
    """Remove what `install` created, except edited configuration. Raises LagerError."""
    work = _Work(root.absolute(), dry_run)
    work.check_root("uninstall")
    with _explained():
        there = [unit for place, unit in STARTED_AT_BOOT.items() if (work.root / place).exists()]
        if there:
            yield from work.systemctl("disable", *(("--now",) if work.live else ()), *there)
            for folder in (*_RUNTIME, *_STATES):
                yield from work.run(folder, "rm", "-rf", str(folder))
        yield from work.stop_upload()
        sent = journal_upload.CONFIG in work.files
        for place in dict.fromkeys([*FILES, *work.files]):
            yield from work.remove(place)
        yield from work.remove_manifest()
        for place in (NETS, NOTIFY, f"{NETS}.d", f"{CONFIG}.d"):
            if (work.root / place).exists():
                yield Step("kept", str(work.root / place), "it is yours")
        if there:
            yield from work.tell()
        if sent and work.live:  # it may continue with the administrator's own configuration
            yield from work.systemctl("try-restart", journal_upload.UNIT)
        yield from work.remove_users()


@dataclass
class _Work:
    root: Path
    dry_run: bool
    files: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    enabled: list[str] = field(default_factory=list)  # units of other packages

    def __post_init__(self) -> None:
        if (self.root / MANIFEST).exists():
            known = json.loads((self.root / MANIFEST).read_text(encoding="utf-8"))
            self.files, self.folders = dict(known["files"]), list(known["folders"])
            self.enabled = list(known.get("enabled", []))

    @property
    def live(self) -> bool:
        return self.root == Path("/")

    def check_root(self, verb: str) -> None:
        if self.live and not self.dry_run and os.geteuid() != 0:
            raise LagerError(f"Only root may {verb} lagerd on this machine.", f"Type: sudo lagerd {verb}")

    def put(self, place: str, text: str) -> Step:
        path, new = self.root / place, text.encode()
        old = path.read_bytes() if path.exists() else None
        if old is not None and old != new and self._edited(place, old):
            return Step("kept", str(path), "it was edited")
        if not self.dry_run:
            self.files[place] = _digest(new)
        if old == new:
            return Step("unchanged", str(path))
        self._write(place, new)
        return self._step("created" if old is None else "updated", path)

    def link(self, place: str, target: Path) -> Iterator[Step]:
        """Link the command into the search path, unless another file has the name."""
        path, text = self.root / place, str(target)
        if target == Path("/", place):
            return
        ours = path.is_symlink() and self.files.get(place) == _digest(os.fsencode(path.readlink()))
        if os.path.lexists(path) and not ours:
            yield Step("kept", str(path), "not installed by lagerd")
            return
        old = str(path.readlink()) if ours else None
        if not self.dry_run:
            self.files[place] = _digest(text.encode())
        if old == text:
            yield Step("unchanged", str(path))
            return
        if not self.dry_run:
            self.make_folder(path.parent)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        yield self._step("updated" if ours else "created", path)

    def drop_stale(self, files: Mapping[str, str]) -> Iterator[Step]:
        """Remove files of an earlier installation that no longer belong to this one."""
        known = {*files, *LINKS, *RECORDED_LINKS, *journal_upload.FILES}  # an upload continues until it is uninstalled
        stale = [place for place in self.files if place not in known]
        units = [Path(place).name for place in stale if place.startswith(_UNIT_FOLDER) and "@" not in place]
        if units:
            yield from self.systemctl("disable", *(("--now",) if self.live else ()), *units)
        for place in stale:
            yield from self.remove(place)

    def record_links(self) -> None:
        """Record the links that `systemctl enable` has made, so that another version can remove the links of units that
        it does not have."""
        for place in RECORDED_LINKS:
            path = self.root / place
            if not path.is_symlink():
                self.files.pop(place, None)
            elif not self.dry_run:
                self.files[place] = _digest(os.fsencode(path.readlink()))
        self.remember()

    def start_upload(self, changed: bool) -> Iterator[Step]:
        """Start the upload of the journal now and at each boot, and note whether it was not started before."""
        unit = journal_upload.UNIT
        root = () if self.live else (f"--root={self.root}",)
        if _why_failed(("systemctl", *root, "--quiet", "is-enabled", unit)):
            yield from self.systemctl("enable", unit)
            if not self.dry_run:
                self.enabled.append(unit)
                self.remember()
        if self.live:
            yield from self.systemctl("restart" if changed else "start", unit)

    def stop_upload(self) -> Iterator[Step]:
        """Stop the upload of the journal if `install` has begun it."""
        if self.enabled:
            yield from self.systemctl("disable", *(("--now",) if self.live else ()), *self.enabled)

    def remove(self, place: str) -> Iterator[Step]:
        path = self.root / place
        if path.exists() and self._edited(place, path.read_bytes()):
            yield Step("kept", str(path), "it was edited")
        elif os.path.lexists(path):
            if not self.dry_run:
                path.unlink()
            yield self._step("removed", path)
        if not self.dry_run:
            self.files.pop(place, None)

    def remember(self) -> None:
        known = {"files": self.files, "folders": self.folders, "enabled": self.enabled}
        if not self.dry_run:
            self._write(MANIFEST, b"")  # this creates its folder, which is recorded too
            (self.root / MANIFEST).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")

    def remove_manifest(self) -> Iterator[Step]:
        folders = [*self.folders, *OWN_FOLDERS]
        yield from self.remove(MANIFEST)
        if not self.dry_run:
            for place in sorted(set(folders), key=len, reverse=True):
                with contextlib.suppress(OSError):
                    (self.root / place).rmdir()

    def run(self, present: Path, *command: str, needed: bool = False) -> Iterator[Step]:
        """Run a command on the live system if the program that it needs is `present`."""
        if self.live and present.exists():
            yield from self._run(*command, needed=needed)

    def systemctl(self, verb: str, *words: str) -> Iterator[Step]:
        """Run systemctl on the live system if systemd runs there, or on the files below the root."""
        if not self.live or _SYSTEMD.exists():
            root = () if self.live else (f"--root={self.root}",)
            yield from self._run("systemctl", *root, "--quiet", verb, *words)

    def _run(self, *command: str, needed: bool = False) -> Iterator[Step]:
        shown = " ".join(command)
        if shutil.which(command[0]) is None:
            return
        if self.dry_run:
            yield Step("would run", shown)
            return
        why = _why_failed(command)
        if why and needed:
            raise LagerError(f"{shown} failed: {why}.", "Fix this, and install again.")
        yield Step("failed", shown, why) if why else Step("ran", shown)

    def tell(self) -> Iterator[Step]:
        """Make the running system reload its files."""
        yield from self.run(_SYSTEMD, "systemctl", "daemon-reload")
        bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
        yield from self.run(_BUS, "busctl", "call", *bus, "ReloadConfig")
        yield from self.run(_UDEV, "udevadm", "control", "--reload")
        yield from self.run(
            _UDEV, "udevadm", "trigger", *(f"--subsystem-match={name}" for name in ("usb", "usbmisc", "tty"))
        )
        yield from self.run(_SYSTEMD, "journalctl", "--update-catalog")

    def restart(self, new: list[str]) -> Iterator[Step]:
        """Restart what is running on the live system, and let members start lagerd from now on."""
        if self.live:
            yield from self.systemctl("try-restart", *UNITS.values())
            if STARTED_AT_BOOT[START] in new:
                yield from self.systemctl("start", STARTED_AT_BOOT[START])

    def remove_users(self) -> Iterator[Step]:
        """Remove the users that `install` created, but not a user account of a person named lager."""
        for user, gecos in layout.USERS.items():
            with contextlib.suppress(KeyError):
                if pwd.getpwnam(user).pw_gecos == gecos:
                    yield from self.run(Path("/etc/passwd"), "userdel", user)
                    # userdel keeps a group that has members.
                    grp.getgrnam(user)
                    yield from self.run(Path("/etc/group"), "groupdel", user)

    def _edited(self, place: str, text: bytes) -> bool:
        return place == CONFIG and _digest(text) != self.files.get(place)

    def _step(self, did: str, path: Path) -> Step:
        verbs = {"created": "create", "updated": "update", "removed": "remove"}
        return Step(f"would {verbs[did]}" if self.dry_run else did, str(path))

    def _write(self, place: str, text: bytes) -> None:
        """Write a file atomically, since the bus and udev read these folders as soon as they change."""
        if self.dry_run:
            return
        path = self.root / place
        self.make_folder(path.parent)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(text)
        fresh.chmod(0o644)
        fresh.replace(path)

    def make_folder(self, folder: Path) -> None:
        if self.dry_run or folder.exists():
            return
        self.make_folder(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)
        self.folders.append(str(folder.relative_to(self.root)))


def _why_failed(command: tuple[str, ...]) -> str:
    """Run a command; return why it failed, or an empty string."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1] if done.returncode else ""


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LagerError(f"Cannot read or change {error.filename}: {error.strerror}.", "Run this as root.") from error
