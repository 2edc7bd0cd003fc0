"""After a crash nothing comes before the safe state, and what cannot be made safe is quarantined."""

from typing import Any

import pytest

from lager.errors import AccessDenied, InvalidArgument, NoSuchInstrument, Quarantined
from lagerd.instruments.leases.claim_details import Claimant, from_details
from tests.unit.leases.table.lease_table import Table


def crashed(table: Table, owner: str = "a", **more: Any) -> None:
    table.claim("k", owner, safe=["out2", "out1"], **more)
    table.store.ended.add("k")
    table.leases.free_if_closed("k")


def test_no_claimant_comes_between_a_crash_and_the_safe_state(table: Table) -> None:
    table.claim("k", "a", safe=["out2", "out1"])
    table.claim("k", "b", wait=5.0)
    table.told()
    table.store.ended.add("k")
    table.leases.free_if_closed("k")
    assert table.told() == [("gone", "k", "a"), ("crashed", "k", "")]
    ours = table.leases.get("k")
    assert ours is not None
    assert (ours.making_safe, ours.safe, table.store.records) == (True, ("out1", "out2"), {"k": ("out1", "out2")})
    table.claim("k", "c")
    assert table.told() == [("refused", "c", "")]
    table.leases.made_safe("k")
    assert table.told() == [("granted", "b", 7), ("claimed", "k", "b")]
    assert table.store.records == {}


def test_a_release_needs_no_safe_state(table: Table) -> None:
    table.claim("k", "a", safe=["out"])
    table.told()
    table.leases.release("k", "a")
    assert table.told() == [("released", "k", "a")]
    assert (table.leases.get("k"), table.store.records) == (None, {})


def test_a_quarantine_ends_every_wait_and_refuses_every_claim(table: Table) -> None:
    table.claim("k", "a", safe=["out"], device="/dev/tty1", address="/dev/x")
    table.claim("k", "b", wait=5.0)
    table.store.ended.add("k")
    table.leases.free_if_closed("k")
    table.told()
    ours = table.leases.get("k")
    assert ours is not None
    table.leases.quarantine(ours, "no answer.")
    told = table.told()
    assert [event[0] for event in told] == ["quarantined", "failed"]
    assert "may be energised: no answer." in told[1][2]
    for key, who, more in (
        ("k", None, {}), ("other", None, {"device": "/dev/tty1"}), ("other", Claimant(same=frozenset({"k"})), {}),
    ):  # fmt: skip
        with pytest.raises(Quarantined, match="lager instruments clear k"):
            table.claim(key, "c", 3.0, who, **more)
    assert (table.store.quarantined, table.store.records) == (["k"], {})
    assert table.leases.clear("k").owner == ""
    table.claim("k", "c")
    with pytest.raises(NoSuchInstrument):
        table.leases.clear("k")


def test_a_full_disk_after_a_crash_quarantines_the_instrument(table: Table) -> None:
    table.claim("k", "a", safe=["out"])
    table.told()
    table.store.broken.add("k")
    table.store.ended.add("k")
    table.leases.free_if_closed("k")
    assert [event[0] for event in table.told()] == ["gone", "quarantined"]
    assert "k" in table.leases.quarantined


def test_a_process_that_makes_safe_and_dies_with_lagerd_is_followed_by_another(table: Table) -> None:
    crashed(table)
    ours = table.leases.get("k")
    assert ours is not None
    after = Table()
    after.leases.adopt(ours)
    after.store.ended.add("k")
    after.leases.free_if_closed("k")
    assert after.told() == [("crashed", "k", "")]


def test_only_the_holder_changes_what_is_made_safe(table: Table) -> None:
    table.claim("k", "a", safe=["out"])
    with pytest.raises(AccessDenied):
        table.leases.guard("k", "b", ())
    with pytest.raises(NoSuchInstrument):
        table.leases.guard("other", "a", ())
    table.leases.guard("k", "a", ("x", "y"))
    assert table.store.records == {"k": ("x", "y")}
    table.leases.guard("k", "a", ())
    table.told()
    table.store.ended.add("k")
    table.leases.free_if_closed("k")
    assert table.told() == [("gone", "k", "a")]
    assert (table.leases.get("k"), table.store.records) == (None, {})


def test_a_look_is_never_made_safe() -> None:
    lease, _ = from_details("k", {"look": True, "safe": ["supply2"]}, owner="o", uid=5, user="five", pid=1)
    assert lease.look
    assert lease.safe == ()
    with pytest.raises(InvalidArgument, match="look"):
        from_details("k", {"look": 1}, owner="o", uid=5, user="five", pid=1)


def test_a_release_after_a_crash_and_a_new_claim_of_the_same_owner_is_a_release(table: Table) -> None:
    crashed(table)
    table.leases.made_safe("k")
    table.claim("k", "a", safe=["out1"])
    table.told()
    table.leases.release("k", "a")
    assert table.told() == [("released", "k", "a")]
    assert table.leases.get("k") is None
