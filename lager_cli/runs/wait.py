"""Waiting for a script to end: what we are told meanwhile it is told too, and when its time is over it is ended."""

import math
import os
import signal
import time
from collections.abc import Callable

from lager.contract import TIMED_OUT
from lager_cli.linux import process_tree

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FOR_THE_SCRIPT = (signal.SIGUSR1, signal.SIGUSR2)
BLOCKED = (*_FORWARDED, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU)
LADDER = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
STEP_SECONDS = 3.0
_SI_KERNEL = 0x80


class Wait:
    """For the child `script`, with BLOCKED signals blocked since before it began.

    `ends` is when its time is over, on the monotonic clock. `alone` is a run without a terminal: there a signal to us
    means that the whole run is to end, by the same ladder as when its time is over.
    """

    def __init__(self, script: int, ends: float | None, note: Callable[[str], None], *, alone: bool = False) -> None:
        self._script = script
        self._ends = math.inf if ends is None else ends
        self._next_step = self._ends
        self._note = note
        self._alone = alone
        self._ladder = list(LADDER)
        self._timed_out = False

    def until_it_ends(self, seconds: float = math.inf) -> int | None:
        """The exit code, 128 + N for signal N; None where it still runs after so many seconds."""
        over = time.monotonic() + seconds
        while (now := time.monotonic()) < over:
            left = min(self._next_step, over) - now
            got = signal.sigwaitinfo(BLOCKED) if left == math.inf else signal.sigtimedwait(BLOCKED, max(left, 0))
            if got is None:
                if time.monotonic() >= self._next_step:
                    self._step()
            elif got.si_signo == signal.SIGCHLD:
                code = self._reap()
                if code is not None:
                    return code
            elif got.si_signo in _FORWARDED and (got.si_code != _SI_KERNEL or _is_for_the_leader(got.si_signo)):
                # What comes from the terminal, the script has got from there itself.
                self._told(got.si_signo)
        return None

    def _told(self, number: int) -> None:
        if not self._alone or number in _FOR_THE_SCRIPT:
            os.kill(self._script, number)
        elif len(self._ladder) == len(LADDER):
            self._step()

    def _step(self) -> None:
        """The next rung for the whole run: everything that descends from it, and nothing else in our job."""
        number = self._ladder.pop(0)
        if number is LADDER[0] and time.monotonic() >= self._ends:
            self._timed_out = True
            self._note("the run's time is over (--timeout)")
        process_tree.signal_descendants(number)
        self._next_step = time.monotonic() + STEP_SECONDS if self._ladder else math.inf

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
        if self._timed_out:
            process_tree.end_descendants()
            return TIMED_OUT
        return 128 - code if code < 0 else code


def _is_for_the_leader(number: int) -> bool:
    """A terminal that goes away tells only who leads its session: a shell, as a rule, which tells its jobs."""
    return number == signal.SIGHUP and os.getsid(0) == os.getpid()
