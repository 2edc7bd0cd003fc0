"""Waits for a script to end; forwards signals, and ends the run at its timeout or when lager is told to end."""

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable

from lager.contract import TIMED_OUT
from lager_cli.linux.ladder import RUNGS, SignalLadder

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FOR_THE_SCRIPT = (signal.SIGUSR1, signal.SIGUSR2)
_TOLD = (signal.SIGINT, *_ENDING, *_FOR_THE_SCRIPT)
BLOCKED = (*_TOLD, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU)
_SI_KERNEL = 0x80


class Wait:
    """Waits for the child `script`. The BLOCKED signals must be blocked since before it started.

    `ends` is its timeout on the monotonic clock. SIGTERM, SIGHUP and SIGQUIT to us end the whole run, by the same
    ladder as the timeout; in a run without a terminal (`alone`) SIGINT does, too. `without` lists pids that are not
    part of the run.
    """

    def __init__(
        self,
        script: int,
        run_id: str,
        ends: float | None,
        note: Callable[[str], None],
        *,
        alone: bool = False,
        without: tuple[int, ...] = (),
    ) -> None:
        self._script = script
        self._run_id = run_id
        self._ends = math.inf if ends is None else ends
        self._note = note
        self._ending = (signal.SIGINT, *_ENDING) if alone else _ENDING
        self._without = without

    def until_it_ends(self, seconds: float = math.inf) -> int | None:
        """Return the exit code; None if the script still runs after this many seconds.

        It is 128 + N for a signal N, whether the script died by it or we were told to end by it.
        """
        over = time.monotonic() + seconds
        while (now := time.monotonic()) < over:
            left = min(self._ends, over) - now
            got = signal.sigwaitinfo(BLOCKED) if left == math.inf else signal.sigtimedwait(BLOCKED, max(left, 0))
            if got is None:
                if time.monotonic() >= self._ends:
                    self._note("the run timed out (--timeout)")
                    self._end()
                    return TIMED_OUT
            elif got.si_signo == signal.SIGCHLD:
                code = self._reap()
                if code is not None:
                    self._say_killed(code)
                    return 128 - code if code < 0 else code
            elif _is_for_us(got):
                if got.si_signo in self._ending:
                    code = self._end()
                    return 128 + got.si_signo if -code in RUNGS else code if code >= 0 else 128 - code
                os.kill(self._script, got.si_signo)
        return None

    def _say_killed(self, code: int) -> None:
        """Print that a signal has killed the script, except for Ctrl-C and a closed pipe, which the user caused."""
        if code < 0 and -code not in (signal.SIGINT, signal.SIGPIPE):
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            self._note(f"the script was killed by {name}")

    def _end(self) -> int:
        """End all processes that the run has started, and nothing else in this job. Return how the script ended."""
        SignalLadder(os.getpid(), run=self._run_id, without=self._without).climb()
        code = self._reap()
        return os.waitstatus_to_exitcode(os.waitpid(self._script, 0)[1]) if code is None else code

    def _reap(self) -> int | None:
        """Return how the script ended, -N for signal N; None if it still runs. Also reaps orphans that we adopted."""
        code = None
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._script:
                    code = os.waitstatus_to_exitcode(ended[1])
        return code


def _is_for_us(got: signal.struct_siginfo) -> bool:
    """Return whether to act on a signal.

    The kernel sends a signal typed on the terminal to the script as well, so it needs no forwarding. When the terminal
    goes away, SIGHUP may reach only us. A signal that was ignored when we started, as by nohup, stays ignored.
    """
    if got.si_code == _SI_KERNEL and got.si_signo != signal.SIGHUP:
        return False
    return got.si_signo in _TOLD and signal.getsignal(got.si_signo) != signal.SIG_IGN
