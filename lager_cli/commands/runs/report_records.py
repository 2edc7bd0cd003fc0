"""The records of lagerd about a run. Some are written after the run has ended, so this waits for them."""

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lager.bus import address
from lager.contract import INSTRUMENTS
from lager.errors import LagerError
from lager_cli import daemon
from lager_cli.commands.runs import history_read
from lager_cli.runs.records import Record

_BEFORE_SECONDS = 5.0  # between an event and its record
_AFTER_SECONDS = 60.0  # for what lagerd does because of the end: instruments that are slow are made safe after seconds
_WAIT_SECONDS = 30.0  # for lagerd to make an instrument safe, or to quarantine it
_SETTLE_SECONDS = 2.0  # for the journal to show what lagerd has sent
_TURN_SECONDS = 0.1
_ENDS = ("resumed", "answered", "auto-resumed", "gone")
_RELEASES = ("released", "quarantined")
_SAFE = ("made-safe", "quarantined")
_BY_A_PERSON = ("cleared", "off", "refused")  # after the end, these are no part of the run


def recorded(run: Record) -> list[dict[str, Any]]:
    """Return the records of a run, oldest first. Raises LagerError if the journal cannot be read.

    Directly after the end of the run, blocks until lagerd has made the run's instruments safe, and the journal has the
    end of each pause and claim: at most half a minute, usually no longer than one query.
    """
    ends, settled, unsafe = time.monotonic() + _WAIT_SECONDS, 0.0, set[str]()
    while True:
        ended = run.ended
        is_fresh = ended is not None and 0 <= time.time() - ended < _AFTER_SECONDS
        busy = _being_made_safe(run.id) if is_fresh else set()
        unsafe |= busy
        now = time.monotonic()
        settled = now + _SETTLE_SECONDS if busy or not settled else settled
        found = _read(run.id, run.started, ended)
        if not (is_fresh and (busy or not is_whole(found, unsafe)) and now < min(ends, settled)):
            return found
        time.sleep(_TURN_SECONDS)


def _read(id: str, started: float, ended: float | None) -> list[dict[str, Any]]:
    until = None if ended is None else f"@{ended + _AFTER_SECONDS:.3f}"
    records = history_read.read(f"@{started - _BEFORE_SECONDS:.3f}", until)
    return [
        one
        for one in records
        if one.get("run") == id and not (ended is not None and one["time"] > ended and one["event"] in _BY_A_PERSON)
    ]


def _being_made_safe(id: str) -> set[str]:
    """Return the instruments that lagerd makes safe for this run; none if lagerd is not running or does not answer."""
    with contextlib.suppress(LagerError, OSError):
        where = address.choose()
        if where.embedded and not address.listening(address.embedded_folder() / "bus"):
            return set()
        (listed,) = daemon.ask("List", name=INSTRUMENTS)
        return {one["name"] for one in listed if one.get("run_id") == id and one.get("reason") == "is being made safe"}
    return set()


def is_whole(records: Sequence[dict[str, Any]], unsafe: set[str]) -> bool:
    """Return whether the records have the end of each pause and claim, and the result for the `unsafe` instruments."""
    begun: Counter[object] = Counter()
    for one in records:
        event, pause, instrument = one["event"], one.get("breakpoint"), one.get("instrument")
        if event == "paused" or event in _ENDS:
            begun["pause", pause] = int(event == "paused")
        elif event == "claimed" or event in _RELEASES:
            begun["instrument", instrument] += 1 if event == "claimed" else -1
    told = {one.get("instrument") for one in records if one["event"] in _SAFE}
    return unsafe <= told and all(count <= 0 for count in begun.values())
