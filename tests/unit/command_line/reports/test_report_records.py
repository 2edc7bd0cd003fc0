"""Which records tell that more are to come about a run that has ended."""

from typing import Any

import pytest

from lager_cli.commands.runs.report_records import is_whole


def records(text: Any) -> list[dict[str, Any]]:
    """Records from words like `paused:1` and `claimed:psu1`."""
    found = []
    for word in text.split():
        event, _, what = word.partition(":")
        found.append({"event": event, "breakpoint" if what.isdigit() else "instrument": what})
    return found


@pytest.mark.parametrize(
    ("text", "unsafe", "whole"),
    [
        ("", "", True),
        ("paused:1 extended:1", "", False),
        ("paused:1 resumed:1 paused:2", "", False),
        ("paused:1 paused:2 gone:2 answered:1", "", True),
        ("claimed:psu1", "", False),
        ("claimed:psu1 released:psu1 claimed:psu1", "", False),
        ("claimed:psu1 released:psu1 claimed:daq1 released:daq1", "", True),
        ("claimed:psu1 quarantined:psu1", "psu1", True),
        ("claimed:psu1 released:psu1", "psu1", False),
        ("claimed:psu1 released:psu1 made-safe:psu1", "psu1", True),
        ("released:psu1", "", True),
    ],
)
def test_what_has_begun_has_an_end(text: str, unsafe: str, whole: bool) -> None:
    assert is_whole(records(text), set(unsafe.split())) is whole
