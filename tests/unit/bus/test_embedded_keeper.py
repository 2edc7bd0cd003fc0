"""The keeper of an embedded bus gives up a lagerd that keeps dying, even on a slow machine."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from lager.bus.facade import Bus
from lagerd.private_bus.embedded import restart_lagerd


class Starting:
    """A bus whose lagerd takes `seconds` to start, and dies after `life` seconds, by a clock that is set forward."""

    def __init__(self, seconds: float, life: float) -> None:
        self._seconds, self._life = seconds, life
        self._loop = asyncio.get_running_loop()
        self._owned: Callable[[str], None] = lambda _: None
        self.starts = 0

    async def follow(self, _: str, owned: Callable[[str], None]) -> None:
        self._owned = owned
        await self.start_service("")

    async def start_service(self, _: str) -> None:
        self.starts += 1
        self._forward(self._seconds)
        self._owned(":1.1")
        if self.starts < 20:
            self._forward(self._life)
            self._owned("")

    def _forward(self, seconds: float) -> None:
        now = self._loop.time() + seconds
        self._loop.time = lambda: now  # type: ignore[method-assign]


@pytest.mark.parametrize(("seconds", "life", "starts"), [(0.1, 0.1, 5), (30.0, 0.1, 5), (0.1, 30.0, 20)])
def test_lagerd_is_given_up_by_how_short_it_lived(seconds: float, life: float, starts: int) -> None:
    async def kept() -> int:
        bus = Starting(seconds, life)
        work = asyncio.ensure_future(restart_lagerd(cast(Bus, bus)))
        while not work.done() and bus.starts < 20:
            await asyncio.sleep(0)
        work.cancel()
        return bus.starts

    assert asyncio.run(kept()) == starts
