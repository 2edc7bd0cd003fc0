"""Claims are granted and refused, wait in order, and end with a release or with their holder."""

import dataclasses
import time

import pytest

from lager.errors import AccessDenied, LagerError, NoSuchInstrument
from lagerd.instruments.leases.claim_details import Claimant, from_details
from lagerd.instruments.leases.refusal import busy
from tests.unit.leases.table.lease_table import Table
from tests.unit.leases.table.test_claim_details import SAID


def test_a_free_instrument_is_granted_before_the_claim_is_announced(table: Table) -> None:
    table.claim("psu", "a")
    assert table.told() == [("granted", "a", 7), ("claimed", "psu", "a")]
    holder = table.leases.get("psu")
    assert holder is not None
    assert (len(table.leases), table.leases.of("a"), table.leases.waiting("psu")) == (1, [holder], 0)


def test_a_claim_that_does_not_wait_is_refused_with_the_holder(table: Table) -> None:
    table.claim("psu", "a")
    table.told()
    table.claim("psu", "b")
    table.claim("psu", "a")
    assert table.told() == [("refused", "b", "a"), ("refused", "a", "a")]
    assert table.clock.armed() == []


def test_waiters_are_served_in_order(table: Table) -> None:
    for owner in "abc":
        table.claim("psu", owner, wait=5)
    assert table.leases.waiting("psu") == 2
    table.told()
    table.leases.release("psu", "a")
    assert table.told() == [("released", "psu", "a"), ("granted", "b", 7), ("claimed", "psu", "b")]
    assert [timer.args[0].lease.owner for timer in table.clock.armed()] == ["c"]
    assert table.store.dropped == ["psu"]


def test_a_wait_that_times_out_names_the_current_holder(table: Table) -> None:
    table.claim("psu", "a", wait=1)
    table.claim("psu", "b", wait=1)
    table.claim("psu", "c", wait=5)
    assert table.told()[2:] == [("queued", "psu", "b"), ("queued", "psu", "c")]
    table.leases.release("psu", "a")
    table.told()
    table.clock.pass_by(4.999)
    assert table.told() == []
    table.clock.pass_by(0.001)
    assert table.told() == [("refused", "c", "b")]
    assert table.leases.waiting("psu") == 0
    assert table.clock.armed() == []


def test_a_client_that_leaves_waits_no_longer(table: Table) -> None:
    table.claim("psu", "a")
    table.claim("psu", "b", wait=5)
    table.claim("psu", "c", wait=5)
    table.told()
    table.leases.forget("b")
    assert (table.leases.waiting("psu"), len(table.clock.armed())) == (1, 1)
    table.leases.release("psu", "a")
    assert table.told() == [("released", "psu", "a"), ("granted", "c", 7), ("claimed", "psu", "c")]


def test_a_grant_that_fails_is_reported_and_the_next_waiter_is_served(table: Table) -> None:
    table.claim("psu", "a")
    table.claim("psu", "b", wait=5)
    table.claim("psu", "c", wait=5)
    table.told()
    table.store.broken.add("psu")
    table.leases.free("psu", "gone")
    assert table.told() == [
        ("gone", "psu", "a"), ("failed", "b", "cannot be taken"), ("failed", "c", "cannot be taken"),
    ]  # fmt: skip
    assert (len(table.leases), table.clock.armed()) == (0, [])


def test_an_instrument_whose_lease_was_closed_goes_to_the_next_claim(table: Table) -> None:
    table.claim("psu", "a")
    table.leases.free_if_closed("psu")
    table.leases.free_if_closed("nothing")
    table.told()
    table.store.ended.add("psu")
    table.claim("psu", "b")
    assert table.told() == [("gone", "psu", "a"), ("granted", "b", 7), ("claimed", "psu", "b")]
    # What the first holder says of it now comes too late, once.
    table.leases.release("psu", "a")
    assert table.told() == []
    with pytest.raises(AccessDenied, match="psu is held by five, in another process"):
        table.leases.release("psu", "a")


def test_a_late_release_does_not_free_the_lease_that_its_holder_claimed_again(table: Table) -> None:
    table.claim("psu", "a")
    table.store.ended.add("psu")
    table.leases.free_if_closed("psu")
    table.claim("psu", "a")
    table.told()
    table.leases.release("psu", "a")  # of the first time
    assert table.told() == []
    table.leases.release("psu", "a")
    assert table.told() == [("released", "psu", "a")]
    with pytest.raises(NoSuchInstrument, match="psu"):
        table.leases.release("psu", "a")


def test_a_port_under_another_name_waits_for_the_same_holder(table: Table) -> None:
    table.claim("by-id", "a", device="1")
    table.claim("by-path", "b", wait=5, device="1")
    table.claim("alias", "c", wait=5, who=Claimant(same=frozenset({"by-id"})))
    table.claim("other", "d", device="2")
    assert table.leases.waiting("by-id") == 2
    assert ("granted", "d", 7) in table.told()
    table.leases.release("by-id", "a")
    assert table.told() == [("released", "by-id", "a"), ("granted", "b", 7), ("claimed", "by-path", "b"),
                            ("granted", "c", 7), ("claimed", "alias", "c")]  # fmt: skip


def test_a_refusal_says_who_holds_the_instrument_since_when_and_under_which_name() -> None:
    since = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
    holder, _ = from_details("key", SAID, owner="o", uid=1, user="anna", pid=7)
    holder = dataclasses.replace(holder, since=since)
    said = busy(holder, holder, ", paused at x.py:3", "Resume it.")
    assert said.what == "psu1 is held by anna: test.py (net supply2) since 03:04:05, paused at x.py:3."
    assert said.hint == "Resume it."
    nameless = dataclasses.replace(holder, script="", net="", instrument="other", name="dut")
    assert busy(holder, nameless, "", "").what == (
        "psu1 is the same port as dut. dut is held by anna: process 7 since 03:04:05."
    )


def test_the_table_has_room_for_a_thousand_of_each_user(table: Table) -> None:
    assert table.leases.owners.limit_per_user == 1024
    table.leases.owners.limit_per_user = 1
    table.claim("a", "a")
    with pytest.raises(LagerError, match="five already holds or waits for 1"):
        table.claim("b", "a")
    table.leases.adopt(from_details("c", {}, owner="old", uid=6, user="six", pid=1)[0])
    assert [lease.instrument for lease in table.leases.of("old")] == ["c"]


def test_an_owner_without_leases_is_forgotten(table: Table) -> None:
    table.claim("psu", "a")
    table.claim("dmm", "a")
    table.leases.release("psu", "a")
    assert [lease.instrument for lease in table.leases.of("a")] == ["dmm"]
    table.leases.release("dmm", "a")
    assert table.leases.of("a") == []
    assert not table.leases.owners._leases


def test_an_instrument_that_is_not_a_port_waits_only_for_itself(table: Table) -> None:
    table.claim("port", "a", device="1")
    table.claim("psu", "b")
    table.claim("psu", "c")
    table.claim("dmm", "d")
    assert ("refused", "c", "b") in table.told()
    assert table.leases.get("dmm") is not None
