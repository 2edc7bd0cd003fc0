"""Ends a run and everything it started: SIGINT as by Ctrl-C, so that it can clean up, then SIGTERM, then SIGKILL.

All reasons use it: --timeout, --kill, a signal to `lager python`, its death, a lost connection.
"""

import contextlib
import math
import os
import select
import signal
import time
from collections.abc import Collection

from lager_cli.linux import process_tree

RUNGS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
STEP_SECONDS = 3.0


class SignalLadder:
    """The descendants of a process. A pidfd holds each of them, so that none is lost when its parent ends.

    With the id of a run, also what that run has started and whose parent ended before: a daemon, or `sh -c 'x &'`.
    """

    def __init__(self, root: int, *, run: str = "", with_root: bool = False, without: Collection[int] = ()) -> None:
        self._root = root
        self._run = run
        self._without = {os.getpid(), *without}
        self._members: dict[int, int] = {}
        if with_root:
            self._add(root)
        self._look()

    def close(self) -> None:
        while self._members:
            os.close(self._members.popitem()[1])

    def climb(self, sparing: int | None = None) -> bool:
        """Send one signal after the other, STEP_SECONDS apart, until all processes have ended. Return False if one has
        not.

        While there are others, `sparing` gets only SIGKILL, because it ends with them. Stopped processes are continued,
        because they could not clean up otherwise.
        """
        try:
            return any(self._step(number, sparing) for number in RUNGS)
        finally:
            self.close()

    def _step(self, number: signal.Signals, sparing: int | None) -> bool:
        self._look()
        told = self._tell(number, sparing)
        # Only now, since it takes a while, and a script may be waiting for its signal.
        self._look_for_orphans()
        self._tell(number, sparing, told)
        over = time.monotonic() + STEP_SECONDS
        while self._members and (left := over - time.monotonic()) > 0:
            self._await_an_end(left)
            for pid in self._look():
                if number == signal.SIGKILL:  # it was forked while we killed its parent
                    self._send(pid, number)
        return not self._members

    def _tell(self, number: signal.Signals, sparing: int | None, told: Collection[int] = ()) -> set[int]:
        """Send the signal to all processes except those that already got it; return those to which it was sent."""
        spared = sparing if number != signal.SIGKILL and len(self._members) > 1 else None
        new = self._members.keys() - {spared, *told}
        for pid in new:
            self._send(pid, number)
        return new

    def _send(self, pid: int, number: signal.Signals) -> None:
        for one in (number, signal.SIGCONT):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._members[pid], one)

    def _await_an_end(self, seconds: float) -> None:
        poll = select.poll()
        for fd in self._members.values():
            poll.register(fd, select.POLLIN)
        poll.poll(math.ceil(seconds * 1000))

    def _look(self) -> list[int]:
        """Add new descendants, and drop those that have ended. Return the new ones."""
        new = [pid for pid in process_tree.descendants(self._root, *self._members) if self._add(pid)]
        poll = select.poll()
        pids = {fd: pid for pid, fd in self._members.items()}
        for fd in pids:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(0):
            del self._members[pids[fd]]
            os.close(fd)
        return [pid for pid in new if pid in self._members]

    def _look_for_orphans(self) -> None:
        for pid in process_tree.of_run(self._run) if self._run else ():
            self._add(pid)
        self._look()

    def _add(self, pid: int) -> bool:
        if pid in self._members or pid in self._without:
            return False
        with contextlib.suppress(OSError):  # it has just ended, or we have no descriptor left
            self._members[pid] = os.pidfd_open(pid)
        return pid in self._members
