"""How a run is ended with all that it started: SIGINT as by Ctrl-C, so that it can tidy up, then SIGTERM, then SIGKILL.

There is one ladder for every reason: --timeout, --kill, a signal to `lager python`, its death, a lost connection.
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
    """What descends from a process. Each member is held by a pidfd, so that it stays in sight when its parent ends."""

    def __init__(self, root: int, *, with_root: bool = False, without: Collection[int] = ()) -> None:
        self._root = root
        self._without = {os.getpid(), *without}
        self._members: dict[int, int] = {}
        if with_root:
            self._add(root)
        self._look()

    def close(self) -> None:
        while self._members:
            os.close(self._members.popitem()[1])

    def climb(self, sparing: int | None = None) -> bool:
        """Send one signal after the other, STEP_SECONDS apart, until all has ended; False where something has not.

        `sparing` gets nothing but SIGKILL as long as there are others: it ends with them. Stopped processes are
        continued, since they could not tidy up otherwise.
        """
        try:
            return any(self._step(number, sparing) for number in RUNGS)
        finally:
            self.close()

    def _step(self, number: signal.Signals, sparing: int | None) -> bool:
        self._look()
        spared = sparing if number != signal.SIGKILL and len(self._members) > 1 else None
        for pid in [pid for pid in self._members if pid != spared]:
            self._send(pid, number)
        over = time.monotonic() + STEP_SECONDS
        while self._members and (left := over - time.monotonic()) > 0:
            self._await_an_end(left)
            for pid in self._look():
                if number == signal.SIGKILL:  # it was forked while its parent was being killed
                    self._send(pid, number)
        return not self._members

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
        """Take in who is new, and drop who has ended; the new ones."""
        new = [pid for pid in process_tree.descendants(self._root, *self._members) if self._add(pid)]
        poll = select.poll()
        pids = {fd: pid for pid, fd in self._members.items()}
        for fd in pids:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(0):
            del self._members[pids[fd]]
            os.close(fd)
        return [pid for pid in new if pid in self._members]

    def _add(self, pid: int) -> bool:
        if pid in self._members or pid in self._without:
            return False
        with contextlib.suppress(OSError):  # it has just ended, or there are more than we can hold at once
            self._members[pid] = os.pidfd_open(pid)
        return pid in self._members
