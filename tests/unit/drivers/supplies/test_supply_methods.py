"""The methods of a supply that combine others: a setpoint with its protections, what each one sets, the whole state."""

from typing import Any

import pytest

from lager.errors import InvalidArgument, Rejected
from tests.unit.drivers.exchanges import rigol_dp800
from tests.unit.drivers.families import DP800, LEVELS, SMU, SPD1000, Family, Script, Uninterrupted

MEASURED = (":MEAS:ALL? CH1", "3.3,0.5,1.65")
OVP, OCP = LEVELS["dp800 ovp"], LEVELS["dp800 ocp"]


def put(word: str, value: float) -> Script:
    return [*DP800.tell(f":SOUR1:{word} {value:g}"), (f":SOUR1:{word}?", f"{value:g}")]


def protection(name: str, value: float) -> Script:
    """What sets and arms a protection of the DP800."""
    level = f":OUTP:{name}:VAL"
    told = [*DP800.tell(f"{level} CH1,{value:g}"), (f"{level}? CH1", f"{value:g}")]
    return [*told, *(OVP if name == "OVP" else OCP).after]


@pytest.mark.parametrize(
    ("method", "arguments", "script", "result"),
    [
        ("voltage", {"value": 3.3}, put("VOLT", 3.3), 3.3),
        ("voltage", {"ovp": 3.6}, [*protection("OVP", 3.6), MEASURED], 3.3),
        ("voltage", {"ocp": 0.6}, [*protection("OCP", 0.6), MEASURED], 3.3),
        ("current", {"ovp": 3.6, "ocp": 0.6}, [*protection("OCP", 0.6), *protection("OVP", 3.6), MEASURED], 0.5),
        # A protection of a higher setpoint comes first, that of a lower one last.
        (
            "voltage", {"value": 3.3, "ovp": 3.6},
            [(":SOUR1:VOLT?", "1.8"), *protection("OVP", 3.6), *put("VOLT", 3.3)], 3.3,
        ),
        (
            "voltage", {"value": 3.3, "ovp": 3.3},
            [(":SOUR1:VOLT?", "3.3"), *protection("OVP", 3.3), *put("VOLT", 3.3)], 3.3,
        ),
        (
            "voltage", {"value": 3.3, "ovp": 3.6},
            [(":SOUR1:VOLT?", "5"), *put("VOLT", 3.3), *protection("OVP", 3.6)], 3.3,
        ),
        (
            "current", {"value": 0.5, "ocp": 0.6},
            [(":SOUR1:CURR?", "1"), *put("CURR", 0.5), *protection("OCP", 0.6)], 0.5,
        ),
        # The protection of the other quantity does not depend on this setpoint.
        ("voltage", {"value": 3.3, "ocp": 0.6}, [*protection("OCP", 0.6), *put("VOLT", 3.3)], 3.3),
    ],
)  # fmt: skip
def test_a_setpoint_and_its_protections_are_set_together_and_never_cross(
    method: str, arguments: dict[str, float], script: Script, result: float
) -> None:
    with DP800.playing(script) as supply:
        session = Uninterrupted(supply)
        assert getattr(supply, method)(**arguments) == result
        assert session.times == 1


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        ("voltage", {"value": 3.3, "ovp": 3.2}, r"ovp of 3\.2 would be below the voltage of 3\.3"),
        ("current", {"value": 0.5, "ocp": 0.4}, r"ocp of 0\.4 would be below the current of 0\.5"),
        ("voltage", {"ovp": -1}, "-1 V is out of range"),
        ("voltage", {"ocp": -1}, "-1 A is out of range"),
        ("voltage", {"value": 3.3, "ocp": float("nan")}, "nan"),
    ],
)
def test_a_protection_below_its_setpoint_is_refused_before_anything_is_sent(
    method: str, arguments: dict[str, float], said: str
) -> None:
    with DP800.playing([]) as supply, pytest.raises(InvalidArgument, match=said):
        getattr(supply, method)(**arguments)


SETS: dict[str, tuple[str, ...]] = {
    "set_mode": (),
    "set_voltage": ("voltage",),
    "set_current": ("current",),
    "enable": ("output",),
    "disable": ("output",),
    "set_ovp": ("ovp", "ovp_enabled"),
    "set_ocp": ("ocp", "ocp_enabled"),
    "clear": ("output",),
    "clear_ovp": ("output",),
    "clear_ocp": ("output",),
}


@pytest.mark.parametrize("method", SETS)
def test_each_method_names_the_settings_that_it_changes(method: str) -> None:
    with DP800.playing([]) as supply:
        assert supply.sets(method) == SETS[method]


@pytest.mark.parametrize("family", [DP800, SMU, SPD1000], ids=["dp800", "2281s", "spd1000x"])
@pytest.mark.parametrize(
    ("limits", "also"),
    [
        ("max_voltage = 5", ()),
        ("max_voltage = 5\nhardware_limits = true", ("ovp", "ovp_enabled")),
        ("max_voltage = 5\nmax_current = 1\nhardware_limits = true", ("ovp", "ovp_enabled", "ocp", "ocp_enabled")),
    ],
)
def test_switching_on_sets_the_protections_that_guard_a_limit_too(
    family: Family, limits: str, also: tuple[str, ...]
) -> None:
    with family.playing([], limits) as supply:
        assert supply.sets("enable") == ("output", *also)
        assert supply.sets("disable") == ("output",)


def test_the_state_as_a_dict_has_all_readings_settings_and_limits() -> None:
    script: list[Any] = rigol_dp800.STATE[1:]
    with DP800.playing(script, "max_voltage = 5\nmax_current = 0.3") as supply:
        assert supply.get_monitor_state() == {
            "voltage": 3.3001, "current": 0.1, "power": 0.33, "enabled": True, "mode": "CV", "voltage_set": 3.3,
            "current_set": 0.25, "ovp_tripped": False, "ocp_tripped": False, "voltage_max": 5, "current_max": 0.3,
            "ovp_limit": 8.8, "ocp_limit": 0.5,
        }  # fmt: skip


def test_the_full_state_is_printed_and_returned(capsys: pytest.CaptureFixture[str]) -> None:
    with DP800.playing(rigol_dp800.STATE[1:]) as supply:
        state = supply.get_full_state()
    assert (state.voltage, state.ovp) == (3.3001, 8.8)
    assert capsys.readouterr().out == f"{state}\n"


@pytest.mark.parametrize(("ovp", "ocp"), [("YES", "NO"), ("NO", "YES")])
def test_a_protection_and_whether_it_has_tripped_are_read_from_the_state(ovp: str, ocp: str) -> None:
    answers = {":OUTP:OVP:QUES? CH1": ovp, ":OUTP:OCP:QUES? CH1": ocp}
    script: list[Any] = [(question, answers.get(question, answer)) for question, answer in rigol_dp800.STATE[1:]]
    with DP800.playing(script * 4) as supply:
        assert (supply.get_ovp_limit(), supply.get_ocp_limit()) == (8.8, 0.5)
        assert (supply.is_ovp(), supply.is_ocp()) == (ovp == "YES", ocp == "YES")


@pytest.mark.parametrize(
    ("ovp", "ocp", "said"),
    [
        ("YES", "NO", "it: OVP tripped at 8.8 V, so the output stays off."),
        ("NO", "YES", "it: OCP tripped at 0.5 A, so the output stays off."),
    ],
)
def test_a_protection_that_keeps_an_output_off_is_named_with_its_level(ovp: str, ocp: str, said: str) -> None:
    answers = {":OUTP:OVP:QUES? CH1": ovp, ":OUTP:OCP:QUES? CH1": ocp}
    state: list[Any] = [(question, answers.get(question, answer)) for question, answer in rigol_dp800.STATE[1:]]
    with DP800.playing([*DP800.switched("ON", "OFF"), *state]) as supply, pytest.raises(Rejected) as caught:
        supply.enable()
    assert caught.value.what == said
    assert caught.value.hint.endswith("lager supply it clear")


@pytest.mark.parametrize("family", [DP800, SMU], ids=["dp800", "2281s"])
def test_a_supply_is_asked_in_one_exchange_whether_it_can_be_set(family: Family) -> None:
    with family.playing([]) as supply:
        session = Uninterrupted(supply)
        supply.set_mode()
        assert session.times == 1
