"""The table of leases: its limits, its files and its queues."""

import dataclasses
import random
from typing import Any

import pytest

from lager.errors import Quarantined, TooMany
from lagerd.instruments.leases.claim_details import Claimant, claimant, from_details
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.owners import LATE, Owners
from lagerd.instruments.leases.quarantines import Quarantines
from lagerd.instruments.leases.table import Leases


class Store:
    def take(self, lease: Lease) -> int:
        return 7

    def is_free(self, instrument: str) -> bool:
        return False

    def drop(self, instrument: str) -> None:
        pass

    def keep_record(self, *_: object, **__: object) -> None:
        raise AssertionError("no net of these leases is made safe")

    drop_record = keep_quarantine = drop_quarantine = keep_record


class Clock:
    def time(self) -> float:
        return 0.0

    def call_at(self, *_: Any) -> "Clock":
        return self

    def cancel(self) -> None:
        pass


def test_the_limit_counts_held_and_waiting_claims_only() -> None:
    leases = Leases(Clock(), Store(), lambda _: None, lambda *_: None, limit_per_user=3)

    def claim(instrument: str, owner: str) -> None:
        lease, wait = from_details(instrument, {"wait": 1.0}, owner=owner, uid=5, user="five", pid=1)
        leases.claim(lease, wait, lambda *_: None, lambda _: None, lambda _: None)

    for _ in range(3):
        claim("one", "a")
        claim("two", "a")
        claim("one", "b")  # waits
        with pytest.raises(TooMany, match="3 instruments"):
            claim("three", "c")
        assert [lease.instrument for lease in leases.of("a")] == ["one", "two"]
        leases.release("one", "a")
        assert [lease.instrument for lease in leases.of("b")] == ["one"]
        leases.release("two", "a")
        claim("one", "c")  # waits
        leases.forget("c")
        leases.release("one", "b")
        assert leases.of("a") == leases.of("b") == leases.of("c") == []


def test_a_lock_file_is_read_by_an_older_and_by_a_newer_lagerd() -> None:
    who: dict[str, Any] = {
        "owner": ":1.5", "uid": 1000, "user": "anna", "pid": 7, "since": 1.0, "run_id": "", "script": "test.py"
    }  # fmt: skip
    plain = Lease("psu1", name="psu1", net="supply2", **who)
    port = Lease("uart1", name="dut", net="console", address="/dev/dut", device="/dev/ttyUSB0", **who)
    assert "address" not in plain.kept()
    assert Lease.from_kept(port.kept()) == port
    assert Lease.from_kept(plain.kept() | {"of_a_later_version": [1]}) == plain


class Free(Store):
    """A store in which the kernel has closed every lease in `ended`."""

    def __init__(self) -> None:
        self.ended: set[str] = set()

    def is_free(self, instrument: str) -> bool:
        return instrument in self.ended

    def drop(self, instrument: str) -> None:
        self.ended.discard(instrument)


@pytest.mark.parametrize("seed", range(40))
def test_two_names_of_one_port_are_never_held_at_once_and_every_claim_is_served(seed: int) -> None:
    chance = random.Random(seed)
    store, answered = Free(), list[str]()
    leases = Leases(Clock(), store, lambda _: None, lambda *_: None)
    ports = {"by-id": "1", "by-path": "1", "plain": "1", "other": "2", "other-link": "2", "psu": ""}
    asked = 0

    def held() -> list[str]:
        return [lease.instrument for lease in leases]

    for _ in range(150):
        if chance.random() < 0.6:
            name, asked = chance.choice(list(ports)), asked + 1
            details = {"device": ports[name], "wait": 1.0}
            lease, wait = from_details(name, details, owner=str(asked), uid=5, user="five", pid=1)
            leases.claim(lease, wait, lambda lease, _: answered.append(lease.owner), lambda _: None, lambda _: None)
        elif held():
            name = chance.choice(held())
            if chance.random() < 0.5:
                leases.release(name, next(lease.owner for lease in leases if lease.instrument == name))
            else:
                store.ended.add(name)
                leases.free_if_closed(name)
        used = [ports[name] or name for name in held()]
        assert len(used) == len(set(used))
        assert all(leases.waiting(name) == 0 for name in ports if name not in held())
    while held():
        leases.free(held()[0], "released")
    assert sorted(answered, key=int) == [str(number + 1) for number in range(asked)]
    assert not leases._queues
    assert not +leases.owners.per_user


def test_moved_names_in_a_claim_affect_only_that_claim() -> None:
    leases = Leases(Clock(), Store(), lambda _: None, lambda *_: None)
    refused: list[str] = []

    def claim(instrument: str, device: str, **seen: list[str]) -> None:
        lease, _ = from_details(instrument, {"device": device}, owner=instrument, uid=5, user="five", pid=1)
        by = claimant(dict(seen))
        leases.claim(lease, 0, lambda *_: None, lambda holder: refused.append(holder.instrument), lambda _: None, by)

    claim("a", "1")
    claim("b", "1", moved=["a"])
    claim("c", "1", moved=["a"])
    claim("d", "2", same=["a"])
    claim("e", "", same=["nobody"])
    assert [lease.instrument for lease in leases] == ["a", "b", "e"]
    assert refused == ["b", "a"]


def test_the_lease_of_a_script_is_nothing_special_and_is_counted_until_it_ends() -> None:
    plain = Lease("psu1", "psu1", "supply2", "", "test.py", ":1.5", 1000, "anna", 7, 1.0)
    assert (plain.began, plain.making_safe, plain.look, plain.reserved, plain.via) == (0.0, False, False, False, "")
    owners = Owners(5)
    for number in range(LATE + 1):
        lease = dataclasses.replace(plain, instrument=f"k{number}")
        owners.add(lease)
        assert owners.ended(lease.instrument, ":1.5") is None
        owners.remove(lease)
        assert owners.ended(lease.instrument, ":1.5") == lease
    assert [owners.ended(f"k{number}", ":1.5") is None for number in (0, 1, LATE)] == [True, False, False]
    assert owners.ended("k1", ":1.6") is None


def test_a_quarantine_holds_for_its_device_unless_the_path_points_elsewhere_now() -> None:
    port = Lease("k", "dut", "", "", "", "", 1000, "anna", 7, 1.0, device="4:64")
    found = Quarantines()
    found.add(port, "no answer.")
    other = dataclasses.replace(port, instrument="other")
    with pytest.raises(Quarantined):
        found.refuse(other, Claimant())
    found.refuse(other, Claimant(moved=frozenset({"k"})))
    found.refuse(dataclasses.replace(other, device="4:65"), Claimant())
    found.refuse(dataclasses.replace(other, device=""), Claimant())
