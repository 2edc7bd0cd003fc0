"""Many pauses at once: of lager, and of a script that does the same with a polled file."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.scripts import running
from tests.client import Client
from tests.station import Station

# When each thread went on, in a line of its own, by the clock that all processes share.
_OURS = """
import os, sys, threading, time, lager
def stand(name):
    lager.pause(name, timeout=0)
    os.write(1, f"{time.monotonic()}\\n".encode())
for name in range(int(sys.argv[1])):
    threading.Thread(target=stand, args=(name,)).start()
"""
POLLED_PAUSE = """
import json, os, sys, threading, time
def pause(path):
    with open(path, "w") as file:
        json.dump({"file": sys.argv[0], "label": path}, file)
    os.utime(path, (2**31, 2**31))
    os.write(2, b"paused\\n")
    while True:
        try:
            due = os.stat(path).st_mtime
        except FileNotFoundError:
            return
        if time.time() >= due:
            return os.unlink(path)
        time.sleep(0.25)
"""
_POLLED = (
    POLLED_PAUSE
    + """
def stand(name):
    pause(os.path.join(sys.argv[2], f"{os.getpid()}-{name}"))
    os.write(1, f"{time.monotonic()}\\n".encode())
for name in range(int(sys.argv[1])):
    threading.Thread(target=stand, args=(name,)).start()
"""
)


class Crowd:
    """A number of threads in each of a number of runs, all paused."""

    def __init__(self, one: Client, own: ExitStack, station: Station, processes: int, threads: int) -> None:
        self._one = one
        self.processes = [own.enter_context(running(station, _OURS, str(threads))) for _ in range(processes)]
        pauses = [one.paused() for _ in range(processes * threads)]
        self.ids = {pause["id"] for pause in pauses}
        self._run_ids = {pause["run_id"] for pause in pauses}
        for process in self.processes:
            for _ in range(threads):
                process.err.expect("  timeout  ")
        self.scripts = sorted({pause["pid"] for pause in pauses})
        self.runs = [process.pid for process in self.processes]

    def end_at(self, instant: float) -> None:
        """Let all of them resume automatically at `instant` of the monotonic clock."""

        async def extend() -> None:
            for id in self._run_ids:  # one call for all of a run, so that little time goes by between them
                left = instant - time.monotonic()
                await self._one.bus.call("com.lager.Breakpoints", "/com/lager/Breakpoints", "Extend", "sd", id, left)

        self._one.do(extend())

    def went_on(self) -> list[float]:
        """Return when each of them resumed; wait for all."""
        return [float(line) for process in self.processes for line in process.out.rest().split()]


class PolledCrowd:
    def __init__(self, own: ExitStack, station: Station, processes: int, threads: int, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._threads = threads
        self.processes = [
            own.enter_context(running(station, _POLLED, str(threads), str(folder), plain=True))
            for _ in range(processes)
        ]
        for process in self.processes:
            for _ in range(threads):
                process.err.expect("paused\n")
        self.scripts = [process.pid for process in self.processes]

    def listed(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in self.folder.iterdir()]

    def end_at(self, instant: float) -> None:
        due = time.time() + instant - time.monotonic()
        for path in self.folder.iterdir():
            os.utime(path, (due, due))

    def went_on(self) -> list[float]:
        return [float(line) for process in self.processes for line in process.out.rest().split()]


@contextmanager
def crowd(one: Client, station: Station, processes: int, threads: int) -> Iterator[Crowd]:
    with ExitStack() as own:
        yield Crowd(one, own, station, processes, threads)


@contextmanager
def polled_crowd(station: Station, processes: int, threads: int) -> Iterator[PolledCrowd]:
    with ExitStack() as own:
        yield PolledCrowd(own, station, processes, threads, station.folder / f"polled{time.monotonic_ns()}")
