"""Rows about a client that floods lagerd, and the time of another client's Continue meanwhile.

The floor is a call of the broker itself, which the flood goes through, too. Nobody listens to what the flood makes
lagerd tell everybody: on a small machine the listeners would be measured, and not what they listen to.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.bus.transport.wire import BROKER
from tests.bench.report.figures import Row, amount, times
from tests.bench.scale import Scale
from tests.bench.scripts import STANDING, client, own_station, running
from tests.client import EVERYTHING, NAME, PATH
from tests.processes import Process
from tests.station import Station

ROOT = Path(__file__).parents[3]
_AIM = "50 ms more than without"
_PATIENCE = 120.0


def rows(_: Station, scale: Scale) -> Iterator[Row]:
    for kind in ("", *scale.floods):
        with ExitStack() as own:
            station = own.enter_context(own_station())
            id = _paused(own, station, scale.listed)
            if kind:
                own.enter_context(_flood(station, kind, id))
            yield from _row(station, f"beside a flood of {kind}" if kind else "beside no flood", scale.rounds)


def _paused(own: ExitStack, station: Station, many: int) -> str:
    """A script with a console, whose id this is, and so many pauses beside it."""
    one, crowd = own.enter_context(client(station)), own.enter_context(client(station))
    own.enter_context(running(station, STANDING))
    id = one.paused()["id"]
    for n in range(many):
        details = {"id": f"c0de{n:04x}", "timeout": 0.0, "file": "/home/bench/scripts/measure.py"}
        crowd.start(crowd.bus.call(NAME, PATH, "Pause", "a{sv}", details, timeout=None))
    for _ in range(many):
        one.paused()
    for listening in (one, crowd):
        listening.do(_hear_nothing(listening.bus))
    return str(id)


async def _hear_nothing(bus: Bus) -> None:
    bus.remove_match(EVERYTHING)


def _row(station: Station, beside: str, rounds: int) -> Iterator[Row]:
    with client(station) as one:
        one.do(_hear_nothing(one.bus))
        samples, floor = one.do(_continues(one.bus, rounds), _PATIENCE)
    name = f"Continue {beside}"
    yield Row(name, times(samples), times(floor))
    yield Row(f"{name}: the longest", amount(1e3 * max(samples), "ms"), amount(1e3 * max(floor), "ms"), aim=_AIM)


@contextmanager
def _flood(station: Station, kind: str, id: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.hostile.flood", station.address, kind, id]
    process = Process(command, {**station.env, "PYTHONPATH": str(ROOT)}, station.folder)
    try:
        process.out.expect("flooding\n")
        yield
    finally:
        process.close()


async def _continues(bus: Bus, rounds: int) -> tuple[list[float], list[float]]:
    """How long each Continue took, and each call of the broker itself in between."""
    stood: asyncio.Queue[Signal] = asyncio.Queue()
    await bus.follow(NAME, lambda _: None)
    bus.listen("Paused", stood.put_nowait, of=NAME)
    samples, floor = [], []
    for n in range(rounds):
        id = f"eeee{n:04x}"
        await bus.add_match(f"type='signal',sender='{NAME}',member='Paused',arg0='{id}'")
        pausing = asyncio.ensure_future(bus.call(NAME, PATH, "Pause", "a{sv}", {"id": id}))
        while (await stood.get()).args[0] != id:
            pass
        samples.append(await _timed(bus, NAME, PATH, "Continue", "s", id))
        floor.append(await _timed(bus, BROKER, "/org/freedesktop/DBus", "GetId"))
        await pausing
    return samples, floor


async def _timed(bus: Bus, name: str, path: str, member: str, *more: str) -> float:
    began = time.perf_counter()
    await bus.call(name, path, member, *more)
    return time.perf_counter() - began
