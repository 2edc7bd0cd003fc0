"""Identifies a process by its pid, the boot of the machine and its start time, unlike any later one with its pid."""

import os
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """`born` identifies the boot and the start time; it never changes while the process lives."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Return the identity of a live process. Raises ProcessLookupError if there is none."""
        return cls(pid, _born(pid))

    def opened(self) -> int | None:
        """Return a pidfd, which becomes readable when the process ends; None if it has ended. The caller closes it."""
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if self.is_alive():
            return fd
        os.close(fd)
        return None

    def send(self, number: int) -> bool:
        """Send a signal; return False if the process has ended. Raises PermissionError if another user owns it."""
        fd = self.opened()
        if fd is None:
            return False
        try:
            signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)
        return True

    def age(self) -> float | None:
        """Return the seconds since its start, even if it has ended; None if it began before this boot."""
        boot, _, ticks = self.born.partition(" ")
        if boot != _boot() or not ticks.isdecimal():
            return None
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK"), 0.0)

    def is_alive(self) -> bool:
        try:
            return _born(self.pid) == self.born
        except ProcessLookupError:
            return False


def _born(pid: int) -> str:
    try:
        # The name in parentheses may hold anything, spaces and parentheses too: proc(5).
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    if fields[0] in (b"Z", b"X"):
        raise ProcessLookupError(pid)
    return f"{_boot()} {fields[19].decode()}"


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
