"""After a crash: has the instrument made safe while lagerd holds it, or quarantines it."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from lagerd.events import Event
from lagerd.instruments.leases import Lease, Leases
from lagerd.instruments.safe_process import SafeProcess, SafetyAnswer

_ATTEMPTS = 2  # a second one if the process itself was killed


class MakingSafe:
    """`told` is called with each event: MADE_SAFE or QUARANTINED, the lease, and more for the record."""

    def __init__(self, process: SafeProcess, told: Callable[[Event, Lease, dict[str, Any]], None]) -> None:
        self._process = process
        self._told = told
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.leases: Leases

    def crashed(self, lease: Lease, fd: int) -> None:
        """Make the nets of this lease safe, then let others have the instrument. Closes `fd`."""
        task = asyncio.get_running_loop().create_task(self._make_safe(lease, fd))
        self._tasks[lease.instrument] = task
        task.add_done_callback(lambda _: self._tasks.pop(lease.instrument, None))

    def quarantined(self, lease: Lease, reason: str) -> None:
        self._told(Event.QUARANTINED, lease, {"reason": reason})

    async def close(self) -> None:
        """Stop waiting. A process at work continues; the next lagerd finds its lease, or the record."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make_safe(self, lease: Lease, fd: int) -> None:
        try:
            answer = await self._answer(lease, fd)
        finally:
            os.close(fd)
        if answer.is_safe:
            done = "; ".join(f"{net} {what}" for net, what in answer.done.items())
            self._told(Event.MADE_SAFE, lease, {"reason": done})
            self.leases.made_safe(lease.instrument)
        else:
            self.leases.quarantine(lease, answer.why)

    async def _answer(self, lease: Lease, fd: int) -> SafetyAnswer:
        for _ in range(_ATTEMPTS - 1):
            answer = await self._process.make_safe(lease, fd)
            if not answer.died:
                return answer
        return await self._process.make_safe(lease, fd)
