"""What is known of this user's runs: a small file for each, in a folder that only this user can use."""

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lager.bus.address import embedded_folder, private
from lager.errors import AmbiguousId, BusError, NoSuchRun
from lager.text import printable
from lager_cli.linux.process_id import Identity

KEPT = 100
KEPT_SECONDS = 7 * 86400.0
SHORTEST_PREFIX = 4
_ROOM = 96  # bytes for how a run ended, kept free since it began
_NOBODY = Identity(0, "")
_chosen: Path | None = None


@dataclass
class Record:
    """`script` is the process of the script, and `keeper` the one that waits for it and writes down how it ended.

    `started` and `ended` are seconds of the epoch. `unit` is that of the user's systemd manager, where there is one.
    """

    id: str
    runnable: str
    arguments: list[str]
    folder: str
    box: str = ""
    host: str = field(default_factory=lambda: os.uname().nodename)
    unit: str = ""
    detached: bool = False
    started: float = field(default_factory=time.time)
    keeper: Identity = _NOBODY
    script: Identity = _NOBODY
    ended: float | None = None
    exit_code: int | None = None
    lasted: float | None = None  # seconds, when it has ended

    @property
    def age(self) -> float:
        """Seconds since it began, whatever happened to the clock meanwhile; of an earlier boot, by the clock."""
        known = self.script.age()
        return max(time.time() - self.started, 0.0) if known is None else known

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has run until now; None where nobody knows."""
        if self.state == "running":
            return self.age
        if self.lasted is not None:
            return self.lasted
        return None if self.ended is None else max(self.ended - self.started, 0.0)

    @property
    def ended_ago(self) -> float:
        """Seconds since it ended; of one that nobody saw end, since it began."""
        if self.script.age() is None:
            return time.time() - (self.ended or self.started)
        return self.age - (self.seconds or 0.0)

    @property
    def state(self) -> str:
        if self.ended is None and (self.keeper.is_alive() or self.script.is_alive()):
            return "running"
        if self.ended is None:
            self._take_end()
        return "died" if self.ended is None else "ended"

    def _take_end(self) -> None:
        """Of one that ran when this was read: the end is written before who writes it is gone."""
        now = Record.read(path(self.id, "json"))
        if now is not None:
            self.ended, self.exit_code, self.lasted = now.ended, now.exit_code, now.lasted

    def begin(self, script: int) -> None:
        """Write down that it runs, and that this process keeps it; forget what is old."""
        self.keeper, self.script = Identity.of(os.getpid()), Identity.of(script)
        self.write()
        _forget()

    def end(self, code: int) -> None:
        """Write down how it ended. On a full disk over what is there, which needs no room."""
        self.ended, self.exit_code, self.lasted = time.time(), code, self.age
        try:
            self.write()
        except OSError:
            self._write_over()

    def _write_over(self) -> None:
        fd = os.open(path(self.id, "json"), os.O_WRONLY)
        try:
            os.write(fd, self._text())
        finally:
            os.close(fd)

    def _text(self) -> bytes:
        room = "" if self.ended is not None else " " * _ROOM
        return f"{json.dumps(asdict(self))}{room}".encode("ascii")

    def write(self) -> None:
        """Atomically, so that whoever reads it meanwhile reads what was there before."""
        target = path(self.id, "json")
        draft = target.with_suffix(f".{os.getpid()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(self._text())
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Record":
        return cls(**{**values, **{key: Identity(**values[key]) for key in ("keeper", "script")}})

    @classmethod
    def read(cls, file: Path) -> "Record | None":
        """None where there is none, or something else."""
        try:
            return cls.of(json.loads(file.read_text(encoding="ascii")))
        except (OSError, ValueError, TypeError, KeyError):
            return None


def path(id: str, kind: str) -> Path:
    """A file of a run; the kinds are `json` for the record, and what a detached run needs beside it."""
    return _folder() / f"{id}.{kind}"


def everyone() -> list[Record]:
    """The runs on this machine, which may share its homes with others; the latest first."""
    read = (Record.read(file) for file in _folder().glob("*.json"))
    found = [record for record in read if record is not None and record.host == os.uname().nodename]
    return sorted(found, key=lambda record: record.started, reverse=True)


def find(id: str) -> Record:
    """The run with that id, or the only one that begins with it. NoSuchRun and AmbiguousId where there is not one."""
    wanted = id.strip().lower()
    found = [one for one in everyone() if one.id.startswith(wanted)] if len(wanted) >= SHORTEST_PREFIX else []
    if not found:
        raise NoSuchRun(f"There is no run {printable(id, 60)!r} of yours.", "Look at: lager runs --all")
    if len(found) > 1:
        raise AmbiguousId(f"{len(found)} runs begin with {wanted}.", "Give more of the id: lager runs")
    return found[0]


def keep_in(folder: Path) -> None:
    """From now on the records are there, whatever the environment of this process says."""
    global _chosen
    _chosen = folder


def _folder() -> Path:
    if _chosen is not None:
        return _chosen
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state if os.path.isabs(state) else os.path.expanduser("~/.local/state")) / "lager"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return private(home / "runs")
    except (OSError, BusError):
        return private(embedded_folder() / "runs")


def _forget() -> None:
    """Remove what ended long ago, and of the rest all but the latest."""
    changed: dict[str, float] = {}
    for file in _folder().iterdir():
        with contextlib.suppress(FileNotFoundError):
            changed[file.stem] = max(changed.get(file.stem, 0.0), file.stat().st_mtime)
    long_ago = time.time() - KEPT_SECONDS
    for number, id in enumerate(sorted(changed, key=lambda id: changed[id], reverse=True)):
        if number >= KEPT or changed[id] < long_ago:
            record = Record.read(path(id, "json"))
            if record is None or (record.host == os.uname().nodename and record.state != "running"):
                remove(id)


def remove(id: str) -> None:
    """Everything that is kept of a run."""
    for file in _folder().glob(f"{id}.*"):
        file.unlink(missing_ok=True)
