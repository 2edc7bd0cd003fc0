"""Which record, of which priority and with which fields, each thing that happens to a pause or a lease becomes."""

import dataclasses
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from lager import contract
from lagerd.callers.clients import Client
from lagerd.events import ENDS, Event
from lagerd.instruments.leases.lease import Lease
from lagerd.journal import audit, recorder
from lagerd.journal.audit import Audit
from tests.unit.breakpoints.test_pauses import a_pause

ERROR, NOTICE, INFO = 3, 5, 6
PRIORITIES = {
    Event.PAUSED: INFO,
    Event.RESUMED: INFO,
    Event.ANSWERED: INFO,
    Event.AUTO_RESUMED: NOTICE,
    Event.GONE: NOTICE,
    Event.CONSOLE_OPENED: NOTICE,
    Event.CONSOLE_CLOSED: INFO,
    Event.CONSOLE_INPUT: NOTICE,
    Event.EXTENDED: INFO,
    Event.CLAIMED: INFO,
    Event.RELEASED: INFO,
    Event.REFUSED: NOTICE,
    Event.THROUGH: INFO,
    Event.CHANGED: INFO,
    Event.LENT: NOTICE,
    Event.RETURNED: INFO,
    Event.MADE_SAFE: NOTICE,
    Event.QUARANTINED: ERROR,
    Event.CLEARED: NOTICE,
    Event.OFF: NOTICE,
    Event.STARTED: NOTICE,
    Event.KILLED: NOTICE,
    Event.DENIED: NOTICE,
}
WORDS = [
    "paused", "resumed", "answered", "auto-resumed", "gone", "console-opened", "console-closed", "console-input",
    "extended", "claimed", "released", "refused", "through", "changed", "lent", "returned", "made-safe",
    "quarantined", "cleared", "off", "started", "killed", "denied",
]  # fmt: skip
# What other people's filters look for: a change of one is a change of the interface.
IDS = [
    "433497d70d7241eda48a4e98730f6302", "3bc0bfd4ab4c4cad89add08b74b6cb4d", "06f5b8cd11824c3ca51249420500c44b",
    "f370292b038e4e6ab0f787b42e01f8d3", "ffec178f95244a8db7193351578e07c3", "973f34a7b2a049c3b0cc50c6fcd35e67",
    "e8b22bde91394a13ac8a576fb3af3d28", "52430ccbd2f84bc5a5a34b5d0c021598", "2201f9d7d22a4b3a819dcfbfb5464338",
    "e6e779b45eca4d3ba356f10539656f23", "8903aa5cf717469b9f38b49c855e88db", "a736ac91ab7140b0b498747d378095d2",
    "0d7a1c3e5b9f4e2a8c6d4b2f9e1a7c35", "7b0c9d5e2f6a4c83b1e7d04a9c5f3e18", "5b0d3a2f6c8e4f1b9a7d2e4c6f8a1b3d",
    "7e1c4b9d2a6f4c3e8b5d1f7a9c2e4d60",
    "3372a87bde1a43628d6ecf921f42c196", "57241cc1b1964984be58c79b4b13431f", "3aaae06712aa488897d9867b76d7cb33",
    "d2b5f9beb6e7422c90d8b2e60dc056c9", "0e5b7f1d3c9a4b62a8d4f6e2917c5b3a",
    "5d2f0c4f7a5b4d0c9a3e86b1f2d7c915", "50ec31e9e242456f87310e4015c67be9",
]  # fmt: skip
EVERY = [
    "BREAKPOINT", "RUN", "LABEL", "FILE", "LINE", "REASON", "PAUSED_SEC", "OUTCOME", "BY_UID", "BY_USER", "INSTRUMENT",
    "NET",
]  # fmt: skip


def sent(kind: Event, **fields: object) -> dict[str, str]:
    found: list[list[tuple[str, str]]] = []
    Audit(found.append).record(kind, **fields)
    assert len(found) == 1
    assert len(dict(found[0])) == len(found[0])
    return dict(found[0])


@pytest.mark.parametrize(("kind", "word", "id"), list(zip(Event, WORDS, IDS, strict=True)), ids=WORDS)
def test_a_record_has_its_word_its_id_and_its_priority(kind: Event, word: str, id: str) -> None:
    record = sent(kind, input="1", remaining=60.0, answer="yes")
    assert record.pop("MESSAGE")
    assert (record.pop("LAGER_INPUT"), record.pop("LAGER_REMAINING")) == ("1", "60.000")
    assert record.pop("LAGER_ANSWER") == "yes"
    fixed = {"MESSAGE_ID": id, "PRIORITY": str(PRIORITIES[kind]), "SYSLOG_IDENTIFIER": "lagerd", "LAGER_EVENT": word}
    missing = {f"LAGER_{key}": "-" for key in EVERY}
    assert record == fixed | missing


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ("", "-"), (0, "0"), (1.23456, "1.235"), ("a\n\n", "a"), ("a\nb", r"a\nb"), (False, "False")],
)
def test_a_field_is_one_line(value: object, text: str) -> None:
    assert sent(Event.PAUSED, label=value)["LAGER_LABEL"] == text


def test_a_field_is_cut_at_four_thousand_letters() -> None:
    assert sent(Event.PAUSED, label="x" * 4096)["LAGER_LABEL"] == "x" * 4096
    assert sent(Event.PAUSED, label="x" * 4097)["LAGER_LABEL"] == "x" * 4096


def test_lost_records_are_counted_until_one_is_sent() -> None:
    found: list[dict[str, str]] = []
    broken = True

    def send(entry: list[tuple[str, str]]) -> None:
        if broken:
            raise OSError
        found.append(dict(entry))

    records = Audit(send)
    for _ in range(3):
        records.record(Event.GONE)
    broken = False
    records.record(Event.GONE)
    records.record(Event.GONE)
    broken = True
    records.record(Event.GONE)
    broken = False
    records.record(Event.GONE)
    assert [record.get("LAGER_LOST") for record in found] == ["3", None, "1"]
    assert records.lost == 4
    assert records.close() is None


def test_the_socket_of_the_journal_is_the_one_of_systemd() -> None:
    assert contract.JOURNAL_SOCKET == "/run/systemd/journal/socket"
    assert audit._LONGEST_FILE == 4_000_000


def test_a_file_of_records_is_for_its_owner_and_has_the_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "records"
    before = time.time()
    audit.to_file(logging.getLogger("lagerd.audit"), file).record(Event.RELEASED, instrument="psu1", by_user="ann")
    line = file.read_text()
    assert caplog.messages == ["ann released psu1: -"]
    stamp = int(line.partition('"__REALTIME_TIMESTAMP": "')[2].partition('"')[0])
    assert before - 1 < stamp / 1e6 < time.time() + 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert audit.older(file) == tmp_path / "records.old"


class Records:
    """An audit that keeps its records."""

    def __init__(self) -> None:
        self.found: list[tuple[Event, dict[str, Any]]] = []

    def record(self, kind: Event, **fields: object) -> None:
        self.found.append((kind, fields))


ANNA = Client(":1.1", 1000, "anna", 7, (), "lager command")
PAUSE = a_pause(label="why", file="/t.py", line=7, run_id="4f0c", script="t.py", on_timeout="raise", uid=1001)
PLACE = {
    "breakpoint": "0123abcd", "run": "4f0c", "label": "why", "file": "/t.py", "line": 7, "script": "t.py",
    "owner_uid": 1001, "owner": "u1001", "on_timeout": "raise",
}  # fmt: skip
BY = {"by_uid": 1000, "by_user": "anna", "by_how": "lager command"}


@pytest.mark.parametrize("event", Event, ids=WORDS)
def test_what_happens_to_a_pause_is_recorded_with_its_place_and_who_did_it(event: Event) -> None:
    records = Records()
    recorder.recorder(records, lambda: True)(event, PAUSE, ANNA, {"extra": 1, "again": False})  # type: ignore[arg-type]
    ((kind, fields),) = records.found
    assert kind is event
    if event in ENDS.values():
        assert fields.pop("paused_sec") == pytest.approx(time.monotonic() - PAUSE.began, abs=5)
    if event is Event.AUTO_RESUMED:
        assert fields.pop("outcome")
    assert fields == PLACE | BY | {"extra": 1}


def test_an_answer_is_recorded_as_a_person_reads_it() -> None:
    for answer, text in ((True, "yes"), (4.5, "4.5"), ("left", "left")):
        records = Records()
        recorder.recorder(records, lambda: True)(Event.ANSWERED, PAUSE, ANNA, {"answer": answer})  # type: ignore[arg-type]
        assert records.found[0][1]["answer"] == text


def test_what_an_assistant_did_is_recorded_with_its_name() -> None:
    records = Records()
    assistant = dataclasses.replace(ANNA, how="mcp", agent="claude")
    via = {"via": "mcp", "agent": "claude"}
    recorder.recorder(records, lambda: True)(Event.EXTENDED, PAUSE, assistant, {})  # type: ignore[arg-type]
    lease = dataclasses.replace(LEASE, via="mcp:claude")
    for holder, client in ((lease, None), (LEASE, assistant), (lease, ANNA)):
        recorder.lease_recorder(records)(Event.THROUGH, holder, client, {})  # type: ignore[arg-type]
    found = [{key: fields[key] for key in ("via", "agent") if key in fields} for _, fields in records.found]
    assert found == [via, via, via, {}]


def test_each_reason_of_an_end_has_its_event() -> None:
    assert ENDS == {
        "continued": Event.RESUMED, "answered": Event.ANSWERED, "interrupted": Event.RESUMED,
        "timeout": Event.AUTO_RESUMED, "gone": Event.GONE,
    }  # fmt: skip


def test_a_timeout_records_what_the_script_did() -> None:
    outcomes = set()
    for on_timeout in ("resume", "raise", "exit"):
        records = Records()
        pause = a_pause(on_timeout=on_timeout)
        recorder.recorder(records, lambda: True)(Event.AUTO_RESUMED, pause, None, {})  # type: ignore[arg-type]
        assert not BY.keys() & records.found[0][1].keys()
        outcomes.add(records.found[0][1]["outcome"])
    assert len(outcomes) == 3


def test_a_pause_that_returns_and_input_that_is_not_kept_are_not_recorded() -> None:
    records = Records()
    record = recorder.recorder(records, lambda: False)  # type: ignore[arg-type]
    record(Event.PAUSED, PAUSE, ANNA, {"again": True})
    record(Event.CONSOLE_INPUT, PAUSE, ANNA, {"input": "1"})
    assert records.found == []
    record(Event.EXTENDED, PAUSE, ANNA, {"again": True})
    record(Event.PAUSED, PAUSE, ANNA, {})
    assert [kind for kind, _ in records.found] == [Event.EXTENDED, Event.PAUSED]


BERT = {"by_uid": 1001, "by_user": "bert"}
LEASE = Lease("key", "psu1", "supply2", "4f0c", "t.py", ":1.5", 1001, "bert", 7, 1.0)


@pytest.mark.parametrize(
    ("event", "client", "more", "fields"),
    [
        (Event.CLAIMED, None, {}, BERT | {"net": "supply2", "reason": None}),
        (Event.RELEASED, None, {"reason": "gone"}, BERT | {"net": "supply2", "reason": "gone"}),
        (Event.REFUSED, ANNA, {"net": "mine", "reason": "x"},
         {"by_uid": 1000, "by_user": "anna", "net": "mine", "reason": "bert holds it"}),
        (Event.THROUGH, ANNA, {"net": "mine", "breakpoint": "7f3a19e2", "reason": "voltage 5.0: done"},
         {"by_uid": 1000, "by_user": "anna", "net": "mine", "breakpoint": "7f3a19e2", "reason": "voltage 5.0: done"}),
    ],
)  # fmt: skip
def test_what_happens_to_a_lease_is_recorded_with_its_run(
    event: Event, client: Client | None, more: dict[str, Any], fields: dict[str, Any]
) -> None:
    records = Records()
    recorder.lease_recorder(records)(event, LEASE, client, more)  # type: ignore[arg-type]
    assert records.found == [(event, {"instrument": "psu1", "run": "4f0c", "script": "t.py"} | fields)]


@pytest.mark.parametrize("is_lost", [False, True], ids=["sent", "lost"])
def test_each_record_is_counted_once_and_told_also_where_the_journal_loses_it(is_lost: bool) -> None:
    def send(_: object) -> None:
        if is_lost:
            raise OSError

    told: list[str] = []
    records = Audit(send)
    records.recorded = lambda: told.append("recorded")
    for _ in range(2):
        records.record(Event.PAUSED)
    records.record(Event.CLAIMED)
    assert dict(records.counts) == {Event.PAUSED: 2, Event.CLAIMED: 1}
    assert (told, records.lost) == (["recorded"] * 3, 3 if is_lost else 0)
