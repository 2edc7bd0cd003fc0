"""`lager off` and the run for which a lease is reserved come before everybody who waits."""

import dataclasses
from typing import Any

import pytest

from lager.errors import LagerError
from lagerd.instruments.leases.claim_details import from_details
from lagerd.instruments.leases.lease import Lease
from tests.unit.leases.table.lease_table import Table
from tests.unit.leases.table.test_claim_details import RUN
from tests.unit.leases.table.test_crashes import crashed


def test_lager_off_comes_before_all_waiters(table: Table) -> None:
    crashed(table)
    table.claim("k", "b", wait=5.0)
    button, _ = from_details("k", {}, owner="", uid=5, user="five", pid=1)
    got: list[int] = []
    table.leases.claim(
        dataclasses.replace(button, making_safe=True), 9.0, lambda _, fd: got.append(fd), lambda _: None,
        lambda _: None, first=True,
    )  # fmt: skip
    table.told()
    table.leases.made_safe("k")
    assert (got, table.told()) == ([7], [])  # nobody is told that lagerd holds it
    table.leases.free("k", "released")
    assert table.told() == [("granted", "b", 7), ("claimed", "k", "b")]


def test_a_reserved_lease_is_taken_over_by_its_run_before_all_who_wait(table: Table) -> None:
    table.claim("k", "command", reserved=True, run_id=RUN)
    table.claim("k", "other", wait=9.0, run_id="another")
    table.claim("k", "of no run", wait=9.0)
    table.told()
    table.claim("k", "script", run_id=RUN.lower())
    told = table.told()
    assert [one for one in told if one[0] == "granted"] == [("granted", "script", 7)]
    assert told[0] == ("released", "k", "command")
    table.leases.release("k", "command")  # its holder knows nothing of this
    assert table.told() == []
    table.leases.release("k", "script")
    assert ("granted", "other", 7) in table.told()


@pytest.mark.parametrize(
    "asked", [{"run_id": "another"}, {"run_id": ""}, {"run_id": RUN, "look": True}], ids=["other", "none", "look"]
)
def test_a_reserved_lease_is_refused_to_all_others(table: Table, asked: dict[str, Any]) -> None:
    table.claim("k", "command", reserved=True, run_id=RUN)
    table.told()
    table.claim("k", "somebody", **asked)
    assert table.told() == [("refused", "somebody", "command")]


def test_a_run_of_another_user_does_not_take_a_reserved_lease_over(table: Table) -> None:
    table.claim("k", "command", reserved=True, run_id=RUN)
    lease, _ = from_details("k", {"run_id": RUN}, owner="thief", uid=6, user="six", pid=1)
    refused: list[Lease] = []
    table.leases.claim(lease, 0.0, lambda *_: pytest.fail("granted"), refused.append, lambda _: None)
    assert [one.owner for one in refused] == ["command"]


def test_a_lease_that_is_held_is_not_reserved_for_its_run(table: Table) -> None:
    table.claim("k", "script", run_id=RUN)
    table.told()
    table.claim("k", "its child", run_id=RUN)
    assert table.told() == [("refused", "its child", "script")]


def test_an_instrument_whose_lease_cannot_be_replaced_is_free_for_who_waits(table: Table) -> None:
    table.claim("k", "command", reserved=True, run_id=RUN)
    table.claim("k", "other", wait=9.0)
    table.told()
    table.store.broken.add("k")
    with pytest.raises(LagerError, match="cannot be taken"):
        table.claim("k", "script", run_id=RUN)
    assert ("failed", "other", "cannot be taken") in table.told()
    assert table.leases.get("k") is None


def test_the_other_name_of_a_reserved_port_takes_it_over(table: Table) -> None:
    table.claim("a", "command", reserved=True, run_id=RUN, device="4:64")
    table.claim("a", "other", wait=9.0, device="4:64")
    table.told()
    table.claim("b", "script", run_id=RUN, device="4:64")
    assert [one for one in table.told() if one[0] == "granted"] == [("granted", "script", 7)]
    table.leases.release("b", "script")
    assert ("granted", "other", 7) in table.told()
