"""What the benchmark needs of scripts and clients."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.client import Client
from tests.processes import LAGER, Process
from tests.station import Station

# Pauses as often as it is told; a line for each says when the next statement ran, by the clock all processes share.
# Nobody reads its banners, which fill a pipe in the end.
PAUSING = """
import os, sys, time, lager
sys.stderr = open(os.devnull, "w")
for n in range(int(sys.argv[1])):
    lager.pause(str(time.monotonic()), timeout=60)
    print(time.monotonic(), flush=True)
"""
STANDING = "import lager\nlager.pause(timeout=0, interactive=True)\n"


@contextmanager
def running(station: Station, text: str, *arguments: str, plain: bool = False) -> Iterator[Process]:
    """A script under `lager python`, or under python alone."""
    script = station.folder / f"script{time.monotonic_ns()}.py"
    script.write_text(text)
    command = [sys.executable] if plain else [LAGER, "python"]
    process = Process([*command, str(script), *arguments], station.env, station.folder)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def client(station: Station) -> Iterator[Client]:
    one = Client(station.address)
    try:
        yield one
    finally:
        one.close()


@contextmanager
def own_station() -> Iterator[Station]:
    """One that has seen nothing before: no memory is used, and no answer owed."""
    with TemporaryDirectory(prefix="lager-bench-", dir="/tmp") as folder:
        station = Station(Path(folder))
        try:
            yield station
        finally:
            station.close()
