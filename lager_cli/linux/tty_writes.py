"""Reports whether any process has written to a terminal: inotify(7)."""

import contextlib
import ctypes
import os

_IN_MODIFY = 2


class TtyWrites:
    """Raises OSError if the limit of inotify instances or watches is reached."""

    def __init__(self, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_MODIFY) < 0:
            problem = ctypes.get_errno()
            self.close()
            raise OSError(problem, os.strerror(problem))

    def fileno(self) -> int:
        """Return the descriptor, which is readable after a write."""
        return self._fd

    def any(self) -> bool:
        """Return whether there was a write since the last call."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self._fd, 4096))
        return False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
