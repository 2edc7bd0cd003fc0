"""The refusal of a claim: who holds the instrument, where its script is paused, and the advice for each claimant."""

import dataclasses
import time
from typing import Any

import pytest

from lagerd.breakpoints.table.pauses import Pauses
from lagerd.instruments.leases.claim_details import Claimant
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.refusal import refusal
from tests.unit.breakpoints.test_pauses import Clock, a_pause

SINCE = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
HOLDER = Lease("k", "psu1", "supply2", "r1", "test.py", ":1.5", 1000, "anna", 7, SINCE)
ASKED = dataclasses.replace(HOLDER, owner=":1.9", uid=1001, user="ben", pid=9, run_id="r2", script="other.py")
HELD = "psu1 is held by anna: test.py (net supply2) since 03:04:05"
COMMAND, SCRIPT = Claimant(), Claimant(script=True)
IN_SCRIPT, IN_COMMAND = "Wait for it with wait=SECONDS in Net.get.", "Wait for it with: --wait SECONDS"


@pytest.fixture
def pauses() -> Pauses:
    return Pauses(Clock(), lambda _: None)


def told(
    pauses: Pauses, by: Claimant = COMMAND, holder: Lease = HOLDER, asked: Lease = ASKED, **more: Any
) -> tuple[str, str]:
    error = refusal(asked, by, holder, pauses, **more)
    return error.what, error.hint


@pytest.mark.parametrize(("by", "hint"), [(COMMAND, IN_COMMAND), (SCRIPT, IN_SCRIPT)])
def test_a_refusal_says_how_the_claimant_can_wait(pauses: Pauses, by: Claimant, hint: str) -> None:
    assert told(pauses, by) == (f"{HELD}.", hint)


def test_an_instrument_that_is_made_safe_says_so_to_everybody(pauses: Pauses) -> None:
    ours = dataclasses.replace(HOLDER, making_safe=True, safe=("supply2",))
    because = "because test.py of anna ended with it open."
    assert told(pauses, holder=ours) == (f"psu1 is being made safe since 03:04:05, {because}", IN_COMMAND)
    nameless = dataclasses.replace(ours, script="", reserved=True)
    assert "because process 7 of anna ended" in told(pauses, holder=nameless)[0]
    button = dataclasses.replace(ours, safe=())
    assert told(pauses, SCRIPT, button) == ("psu1 is being switched off by anna since 03:04:05.", IN_SCRIPT)


def test_a_reserved_instrument_is_opened_in_the_script_of_its_run(pauses: Pauses) -> None:
    reserved = dataclasses.replace(HOLDER, reserved=True)
    assert told(pauses, holder=reserved) == (f"{HELD}, reserved.", IN_COMMAND)
    there = "Open it in the script of that run."
    look = dataclasses.replace(ASKED, uid=HOLDER.uid, run_id=HOLDER.run_id, look=True)
    assert told(pauses, holder=reserved, asked=look) == (f"{HELD}, reserved.", there)


def test_a_loan_says_how_it_ends(pauses: Pauses) -> None:
    lent = (", lent to ben", "End it with: exit")
    assert told(pauses, lent=lent) == (f"{HELD}, lent to ben.", f"{IN_COMMAND} End it with: exit")
    assert told(pauses, lent=(", lent to ben", ""))[1] == IN_COMMAND


def test_who_holds_it_already_is_sent_to_the_open_net(pauses: Pauses) -> None:
    own = dataclasses.replace(ASKED, owner=HOLDER.owner)
    assert told(pauses, asked=own) == (f"{HELD}, in this script.", "Use the net supply2, or close() it first.")
    nameless = dataclasses.replace(HOLDER, net="")
    assert told(pauses, holder=nameless, asked=own)[1] == "Use the net that is open, or close() it first."


@pytest.mark.parametrize(("script", "who"), [(True, "one"), (False, "command")])
def test_a_child_of_the_holder_is_sent_to_its_parent(pauses: Pauses, script: bool, who: str) -> None:
    child = Claimant(script=script, ancestors=frozenset({7, 1}))
    assert told(pauses, child) == (
        f"{HELD}, the script that started this {who}.",
        "Use the net supply2 in that script, or close() it there first.",
    )


def test_a_paused_holder_is_named_with_its_place_and_the_way_in(pauses: Pauses) -> None:
    place: dict[str, Any] = {"file": "t.py", "line": 3}
    pauses.add(a_pause("0123abcd", timeout=0.0, interactive=False, **place))
    paused = f"{HELD}, paused at t.py:3, until it is resumed."
    assert told(pauses) == (paused, "Resume it with: lager python --continue 0123abcd")
    assert told(pauses, SCRIPT)[1] == f"{IN_SCRIPT} Resume it with: lager python --continue 0123abcd"
    assert told(pauses, Claimant(through=True))[1] == (
        "Do it inside that script with --through, or resume it: lager python --continue 0123abcd"
    )
    pauses.add(a_pause("4567abcd", timeout=60.0, interactive=True, label="why", file="t.py", line=9))
    paused = f"{HELD}, paused at t.py:9 (why), for another 1m00s."
    assert told(pauses) == (paused, "Read it there with: lager python --console 4567abcd")
    assert told(pauses, Claimant(through=True))[1] == (
        "Do it inside that script with --through, or use its console: lager python --console 4567abcd"
    )
