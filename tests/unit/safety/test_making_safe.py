"""What the lagerd before has begun to make safe: its process ends, or is stuck and ends in quarantine."""

import asyncio
from typing import Any, cast

import pytest

from lagerd.instruments.leases import claim_details
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.safety import making_safe
from lagerd.instruments.safety.making_safe import MakingSafe
from tests.unit.leases.table.lease_table import Table


def adopted(monkeypatch: pytest.MonkeyPatch, *, safe: list[str], ended: bool = False) -> Table:
    """A table that has adopted a lease of the lagerd before, after the time in which its process must have ended."""
    monkeypatch.setattr(making_safe, "_STUCK_SECONDS", 0.0)
    lease, _ = claim_details.from_details("psu1", {"safe": safe}, owner=":1.5", uid=5, user="five", pid=1)
    table, unused = Table(), cast("Any", None)

    async def wait() -> None:
        making = MakingSafe(unused, unused, unused)
        making.leases = table.leases
        own: Lease = lease.for_safety()
        table.leases.adopt(own)
        making.adopted(own)
        if ended:
            table.leases.free("psu1", "gone")
            table.told()
        await asyncio.gather(*making._adopted)

    asyncio.run(wait())
    return table


def test_an_instrument_whose_process_is_stuck_is_quarantined_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    table = adopted(monkeypatch, safe=["out"])
    assert table.told() == [("quarantined", "psu1", "")]
    ((_, reason),) = table.leases.quarantined
    assert reason == "out: the process that makes this safe is stuck."
    assert table.leases.get("psu1") is None


def test_a_stuck_process_of_lager_off_leaves_the_instrument_free(monkeypatch: pytest.MonkeyPatch) -> None:
    table = adopted(monkeypatch, safe=[])
    assert table.told() == []
    assert table.leases.get("psu1") is None
    assert list(table.leases.quarantined) == []


def test_a_process_that_has_ended_is_stuck_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    table = adopted(monkeypatch, safe=["out"], ended=True)
    assert table.told() == []
    assert table.leases.get("psu1") is not None  # made safe once more, by this lagerd
