"""The cache of clients: a connection that ends at any moment is never taken for one that is still there."""

import asyncio
import os
import subprocess
from typing import Any

import pytest

from lager.bus.received import Signal
from lager.errors import NoDaemon
from lagerd.callers import process_ends
from lagerd.callers.clients import Clients
from tests.processes import PATIENCE, descriptors


class FakeBus:
    """Answers requests for credentials on demand; one future for each."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[dict[str, Any]]] = []
        self.rules: list[str] = []
        self.changed: Any = None

    def listen(self, member: str, callback: Any) -> None:
        self.changed = callback

    async def add_match(self, rule: str) -> None:
        self.rules.append(rule)

    def remove_match(self, rule: str) -> None:
        self.rules.remove(rule)

    async def credentials(self, sender: str) -> dict[str, Any]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]

    def leaves(self, name: str, sender: str = "org.freedesktop.DBus") -> None:
        args = [name, name, ""]
        self.changed(Signal(sender, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", args))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def begun() -> tuple[FakeBus, Clients, list[str]]:
    bus, left = FakeBus(), []  # type: ignore[var-annotated]
    clients = Clients(bus)  # type: ignore[arg-type]
    clients.on_leave(left.append)
    return bus, clients, left


def test_two_calls_at_once_ask_once() -> None:
    async def work() -> None:
        bus, clients, left = begun()
        both = asyncio.gather(clients.watch(":1.5"), clients.watch(":1.5"))
        await settle()
        [asked] = bus.asked
        asked.set_result({"UnixUserID": 0, "ProcessID": 7})
        first, second = await both
        assert first is second
        assert len(bus.rules) == 1
        bus.leaves(":1.5")
        assert left == [":1.5"]
        assert bus.rules == []

    asyncio.run(work())


def test_a_connection_that_outlives_its_process_counts_as_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_ends, "_MOMENT", 0.0)

    async def work() -> None:
        bus, clients, left = begun()
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
            watched = asyncio.create_task(clients.watch(":1.5"))
            await settle()
            bus.asked[0].set_result({"UnixUserID": 0, "ProcessID": process.pid})
            await watched
            assert left == []
            process.kill()
            async with asyncio.timeout(PATIENCE):
                while not left:
                    await asyncio.sleep(0)
        bus.leaves(":1.5")
        assert (left, bus.rules) == ([":1.5"], [])

    asyncio.run(work())


def test_a_client_that_leaves_during_the_query_is_not_cached() -> None:
    async def work() -> None:
        bus, clients, left = begun()
        early = [asyncio.create_task(clients.watch(":1.5")) for _ in range(2)]
        await settle()
        bus.asked[0].set_result({"UnixUserID": 0})
        bus.leaves(":1.5")
        # The call was sent before the connection ended, and is read afterwards.
        late = asyncio.create_task(clients.watch(":1.5"))
        results = await asyncio.gather(*early, return_exceptions=True)
        assert [type(result) for result in results] == [NoDaemon, NoDaemon]
        await settle()
        bus.asked[1].set_exception(NoDaemon("no such name"))
        with pytest.raises(NoDaemon):
            await late
        assert left == [":1.5"]
        assert bus.rules == []

    asyncio.run(work())


def test_a_client_that_leaves_during_the_query_keeps_no_descriptor() -> None:
    async def work() -> None:
        bus, clients, _ = begun()
        before = descriptors(os.getpid())
        call = asyncio.ensure_future(clients.watch(":1.5"))
        await settle()
        bus.leaves(":1.5")
        bus.asked[0].set_result({"UnixUserID": 0, "ProcessID": os.getpid()})
        with pytest.raises(NoDaemon):
            await call
        assert descriptors(os.getpid()) == before

    asyncio.run(work())


def test_a_refused_match_rule_is_not_counted() -> None:
    async def work() -> None:
        bus, clients, _ = begun()
        first = asyncio.create_task(clients.watch(":1.5"))
        await settle()
        bus.asked[0].set_exception(NoDaemon("too many rules"))
        with pytest.raises(NoDaemon):
            await first
        again = asyncio.create_task(clients.watch(":1.5"))
        await settle()
        bus.asked[1].set_result({"UnixUserID": 0})
        assert (await again).uid == 0

    asyncio.run(work())


def test_a_cancelled_caller_does_not_cancel_the_others() -> None:
    async def work() -> None:
        bus, clients, _ = begun()
        first, second = (asyncio.create_task(clients.watch(":1.5")) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        bus.asked[0].set_result({"UnixUserID": 0})
        assert (await second).sender == ":1.5"

    asyncio.run(work())
