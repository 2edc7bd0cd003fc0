"""Makes an instrument safe after a crash, while lagerd holds it, or quarantines it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from lager.process.end_signals import resolve
from lagerd.events import Event
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases
from lagerd.instruments.safety.safe_process import SafeProcess, SafetyAnswer

_EXIT_SECONDS = 2.0  # seconds until `lager python` has reported the exit code of a script that has ended
_STUCK_SECONDS = 12.0  # seconds until a process that the previous lagerd started has ended, or counts as stuck
_ATTEMPTS = 3  # attempts, because the process may be killed during each


class MakingSafe:
    """`may_begin` returns when no other process makes an instrument safe. `told` is called with each event: MADE_SAFE
    or QUARANTINED, the lease, and more for the record."""

    def __init__(
        self,
        process: SafeProcess,
        may_begin: Callable[[], Awaitable[None]],
        told: Callable[[Event, Lease, dict[str, Any]], None],
    ) -> None:
        self._process = process
        self._may_begin = may_begin
        self._told = told
        self.is_watched: Callable[[], bool] = lambda: False  # whether a script is paused, which lists what is changed
        self.changed: Callable[[Lease, dict[str, Any]], None] = lambda *_: None
        self.changed_before: Callable[[str], list[dict[str, Any]]] = lambda _: []  # while lagerd was not running
        self.settled: Callable[[], Awaitable[None]]  # returns when the pauses from before a restart are back
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._adopted: set[asyncio.Task[None]] = set()
        self._exit_codes: dict[str, int] = {}  # by instrument: the pipe into which the exit code of its holder comes
        self.leases: Leases

    def crashed(self, lease: Lease, fd: int) -> None:
        """Make the nets of this lease safe, then let others have the instrument. Closes `fd`."""
        task = asyncio.get_running_loop().create_task(self._make_safe(lease, fd))
        self._tasks[lease.instrument] = task
        task.add_done_callback(lambda _: self._tasks.pop(lease.instrument, None))

    def adopted(self, lease: Lease) -> None:
        """Wait for the process that an earlier lagerd started to make this instrument safe. It keeps the lease open.

        The lock file shows when it ends. A process that is stopped never ends, and its result stays unknown.
        """
        task = asyncio.get_running_loop().create_task(self._end_of(lease))
        self._adopted.add(task)
        task.add_done_callback(self._adopted.discard)

    async def _end_of(self, lease: Lease) -> None:
        await asyncio.sleep(_STUCK_SECONDS)
        if self.leases.get(lease.instrument) is not lease:
            return
        if lease.safe:
            nets = ", ".join(lease.safe)
            self.leases.quarantine(lease, f"{nets}: the process that makes this safe is stuck.")
        else:  # started by `lager off`, which has not reported it as done
            self.leases.free(lease.instrument, "gone")

    def expect_exit_code(self, instrument: str, fd: int) -> None:
        """Once the lease of the instrument ends, read from this pipe whether its holder crashed. Takes `fd`."""
        self._forget(instrument)
        self._exit_codes[instrument] = fd

    def quarantined(self, lease: Lease, reason: str) -> None:
        self._told(Event.QUARANTINED, lease, {"reason": reason})

    async def close(self) -> None:
        """Stop waiting. A process at work continues; the next lagerd finds its lease, or the record."""
        for instrument in list(self._exit_codes):
            self._forget(instrument)
        tasks = [*self._tasks.values(), *self._adopted]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._process.close()

    async def _make_safe(self, lease: Lease, fd: int) -> None:
        try:
            if await self._ended_with_0(lease.instrument):
                self.leases.made_safe(lease.instrument)
                return
            await self._may_begin()
            answer = await self._answer(lease, fd)
            if changes := [*self.changed_before(lease.instrument), *answer.changes]:
                await self.settled()
        finally:
            os.close(fd)
        for change in changes:
            self.changed(lease, change)
        if answer.is_safe:
            done = "; ".join(f"{net} {what}" for net, what in answer.done.items())
            self._told(Event.MADE_SAFE, lease, {"reason": done})
            self.leases.made_safe(lease.instrument)
        else:
            self.leases.quarantine(lease, answer.why)

    async def _ended_with_0(self, instrument: str) -> bool:
        """Return whether the exit code of the holder is known to be 0. If the pipe closes or stays empty, it is
        unknown."""
        fd = self._exit_codes.pop(instrument, -1)
        if fd < 0:
            return False
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                return await _first_byte(fd) == b"\0"
        except (TimeoutError, OSError):
            return False
        finally:
            os.close(fd)

    def _forget(self, instrument: str) -> None:
        fd = self._exit_codes.pop(instrument, -1)
        if fd >= 0:
            os.close(fd)

    async def _answer(self, lease: Lease, fd: int) -> SafetyAnswer:
        for _ in range(_ATTEMPTS - 1):
            answer = await self._process.make_safe(lease, fd, watched=self.is_watched())
            if not answer.died:
                return answer
        return await self._process.make_safe(lease, fd, watched=self.is_watched())


async def _first_byte(fd: int) -> bytes:
    """Return the first byte in a pipe; nothing if it is closed. The descriptor does not block."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, resolve, ready)
    try:
        await ready
        return os.read(fd, 1)
    finally:
        loop.remove_reader(fd)
