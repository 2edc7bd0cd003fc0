"""The table of leases, counted as it changes."""

from typing import Any

import pytest

from lager.errors import TooMany
from lagerd.instruments.leases import Lease, Leases, from_details


class Store:
    def take(self, lease: Lease) -> int:
        return 7

    def is_free(self, instrument: str) -> bool:
        return False

    def drop(self, instrument: str) -> None:
        pass


class Clock:
    def time(self) -> float:
        return 0.0

    def call_at(self, *_: Any) -> Any:
        return self

    def cancel(self) -> None:
        pass


def test_a_limit_counts_what_is_held_and_waited_for_and_no_more():
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


def test_a_lock_file_is_read_by_an_older_and_by_a_newer_lagerd():
    who = {"owner": ":1.5", "uid": 1000, "user": "anna", "pid": 7, "since": 1.0, "run_id": "", "script": "test.py"}
    plain = Lease("psu1", name="psu1", net="supply2", **who)
    port = Lease("uart1", name="dut", net="console", address="/dev/dut", device="/dev/ttyUSB0", **who)
    assert "address" not in plain.kept()
    assert Lease.from_kept(port.kept()) == port
    assert Lease.from_kept(plain.kept() | {"of_a_later_version": [1]}) == plain
