"""One run of a script: started, waited for, told what we are told, and ended when its time is over."""

import math
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from lager import typednames
from lager.terms import TIMED_OUT
from lager_cli import daemon, output, tree
from lager_cli.attendant import Attendant

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_BLOCKED = (*_FORWARDED, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU)
_LADDER = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_STEP_SECONDS = 3.0
_ATTENDED_AFTER = 0.1
_SI_KERNEL = 0x80


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
        command = [sys.executable, *target(self.runnable, self.module), *self.arguments]
        address = daemon.ready_address()
        id = Path("/proc/sys/kernel/random/uuid").read_text(encoding="ascii").strip()
        # Before the script starts, so that no signal falls between it and us; the script gets a mask of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_BLOCKED, signal.SIGCONT))  # the last is for the countdown
        ends = time.monotonic() + self.timeout if self.timeout else None
        if ends is not None:
            tree.adopt_orphans()
        environment = {**os.environ, **self._marks(id, address, ends), **self.environment}
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
        script = os.posix_spawn(
            sys.executable, command, environment, setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
        watch = _Watch(script, ends)
        code = watch.until_it_ends(_ATTENDED_AFTER)
        if code is not None:
            return code  # before anybody could have pressed a key
        with Attendant(id, address, ends):
            return watch.until_it_ends() or 0

    def _marks(self, id: str, address: str, ends: float | None) -> dict[str, str]:
        """What the script's side of a pause needs to know."""
        marks = {"LAGER_PROCESS_ID": id, "LAGER_RUNNABLE": self.runnable, "LAGER_BUS_ADDRESS": address}
        marks["PYTHONBREAKPOINT"] = os.environ.get("PYTHONBREAKPOINT", "lager.breakpointhook")
        marks["LAGER_TERMINAL"] = os.ttyname(0) if os.isatty(0) else ""
        marks["LAGER_RUN_DEADLINE"] = "" if ends is None else repr(ends)
        return marks


def target(runnable: str, module: bool) -> list[str]:
    """What Python is to run, in its own words. Raises UsageError where there is no such file."""
    if module:
        return ["-m", runnable]
    name = typednames.there(runnable)
    path = Path(name)
    if path.is_dir():
        for main in ("main.py", "__main__.py"):
            if (path / main).is_file():
                return [str(path / main)]
        raise click.UsageError(f"The folder {runnable} has neither a main.py nor a __main__.py.")
    if not path.exists():
        raise click.UsageError(f"There is no file or folder {runnable}.")
    return [os.path.join(os.curdir, name) if name.startswith("-") else name]


class _Watch:
    def __init__(self, script: int, ends: float | None) -> None:
        self._script = script
        self._next_step = math.inf if ends is None else ends
        self._ladder = list(_LADDER)

    def until_it_ends(self, seconds: float = math.inf) -> int | None:
        """The exit code; None where it still runs after so many seconds."""
        over = time.monotonic() + seconds
        while (now := time.monotonic()) < over:
            left = min(self._next_step, over) - now
            got = signal.sigwaitinfo(_BLOCKED) if left == math.inf else signal.sigtimedwait(_BLOCKED, max(left, 0))
            if got is None:
                if time.monotonic() >= self._next_step:
                    self._step()
            elif got.si_signo == signal.SIGCHLD:
                code = self._reap()
                if code is not None:
                    return code
            elif got.si_signo in _FORWARDED and got.si_code != _SI_KERNEL:
                # What comes from the terminal, the script has got from there itself.
                os.kill(self._script, got.si_signo)
        return None

    def _step(self) -> None:
        """The next rung for the whole run: everything that descends from it, and nothing else in our job."""
        number = self._ladder.pop(0)
        if number is _LADDER[0]:
            output.note("the run's time is over (--timeout)")
        tree.signal_descendants(number)
        self._next_step = time.monotonic() + _STEP_SECONDS if self._ladder else math.inf

    def _reap(self) -> int | None:
        """The exit code where the script has ended; orphans that we adopted are reaped by the way."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid = 0
            if pid == 0:
                return None
            if pid == self._script:
                return self._code(os.waitstatus_to_exitcode(status))

    def _code(self, code: int) -> int:
        timed_out = len(self._ladder) < len(_LADDER)
        if timed_out:
            tree.end_descendants()
            return TIMED_OUT
        return 128 - code if code < 0 else code
