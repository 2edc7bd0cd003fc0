"""One run of a script, and what it is given: in the foreground here, on its own in detach.py."""

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lager.errors import LagerError
from lager.inspection import display_paths
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.linux import process_tree
from lager_cli.runs.enter_key import Attendant
from lager_cli.runs.keeper import Keeper
from lager_cli.runs.wait import BLOCKED, Wait

if TYPE_CHECKING:
    from lager_cli.runs.records import Record

_ATTENDED_AFTER = 0.1
OWN_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)  # which Python ignores, and a script begins with as from a shell


@dataclass
class Run:
    """`timeout` in seconds, 0 for none."""

    runnable: str
    arguments: tuple[str, ...]
    module: bool
    environment: dict[str, str]
    timeout: float

    def run(self) -> int:
        """Run it in the foreground; its exit code, 128 + N for signal N, 124 where its time was over."""
        session = os.getppid()
        code = self._run()
        if os.getppid() != session and (folder := uploaded()):  # it was killed, and cannot remove that any more
            from lager_cli.transfer import run_folder

            os.chdir("/")
            run_folder.remove(folder)
        return code

    def _run(self) -> int:
        command = self.command()
        address = daemon.ready_address()
        id = new_id()
        # Before the script starts, so that no signal falls between it and us; the script gets a mask of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*BLOCKED, signal.SIGCONT))  # the last is for the countdown
        ends = self.ends()
        if ends is not None:
            process_tree.adopt_orphans()
        terminal = ""
        with contextlib.suppress(OSError):  # no terminal, or one of another container, which has no name here
            terminal = os.ttyname(0)
        row = os.memfd_create("countdown") if os.isatty(2) else -1
        environment = self.whole_environment(id, address, ends, terminal)
        environment["LAGER_COUNTDOWN"] = f"/proc/{os.getpid()}/fd/{row}" if row >= 0 else ""
        environment["LAGER_PYTHON_PID"] = str(os.getpid())
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
        script = os.posix_spawn(command[0], command, environment, setsigmask=[], setsigdef=OWN_SIGNALS)
        with Keeper(script) as keeper:
            wait = Wait(script, ends, output.note, without=(keeper.pid,))
            code = wait.until_it_ends(_ATTENDED_AFTER)
            if code is not None:
                return code  # before anybody could have pressed a key
            record = self.record(id)
            with contextlib.suppress(OSError, LagerError):  # it runs as well without
                record.begin(script)
            with Attendant(id, address, ends, row=row):
                code = wait.until_it_ends() or 0
        with contextlib.suppress(OSError, LagerError):
            record.end(code)
        return code

    def command(self) -> list[str]:
        """UsageError where there is nothing to run."""
        return [sys.executable, *target(self.runnable, self.module), *self.arguments]

    def ends(self) -> float | None:
        """When the time of a run that begins now is over, on the monotonic clock."""
        return time.monotonic() + self.timeout if self.timeout else None

    def record(self, id: str) -> "Record":
        from lager_cli.runs.records import Record  # which a short run does not need

        try:
            folder = os.getcwd()
        except FileNotFoundError:  # removed under our feet
            folder = ""
        return Record(id, self.runnable, list(self.arguments), folder, os.environ.get("LAGER_BOX", ""))

    def whole_environment(self, id: str, address: str, ends: float | None, terminal: str) -> dict[str, str]:
        """Ours, what the script's side of a pause needs to know, and what the user sets."""
        marks = {"LAGER_PROCESS_ID": id, "LAGER_RUNNABLE": self.runnable, "LAGER_BUS_ADDRESS": address}
        marks["PYTHONBREAKPOINT"] = os.environ.get("PYTHONBREAKPOINT", "lager.breakpointhook")
        marks["LAGER_TERMINAL"] = terminal
        marks["LAGER_RUN_DEADLINE"] = "" if ends is None else repr(ends)
        return {**os.environ, **marks, **self.environment}


def target(runnable: str, module: bool) -> list[str]:
    """What Python is to run, in its own words. Raises UsageError where there is no such file."""
    if module:
        return ["-m", runnable]
    name = display_paths.there(runnable)
    path = Path(name)
    if path.is_dir():
        for main in ("main.py", "__main__.py"):
            if (path / main).is_file():
                return [_no_option(str(path / main))]
        raise click.UsageError(f"The folder {runnable} has neither a main.py nor a __main__.py.")
    if not path.exists():
        raise click.UsageError(f"There is no file or folder {runnable}.")
    return [_no_option(name)]


def _no_option(name: str) -> str:
    """So that Python takes it for a file, whatever it begins with."""
    return os.path.join(os.curdir, name) if name.startswith("-") else name


def uploaded() -> str:
    """The folder that came with the run; in a run that one itself has started, it is the other's."""
    return "" if "LAGER_PROCESS_ID" in os.environ else os.environ.get("LAGER_RUN_FOLDER", "")


def new_id() -> str:
    return Path("/proc/sys/kernel/random/uuid").read_text(encoding="ascii").strip()
