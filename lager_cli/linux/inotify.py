"""Reports changes of files: inotify(7).

The kernel limits the instances and watches of each user. Beyond the limit, `Changes` becomes readable every
TICK_SECONDS, as if there had been a change.
"""

import ctypes
import errno
import os
from pathlib import Path
from types import TracebackType

from lager.process import system

TICK_SECONDS = 0.25
_MONOTONIC = 1


class Changes:
    """Readable, for select and poll, if there was a change since the last `heard`."""

    def __init__(self) -> None:
        try:
            self._fd = system.inotify()
        except OSError as error:
            self._fd = _timer(error)

    def watch(self, path: Path, mask: int) -> None:
        try:
            system.add_watch(self._fd, path, mask)
        except OSError as error:
            timer = _timer(error)
            os.dup2(timer, self._fd, inheritable=False)
            os.close(timer)

    def fileno(self) -> int:
        return self._fd

    def heard(self) -> None:
        """Forget the changes so far."""
        try:
            while os.read(self._fd, 1 << 16):
                pass
        except BlockingIOError:
            return

    def __enter__(self) -> "Changes":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        os.close(self._fd)


def _timer(problem: OSError) -> int:
    """Return a timer if the limit of instances or watches is reached. Raises OSError for all other problems."""
    if problem.errno not in (errno.EMFILE, errno.ENOSPC, errno.EINVAL):
        raise problem
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    tick = (ctypes.c_long * 4)(0, int(TICK_SECONDS * 1e9), 0, int(TICK_SECONDS * 1e9))  # struct itimerspec
    if fd < 0 or libc.timerfd_settime(fd, 0, tick, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd
