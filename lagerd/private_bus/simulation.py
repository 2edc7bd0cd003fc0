"""The process of a described bench: its instruments, a bus of its own, and a lagerd on that.

It is started by `lager bench` and `lager python --simulate`, and ends with them: when the pipe that they hold reaches
its end, at SIGTERM, or when its bus is lost. Everything it has is in one private folder, which it removes.

- A lagerd of its own keeps the leases, makes instruments safe and quarantines them; no claim is in the lagerd of this
  machine.
- The folder is locked while the process lives. If it was killed, the process that started it removes the folder, or the
  next simulation does: the kernel has freed the lock.
- The broker ends with this process (PR_SET_PDEATHSIG), and lagerd with its bus.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lager import variables
from lager.bus.address import own_folder, unix_address
from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS
from lager.errors import BusError, LagerError
from lager.process.end_signals import resolve, until_told
from lagerd.bench import description
from lagerd.bench.described import DescribedBench
from lagerd.private_bus.embedded import broker, restart_lagerd

_PREFIX = "bench-"
_LOCK = "alive"
_LONGEST = 100  # of the path of a socket, which has 107 bytes at most: unix(7)
_LAST_SECONDS = 10.0  # in which lagerd ends


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lagerd.private_bus.simulation", description=__doc__)
    parser.add_argument("--file", required=True, help="the nets file that describes the bench")
    parser.add_argument("--answer-fd", type=int, required=True, help="write the result here, as a line of JSON")
    parser.add_argument("--parent-fd", type=int, required=True, help="end when this pipe reaches its end")
    given = parser.parse_args()
    os.set_inheritable(given.answer_fd, False)
    os.set_inheritable(given.parent_fd, False)
    try:
        described = DescribedBench(description.read(given.file))
        with _own_folder() as folder:
            os.environ[variables.BENCH] = str(folder)
            asyncio.run(_serve(described, folder, given.answer_fd, given.parent_fd))
    except LagerError as error:
        _answer(given.answer_fd, {"what": error.what, "hint": error.hint, "kind": type(error).__name__})
    except OSError as error:
        _answer(given.answer_fd, {"what": f"The simulated bench does not start: {error}.", "hint": ""})


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """Yield a new private folder, locked, and remove it at the end. Removes those that are no longer locked."""
    above = own_folder()
    for left in above.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), open(left / _LOCK, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
    try:
        if len(os.fsencode(folder / "bus")) > _LONGEST:
            raise BusError(f"The path {folder} is too long for a socket.", "Set XDG_RUNTIME_DIR to a shorter one.")
        with open(folder / "new", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "new").rename(folder / _LOCK)  # locked already, when others can see it
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(bench: DescribedBench, folder: Path, answer_fd: int, parent_fd: int) -> None:
    stop = until_told()
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.set_blocking(parent_fd, False)
    asyncio.get_running_loop().add_reader(parent_fd, _watch_parent, parent_fd, stop)
    try:
        await bench.start(folder)
        with broker(folder):
            bus = await Bus.connect(unix_address(folder / "bus"))
            restarter = asyncio.create_task(restart_lagerd(bus))
            _leave_terminal(folder)
            _answer(answer_fd, {"folder": str(folder), "notes": bench.notes})
            try:
                await asyncio.wait([stop, bus.lost, restarter], return_when=asyncio.FIRST_COMPLETED)
                restarter.cancel()
                await _end_lagerd(bus)
            finally:
                restarter.cancel()
                bus.close()
    finally:
        await bench.close()


def _leave_terminal(folder: Path) -> None:
    """Write to the log from now on: the process that started us may wait until its standard error is closed."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)


def _watch_parent(parent_fd: int, stop: "asyncio.Future[None]") -> None:
    with contextlib.suppress(BlockingIOError):
        if os.read(parent_fd, 4096):
            return
        asyncio.get_running_loop().remove_reader(parent_fd)
        resolve(stop)


async def _end_lagerd(bus: Bus) -> None:
    """End lagerd and wait for that, so that it writes nothing into a folder that is being removed."""
    try:
        owner = await bus.owner(BREAKPOINTS)
        if not owner:
            return
        process = os.pidfd_open(int((await bus.credentials(owner))["ProcessID"]))
    except (LagerError, OSError, KeyError):
        return
    ended = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(process, resolve, ended)
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        async with asyncio.timeout(_LAST_SECONDS):
            await ended
    except (OSError, TimeoutError):
        return
    finally:
        asyncio.get_running_loop().remove_reader(process)
        os.close(process)


def _answer(answer_fd: int, answer: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        os.write(answer_fd, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
