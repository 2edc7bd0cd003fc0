"""Reports changes of files: inotify(7).

The kernel limits the instances and watches of each user. Beyond the limit, `Changes` becomes readable every
TICK_SECONDS, as if there had been a change.
"""

import ctypes
import errno
import os
from pathlib import Path
from types import TracebackType

MODIFIED = 0x2
MOVED_TO = 0x80
TICK_SECONDS = 0.25
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_MONOTONIC = 1


class Changes:
    """Readable, for select and poll, if there was a change since the last `heard`."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.inotify_init1(_NONBLOCK | _CLOEXEC)
        if self._fd < 0:
            self._fd = self._ticking()

    def watch(self, path: Path, mask: int) -> None:
        if self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask) < 0:
            ticking = self._ticking()
            os.dup2(ticking, self._fd, inheritable=False)
            os.close(ticking)

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

    def _ticking(self) -> int:
        """Return a timer if the limit of instances or watches is reached. Raises OSError for all other problems."""
        if (number := ctypes.get_errno()) not in (errno.EMFILE, errno.ENOSPC, errno.EINVAL):
            raise OSError(number, os.strerror(number))
        fd: int = self._libc.timerfd_create(_MONOTONIC, _NONBLOCK | _CLOEXEC)
        tick = (ctypes.c_long * 4)(0, int(TICK_SECONDS * 1e9), 0, int(TICK_SECONDS * 1e9))  # struct itimerspec
        if fd < 0 or self._libc.timerfd_settime(fd, 0, tick, None):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return fd
