"""A state of which one question is not answered: the rest is shown, and what could not be read is named."""

from dataclasses import fields
from types import ModuleType
from typing import Any

import pytest

from lager.drivers.replay import playing
from lager.drivers.scripted_instrument import CUT
from lager.errors import BadReply, InstrumentError, InstrumentTimeout, InstrumentUnreachable
from lager.instruments.drivers.base.supply_state import SupplyState
from tests.unit.drivers.exchanges import (
    keithley_2200,
    keithley_2281s,
    keysight_e36300,
    rigol_dl3000,
    rigol_dp800,
    siglent_spd1000x,
    siglent_spd3303x,
)

CH1 = "type = 'supply'\nchannel = 1"
FAMILIES: dict[str, tuple[ModuleType, str, str, str, str]] = {
    "dp800": (rigol_dp800, "OPEN", "STATE", "DP821", CH1),
    "2200": (keithley_2200, "OPEN", "STATE", "2200-20-5", "type = 'supply'"),
    "e36300": (keysight_e36300, "OPEN", "STATE", "E36312A", "type = 'supply'\nchannel = 2"),
    "2281s": (keithley_2281s, "OPEN_SUPPLY", "SUPPLY_STATE", "2281S", "type = 'supply'"),
    "spd3303x": (siglent_spd3303x, "OPEN", "STATE", "SPD3303X", "type = 'supply'\nchannel = 2"),
    "spd1000x": (siglent_spd1000x, "OPEN", "STATE", "SPD1168X", "type = 'supply'"),
    "load": (rigol_dl3000, "OPEN", "STATE", "DL3021", "type = 'eload'"),
    "battery": (keithley_2281s, "OPEN_BATTERY", "BATTERY_STATE", "2281S", "type = 'battery'"),
}
# Where one answer is more than one field, or a field needs more than one answer.
TOGETHER = [
    {"voltage", "current", "power"},
    {"voltage", "power"},
    {"current", "power"},
    {"ovp_tripped", "ocp_tripped"},
    {"current_set", "ocp"},
    {"mode", "level"},
    {"enabled", "mode"},
]


def questions() -> list[Any]:
    found = []
    for family, (module, opening, state, model, lines) in FAMILIES.items():
        first, script = getattr(module, opening), getattr(module, state)
        for place in range(len(first), len(script)):
            found.append(pytest.param(first, script, place, model, lines, id=f"{family}-{script[place][0]}"))
    return found


def shortened(script: list[Any], question: str) -> list[Any]:
    """Without the level, for which there is no question while the mode of a load is unknown."""
    return [part for part in script if question != ":SOUR:FUNC?" or part[0] != ":SOUR:CURR:LEV:IMM?"]


def read(script: list[Any], model: str, lines: str) -> Any:
    with playing(script, model, lines) as net:
        return net.state()


@pytest.mark.parametrize(("first", "script", "place", "model", "lines"), questions())
def test_one_unread_answer_leaves_the_others(
    first: list[Any], script: list[Any], place: int, model: str, lines: str
) -> None:
    whole = read(script, model, lines)
    question = script[place][0]
    rest = shortened(script[place + 1 :], question)
    state = read([*script[:place], (question, "?!"), *first, *rest], model, lines)
    unread = set(state.unread)
    assert len(unread) == 1 or unread in TOGETHER
    assert all(question in reason and "'?!'" in reason for reason in state.unread.values())
    for field in fields(state):
        if field.name in unread:
            assert getattr(state, field.name) is None
        elif field.name != "unread":
            assert getattr(state, field.name) == getattr(whole, field.name)
    told = str(state).splitlines()
    assert told[-1].startswith("  not read ")
    assert question in told[-1]
    assert len(told) == len(str(whole).splitlines()) + 1
    name = min(unread)
    with pytest.raises(BadReply, match=f"The {name} of it could not be read"):
        state.read_or_raise(name)
    assert whole.read_or_raise(name) == getattr(whole, name)


# All families wait for an answer in the same place.
SILENT = [pytest.param(family, None, marks=pytest.mark.variant if family != "dp800" else []) for family in FAMILIES]


@pytest.mark.parametrize(("family", "answer"), [*SILENT, *((family, CUT) for family in FAMILIES)])
def test_a_question_that_is_never_answered_leaves_the_others(family: str, answer: object) -> None:
    module, opening, state, model, lines = FAMILIES[family]
    first, script = getattr(module, opening), getattr(module, state)
    place = len(script) - 2
    found = read([*script[:place], (script[place][0], answer), *first, *script[place + 1 :]], model, lines)
    assert len(found.unread) == 1
    assert found.enabled


def test_an_instrument_that_is_silent_from_the_first_question_on_is_an_error() -> None:
    script = [*rigol_dp800.OPEN, (":MEAS:ALL? CH1", None), ("*IDN?", CUT)]
    with playing(script, "DP821", CH1) as supply, pytest.raises(InstrumentTimeout, match=":MEAS:ALL"):
        supply.state()


def test_an_instrument_that_goes_away_in_the_middle_is_not_asked_on() -> None:
    script = [*rigol_dp800.STATE[:3], (rigol_dp800.STATE[3][0], CUT), ("*IDN?", CUT)]
    with playing(script, "DP821", CH1) as supply:
        state = supply.state()
        assert (state.voltage, state.enabled) == (3.3001, True)
        assert set(state.unread) == {
            "mode", "voltage_set", "current_set", "ovp", "ovp_enabled", "ovp_tripped", "ocp", "ocp_enabled",
            "ocp_tripped",
        }  # fmt: skip
        assert len(str(state).splitlines()) == 8
    with pytest.raises(InstrumentUnreachable), playing([("*IDN?", CUT)], "DP821", CH1):
        pass


def test_a_field_that_a_model_does_not_have_is_an_error_when_it_is_asked_for() -> None:
    with playing(keithley_2200.STATE, "2200-20-5", "type = 'supply'") as supply:
        state = supply.state()
    assert state.read_or_raise("ovp") == state.ovp
    with pytest.raises(InstrumentError, match="it has no ocp"):
        state.read_or_raise("ocp")


def test_three_questions_without_an_answer_are_enough() -> None:
    first, script = rigol_dp800.OPEN, rigol_dp800.STATE
    silent = [part for question, _ in script[2:5] for part in [(question, None), *first]]
    with playing([*script[:2], *silent], "DP821", CH1) as supply:
        state = supply.state()
    assert (state.voltage, state.enabled) == (3.3001, None)
    assert state.unread["ocp"] == "lager did not ask, because 3 queries got no answer."
    assert str(state).splitlines()[1] == "  output    -"


PLAIN = {"net": "supply2", "voltage": 3.3, "enabled": True, "mode": "CC", "unread": {"current": "no\x1b answer"}}


def test_a_state_of_another_process_has_the_fields_that_it_gave() -> None:
    state = SupplyState.from_plain(PLAIN)
    assert (state.net, state.voltage, state.enabled, state.mode) == ("supply2", 3.3, True, "CC")
    assert (state.current, state.unread) == (None, {"current": r"no\x1b answer"})


def test_a_state_of_another_lager_lacks_what_it_does_not_have_and_shows_nothing_raw() -> None:
    state = SupplyState.from_plain({"net": "a\x1b[2J", "mode": "C\x07", "voltage": [3.3], "later": 1})
    assert (state.net, state.mode, state.voltage, state.unread) == (r"a\x1b[2J", r"C\x07", None, {})


@pytest.mark.parametrize("plain", [{}, {"net": "supply2", "unread": 5}], ids=str)
def test_what_is_no_state_is_not_taken_for_one(plain: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError, KeyError)):
        SupplyState.from_plain(plain)


def test_a_field_of_a_state_may_be_asked_for_by_name() -> None:
    state = SupplyState.from_plain(PLAIN)
    assert (state["voltage"], state["current"]) == (3.3, None)
    for name in ("later", "from_plain", "__class__"):
        with pytest.raises(KeyError, match=name):
            state[name]
