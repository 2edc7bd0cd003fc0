"""The user's terminal: its settings, which the box copies, and its raw mode."""

import os
import signal
import termios
import tty
from typing import Any


def size(fd: int) -> list[int]:
    """Return rows and columns."""
    return list(termios.tcgetwinsize(fd))


def settings(fd: int) -> list[Any]:
    """Return the result of tcgetattr(3) as JSON types."""
    flags = termios.tcgetattr(fd)
    return [*flags[:6], [key if isinstance(key, int) else key[0] for key in flags[6]]]


def apply(fd: int, described: list[Any]) -> None:
    """Apply the settings that `settings` returned to the terminal `fd`."""
    keys = [key if index in (termios.VMIN, termios.VTIME) else bytes([key]) for index, key in enumerate(described[6])]
    termios.tcsetattr(fd, termios.TCSANOW, [*described[:6], keys])


def has_only_lines() -> bool:
    """Return whether the terminal has no escape sequences, by TERM."""
    return os.environ.get("TERM", "dumb") in ("", "dumb", "unknown")


def in_foreground(terminal: int) -> bool:
    """Return whether this job gets the keys of `terminal`."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


class Raw:
    """Raw mode of the terminal `fd`, which passes on every key. Only the job in its foreground may change it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] | None = None

    def begin(self) -> bool:
        """Begin raw mode. Return False in the background, where another job gets the keys."""
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
        """Restore the settings, after all output has been shown."""
        before, self._before = self._before, None
        if before is None:
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, before)
        except termios.error:
            pass  # it was closed
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
