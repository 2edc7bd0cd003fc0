"""The pauses, kept in the runtime folder of lagerd: the next lagerd accepts each of them again, whatever its limits
are, and gives its id to no other pause.

Each is a symbolic link whose target is the data: one system call creates it, whole or not at all.
"""

import contextlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from lager.errors import InvalidArgument
from lagerd.breakpoints.table.changes import Changes
from lagerd.breakpoints.table.pauses import Pause

_log = logging.getLogger("lagerd")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a pause."""

    uid: int
    pid: int
    run_id: str
    since: float  # seconds since the epoch

    def is_that_of(self, pause: Pause) -> bool:
        return (self.uid, self.pid) == (pause.uid, pause.pid)

    def may_return(self) -> bool:
        """Return False if the process of the pause has ended; True also if the broker reported no pid."""
        if not self.pid:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class KeptPauses:
    """The folder of kept pauses. Reads what the last lagerd kept, and removes pauses whose process has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.changes = Changes(folder.with_name(f"{folder.name}-changes"))
        self._away: dict[str, Kept] = {}  # pauses that have not returned yet, by id
        self._lost: dict[str, Kept] = {}  # pauses whose process ended while there was no lagerd, by id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.iterdir(), key=lambda path: path.lstat().st_mtime_ns):
            kept = _read(path)
            if kept is not None and kept.may_return():
                self._away[path.name] = kept
                continue
            if kept is not None:
                self._lost[path.name] = kept
            _remove(path)

    def runs(self) -> list[tuple[str, int]]:
        """Return the run and the uid of each pause that has not returned yet, oldest first."""
        return [(kept.run_id, kept.uid) for kept in self._away.values()]

    def take_lost(self) -> dict[str, Kept]:
        """Return, by id, the pauses that will not return because their process has ended. Each is returned once."""
        for id in [id for id, kept in self._away.items() if not kept.may_return()]:
            self._lost[id] = self._away.pop(id)
            _remove(self._folder / id)
        lost, self._lost = self._lost, {}
        return lost

    def away(self) -> list[str]:
        """Return the ids of the pauses of the last lagerd that have not returned yet."""
        return list(self._away)

    def are_back(self) -> bool:
        """Return whether every pause of the last lagerd has returned or ended."""
        return not self._away

    def returns(self, pause: Pause) -> bool:
        """Return whether `pause` began under an earlier lagerd. InvalidArgument if its id belongs to another pause."""
        kept = self._away.get(pause.id)
        if kept is None:
            return False
        if kept.is_that_of(pause):
            return True
        if kept.may_return():
            raise InvalidArgument(f"The breakpoint id {pause.id} is in use.", "Generate a new one for each pause.")
        return False

    def is_away(self, wanted: str, uid: int) -> bool:
        """Return whether a pause of `uid` that has not returned yet, or its run, has an id that begins with
        `wanted`."""
        return any(
            kept.uid == uid and (id.startswith(wanted) or kept.run_id.startswith(wanted))
            for id, kept in self._away.items()
        )

    def keep(self, pause: Pause) -> None:
        """Keep `pause`. On a full disk this only logs a warning."""
        kept = self._away.pop(pause.id, None)
        if kept is not None and kept.is_that_of(pause) and kept.run_id == pause.run_id:
            return  # it stays as old as it is
        if kept is not None:
            _remove(self._folder / pause.id)
        try:
            os.symlink(f"{pause.uid}:{pause.pid}:{pause.run_id}", self._folder / pause.id)
        except OSError as error:
            _log.warning("Cannot keep the pause %s for the next lagerd: %s.", pause.id, error.strerror)

    def drop(self, pause: Pause) -> None:
        """Remove `pause`, which has ended."""
        self._away.pop(pause.id, None)
        _remove(self._folder / pause.id)


def _read(path: Path) -> Kept | None:
    with contextlib.suppress(OSError, ValueError):
        uid, pid, run_id = os.readlink(path).split(":", 2)
        return Kept(int(uid), int(pid), run_id, path.lstat().st_mtime)
    return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
