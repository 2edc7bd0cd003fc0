"""Changes of files, told by the kernel: inotify(7)."""

import ctypes
import os
from pathlib import Path
from types import TracebackType

MODIFIED = 0x2
MOVED_TO = 0x80
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC


class Changes:
    """Readable, for select and poll, when there was a change since the last `heard`."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(_NONBLOCK | _CLOEXEC))

    def watch(self, path: Path, mask: int) -> None:
        self._checked(self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask))

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

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
