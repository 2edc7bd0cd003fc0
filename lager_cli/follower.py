"""Follows the pauses of lagerd by its signals, across restarts of lagerd and of the bus."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lager.bus import address
from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.errors import BusError, LagerError
from lager_cli.daemon import identify, ready_address

if TYPE_CHECKING:
    from lager.contract import PauseDetails

_RETRY_FIRST, _RETRY_LAST = 0.5, 5.0
_NEWS = ("consoles", "attached")  # other keys of the pause that the signal Extended carries
_LEAST_LEFT = 0.001  # as in lagerd: 0 means no limit


@dataclass(frozen=True)
class PauseEvent:
    """One change of a pause.

    `event` is standing (paused already when first listed), paused, extended, attached, detached, console (a line was
    evaluated), a reason of the contract if the pause has ended, or lost if its end was not seen. `by` is the user who
    did it.
    """

    event: str
    pause: "PauseDetails"
    by: dict[str, Any]


class Following:
    """Follow the pauses. Use it in one event loop.

    It calls `changed` with every change, and with None when `listed` or `problem` has changed.

    With `only_listens`, it only calls List, and waits for lagerd instead of starting it. `also` is called with each
    new connection, and may subscribe to more.
    """

    def __init__(
        self,
        changed: Callable[[PauseEvent | None], None],
        *,
        only_listens: bool = False,
        also: Callable[[Bus], Awaitable[None]] | None = None,
    ) -> None:
        self.problem = ""
        self.listed = False  # whether lagerd has listed its pauses once
        self._changed = changed
        self._only_listens = only_listens
        self._also = also
        self._pauses: dict[str, PauseDetails] = {}
        self._deadlines: dict[str, float] = {}
        self._early: list[Signal] | None = None
        self._bus: Bus

    def pauses(self) -> "list[PauseDetails]":
        """Return the pauses, oldest first, each with the time left now."""
        return sorted(map(self._now, self._pauses), key=lambda pause: (pause["since"], pause["id"]))

    async def run(self) -> None:
        """Follow until cancelled. Raises LagerError if lagerd, or with `only_listens` the bus, cannot be reached at the
        start."""
        await self._connect(ready_address())
        try:
            if not self._only_listens:
                await self._list(start=True)
            while True:
                await self._until_lost()
                self._say("The bus is down; waiting for it.")
                await self._reconnect()
        finally:
            self._bus.close()

    async def call(self, member: str, signature: str, *values: Any) -> Any:
        """Call a method of lagerd and return the first value of its answer."""
        identify(self._bus, "cli")
        return (await self._bus.call(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values))[0]

    async def _connect(self, where: str) -> None:
        self._bus = await Bus.connect(where)
        try:
            await self._bus.subscribe(BREAKPOINTS, dict.fromkeys(("Paused", "Extended", "Resumed"), self._heard))
            if self._also is not None:
                await self._also(self._bus)
        except BaseException:
            self._bus.close()
            raise

    async def _reconnect(self) -> None:
        delay = _RETRY_FIRST
        while True:
            await asyncio.sleep(delay)
            try:
                return await self._connect(address.choose().text)
            except LagerError:
                delay = min(2 * delay, _RETRY_LAST)

    async def _until_lost(self) -> None:
        owners: asyncio.Queue[str | None] = asyncio.Queue()
        self._bus.lost.add_done_callback(lambda _: owners.put_nowait(None))
        with contextlib.suppress(BusError):
            await self._bus.follow(BREAKPOINTS, owners.put_nowait)
        while (owner := await owners.get()) is not None:
            if not owner:
                self._say("lagerd is down; waiting for it.")
                continue
            try:
                await self._list(start=False)
            except LagerError as problem:
                self._say(str(problem))

    async def _list(self, *, start: bool) -> None:
        """List the pauses and merge them. Signals that arrive before the answer are newer than it, or agree with it."""
        self._early = []
        if not self._only_listens:
            identify(self._bus, "cli", start=start)
        try:
            answer = await self._bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List", start=start)
        finally:
            early, self._early = self._early, None
        listed = {pause["id"]: pause for pause in answer[0]}
        told = {signal.args[0] for signal in early}
        for id in self._pauses.keys() - listed.keys() - told:
            self._end(id, "lost", {})
        for pause in sorted(listed.values(), key=lambda pause: float(pause["since"])):
            self._add("standing", pause)
        for signal in early:
            self._heard(signal)
        self._say("", first=not self.listed)

    def _heard(self, signal: Signal) -> None:
        id, details = signal.args[0], signal.args[-1]
        if self._early is not None:
            self._early.append(signal)
        elif signal.member == "Paused":
            self._add("paused", details)
        elif signal.member == "Resumed":
            self._end(id, signal.args[1], details)
        elif id in self._pauses:
            news = {"remaining": signal.args[1]} | {key: details[key] for key in _NEWS if key in details}
            self._know(cast("PauseDetails", {**self._pauses[id], **news}))
            self._changed(PauseEvent(details.get("why", "extended"), self._now(id), details))

    def _add(self, event: str, pause: "PauseDetails") -> None:
        new = pause["id"] not in self._pauses
        self._know(pause)
        if new:
            self._changed(PauseEvent(event, pause, {}))

    def _end(self, id: str, event: str, by: dict[str, Any]) -> None:
        if id in self._pauses:
            pause = self._now(id)
            del self._pauses[id], self._deadlines[id]
            self._changed(PauseEvent(event, pause, by))

    def _know(self, pause: "PauseDetails") -> None:
        self._pauses[pause["id"]] = pause
        self._deadlines[pause["id"]] = time.monotonic() + pause["remaining"]

    def _now(self, id: str) -> "PauseDetails":
        pause = self._pauses[id]
        left = max(self._deadlines[id] - time.monotonic(), _LEAST_LEFT) if pause["remaining"] else 0.0
        return {**pause, "remaining": left}

    def _say(self, problem: str, *, first: bool = False) -> None:
        self.listed = self.listed or first
        if first or problem != self.problem:
            self.problem = problem
            self._changed(None)
