"""Notices the end of a process whose connection remains open, because a forked child has a copy of it.

A library that forks without Python's knowledge leaves such copies, and a stopped child never closes them. If the bus
reports the end of the connection, that report is used, because only it is in order with the last calls of the process.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable

_MOMENT = 1.0  # seconds, for the bus to tell the end of the connection


class ProcessEnds:
    """`ended` is called with the unique name of each watched connection whose process ended a moment ago."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._pidfds: dict[str, int] = {}

    def watch(self, sender: str, pid: int) -> None:
        """Watch the process of a connection; do nothing if it is unknown here, or too many files are open."""
        if pid > 0 and sender not in self._pidfds:
            with contextlib.suppress(OSError):
                self._pidfds[sender] = fd = os.pidfd_open(pid)
                asyncio.get_running_loop().add_reader(fd, self._has_ended, sender)

    def forget(self, sender: str) -> None:
        fd = self._pidfds.pop(sender, -1)
        if fd >= 0:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    def _has_ended(self, sender: str) -> None:
        self.forget(sender)
        asyncio.get_running_loop().call_later(_MOMENT, self._ended, sender)
