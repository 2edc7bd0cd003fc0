"""Rows about many pauses at once."""

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.bench.crowds.crowd import POLLED_PAUSE, Crowd, PolledCrowd, crowd, polled_crowd
from tests.bench.crowds.processes import memory, switches
from tests.bench.report.figures import Figures, Row, amount, times
from tests.bench.scale import Scale
from tests.bench.scripts import PAUSING, client, own_station, running
from tests.client import NAME, PATH, Client
from tests.station import Station

_POLLED_SHARE = 10
_POLLING = (
    POLLED_PAUSE
    + """
for n in range(int(sys.argv[1])):
    pause(sys.argv[2])
    print(time.monotonic(), flush=True)
"""
)


def rows(_: Station, scale: Scale) -> Iterator[Row]:
    for processes, threads in scale.crowds:
        polled = dict(_polled(scale, processes, threads))
        yield from _ours(scale, processes, threads, polled)


def _ours(scale: Scale, processes: int, threads: int, polled: dict[str, Figures]) -> Iterator[Row]:
    many = processes * threads

    def row(name: str, ours: Figures, aim: str = "", floor: Figures | None = None) -> Row:
        return Row(name, ours, floor, polled.get(name), aim if many >= 1000 else "", many)

    with own_station() as station, client(station) as one:
        lagerd = station.lagerd.pid
        _resumes(one, station, 10)
        one.list()
        before = memory(lagerd, _OWN)
        with crowd(one, station, processes, threads) as pauses:
            one.call("Ping", interface="org.freedesktop.DBus.Peer")
            yield row("memory of lagerd per pause", amount((memory(lagerd, _OWN) - before) / many, "kB"), "8 kB")
            yield row("memory of a script", amount(memory(pauses.scripts[0]), "kB"))
            lagerds, scripts = _idle(scale.idle, [lagerd], pauses.scripts + pauses.runs)
            yield row("wake-ups of lagerd while idle", amount(lagerds, "1/s"), "0")
            yield row("wake-ups of the scripts while idle", amount(scripts, "1/s"), "0")
            floor = times([_timed(lambda: one.call("Ping", interface=_PEER)) for _ in range(scale.rounds)])
            answers, statements = _resumes(one, station, scale.rounds)
            yield row("Continue until its answer", times(answers), "p99 2x that of 1", floor)
            yield row("Continue until the next statement", times(statements), "", floor)
            yield row("List", times([_timed(one.list) for _ in range(scale.processes)]), "100 ms", floor)
            yield from _together(one, pauses, row, scale.ahead)
        one.list()
        yield row("memory of lagerd per pause, kept after it", amount((memory(lagerd, _OWN) - before) / many, "kB"))


_OWN = "Anonymous"  # what it shares is the same whoever pauses
_PEER = "org.freedesktop.DBus.Peer"


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _idle(seconds: float, *groups: list[int]) -> list[float]:
    """Wake-ups per second of each group of processes."""
    time.sleep(seconds / 5)  # for what has just begun to settle
    before = [switches(pids) for pids in groups]
    time.sleep(seconds)
    return [(switches(pids) - count) / seconds for pids, count in zip(groups, before, strict=True)]


def _resumes(one: Client, station: Station, rounds: int) -> tuple[list[float], list[float]]:
    """Measure from the start of Continue until its answer, and until the next statement of the script."""
    answers, statements = [], []

    async def go_on(id: str) -> tuple[float, float]:
        began = time.monotonic()
        await one.bus.call(NAME, PATH, "Continue", "s", id)
        return began, time.monotonic()

    with running(station, PAUSING, str(rounds)) as process:
        for _ in range(rounds):
            began, answered = one.do(go_on(one.paused()["id"]))
            answers.append(answered - began)
            statements.append(float(process.out.expect("\n")) - began)
    return answers, statements


def _together(one: Client, pauses: Crowd, row: Callable[..., Row], ahead: float) -> Iterator[Row]:
    """All of them resume automatically at one instant."""
    instant = time.monotonic() + ahead
    pauses.end_at(instant)
    ours = pauses.ids
    heard = [time.monotonic() - instant for _ in ours if one.expect("Resumed", lambda signal: signal.args[0] in ours)]
    late = [went - instant for went in pauses.went_on()]
    assert len(late) == len(pauses.ids)
    yield row("auto-resumes at one instant: late on the bus by", times(heard))
    yield row("auto-resumes at one instant: next statement late by", times(late))
    yield row("auto-resumes at one instant: the first", amount(1e3 * min(late), "ms"), "20 ms")
    yield row("auto-resumes at one instant: the last", amount(1e3 * max(late), "ms"), "1000 ms")


def _polled(scale: Scale, processes: int, threads: int) -> Iterator[tuple[str, Figures]]:
    with own_station() as station, polled_crowd(station, processes, threads) as pauses:
        yield "memory of a script", amount(memory(pauses.scripts[0]), "kB")
        yield "wake-ups of the scripts while idle", amount(_idle(scale.idle, pauses.scripts)[0], "1/s")
        rounds = max(scale.rounds // _POLLED_SHARE, 1)
        yield "Continue until the next statement", times(_polled_resumes(station, rounds))
        yield "List", times([_timed(pauses.listed) for _ in range(scale.processes)])
        yield from _polled_together(pauses, scale.ahead)


def _polled_resumes(station: Station, rounds: int) -> list[float]:
    late = []
    people = Random(1)  # who keep no time with the script
    path = station.folder / "paused"
    with running(station, _POLLING, str(rounds), str(path), plain=True) as process:
        for _ in range(rounds):
            process.err.expect("paused\n")
            time.sleep(people.uniform(0, 0.25))
            began = time.monotonic()
            path.unlink()
            late.append(float(process.out.expect("\n")) - began)
    return late


def _polled_together(pauses: PolledCrowd, ahead: float) -> Iterator[tuple[str, Figures]]:
    instant = time.monotonic() + ahead
    pauses.end_at(instant)
    late = [went - instant for went in pauses.went_on()]
    yield "auto-resumes at one instant: next statement late by", times(late)
    yield "auto-resumes at one instant: the first", amount(1e3 * min(late), "ms")
    yield "auto-resumes at one instant: the last", amount(1e3 * max(late), "ms")
