"""The owner of a name is the last one the broker reported, in whatever order the reports are handled."""

import asyncio

from lager.bus.facade import Bus
from tests.station import Station

NAME = "com.lager.TestOwner"


class Late(Bus):
    """A connection that takes up the answer about an owner only when the name has one."""

    broker: str
    changed: asyncio.Event
    rival: Bus

    async def owner(self, name: str) -> str:
        found = await super().owner(name)
        self.rival = await Bus.connect(self.broker)
        await self.rival.take_name(name)
        await self.changed.wait()
        return found


def test_a_late_answer_does_not_bring_back_an_owner_that_has_left(station: Station) -> None:
    async def follow() -> None:
        heard: list[str] = []
        bus = await Late.connect(station.address)
        assert isinstance(bus, Late)
        bus.broker, bus.changed = station.address, asyncio.Event()

        def told(owner: str) -> None:
            heard.append(owner)
            bus.changed.set()

        async with asyncio.timeout(20):
            await bus.follow(NAME, told)
        assert heard == [bus.rival.name]
        bus.rival.close()
        bus.close()

    asyncio.run(follow())


def test_without_a_signal_the_answer_counts(station: Station) -> None:
    async def follow() -> None:
        heard: list[str] = []
        bus = await Bus.connect(station.address)
        await bus.follow(NAME, heard.append)
        assert heard == [""]
        bus.close()

    asyncio.run(follow())
