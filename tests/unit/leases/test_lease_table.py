"""Claims, queues and releases of the table of leases, with the callbacks of each step."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest

from lager.contract import LONGEST
from lager.errors import AccessDenied, InvalidArgument, LagerError, NoSuchInstrument, Quarantined
from lagerd.instruments.leases.claim_details import Claimant, claimant, from_details
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.refusal import busy
from lagerd.instruments.leases.table import Leases
from tests.unit.breakpoints.test_pauses import Clock

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


@pytest.fixture
def table() -> Table:
    return Table()


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
        "look": False, "reserved": False, "via": "",
    }  # fmt: skip
    left_out = {"began", "safe", "nets_file", "making_safe", "look", "reserved", "via"}
    assert lease.record().keys() - lease.kept().keys() == left_out
    elsewhere, _ = from_details("key-1", {"nets_file": "/srv/bench.toml"}, owner="o", uid=1, user="u", pid=1)
    assert elsewhere.nets_file == "/srv/bench.toml"
    plain, wait = from_details("key-1", {}, owner=":1.5", uid=1000, user="anna", pid=7)
    assert (plain.name, plain.net, plain.run_id, plain.script, wait) == ("key-1", "", "", "", 0.0)
    assert lease.record().keys() - plain.kept().keys() == {
        "address", "device", "began", "safe", "nets_file", "making_safe", "look", "reserved", "via",
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


def test_who_has_released_everything_is_forgotten(table: Table) -> None:
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


def test_a_look_never_queues(table: Table) -> None:
    table.claim("k", "holder")
    table.told()
    table.claim("k", "looker", 5.0, look=True)
    assert table.told() == [("refused", "looker", "holder")]


def test_a_claim_waits_for_the_end_of_a_look_also_without_a_wait(table: Table) -> None:
    table.claim("k", "looker", look=True)
    table.told()
    table.claim("k", "script")
    table.claim("k", "patient", 5.0)
    assert table.told() == [("queued", "k", "patient")]
    table.claim("k", "another look", look=True)
    assert table.told() == [("refused", "another look", "looker")]
    table.leases.release("k", "looker")
    assert table.told() == [
        ("released", "k", "looker"), ("granted", "script", 7), ("claimed", "k", "script"),
    ]  # fmt: skip
    table.leases.release("k", "script")
    assert ("granted", "patient", 7) in table.told()


def test_who_waited_only_for_a_look_is_refused_when_another_claim_gets_the_instrument(table: Table) -> None:
    table.claim("k", "looker", look=True)
    table.claim("k", "first")
    table.claim("k", "second")
    table.claim("k", "third", 5.0)
    table.told()
    table.leases.release("k", "looker")
    heard = table.told()
    assert ("granted", "first", 7) in heard
    assert ("refused", "second", "first") in heard
    assert [who for word, who, *_ in heard if word == "refused"] == ["second"]
    assert table.leases.waiting("k") == 1


def test_a_look_that_takes_longer_than_a_second_is_a_holder_like_any_other(table: Table) -> None:
    table.claim("k", "looker", look=True)
    table.claim("k", "at once")
    table.claim("k", "patient", 5.0)
    table.told()
    table.clock.pass_by(0.9)
    table.claim("k", "also at once")
    assert table.told() == []
    table.clock.pass_by(0.2)
    assert table.told() == [("refused", "at once", "looker"), ("refused", "also at once", "looker")]
    table.claim("k", "later")
    assert table.told() == [("refused", "later", "looker")]
    table.clock.pass_by(5)
    assert table.told() == [("refused", "patient", "looker")]


def test_a_look_that_begins_while_one_waits_under_another_name_is_waited_for(table: Table) -> None:
    table.claim("a", "looker", look=True, device="4:64")
    table.claim("b", "script", device="4:64")
    table.told()
    table.leases.release("a", "looker")
    assert ("granted", "script", 7) in table.told()


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


def test_the_red_button_comes_before_all_who_wait(table: Table) -> None:
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
