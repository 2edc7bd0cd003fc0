"""Changes of the bench just after a restart: scripts are paused that have not called the new lagerd yet."""

from types import SimpleNamespace
from typing import Any, cast

from lagerd.breakpoints.table import changes
from lagerd.breakpoints.table.pauses import Pauses
from lagerd.callers.clients import Client
from lagerd.instruments.leases import claim_details
from lagerd.instruments.reported_changes import Marks, ReportedChanges
from tests.unit.breakpoints.test_pauses import Clock, a_pause

CHANGE = changes.from_details({"net": "supply2", "what": "voltage", "old": 3.3, "new": 5.0})
LEASE, _ = claim_details.from_details("key-1", {}, owner=":1.9", uid=1000, user="alice", pid=7)
AUTHOR = Client(":1.9", 1000, "alice", 7, ())


def test_a_change_before_the_pauses_are_back_is_listed_with_them_and_recorded_for_them() -> None:
    pauses, records = Pauses(Clock(), lambda _: None), []
    before = a_pause()
    away = [before.id]
    unused = cast("Any", None)
    reported = ReportedChanges(
        unused,
        unused,
        pauses,
        unused,
        lambda _: True,
        lambda *_: None,
        lambda *what: records.append(what),
        lambda: away,
    )
    assert reported.are_listed()
    reported.add(LEASE, AUTHOR, CHANGE)
    pauses.add(before, returns=True)
    away.clear()
    (listed,), left_out = pauses.changes_of(before)
    assert (listed["new"], listed["user"], left_out) == (5.0, "alice", 0)
    assert records[0][3]["breakpoint"] == before.id


def test_holders_report_what_they_set_before_the_pauses_are_back() -> None:
    files, away = SimpleNamespace(), ["0123abcd"]
    marks = Marks(Pauses(Clock(), lambda _: None), cast("Any", []), cast("Any", files), lambda: away)
    marks.refresh_all()
    assert files.is_watched(":1.5")
    away.clear()
    marks.refresh()
    assert not files.is_watched(":1.5")
