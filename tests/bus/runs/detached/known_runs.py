"""What the tests of detached runs share: the runs of a user, as `lager runs` knows them."""

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lager.process.system import MOVED_TO
from lager_cli.linux.inotify import Changes
from tests.processes import PATIENCE
from tests.station import Station

FOR_EVER = "import signal\nprint('ready', flush=True)\nsignal.pause()\n"


class Runs:
    """What the station's user knows of its runs."""

    def __init__(
        self, station: Station, lager: Callable[..., "subprocess.CompletedProcess[str]"], folder: Path
    ) -> None:
        self.lager = lager
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in (folder, folder.parent):
            part.chmod(0o700)
        self.begun: list[str] = []

    def detach(self, *words: str, **env: str) -> str:
        done = self.lager("python", "--detach", *words, **env)
        assert (done.returncode, done.stderr) == (0, "")
        self.begun.append(done.stdout.split()[0])
        return self.begun[-1]

    def known(self, id: str) -> dict[str, Any]:
        return next(one for one in self.all() if one["id"] == id)

    def all(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = json.loads(self.lager("runs", "--json").stdout)
        return known

    def wait(self, id: str) -> "subprocess.CompletedProcess[str]":
        """Until it has ended, by following its output."""
        return self.lager("python", "--reattach", id)

    def kill(self, id: str) -> None:
        self.lager("python", "--kill", id, "--signal", "KILL")


@contextlib.contextmanager
def recorded(runs: Runs) -> Iterator[None]:
    """Inside, a run begins; it is left when the run has been noted."""
    with Changes() as changes:
        changes.watch(runs.folder, MOVED_TO)
        yield
        assert select.select([changes], [], [], PATIENCE)[0]


def ended(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError), open(os.pidfd_open(pid)) as ending:
        assert select.select([ending], [], [], PATIENCE)[0]
