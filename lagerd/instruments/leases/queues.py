"""The queues: who waits for an instrument, and in which order. A waiter is in one queue, behind the lease that blocks
it."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from lager.errors import LagerError
from lagerd.breakpoints.table.pauses import Handle
from lagerd.instruments.leases.claim_details import Claimant
from lagerd.instruments.leases.lease import Lease


@dataclass(eq=False)
class Waiter:
    lease: Lease
    granted: Callable[[Lease, int], None]
    refused: Callable[[Lease], None]
    failed: Callable[[LagerError], None]
    claimant: Claimant
    behind: str = ""
    until: float = 0.0
    timer: Handle | None = None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


class Queues:
    """The waiters by the instrument of the lease that blocks them. `per_user` counts each of them."""

    def __init__(self, per_user: Counter[int]) -> None:
        self._queues: dict[str, deque[Waiter]] = {}
        self._per_user = per_user

    def __len__(self) -> int:
        return len(self._queues)

    def __contains__(self, instrument: str) -> bool:
        return instrument in self._queues

    def of(self, instrument: str) -> list[Waiter]:
        """Return the waiters for an instrument, in their order."""
        return list(self._queues.get(instrument, ()))

    def add(self, waiter: Waiter, instrument: str, *, first: bool = False) -> None:
        """Add a waiter for the end of the lease of `instrument`; with `first`, before all others."""
        waiter.behind = instrument
        queue = self._queues.setdefault(instrument, deque())
        (queue.appendleft if first else queue.append)(waiter)
        self._per_user[waiter.lease.uid] += 1

    def remove(self, waiter: Waiter) -> None:
        queue = self._queues[waiter.behind]
        queue.remove(waiter)
        self._per_user[waiter.lease.uid] -= 1
        if not queue:
            del self._queues[waiter.behind]

    def forget(self, owner: str) -> None:
        """Remove every waiter of an owner that has left the bus."""
        for queue in list(self._queues.values()):
            for waiter in [waiter for waiter in queue if waiter.lease.owner == owner]:
                self.remove(waiter)
                waiter.stop_timer()
