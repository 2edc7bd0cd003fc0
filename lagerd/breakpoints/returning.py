"""The scripts that were paused before a start: callers wait for them, and those that have ended are recorded."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from lager.errors import InvalidArgument, NoSuchBreakpoint
from lager.process.system import user_name
from lagerd.breakpoints.table.kept_pauses import KeptPauses
from lagerd.breakpoints.table.pauses import Pause, Pauses, from_details
from lagerd.callers.clients import Client
from lagerd.events import Event

_SETTLING = 1.0
_LOOK_AGAIN = 5.0  # seconds, for pauses that have not returned

Recording = Callable[[Event, Pause, Client | None, dict[str, Any]], None]


class Returning:
    """Finds pauses, and waits for those that have not connected again yet."""

    def __init__(self, pauses: Pauses, kept: KeptPauses, record: Recording) -> None:
        """`record` records an event about a pause."""
        self._pauses = pauses
        self._kept = kept
        self._record = record
        self._arrivals: list[asyncio.Future[None]] = []
        self._settled_at = asyncio.get_running_loop().time() + _SETTLING

    async def found(self, text: str, uid: int) -> list[Pause]:
        """Return the pauses that a user means by an id. The user's own take precedence, even before they connect again
        after a restart."""
        while True:
            if self.is_settled or not self._kept.is_away(text.strip().lower(), uid):
                with contextlib.suppress(NoSuchBreakpoint):
                    return self._pauses.find(text, uid)
            if not await self._another_arrives():
                return self._pauses.find(text, uid)

    def record_lost(self) -> None:
        """Record the pauses whose process has ended while lagerd was not running: how they ended is unknown.

        Look again as long as some have not returned: a process may end just before it can.
        """
        for id, kept in self._kept.take_lost().items():
            with contextlib.suppress(InvalidArgument):
                details = {"id": id, "run_id": kept.run_id, "since": kept.since}
                pause = from_details(
                    details, owner="", uid=kept.uid, user=user_name(kept.uid), pid=kept.pid, default=0.0
                )
                self._record(Event.GONE, pause, None, {"reason": "its script ended while there was no lagerd"})
        if not self._kept.are_back():
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self.record_lost)

    def away(self) -> list[str]:
        """Return, in the first second after a restart, the ids of the earlier pauses that have not connected again."""
        return [] if self.is_settled else self._kept.away()

    async def settled(self) -> None:
        """Wait until the scripts that were paused before a restart have connected again, at most until a second after
        the start."""
        while await self._another_arrives():
            pass

    @property
    def is_settled(self) -> bool:
        return self._kept.are_back() or asyncio.get_running_loop().time() >= self._settled_at

    async def _another_arrives(self) -> bool:
        """In the first second after the start, wait until a paused script connects again; afterwards return False."""
        if self.is_settled:
            return False
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals.append(arrival)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._settled_at):
                await arrival
        return True

    def arrived(self) -> None:
        """Let callers that wait look again, because a pause was reported."""
        for arrival in self._arrivals:
            if not arrival.done():
                arrival.set_result(None)
        self._arrivals.clear()
