"""A process that is told apart from any later one with its pid: by the boot of the machine and the time it began."""

import os
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """`born` says when, and stays the same as long as the process lives."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Of a process that is alive: ProcessLookupError where there is none."""
        return cls(pid, _born(pid))

    def opened(self) -> int | None:
        """A pidfd, which becomes readable when it ends; None where it has ended. The caller closes it."""
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if self.is_alive():
            return fd
        os.close(fd)
        return None

    def send(self, number: int) -> bool:
        """Send it a signal; False where it has ended. PermissionError where it is somebody else's."""
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
        """Seconds since it began, ended or not; None where that was before the machine was booted."""
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
