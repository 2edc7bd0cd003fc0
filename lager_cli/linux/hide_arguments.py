"""Hides secrets in this process's command line from ps."""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_ARG_START = 48 - 3  # of the fields behind the command's name: proc(5), /proc/pid/stat


def hide_values(settings: Iterable[str]) -> None:
    """Overwrite the values of arguments like NAME=VALUE. Does nothing if the kernel does not report where they are."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        start, end = _place()
        line = Path("/proc/self/cmdline").read_bytes()
        if not start or len(line) > end - start:
            return
        for setting in settings:
            name, _, value = os.fsencode(setting).partition(b"=")
            for before in (b"\0", b"--env="):
                at = -1
                while (at := line.find(before + name + b"=" + value + b"\0", at + 1)) >= 0:
                    ctypes.memset(start + at + len(before) + len(name) + 1, ord("*"), len(value))


def _place() -> tuple[int, int]:
    """Return where the arguments begin and end in our memory."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[_ARG_START]), int(fields[_ARG_START + 1])
