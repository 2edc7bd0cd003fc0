"""The terminal in front of the user: what it is like, so that the box can have one like it, and its raw mode."""

import os
import signal
import termios
import tty
from typing import Any


def size(fd: int) -> list[int]:
    """Rows and columns."""
    return list(termios.tcgetwinsize(fd))


def settings(fd: int) -> list[Any]:
    """What tcgetattr(3) says, as JSON can hold it."""
    flags = termios.tcgetattr(fd)
    return [*flags[:6], [key if isinstance(key, int) else key[0] for key in flags[6]]]


def apply(fd: int, described: list[Any]) -> None:
    """Give the terminal `fd` the settings that `settings` described."""
    keys = [key if index in (termios.VMIN, termios.VTIME) else bytes([key]) for index, key in enumerate(described[6])]
    termios.tcsetattr(fd, termios.TCSANOW, [*described[:6], keys])


def in_foreground(terminal: int) -> bool:
    """Whether the keys of `terminal` are meant for this job."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


class Raw:
    """The terminal `fd`, which hands on every key while it is raw. Only the job in its foreground may change it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] | None = None

    def begin(self) -> bool:
        """True where it is raw now; False in the background, where the keys are somebody else's."""
        try:
            if os.tcgetpgrp(self._fd) != os.getpgrp():
                return False
            if self._before is None:
                before = termios.tcgetattr(self._fd)
                tty.setraw(self._fd, termios.TCSANOW)  # at once, so that no key typed meanwhile is lost
                self._before = before
        except (OSError, termios.error):
            return False
        return True

    def end(self) -> None:
        """As it was. What was still to be shown is shown first."""
        before, self._before = self._before, None
        if before is None:
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, before)
        except termios.error:
            pass  # it is gone
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
