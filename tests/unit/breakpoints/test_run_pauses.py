"""The pauses of one run: which one a typed line is for."""

import itertools
from typing import TYPE_CHECKING, Any, cast

import pytest

from lager_cli.run_terminal.run_pauses import RunPauses

if TYPE_CHECKING:
    from lager.contract import PauseDetails

PAUSES = [
    cast("PauseDetails", {"id": f"{began}0", "run_id": "r", "pid": began, "began": float(began)}) for began in (1, 2, 3)
]


@pytest.mark.parametrize("heard", list(itertools.permutations(PAUSES)))
def test_the_latest_began_last_in_whatever_order_they_are_heard_of(heard: Any) -> None:
    pauses = RunPauses("r")
    for pause in heard:
        pauses.add(pause)
    for expected in ("30", "20", "10"):
        assert pauses.latest() == expected
        pauses.end(expected)


def test_a_question_that_its_script_told_first_keeps_its_place_and_its_words() -> None:
    pauses = RunPauses("r")
    pauses.heard_of("10", {"question": "yes?"})
    pauses.add(PAUSES[1])
    asked = pauses.question("10")
    assert asked is not None
    pauses.add(PAUSES[0] | {"question": "yes?"})
    assert pauses.latest() == "20"
    assert pauses.question("10") is asked


def test_what_lagerd_has_not_announced_is_the_latest() -> None:
    pauses = RunPauses("r")
    pauses.add(PAUSES[2])
    pauses.add_unheard("40", 4)
    assert pauses.latest() == "40"
    pauses.add(PAUSES[0])
    assert pauses.latest() == "40"
