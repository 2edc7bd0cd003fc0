"""Drops keys that were typed before a pause: a late Enter must not resume the next one."""

import fcntl
import os
import signal
import struct
import termios

import lager
from lager import variables
from lager.process.raised import by_a_handler, suppressed

_INT = struct.Struct("i")


def drop(path: str = "") -> int | None:
    """Drop the input typed ahead on the terminal `path`, by default the run's. Return the number of characters.


    None if this process has no such terminal or is not in its foreground: then no key typed there is meant for it.
    """
    path = path or lager.at_start(variables.TERMINAL) or ""
    if not path:
        return None
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if by_a_handler(error):
            raise
        return None
    try:
        if os.tcgetpgrp(fd) != os.getpgrp():
            return None
        count = bytes(_INT.size)
        with suppressed(OSError):
            count = fcntl.ioctl(fd, termios.FIONREAD, count)
        _flush(fd)
        return int(_INT.unpack(count)[0])
    except (OSError, termios.error) as error:
        if by_a_handler(error):
            raise
        return None
    finally:
        os.close(fd)


def _flush(fd: int) -> None:
    # With SIGTTOU blocked, losing the foreground now does not stop the script: tcsetattr(3).
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        termios.tcflush(fd, termios.TCIFLUSH)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
