"""Records of this user's runs: a small file for each, in a folder that only this user can access."""

import contextlib
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lager import build, evidence
from lager.bus.address import own_folder, private
from lager.errors import AmbiguousId, BusError, NoSuchRun
from lager.wording import text_files
from lager.wording.text import printable
from lager_cli.linux import home
from lager_cli.linux.process_id import Identity

KEPT = 100
KEPT_SECONDS = 7 * 86400.0
SHORTEST_PREFIX = 4
_ROOM = 96  # bytes reserved at the start for the end of the run, so that a full disk cannot lose it
_NOBODY = Identity(0, "")
_chosen: Path | None = None


@dataclass
class Record:
    """`script` is the process of the script; `keeper` is the one that waits for it and records its end.

    `started` and `ended` are seconds since the epoch. `unit` is the unit of the user's systemd manager, if it has one.
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
    interpreter: str = ""  # its path, if it is not lager's own
    bench: str = ""  # the folder of its simulated bench

    @property
    def age(self) -> float:
        """Seconds since the start, independent of changes of the clock; for a run of an earlier boot, by the clock."""
        known = self.script.age()
        return max(time.time() - self.started, 0.0) if known is None else known

    @property
    def seconds(self) -> float | None:
        """Seconds that it ran, or has run until now; None if unknown."""
        if self.state == "running":
            return self.age
        if self.lasted is not None:
            return self.lasted
        return None if self.ended is None else max(self.ended - self.started, 0.0)

    @property
    def ended_ago(self) -> float:
        """Seconds since the end; since the start if the end was not recorded."""
        if self.script.age() is None:
            return max(time.time() - (self.ended or self.started), 0.0)
        return max(self.age - (self.seconds or 0.0), 0.0)

    @property
    def state(self) -> str:
        if self.ended is None and (self.keeper.is_alive() or self.script.is_alive()):
            return "running"
        if self.ended is None:
            self._take_end()
        return "died" if self.ended is None else "ended"

    def _take_end(self) -> None:
        """Read the end of a run that was active when this was read. The keeper records the end before it exits."""
        now = Record.read(path(self.id, "json"))
        if now is not None:
            self.ended, self.exit_code, self.lasted = now.ended, now.exit_code, now.lasted

    def begin(self, script: int) -> None:
        """Record that the run is active and that this process keeps it; remove old records."""
        self.keeper, self.script = Identity.of(os.getpid()), Identity.of(script)
        self.write()
        system = os.uname()
        evidence.note_in(
            str(path(self.id, "evidence")), "versions", lager=build.release(), python=sys.version.split()[0],
            system=f"{system.sysname} {system.release} {system.machine}",
        )  # fmt: skip
        _forget()

    def end(self, code: int) -> None:
        """Record the end. On a full disk, overwrite the file in place, which needs no space."""
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
        """Write the file atomically: a concurrent reader gets the old content."""
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
        """Return the record with these values. Raises ValueError, TypeError or KeyError if they are not one."""
        record = cls(**{**values, **{key: Identity(**values[key]) for key in ("keeper", "script")}})
        texts = (record.id, record.runnable, record.folder, record.box, record.host, record.unit, *record.arguments)
        numbers = (record.started, record.ended or 0, record.lasted or 0, record.exit_code or 0)
        pids = (record.keeper.pid, record.script.pid)
        if not all(isinstance(text, str) for text in (*texts, record.keeper.born, record.script.born)):
            raise TypeError
        if not all(type(one) is int and one >= 0 for one in pids) or not all(math.isfinite(one) for one in numbers):
            raise ValueError
        return record

    @classmethod
    def read(cls, file: Path) -> "Record | None":
        """Return the record in the file; None if it is missing or invalid."""
        try:
            return cls.of(json.loads(text_files.read(file)))
        except (OSError, text_files.Unreadable, ValueError, TypeError, KeyError, RecursionError):
            return None


def path(id: str, kind: str) -> Path:
    """Return the path of a file of a run. Kinds: `json` for the record, and the files of a detached run."""
    return _folder() / f"{id}.{kind}"


def everyone() -> list[Record]:
    """Return the runs on this machine, latest first. Home folders may be shared with other machines."""
    read = (Record.read(file) for file in _folder().glob("*.json"))
    found = [record for record in read if record is not None and record.host == os.uname().nodename]
    return sorted(found, key=lambda record: record.started, reverse=True)


def find(id: str) -> Record:
    """Return the run with this id or unique prefix. Raises NoSuchRun or AmbiguousId."""
    wanted = id.strip().lower()
    found = [one for one in everyone() if one.id.startswith(wanted)] if len(wanted) >= SHORTEST_PREFIX else []
    if not found:
        raise NoSuchRun(f"You have no run '{printable(id, 60)}'.", "See: lager runs --all")
    if len(found) > 1:
        raise AmbiguousId(f"{wanted} matches {len(found)} runs.", "Give more of the id: lager runs")
    return found[0]


def keep_in(folder: Path) -> None:
    """Use this folder for the records from now on, whatever the environment says."""
    global _chosen
    _chosen = folder


def _folder() -> Path:
    if _chosen is not None:
        return _chosen
    kept = home.state() / "lager"
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        return private(kept / "runs")
    except (OSError, BusError):
        return private(own_folder() / "runs")


def _forget() -> None:
    """Remove the records of runs that ended long ago, and all but the latest of the rest."""
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
    """Remove all files of a run."""
    for file in _folder().glob(f"{id}.*"):
        file.unlink(missing_ok=True)
