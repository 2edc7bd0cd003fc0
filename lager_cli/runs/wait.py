"""Waits for a script to end: passes signals on, and ends the script when its time is over or we are told to end."""

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable

from lager.contract import TIMED_OUT
from lager_cli.linux.ladder import RUNGS, Tree

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FOR_THE_SCRIPT = (signal.SIGUSR1, signal.SIGUSR2)
_TOLD = (signal.SIGINT, *_ENDING, *_FOR_THE_SCRIPT)
BLOCKED = (*_TOLD, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU)
_SI_KERNEL = 0x80


class Wait:
    """For the child `script`, with BLOCKED signals blocked since before it began.

    `ends` is when its time is over, on the monotonic clock. A SIGTERM, SIGHUP or SIGQUIT to us means that the whole run
    is to end, by the same ladder as when its time is over; in a run without a terminal, which is `alone`, SIGINT does
    too. `without` is no part of the run.
    """

    def __init__(
        self,
        script: int,
        ends: float | None,
        note: Callable[[str], None],
        *,
        alone: bool = False,
        without: tuple[int, ...] = (),
    ) -> None:
        self._script = script
        self._ends = math.inf if ends is None else ends
        self._note = note
        self._ending = (signal.SIGINT, *_ENDING) if alone else _ENDING
        self._without = without

    def until_it_ends(self, seconds: float = math.inf) -> int | None:
        """The exit code, 128 + N for signal N, its own or the one that we were told to end by; None where it still runs
        after so many seconds."""
        over = time.monotonic() + seconds
        while (now := time.monotonic()) < over:
            left = min(self._ends, over) - now
            got = signal.sigwaitinfo(BLOCKED) if left == math.inf else signal.sigtimedwait(BLOCKED, max(left, 0))
            if got is None:
                if time.monotonic() >= self._ends:
                    self._note("the run's time is over (--timeout)")
                    self._end()
                    return TIMED_OUT
            elif got.si_signo == signal.SIGCHLD:
                code = self._reap()
                if code is not None:
                    return 128 - code if code < 0 else code
            elif _is_for_us(got):
                if got.si_signo in self._ending:
                    code = self._end()
                    return 128 + got.si_signo if -code in RUNGS else code if code >= 0 else 128 - code
                os.kill(self._script, got.si_signo)
        return None

    def _end(self) -> int:
        """End all that descends from us, and nothing else in our job; how the script ended."""
        Tree(os.getpid(), without=self._without).climb()
        code = self._reap()
        return os.waitstatus_to_exitcode(os.waitpid(self._script, 0)[1]) if code is None else code

    def _reap(self) -> int | None:
        """How the script ended, -N for signal N, if it has; orphans that we adopted are reaped by the way."""
        code = None
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._script:
                    code = os.waitstatus_to_exitcode(ended[1])
        return code


def _is_for_us(got: signal.struct_siginfo) -> bool:
    """What is typed on the terminal, the script has got from there itself. When that goes away, it may tell only us;
    but nobody is told who was started to ignore it, as by nohup."""
    if got.si_code == _SI_KERNEL and got.si_signo != signal.SIGHUP:
        return False
    return got.si_signo in _TOLD and signal.getsignal(got.si_signo) != signal.SIG_IGN
