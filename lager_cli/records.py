"""What is known of this user's runs: a small file for each, in a folder that only this user can use."""

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lager.address import embedded_folder, private
from lager.errors import AmbiguousId, BusError, NoSuchRun
from lager.text import printable
from lager_cli.identity import Identity

KEPT = 100
KEPT_SECONDS = 7 * 86400.0
SHORTEST_PREFIX = 4
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
    unit: str = ""
    detached: bool = False
    started: float = field(default_factory=time.time)
    keeper: Identity = _NOBODY
    script: Identity = _NOBODY
    ended: float | None = None
    exit_code: int | None = None

    @property
    def state(self) -> str:
        if self.ended is not None:
            return "ended"
        return "running" if self.keeper.is_alive() or self.script.is_alive() else "died"

    def begin(self, script: int) -> None:
        """Write down that it runs, and that this process keeps it; forget what is old."""
        self.keeper, self.script = Identity.of(os.getpid()), Identity.of(script)
        self.write()
        _forget()

    def end(self, code: int) -> None:
        self.ended, self.exit_code = time.time(), code
        self.write()

    def write(self) -> None:
        """Atomically, so that whoever reads it meanwhile reads what was there before."""
        target = path(self.id, "json")
        draft = target.with_suffix(f".{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            json.dump(asdict(self), file)
        draft.replace(target)

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
    """The runs that are known, the latest first."""
    found = [record for file in _folder().glob("*.json") if (record := Record.read(file)) is not None]
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
    known: list[Any] = sorted(_folder().glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    latest = time.time() - KEPT_SECONDS
    for number, file in enumerate(known):
        with contextlib.suppress(OSError):
            if number >= KEPT or file.stat().st_mtime < latest:
                record = Record.read(file)
                if record is None or record.state != "running":
                    remove(file.stem)


def remove(id: str) -> None:
    """Everything that is kept of a run."""
    for file in _folder().glob(f"{id}.*"):
        file.unlink(missing_ok=True)
