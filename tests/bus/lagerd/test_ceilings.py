"""How many pauses fit on a bus with the limits of a system bus, and what happens beyond them."""

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from lager.bus.facade import Bus
from tests.client import NAME, PATH, Client
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station


@pytest.fixture
def limited() -> Iterator[Callable[[Mapping[str, int]], Station]]:
    """A station whose broker has these limits beside the ordinary ones."""
    with ExitStack() as own:

        def make(limits: Mapping[str, int]) -> Station:
            folder = own.enter_context(tempfile.TemporaryDirectory(prefix="lager-test-", dir="/tmp"))
            station = Station(Path(folder), limits=limits)
            own.callback(station.close)
            return station

        yield make


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start a script at a station."""
    with ExitStack() as own:

        def start(station: Station, text: str) -> Process:
            (tmp_path / "script.py").write_text(text)
            process = Process([LAGER, "python", "script.py"], station.env, tmp_path)
            own.callback(process.close)
            return process

        yield start


async def _crowd(address: str, watcher: Bus, count: int) -> None:
    buses = [await Bus.connect(address) for _ in range(count)]
    details = [{"id": f"{n:08x}", "timeout": 0.0} for n in range(count)]
    pausing = [
        asyncio.ensure_future(bus.call(NAME, PATH, "Pause", "a{sv}", one, timeout=None))
        for bus, one in zip(buses, details, strict=True)
    ]
    gone: asyncio.Queue[str] = asyncio.Queue()
    here: asyncio.Queue[str] = asyncio.Queue()
    await watcher.subscribe(
        NAME,
        {
            "Paused": lambda signal: here.put_nowait(signal.args[0]),
            "Resumed": lambda signal: gone.put_nowait(signal.args[1]),
        },
    )
    while len((await watcher.call(NAME, PATH, "List"))[0]) < count:
        await here.get()
    for bus in buses[::2]:  # of those with a rule of their own, and of those without
        bus.close()
    assert {await gone.get() for _ in buses[::2]} == {"gone"}
    assert await watcher.call(NAME, PATH, "ContinueAll") == [count // 2]
    assert await asyncio.gather(*pausing[1::2]) == [["continued"]] * (count // 2)
    await asyncio.gather(*pausing[::2], return_exceptions=True)
    for bus in [*buses, watcher]:
        bus.close()


@pytest.mark.parametrize("count", [300, 600])  # lagerd has a match rule of its own for 256 of them
def test_as_many_connections_pause_as_the_bus_allows_with_512_match_rules_for_each(
    limited: Callable[[Mapping[str, int]], Station], count: int
) -> None:
    """lagerd notices the ends of all of them."""
    station = limited({"max_connections_per_user": 1000})

    async def work() -> None:
        async with asyncio.timeout(PATIENCE):
            await _crowd(station.address, await Bus.connect(station.address), count)

    asyncio.run(work())


@pytest.mark.parametrize("most", [8, 128])  # the latter is the limit of a system bus
def test_a_process_has_the_pauses_that_a_bus_allows_and_each_further_one_says_why_it_cannot(
    limited: Callable[[Mapping[str, int]], Station], script: Callable[..., Process], most: int
) -> None:
    station = limited({"max_replies_per_connection": most})
    text = f"""
import threading, lager
threads = [threading.Thread(target=lager.pause, args=(n,)) for n in range({most + 2})]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done")
"""
    process = script(station, text)
    with_one = Client(station.address)
    try:
        ids = {with_one.paused()["id"] for _ in range(most)}
        refusals = process.err.expect("man dbus-daemon") + process.err.expect("man dbus-daemon")
        assert re.search(r"lager: cannot pause .*[Ll]imit of the bus is reached: .*pending replies", refusals), refusals
        assert len(ids) == with_one.call("ContinueAll") == most
        assert process.wait() == 0
    finally:
        with_one.close()


def test_a_script_beyond_the_connections_of_its_user_says_so_and_continues(
    limited: Callable[[Mapping[str, int]], Station], script: Callable[..., Process]
) -> None:
    station = limited({"max_connections_per_user": 4})  # lagerd's, the script's, that of its run, and one of ours
    one = Client(station.address)
    first = script(station, "import lager\nlager.pause()\n")
    try:
        one.paused()
        one.do(one.bus.add_match("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"))
        while len([name for name in one.do(one.bus.names()) if name.startswith(":")]) < 4:
            one.expect("NameOwnerChanged")
        second = script(station, "import lager\nlager.pause()\nprint('went on')\n")
        second.out.expect("went on")
        assert second.wait() == 0
        said = second.err.rest()
        assert "cannot pause" in said
        assert "maximum number of active connections for UID" in said
        assert f"UID {os.getuid()}" in said
        one.call("ContinueAll")
        assert first.wait() == 0
    finally:
        one.close()
