"""How long ago something began, whatever is done to the clock that people set."""

import time
from typing import TYPE_CHECKING, cast

import pytest

from lager_cli.commands.instruments.net_types import _row
from lager_cli.display import age, pause_table

if TYPE_CHECKING:
    from lager.contract import LeaseDetails, PauseDetails

PAUSE = {"id": "0123abcd", "label": "", "file": "x.py", "line": 1, "script": "", "run_id": "", "user": "anna",
         "remaining": 0.0, "consoles": 0, "interactive": False}  # fmt: skip
LEASE = {"name": "psu1", "net": "", "user": "anna", "script": "", "pid": 7, "waiting": 0, "pauses": []}


@pytest.mark.parametrize("step", [-86400.0, 0.0, 86400.0])
def test_a_clock_change_does_not_change_an_age(step: float) -> None:
    began = {"since": time.time() + step, "began": time.monotonic() - 90}
    assert age.age(began) == pytest.approx(90, abs=5)
    assert "1m30s" in pause_table.row(cast("PauseDetails", PAUSE | began))
    assert "1m30s" in _row(cast("LeaseDetails", LEASE | began))


def test_what_a_box_has_counted_is_taken_as_it_is() -> None:
    assert age.age({"since": 5.0, "began": 1e9, "age": 61.5}) == 61.5
    (told,) = age.with_ages([{"since": time.time(), "began": time.monotonic() - 30}])
    assert told["age"] == pytest.approx(30, abs=5)


@pytest.mark.parametrize(("since", "seconds"), [(-60.0, 60.0), (+3600.0, 0.0)])
def test_an_older_lagerd_tells_only_since_and_no_age_is_negative(since: float, seconds: float) -> None:
    assert age.age({"since": time.time() + since}) == pytest.approx(seconds, abs=5)


def test_the_holder_of_an_instrument_is_shown_by_its_pid() -> None:
    assert 7 in _row(cast("LeaseDetails", LEASE | {"since": 0.0, "age": 1.0}))
