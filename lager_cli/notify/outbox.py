"""The messages that wait for one target: limited, combined and retried. A dead target delays no other one.

Each message is delivered at once while there are few. Of a burst, the first ones go alone and the others together, so
that a thousand pauses are about a dozen messages. Nothing is told twice.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lager_cli.notify.config import Limits
from lager_cli.notify.notices import Notice

DELAYS = (2.0, 10.0, 30.0, 60.0)  # seconds before the next try; the last one repeats
_MINUTE = 60.0

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
        self._waiting: deque[_Waiting] = deque()
        self._filled = asyncio.Event()
        self._room = float(limits.messages)
        self._room_at = asyncio.get_running_loop().time()
        self._failures = 0
        self.sending = False

    def put(self, notice: Notice) -> None:
        """Add a notice; `run` delivers it."""
        self._waiting.append(_Waiting(notice))
        self._filled.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._filled.wait()
            await self._until_room()
            batch = self._take()
            if batch:
                await self._try(batch)

    async def _try(self, batch: list[_Waiting]) -> None:
        notices = [one.notice for one in batch]
        self.sending = True
        try:
            why = await self._deliver(notices)
            if not why:
                self._delivered(notices)
        finally:
            self.sending = False
        self._room -= 1
        if not why:
            self._failures = 0
            return
        self._failures += 1
        for one in batch:
            one.tries += 1
        over = [one.notice for one in batch if one.tries >= self._limits.tries]
        if over:
            self._given_up(over, why)
        elif any(one.tries == 1 for one in batch):
            self._failed(notices, why)
        self._put_back([one for one in batch if one.tries < self._limits.tries])
        await asyncio.sleep(DELAYS[min(self._failures, len(DELAYS)) - 1])

    def _put_back(self, batch: list[_Waiting]) -> None:
        self._waiting.extendleft(reversed(batch))
        if batch:
            self._filled.set()

    def _take(self) -> list[_Waiting]:
        """Return what the next message is about: one notice, or all if only one more message is allowed now."""
        self._waiting = deque(one for one in self._waiting if self._still_true(one.notice))
        together = (bool(self._limits.messages) and self._room < 2) or self._failures > 0
        count = len(self._waiting) if together else 1
        batch = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        if not self._waiting:
            self._filled.clear()
        return batch

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
