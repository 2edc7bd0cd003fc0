"""Logs to standard error without ever blocking: a line that cannot be written at once is dropped."""

import logging
import os
import select

_PIPE_BUF = 4096  # the minimum that fits into a pipe that polls as writable: pipe(7)


class Unblocking(logging.Handler):
    """A log handler for a descriptor that may be a full pipe or a stopped journal."""

    def __init__(self, fd: int = 2) -> None:
        super().__init__()
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode("utf-8", "backslashreplace")[: _PIPE_BUF - 1] + b"\n"
            if any(event & select.POLLOUT for _, event in self._poll.poll(0)):
                os.write(self._fd, line)
        except OSError:
            return  # closed, or a full disk: there is nowhere to report it
        except Exception:
            self.handleError(record)
