"""A table of leases whose clock and store are those of the test."""

from collections.abc import Callable
from typing import Any

from lager.errors import LagerError
from lagerd.instruments.leases.claim_details import Claimant, from_details
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases
from tests.unit.breakpoints.test_pauses import Clock


class Store:
    """A store in which leases in `ended` are closed, and files of instruments in `broken` cannot be written."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.broken: set[str] = set()
        self.dropped: list[str] = []
        self.records: dict[str, tuple[str, ...]] = {}
        self.quarantined: list[str] = []

    def take(self, lease: Lease) -> int:
        if lease.instrument in self.broken:
            raise LagerError("cannot be taken")
        if lease.safe:
            self.keep_record(lease)
        return 7

    def is_free(self, instrument: str) -> bool:
        return instrument in self.ended

    def keep_record(self, lease: Lease) -> None:
        self.records[lease.instrument] = lease.safe

    def drop_record(self, instrument: str) -> None:
        self.records.pop(instrument, None)

    def keep_quarantine(self, lease: Lease, reason: str) -> None:
        self.quarantined.append(lease.instrument)

    def drop_quarantine(self, instrument: str) -> None:
        self.quarantined.remove(instrument)

    def drop(self, instrument: str) -> None:
        self.dropped.append(instrument)
        self.ended.discard(instrument)


class Table:
    """A table of leases; `heard` lists its callbacks."""

    def __init__(self) -> None:
        self.clock, self.store = Clock(), Store()
        self.heard: list[tuple[Any, ...]] = []
        self.leases = Leases(
            self.clock, self.store, self._say("claimed"), self._said_why, self._say("queued"),
            crashed=lambda lease, _: self._say("crashed")(lease),
            quarantined=lambda lease, _: self._say("quarantined")(lease),
        )  # fmt: skip

    def _say(self, word: str) -> Callable[[Lease], None]:
        return lambda lease: self.heard.append((word, lease.instrument, lease.owner))

    def _said_why(self, lease: Lease, reason: str) -> None:
        self.heard.append((reason, lease.instrument, lease.owner))

    def claim(self, instrument: str, owner: str, wait: float = 0.0, who: Claimant | None = None, **more: Any) -> None:
        lease, _ = from_details(instrument, more, owner=owner, uid=5, user="five", pid=1)
        answers: tuple[Any, ...] = (
            lambda lease, fd: self.heard.append(("granted", owner, fd)),
            lambda holder: self.heard.append(("refused", owner, holder.owner)),
            lambda error: self.heard.append(("failed", owner, str(error))),
        )
        self.leases.claim(lease, wait, *answers, *([who] if who else []))

    def told(self) -> list[tuple[Any, ...]]:
        heard, self.heard = self.heard, []
        return heard
