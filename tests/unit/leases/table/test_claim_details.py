"""What a claim says becomes the details of its lease."""

import dataclasses
import time
from typing import Any

import pytest

from lager.contract import LONGEST
from lager.errors import InvalidArgument
from lagerd.instruments.leases.claim_details import Claimant, claimant, from_details

RUN = "4F0C4A52-3a8e-4c62-a2c1-3b35a1c9c001"
SAID = {
    "name": "psu1",
    "net": "supply2",
    "run_id": RUN,
    "script": "test.py",
    "address": "/dev/dut",
    "device": "/dev/ttyUSB0",
    "wait": 2.5,
}


def test_a_lease_has_the_details_of_its_claim() -> None:
    before = time.time()
    lease, wait = from_details("key-1", SAID, owner=":1.5", uid=1000, user="anna", pid=7)
    assert wait == 2.5
    assert before <= lease.since <= time.time()
    assert lease.began == pytest.approx(time.monotonic(), abs=5)
    assert lease.record() == {
        "instrument": "key-1", "name": "psu1", "net": "supply2", "run_id": RUN.lower(), "script": "test.py",
        "owner": ":1.5", "uid": 1000, "user": "anna", "pid": 7, "since": lease.since, "address": "/dev/dut",
        "device": "/dev/ttyUSB0", "began": lease.began, "safe": (), "nets_file": "", "making_safe": False,
        "look": False, "reserved": False, "via": "", "places": (),
    }  # fmt: skip
    left_out = {"began", "safe", "nets_file", "making_safe", "look", "reserved", "via", "places"}
    assert lease.record().keys() - lease.kept().keys() == left_out
    elsewhere, _ = from_details("key-1", {"nets_file": "/srv/bench.toml"}, owner="o", uid=1, user="u", pid=1)
    assert elsewhere.nets_file == "/srv/bench.toml"
    plain, wait = from_details("key-1", {}, owner=":1.5", uid=1000, user="anna", pid=7)
    assert (plain.name, plain.net, plain.run_id, plain.script, wait) == ("key-1", "", "", "", 0.0)
    assert lease.record().keys() - plain.kept().keys() == {
        "address", "device", "began", "safe", "nets_file", "making_safe", "look", "reserved", "via", "places",
    }  # fmt: skip
    with pytest.raises(dataclasses.FrozenInstanceError):
        lease.uid = 0  # type: ignore[misc]


@pytest.mark.parametrize("key", ["a", "A-1_b.c", "x" * 100, "_", "-"])
def test_a_key_of_an_instrument_may_be_a_file_name(key: str) -> None:
    assert from_details(key, {}, owner="o", uid=1, user="u", pid=1)[0].instrument == key


@pytest.mark.parametrize("key", ["", ".", ".a", "a/b", "x" * 101, "a\n", "ä", "a b", "\x1b"])
def test_an_invalid_instrument_key_is_refused_in_one_line(key: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        from_details(key, {}, owner="o", uid=1, user="u", pid=1)
    assert str(refused.value).isprintable()
    assert len(refused.value.what) < 120


@pytest.mark.parametrize("wait", [0.0, 1.0, LONGEST])
def test_a_wait_is_a_number_of_seconds(wait: float) -> None:
    assert from_details("a", {"wait": wait}, owner="o", uid=1, user="u", pid=1)[1] == wait


@pytest.mark.parametrize(
    "wrong",
    [{"wait": -0.1}, {"wait": LONGEST + 1}, {"wait": 1}, {"wait": float("nan")}, {"net": 1}, {"name": b"x"},
     {"run_id": None}, {"script": []}, {"address": 0}, {"device": 0}, {"reserved": 1}, {"reserved": True},
     {"reserved": True, "run_id": RUN, "look": True}],
)  # fmt: skip
def test_an_invalid_detail_of_a_claim_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        from_details("a", wrong, owner="o", uid=1, user="u", pid=1)


def test_details_of_a_claim_are_made_printable_and_short() -> None:
    said = {"net": "\x1b" + "n" * 300, "address": "/dev/" + "a" * 5000}
    lease, _ = from_details("a", said, owner="o", uid=1, user="u", pid=1)
    assert lease.net.isprintable()
    assert (len(lease.net), len(lease.address)) == (200, 4096)


def test_a_claimant_says_how_it_calls_and_what_it_sees() -> None:
    said = {"how": "script", "ancestors": ["1", "22", "x", "²"], "same": ["a"], "moved": ["b", "c" * 100]}
    who = claimant({**said, "through": True})
    assert who == Claimant(True, frozenset({1, 22}), frozenset({"a"}), frozenset({"b", "c" * 100}), True)
    assert claimant({}) == claimant({"how": "command"}) == Claimant()
    all_wrong: list[dict[str, Any]] = [
        {"same": "a"}, {"same": [1]}, {"moved": ["c" * 101]}, {"ancestors": {}}, {"how": 1}
    ]  # fmt: skip
    for wrong in all_wrong:
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            claimant(wrong)
