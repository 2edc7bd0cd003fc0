"""Claims the lease of an instrument: on this machine only its holder may talk to the instrument."""

import contextlib
import fcntl
import os
import sys
import weakref
from typing import Any

import lager
from lager import variables
from lager.contract import LEASE_WATCHED
from lager.daemon import lease_calls
from lager.daemon.lease_calls import LeaseCalls
from lager.errors import InstrumentError, LagerError
from lager.instruments.claims import NOTHING, Guard, HeldLease
from lager.instruments.reporter import Reporter
from lager.instruments.sessions.port import LeasedPort
from lager.process import at_exec
from lager.process.raised import by_a_handler, suppressed
from lager.wording.text import printable


def claim(
    instrument_key: str,
    *,
    net: str,
    wait: float = 0.0,
    name: str = "",
    path: str = "",
    guard: Guard = NOTHING,
    through: bool = True,
    look: bool = False,
) -> HeldLease:
    """Claim a lease from lagerd; see `Claim`.

    `path` is the path of a serial port, which may have other names. Without `through`, a refusal does not offer
    --through. A `look` is a reading that takes at most a second: it never waits, and makes no other claim fail.
    """
    calls = lease_calls.of_this_process()
    details: dict[str, Any] = {
        "net": net,
        "name": name,
        "run_id": lager.at_start(variables.PROCESS_ID) or "",
        "script": _script(),
        "how": "cli" if is_command() else "script",
        "through": through and is_command(),
        "look": look,
        "ancestors": [str(pid) for pid in _ancestors()],
    }
    if guard.nets:
        details |= {"safe": list(guard.nets), "nets_file": guard.nets_file, "places": dict(guard.places)}
    port = LeasedPort(calls, instrument_key, name, path) if path else None
    if port is not None:
        details |= port.details()
    return _DaemonLease(calls, instrument_key, calls.claim(instrument_key, details, wait), port, guard.nets)


class _DaemonLease:
    """An open file with a lock that all copies of its descriptor share; the kernel drops it with the last copy."""

    def __init__(
        self, calls: LeaseCalls, instrument: str, fd: int, port: LeasedPort | None, guarded: tuple[str, ...] = ()
    ) -> None:
        self._calls = calls
        self._guarded = guarded
        self._instrument = instrument
        self._fd = fd
        self.port = port
        self.reporter = Reporter(calls, instrument, self._is_watched, is_command=is_command())
        _held.add(self)

    def release(self) -> None:
        if self._fd < 0:
            return
        if self._guarded:
            fd, self._fd = self._fd, -1
            if not self._calls.release_first(self._instrument, fd):
                _say_unheard(self._guarded)
            return
        # Unlock first, so that a copy that a child still has open does not hold the lock.
        with suppressed(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        fd, self._fd = self._fd, -1
        self._calls.release(self._instrument, fd)

    def _is_watched(self) -> bool:
        """Return whether lagerd says that another script is paused."""
        try:
            return bool(os.fstat(self._fd).st_mode & LEASE_WATCHED)
        except OSError as error:  # it has just been released
            if by_a_handler(error):
                raise
            return False

    def guard(self, nets: tuple[str, ...]) -> None:
        """Change which nets lagerd makes safe if this process crashes; for a command there are none. Blocks; raises
        like a claim."""
        if is_command():
            return
        if nets != self._guarded and self._fd >= 0:
            self._calls.guard(self._instrument, list(nets))
            self._guarded = nets

    def crash(self, exit_code: str = "") -> None:
        """End the lease without a release: lagerd makes its nets safe.

        If `exit_code` is the path of a pipe, lagerd reads there whether this process has crashed. Blocks until lagerd
        knows; if it cannot be told, this is a crash.
        """
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if exit_code:
            with suppressed(OSError, LagerError, RuntimeError):
                self._calls.end(self._instrument, os.open(exit_code, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        os.close(fd)

    def copy(self) -> int:
        """Return a copy of the locked descriptor. Raises InstrumentError if the lease has ended."""
        try:
            return fcntl.fcntl(self._fd, fcntl.F_DUPFD_CLOEXEC, 3)
        except (OSError, ValueError) as error:
            if by_a_handler(error):
                raise
            raise InstrumentError("The lease has just been released.") from None

    def forget(self) -> None:
        """Close this copy in a forked child. The lease is the parent's: closing a copy does not unlock it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def _say_unheard(nets: tuple[str, ...]) -> None:
    if sys.stderr is not None:
        names = ", ".join(nets)
        print(f"lager: lagerd was not told that {names} was closed, and will make it safe.", file=sys.stderr)


_held: "weakref.WeakSet[_DaemonLease]" = weakref.WeakSet()
at_exec.keep(lambda: [lease._fd for lease in list(_held) if lease._fd >= 0])


def _after_fork() -> None:
    for lease in list(_held):
        lease.forget()


def _script() -> str:
    """Return a name for this program: the script of the run, else the command with its arguments."""
    named = lager.at_start(variables.RUNNABLE) or ""
    if named and not is_command():
        return printable(named)
    words = list(sys.argv) or [""]  # a script may change sys.argv
    return printable(" ".join([os.path.basename(str(words[0])), *map(str, words[1:])]))


def is_command() -> bool:
    """Return whether this process is a `lager` command, not a script, even one that is called lager."""
    if "lager_cli" not in sys.modules:
        return False
    first = str(sys.argv[0]) if sys.argv else ""
    return os.path.basename(first) == "lager" or first.endswith("/lager_cli/__main__.py")


def _ancestors() -> list[int]:
    """Return the ids of the processes that started this one, the nearest first, as far as /proc shows them."""
    found: list[int] = []
    pid = os.getppid()
    while pid > 0 and pid not in found:
        found.append(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])  # proc(5): state and ppid follow the name
        except (OSError, ValueError, IndexError) as error:
            if by_a_handler(error):
                raise
            break
    return found


os.register_at_fork(after_in_child=_after_fork)
