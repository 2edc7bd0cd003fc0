"""Reports whether any process has written to a terminal: inotify(7)."""

import contextlib
import os
import select
import threading
import time

from lager.process import system


class TtyWrites:
    """Raises OSError if the limit of inotify instances or watches is reached."""

    def __init__(self, path: str) -> None:
        self._fd = system.watched(path, system.MODIFIED)

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


class LastWrite:
    """Records when a process last wrote to a terminal. A separate thread takes the time, so it is right even if the
    caller is busy. Raises OSError if the limit of inotify instances or watches is reached."""

    def __init__(self, path: str) -> None:
        self._writes = TtyWrites(path)
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        self.began = self.time = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="terminal writes", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._end not in select.select([self._writes.fileno(), self._end], [], [])[0]:
            if self._writes.any():
                self.time = time.monotonic()

    def close(self) -> None:
        """Ends the thread. Once."""
        os.eventfd_write(self._end, 1)
        self._thread.join()
        self._writes.close()
        os.close(self._end)
