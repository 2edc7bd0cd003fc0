"""The leases of each owner, including borrowers; the number of leases of each user; and recently ended leases."""

from collections import Counter, OrderedDict

from lager.errors import TooMany
from lagerd.instruments.leases.lease import Lease

LATE = 256  # how many releases may arrive late, after the end of their lease was noticed


class Owners:
    """Counts leases. `per_user` also counts the waiters of each user: see `queues`."""

    def __init__(self, limit_per_user: int) -> None:
        self.limit_per_user = limit_per_user
        self.per_user: Counter[int] = Counter()
        self._leases: dict[str, list[Lease]] = {}
        self._ended: OrderedDict[tuple[str, str], Lease] = OrderedDict()  # the latest, by instrument and owner

    def leases(self, owner: str) -> list[Lease]:
        return list(self._leases.get(owner, ()))

    def ended(self, instrument: str, owner: str) -> Lease | None:
        """Return the lease that `owner` had of this instrument, if it ended recently."""
        return self._ended.get((instrument, owner))

    def add(self, lease: Lease) -> None:
        self._leases.setdefault(lease.owner, []).append(lease)
        self.per_user[lease.uid] += 1

    def remove(self, lease: Lease) -> None:
        self._leases[lease.owner].remove(lease)
        if not self._leases[lease.owner]:
            del self._leases[lease.owner]
        self.per_user[lease.uid] -= 1
        self._ended[lease.instrument, lease.owner] = lease
        if len(self._ended) > LATE:
            self._ended.popitem(last=False)

    def replace(self, lease: Lease, changed: Lease) -> None:
        leases = self._leases[lease.owner]
        leases[leases.index(lease)] = changed

    def check_limit(self, lease: Lease) -> None:
        """Raise TooMany if the user of this lease may not hold or wait for one more instrument."""
        has = self.per_user[lease.uid]
        if has >= self.limit_per_user:
            raise TooMany(f"{lease.user} already holds or waits for {has} instruments.", "Release some first.")
