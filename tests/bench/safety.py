"""Rows about what stays on: from the kill of a script to the moment when its supply is off."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.bench.report.figures import Row, times
from tests.bench.scale import Scale
from tests.bench.scripts import client, running
from tests.bus.instruments.safe_bench import SafeBench
from tests.processes import Process
from tests.station import Station

_HOLD = """
import signal
from lager import Net
supply = Net.get("supply2", type="supply", wait=60)
supply.enable()
print("on", flush=True)
signal.pause()
"""


def rows(station: Station, scale: Scale) -> Iterator[Row]:
    folder = station.folder / "instruments"
    folder.mkdir(mode=0o700)
    command = [sys.executable, "-m", "lagerd.bench", "--folder", str(folder), "--ready-fd", "1"]
    with closing(Process(command, station.env, station.folder)) as bench:
        bench.out.expect("ready\n")
        nets = SafeBench(folder / "safe.toml", Path(folder / "nets.toml").read_text())
        nets.add(supply2='safe = "off"')
        station.env["LAGER_NETS"] = str(nets.path)
        name = "kill -9 of a script until its supply is off"
        yield Row(name, times(_kills(station, scale.processes)), aim="p99 < 1000")
        yield Row(f"{name}, with lagerd", times(_kills_of_both(station, nets, scale.processes)), aim="p99 < 1000")


def _kills(station: Station, rounds: int) -> list[float]:
    took = []
    with client(station) as one:
        for _ in range(rounds):
            with running(station, _HOLD, plain=True) as script:
                script.out.expect("on\n")
                began = time.monotonic()
                script.kill()
                one.expect("MadeSafe")
                took.append(time.monotonic() - began)
    return took


def _kills_of_both(station: Station, nets: SafeBench, rounds: int) -> list[float]:
    took = []
    for _ in range(rounds):
        with running(station, _HOLD, plain=True) as script:
            script.out.expect("on\n")
            station.kill_lagerd()
            began = time.monotonic()
            script.kill()
            while nets.is_on():
                pass
            took.append(time.monotonic() - began)
            station.start_lagerd()
    return took
