"""Rows about many consoles, and about claims that come faster than one by one."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from lager.console.protocol import MessageDecoder, encode
from tests.bench.report.figures import Figures, Row, amount, times
from tests.bench.scale import Scale
from tests.bench.scripts import STANDING, client, running
from tests.client import NAME, PATH, Client
from tests.station import Station

_INSTRUMENTS, _INSTRUMENTS_PATH = "com.lager.Instruments", "/com/lager/Instruments"
_BENCH = 20  # instruments, claimed in turn
_PATIENCE = 60.0
Work = Callable[[], Coroutine[Any, Any, float]]


def consoles(station: Station, scale: Scale) -> Iterator[Row]:
    """All opened at one time in one script, and then each evaluates a line, all at one time."""
    with client(station) as one, running(station, STANDING):
        id = one.paused()["id"]
        opened: list[socket.socket] = []
        try:
            took = _at_once(one, [partial(_open, one, id, opened)] * scale.consoles)
            yield Row(f"console: prompt, {scale.consoles} at once", took)
            took = _at_once(one, [partial(_evaluate, console) for console in opened])
            yield Row(f"console: one evaluation, {scale.consoles} at once", took)
        finally:
            for console in opened:
                console.close()


def _at_once(one: Client, works: list[Work]) -> Figures:
    async def everything() -> list[float]:
        return await asyncio.gather(*[work() for work in works])

    return times(one.do(everything(), _PATIENCE))


async def _open(one: Client, id: str, opened: list[socket.socket]) -> float:
    began = time.perf_counter()
    fd = (await one.bus.call(NAME, PATH, "OpenConsole", "sa{sv}", id, {}))[0]
    console = socket.socket(fileno=fd)
    console.setblocking(False)
    opened.append(console)
    await _until(console, "hello")
    return time.perf_counter() - began


async def _evaluate(console: socket.socket) -> float:
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(console, encode({"eval": "1 + 1"}))
    frames = await _until(console, "done")
    assert {"out": "2\n"} in frames
    return time.perf_counter() - began


async def _until(console: socket.socket, last: str) -> list[dict[str, Any]]:
    decoder = MessageDecoder()
    frames: list[dict[str, Any]] = []
    while not frames or last not in frames[-1]:
        frames += decoder.feed(await asyncio.get_running_loop().sock_recv(console, 1 << 16))
    return frames


def claims(station: Station, scale: Scale) -> Iterator[Row]:
    """A claim and its release every so often, whatever the last one did; from the moment that it was due."""
    rate, count = scale.claims_a_second, max(round(scale.claims_a_second * scale.claiming), 1)
    with client(station) as one:

        async def due(at: float, instrument: str) -> float:
            await asyncio.sleep(max(at - asyncio.get_running_loop().time(), 0))
            details = {"wait": _PATIENCE}
            fd = (await one.bus.call(_INSTRUMENTS, _INSTRUMENTS_PATH, "Claim", "sa{sv}", instrument, details))[0]
            took = asyncio.get_running_loop().time() - at
            await one.bus.call(_INSTRUMENTS, _INSTRUMENTS_PATH, "Release", "s", instrument)
            os.close(fd)
            return took

        async def everything() -> list[float]:
            begin = asyncio.get_running_loop().time()
            return await asyncio.gather(*[due(begin + n / rate, f"bench{n % _BENCH}") for n in range(count)])

        samples = one.do(everything(), scale.claiming + _PATIENCE)
        for _ in range(count):
            one.expect("Released")
        claimed = sum(signal.member == "Claimed" for signal in one.passed)
        held = len(one.call("List", name=_INSTRUMENTS))
    yield Row(f"claim, {rate} a second for {scale.claiming:g} s", times(samples))
    yield Row("claims lost, or held after it", amount(count - min(len(samples), claimed) + held, ""), aim="0")
