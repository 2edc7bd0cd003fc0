"""Rows about short commands, as processes: `lager continue` beside busctl, and `lager status` of a large bench."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from lagerd.bench.bench import Bench
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.supplies.rigol_dp800 import DP832
from lagerd.bench.nets import NetEntry
from tests.bench.report.figures import Figures, Row, times
from tests.bench.rows import timed
from tests.bench.scale import Scale
from tests.bench.scripts import PAUSING, client, running
from tests.client import NAME, PATH
from tests.processes import LAGER, Process
from tests.station import Station

_SUPPLIES, _LOADS, _DAQS = 4, 2, 2  # 8 instruments
_INPUTS = 13  # of each DAQ: with 3 outputs of each supply and the loads, 40 nets


def rows(station: Station, scale: Scale) -> Iterator[Row]:
    bus = times(_continues(station, scale.processes, lambda id: [*_busctl(station), id]))
    yield Row("process: busctl call Continue", bus)
    ours = times(_continues(station, scale.processes, lambda id: [LAGER, "continue", id]))
    yield Row("process: lager continue", ours, bus)
    python = times([_timed(station, [sys.executable, "-c", ""]) for _ in range(scale.processes)])
    yield Row("process: lager continue, beyond busctl and Python's start", _beyond(ours, bus, python), aim="60 ms")
    yield from _status(station, scale)


def _beyond(ours: Figures, *others: Figures) -> Figures:
    return Figures(ours.p50 - sum(one.p50 for one in others), ours.p99 - sum(one.p99 for one in others), ours.n)


def _busctl(station: Station) -> list[str]:
    return ["busctl", f"--address={station.address}", "call", NAME, PATH, NAME, "Continue", "s"]


def _continues(station: Station, rounds: int, command: Callable[[str], list[str]]) -> list[float]:
    with client(station) as one, running(station, PAUSING, str(rounds)):
        return [_timed(station, command(one.paused()["id"])) for _ in range(rounds)]


def _status(station: Station, scale: Scale) -> Iterator[Row]:
    folder = station.folder / "bench-large"
    folder.mkdir(mode=0o700)
    bench = Process([sys.executable, "-m", "tests.bench.short", str(folder)], station.env, Path(__file__).parents[2])
    try:
        bench.out.expect("ready\n")
        command = [LAGER, "status"]
        samples = [_timed(station, command, LAGER_NETS=str(folder / "nets.toml")) for _ in range(scale.processes)]
        yield Row("process: lager status, 40 nets on 8 instruments", times(samples), aim="1 s")
    finally:
        bench.close()


def _timed(station: Station, command: list[str], **more: str) -> float:
    def run() -> None:
        subprocess.run(command, env={**station.env, **more}, check=True, capture_output=True, timeout=60)

    return timed(run)


def large_bench() -> Bench:
    """Return the bench of 40 nets on 8 instruments."""
    supplies = {f"psu{n}": DP832() for n in range(_SUPPLIES)}
    loads = {f"load{n}": DL3021() for n in range(_LOADS)}
    daqs = {f"daq{n}": T7(470000000 + n) for n in range(_DAQS)}
    nets = [NetEntry(f"{name}-{channel}", "supply", name, channel) for name in supplies for channel in (1, 2, 3)]
    nets += [NetEntry(f"{name}-1", "eload", name, 1) for name in loads]
    nets += [NetEntry(f"{name}-{channel}", "adc", name, f"AIN{channel}") for name in daqs for channel in range(_INPUTS)]
    assert (len(nets), len(supplies | loads | daqs)) == (40, 8)
    return Bench({**supplies, **loads, **daqs}, nets)


async def _serve(folder: Path) -> None:
    bench = large_bench()
    await bench.start(folder)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
