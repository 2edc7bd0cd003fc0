"""Waits for the ends of holders that are no longer on the bus, but still have their leases open."""

import asyncio

from lagerd.callers.clients import Clients
from lagerd.instruments.leases.files.lock_files import process_end
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases
from lagerd.instruments.lending.loans import Loans


class Holders:
    def __init__(self, clients: Clients, leases: Leases, loans: Loans) -> None:
        self._clients = clients
        self._leases = leases
        self._loans = loans
        self._watches: dict[Lease, asyncio.Task[None]] = {}

    async def watch(self, lease: Lease) -> None:
        """Watch the holder of a lease that is older than this lagerd."""
        if not await self._clients.watch_if_there(lease.owner):
            self.watch_process(lease)

    def watch_process(self, lease: Lease) -> None:
        """Wait for the end of a holder that has left the bus but still has its lease open, itself or in a child."""
        if lease not in self._watches:
            self._watches[lease] = asyncio.get_running_loop().create_task(self._outlive(lease))

    def forget(self, lease: Lease) -> None:
        """Stop waiting: the lease has ended."""
        if watch := self._watches.pop(lease, None):
            watch.cancel()

    async def close(self) -> None:
        watches = list(self._watches.values())
        for task in watches:
            task.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

    async def _outlive(self, lease: Lease) -> None:
        await process_end(lease.pid)
        del self._watches[lease]
        if self._leases.get(lease.instrument) is lease:
            self._leases.free(lease.instrument, "gone")
        else:
            self._loans.ended(lease)
