"""The process that ends a run if its `lager python` is killed and cannot do so itself.

It is forked when the script has started. It waits in a session of its own, where no signal of a terminal reaches it,
and is ended when the script has ended.
"""

import contextlib
import fcntl
import os
import select
import signal
from pathlib import Path
from types import TracebackType

from lager_cli.linux.ladder import SignalLadder

_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Keeper:
    """The keeper of a run. Create it before this process has other threads, because it forks."""

    def __init__(self, script: int, run_id: str) -> None:
        """Keep the run whose script is the child `script`, for which this process has not waited yet."""
        own, scripts = os.pidfd_open(os.getpid()), os.pidfd_open(script)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _keep(own, scripts, script, run_id)
            finally:
                os._exit(0)
        os.close(own)
        os.close(scripts)
        self._fd = os.pidfd_open(self.pid)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is not None:  # this process is about to end before the script has ended
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self._fd)


def _keep(
    parent: int, scripts: int, script: int, run_id: str
) -> None:  # pragma: no cover: it is killed, or never measured
    os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    parent, scripts = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in (parent, scripts))
    _hold_nothing_but({parent, scripts})
    with contextlib.suppress(Exception):
        _rename(f"lager-keeper {script}")
    poll = select.poll()
    poll.register(parent, select.POLLIN)
    poll.register(scripts, select.POLLIN)
    ended = [fd for fd, _ in poll.poll()]
    if scripts not in ended:
        SignalLadder(script, run=run_id, with_root=True).climb()


def _hold_nothing_but(needed: set[int]) -> None:
    """Close all other descriptors, so that a reader of the run's pipes sees their end, and the current folder is not in
    use."""
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - needed - {0, 1, 2}:
        with contextlib.suppress(OSError):
            os.close(fd)


def _rename(name: str) -> None:
    """Overwrite the arguments of this process with `name`, so that killing `lager python` by its command line does not
    kill the keeper."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end: proc(5)
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(name.encode()[: end - start - 1].ljust(end - start, b"\0"))
