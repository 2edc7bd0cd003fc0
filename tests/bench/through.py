"""Rows about instruments that a paused script holds: questions through it, and its resume."""

import json
import sys
import time
from collections.abc import Iterator

from tests.bench.report.figures import Row, times
from tests.bench.rows import resume, resumes
from tests.bench.scale import Scale
from tests.bench.scripts import client, running
from tests.client import Client
from tests.processes import Process
from tests.station import Station

INSTRUMENTS, INSTRUMENTS_PATH = "com.lager.Instruments", "/com/lager/Instruments"
# Asks as often as it is told, and then pauses that often; the time of each by the clock that all processes share.
HOLDING = """
import os, sys, time, lager
sys.stderr = open(os.devnull, "w")
supply = lager.Net.get("supply2", type="supply")
for n in range(int(sys.argv[1])):
    began = time.monotonic()
    supply.voltage()
    print(time.monotonic() - began, flush=True)
for n in range(int(sys.argv[1]) + 1):
    lager.pause(str(n), timeout=60)
    print(time.monotonic(), flush=True)
"""


def rows(station: Station, scale: Scale) -> Iterator[Row]:
    folder = station.folder / "bench-through"
    folder.mkdir(mode=0o700)
    bench = Process(
        [sys.executable, "-m", "lagerd.bench", "--folder", str(folder), "--ready-fd", "1"], station.env, folder
    )
    before = station.env.get("LAGER_NETS")
    station.env["LAGER_NETS"] = str(folder / "nets.toml")
    try:
        bench.out.expect("ready\n")
        free = times(resume(station, scale.rounds))
        with client(station) as one, running(station, HOLDING, str(scale.rounds)) as process:
            asked = [float(process.out.expect("\n")) for _ in range(scale.rounds)]
            yield Row("voltage: asked by the holder", times(asked))
            through = times(_through(one, scale.rounds))
            yield Row("voltage: through the paused holder", through, times(asked), aim="p99 of the floor + 5 ms")
            yield Row("resume: of a script that holds a net", times(_resumes(one, process, scale.rounds)), free)
        with client(station) as one, running(station, HOLDING, "0") as holder:
            id = one.paused()["id"]
            beside = times(resume(station, scale.rounds))
            one.call("Continue", "s", id)
            holder.out.expect("\n")
            yield Row("resume: without nets, beside a script that holds one", beside, free, aim="the floor + 0.1 ms")
    finally:
        bench.close()
        if before is None:
            del station.env["LAGER_NETS"]
        else:
            station.env["LAGER_NETS"] = before


def _through(one: Client, rounds: int) -> list[float]:
    """Read the voltage through the pause, and resume it."""
    id = one.paused()["id"]
    key = next(lease["instrument"] for lease in one.call("List", name=INSTRUMENTS) if id in lease["pauses"])

    async def ask() -> float:
        began = time.perf_counter()
        answer = await one.bus.call(
            INSTRUMENTS, INSTRUMENTS_PATH, "Through", "sssa{sv}", key, "supply2", "voltage", {}, timeout=None
        )
        took = time.perf_counter() - began
        assert json.loads(answer[0])["id"] == id
        return took

    samples = [one.do(ask()) for _ in range(rounds)]
    one.call("Continue", "s", id)
    return samples


def _resumes(one: Client, process: Process, rounds: int) -> list[float]:
    """From the start of Continue to the next statement of the script, through which nothing was asked."""
    process.out.expect("\n")
    return resumes(one, process, rounds)
