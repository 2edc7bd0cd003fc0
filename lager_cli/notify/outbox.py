"""The messages that wait for one target: limited, combined and retried. A target that does not answer delays no other
one.

Each message is delivered at once while there are few. In a burst, the first messages are sent separately and the others
together, so that a thousand pauses give about a dozen messages. No event is sent twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from lager_cli.notify.config import Limits
from lager_cli.notify.notices import Notice

DELAYS = (2.0, 10.0, 30.0, 60.0)  # seconds before the next try; the last one repeats
_MINUTE = 60.0

_Key = tuple[str, str]
Deliver = Callable[[Sequence[Notice]], Awaitable[str]]
Outcome = Callable[[Sequence[Notice], str], None]


@dataclass
class _Waiting:
    notice: Notice
    tries: int = 0


class Outbox:
    """Calls `deliver` with the notices of one message, which returns "" or why it failed.

    `still_true` says whether a notice is still of use. `delivered` gets those that were delivered, `failed` those of
    the first failed try of a message and why, `given_up` those that were tried too often and why.
    """

    def __init__(
        self,
        limits: Limits,
        deliver: Deliver,
        still_true: Callable[[Notice], bool],
        delivered: Callable[[Sequence[Notice]], None],
        failed: Outcome,
        given_up: Outcome,
    ) -> None:
        self._limits = limits
        self._deliver = deliver
        self._still_true = still_true
        self._delivered, self._failed, self._given_up = delivered, failed, given_up
        self._waiting: dict[_Key, _Waiting] = {}
        self._sending: dict[_Key, _Waiting] = {}
        self._filled = asyncio.Event()
        self._room = float(limits.messages)
        self._room_at = asyncio.get_running_loop().time()
        self._failures = 0

    @property
    def is_sending(self) -> bool:
        """Return whether a message is being sent."""
        return bool(self._sending)

    def put(self, notice: Notice) -> None:
        """Add a notice, unless it is already waiting, for example for a pause that was considered lost; `run` delivers
        it."""
        key = notice.event, notice.key
        if key not in self._waiting and key not in self._sending:
            self._waiting[key] = _Waiting(notice)
            self._filled.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._filled.wait()
            await self._until_room()
            self._sending = self._take()
            if self._sending:
                await self._try([one.notice for one in self._sending.values()])

    async def _try(self, notices: Sequence[Notice]) -> None:
        why = await self._deliver(notices)
        self._room -= 1
        if why:
            self._failures += 1
            self._keep(notices, why)
            await asyncio.sleep(DELAYS[min(self._failures, len(DELAYS)) - 1])
        else:
            self._failures = 0
            self._delivered(notices)
            self._sending = {}

    def _keep(self, notices: Sequence[Notice], why: str) -> None:
        """Put undelivered notices back, before those that were added meanwhile, and report those that are given up."""
        for one in self._sending.values():
            one.tries += 1
        again = {key: one for key, one in self._sending.items() if one.tries < self._limits.tries}
        over = [one.notice for key, one in self._sending.items() if key not in again]
        if over:
            self._given_up(over, why)
        elif any(one.tries == 1 for one in again.values()):
            self._failed(notices, why)
        self._waiting, self._sending = again | self._waiting, {}
        if self._waiting:
            self._filled.set()

    def _take(self) -> "dict[_Key, _Waiting]":
        """Return the notices of the next message: one, or all if only one more message is allowed now."""
        waiting = {key: one for key, one in self._waiting.items() if self._still_true(one.notice)}
        together = (bool(self._limits.messages) and self._room < 2) or self._failures > 0
        taken = waiting if together else dict(islice(waiting.items(), 1))
        self._waiting = {key: one for key, one in waiting.items() if key not in taken}
        if not self._waiting:
            self._filled.clear()
        return taken

    async def _until_room(self) -> None:
        """Wait until one more message is allowed: at most `messages` at once, and as many in a minute."""
        most = self._limits.messages
        if not most:
            return
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            self._room = min(self._room + (now - self._room_at) * most / _MINUTE, float(most))
            self._room_at = now
            if self._room >= 1:
                return
            await asyncio.sleep((1 - self._room) * _MINUTE / most)
