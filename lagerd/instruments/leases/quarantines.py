"""Instruments that cannot be claimed, because they may be energised."""

from collections.abc import Iterator

from lager.errors import NoSuchInstrument, Quarantined
from lager.wording.text import printable
from lagerd.instruments.leases.claim_details import Claimant
from lagerd.instruments.leases.lease import Lease


class Quarantines:
    """By instrument: whose lease it was, and the reason."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Lease, str]] = {}

    def __contains__(self, instrument: str) -> bool:
        return instrument in self._found

    def __iter__(self) -> Iterator[tuple[Lease, str]]:
        return iter(self._found.values())

    def add(self, lease: Lease, reason: str) -> None:
        self._found[lease.instrument] = (lease, reason)

    def check(self, instrument: str) -> None:
        """Raise NoSuchInstrument if the instrument is not quarantined."""
        if instrument not in self._found:
            what = f"{printable(instrument, 100)} is not quarantined."
            raise NoSuchInstrument(what, "List what is quarantined with: lager instruments")

    def remove(self, instrument: str) -> Lease:
        """End a quarantine; return whose lease the instrument had."""
        return self._found.pop(instrument)[0]

    def refuse(self, lease: Lease, claimant: Claimant) -> None:
        """Raise Quarantined if the instrument is quarantined, under this name or another one of its serial port."""
        for other, reason in self:
            same_device = other.device == lease.device != "" and other.instrument not in claimant.moved
            if other.instrument == lease.instrument or other.instrument in claimant.same or same_device:
                raise Quarantined(
                    f"{other.name} may be energised: {reason} It is quarantined.",
                    f"Make sure that it is safe, then: lager instruments clear {other.name}",
                )
