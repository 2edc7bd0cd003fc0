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
# The same, and a raw call of lagerd by turns, with the library as a script has it: in its own world, and not compiled.
# The second word of each line is how long that took. Before it, lagerd announces the end of the pause, and a call that
# is not measured wakes everybody up.
ASKING = """
import sys, time, lager
asyncio, address, facade = map(lager.load, ("asyncio", "lager.bus.address", "lager.bus.facade"))
loop = asyncio.SelectorEventLoop()
bus = loop.run_until_complete(facade.Bus.connect(address.choose().text))
name = "com.lager.Breakpoints"
async def ask():
    began = time.perf_counter()
    await bus.call(name, "/com/lager/Breakpoints", "Ping", interface="org.freedesktop.DBus.Peer")
    return time.perf_counter() - began
for n in range(int(sys.argv[1])):
    lager.pause(timeout=60)
    resumed = time.monotonic()
    time.sleep(0.005)
    loop.run_until_complete(ask())
    print(resumed, loop.run_until_complete(ask()), flush=True)
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
    """Return a new station: it has used no memory and owes no answer."""
    with TemporaryDirectory(prefix="lager-bench-", dir="/tmp") as folder:
        station = Station(Path(folder))
        try:
            yield station
        finally:
            station.close()
