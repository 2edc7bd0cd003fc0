"""The supplies against exchanges recorded from their manuals, through real sockets."""

import pytest

from lager.drivers.replay import playing
from lager.errors import InstrumentError, InvalidArgument, LimitExceeded, Rejected
from tests.unit.drivers.exchanges import (
    keithley_2200,
    keithley_2281s,
    keysight_e36300,
    rigol_dp700,
    siglent_spd1000x,
    siglent_spd3303x,
)
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

CH1 = "type = 'supply'\nchannel = 1"
CH2 = "type = 'supply'\nchannel = 2"
ONLY = "type = 'supply'"


def test_dp800_sets_and_reads_back() -> None:
    with playing(dp800.SET_VOLTAGE, "DP821", CH1) as supply:
        assert supply.set_voltage(3.3) == 3.3
    with playing(dp800.SET_CURRENT, "DP821", CH2) as supply:
        assert supply.set_current(1.25) == 1.25


def test_dp800_switches_its_output() -> None:
    with playing(dp800.ENABLE, "DP821", CH1) as supply:
        supply.enable()
    with playing(dp800.DISABLE, "DP821", CH1) as supply:
        supply.disable()


@pytest.mark.parametrize(("method", "value"), [("voltage", 3.3001), ("current", 0.1), ("power", 0.33)])
def test_dp800_measures(method: str, value: float) -> None:
    with playing(dp800.MEASURE, "DP821", CH1) as supply:
        assert getattr(supply, method)() == value


def test_dp800_protections() -> None:
    with playing(dp800.SET_OVP, "DP821", CH1) as supply:
        assert supply.set_ovp(8.8) == 8.8
    with playing(dp800.SET_OCP, "DP821", CH1) as supply:
        assert supply.set_ocp(0.5) == 0.5
    with playing(dp800.CLEAR_OVP, "DP821", CH1) as supply:
        supply.clear_ovp()
    with playing(dp800.CLEAR_OCP_IN_VAIN, "DP821", CH1) as supply, pytest.raises(Rejected, match="still tripped"):
        supply.clear_ocp()


def test_dp800_state_prints_in_aligned_lines() -> None:
    with playing(dp800.STATE, "DP821", CH1) as supply:
        state = supply.state()
    assert state.enabled
    assert state.mode == "CV"
    assert (state.ovp, state.ovp_enabled, state.ovp_tripped) == (8.8, True, False)
    assert str(state).splitlines() == [
        "it (channel 1)",
        "  output   on (CV)",
        "  voltage  3.300 V (set 3.300 V)",
        "  current  100.000 mA (set 250.000 mA)",
        "  power    330.000 mW",
        "  ovp      8.800 V, on",
        "  ocp      500.000 mA, off",
    ]


def test_a_refusal_quotes_the_error_queue() -> None:
    with (
        playing(dp800.VOLTAGE_OUT_OF_RANGE, "DP821", CH1) as supply,
        pytest.raises(Rejected, match="-222 Data out of range"),
    ):
        supply.set_voltage(99)


def test_a_readback_that_differs_is_an_error() -> None:
    script = [*dp800.OPEN, (":SOUR1:VOLT 9", None), dp800.NO_ERROR, (":SOUR1:VOLT?", "8.000")]
    with playing(script, "DP821", CH1) as supply, pytest.raises(Rejected, match="reads back 8"):
        supply.set_voltage(9)
    script = [*dp800.OPEN, (":OUTP CH1,ON", None), dp800.NO_ERROR, (":OUTP? CH1", "OFF"), *dp800.STATE[1:]]
    with playing(script, "DP821", CH1) as supply, pytest.raises(Rejected, match="reads back OFF"):
        supply.enable()


def test_an_output_that_stays_off_after_a_trip_says_so() -> None:
    tripped = [(asked, "YES") if asked == ":OUTP:OCP:QUES? CH1" else (asked, told) for asked, told in dp800.STATE[1:]]
    script = [*dp800.OPEN, (":OUTP CH1,ON", None), dp800.NO_ERROR, (":OUTP? CH1", "OFF"), *tripped]
    with playing(script, "DP821", CH1) as supply, pytest.raises(Rejected) as refused:
        supply.enable()
    assert refused.value.what == "it: OCP tripped at 0.5 A, so the output stays off."
    assert refused.value.hint == "Remove the cause, then type: lager supply it clear"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, "3.3", None, True])
def test_an_invalid_voltage_is_never_sent(value: object) -> None:
    with playing(dp800.OPEN, "DP821", CH1) as supply:
        for method in (supply.set_voltage, supply.set_current, supply.set_ovp, supply.set_ocp):
            with pytest.raises(InvalidArgument):
                method(value)


def test_a_value_over_a_limit_is_never_sent() -> None:
    with playing(dp800.OPEN, "DP821", f"{CH1}\nmax_voltage = 5.5\nmax_current = 0.5") as supply:
        with pytest.raises(LimitExceeded, match=r"it: 5\.6 V is over its limit of 5\.5 V") as caught:
            supply.set_voltage(5.6)
        assert "max_voltage of [nets.it]" in caught.value.hint
        with pytest.raises(LimitExceeded):
            supply.set_current(0.51)


def test_a_power_limit_counts_the_other_setpoint() -> None:
    script = [*dp800.OPEN, (":SOUR1:CURR?", "1.0000")]
    with playing(script, "DP821", f"{CH1}\nmax_power = 5") as supply, pytest.raises(LimitExceeded, match="6 W"):
        supply.set_voltage(6)


def test_an_output_set_over_the_limit_from_elsewhere_is_not_switched_on() -> None:
    script = [*dp800.OPEN, (":SOUR1:VOLT?", "12.000")]
    with playing(script, "DP821", f"{CH1}\nmax_voltage = 5") as supply, pytest.raises(LimitExceeded, match="12 V"):
        supply.enable()


def test_2281s_as_a_supply() -> None:
    with playing(keithley_2281s.SET_VOLTAGE, "2281S", ONLY) as supply:
        assert supply.set_voltage(3.3) == 3.3
    with playing(keithley_2281s.MEASURE_VOLTAGE, "2281S-20-6", ONLY) as supply:
        assert supply.voltage() == 3.299153
    with playing(keithley_2281s.SUPPLY_STATE, "2281S-20-6", ONLY) as supply:
        state = supply.state()
    assert (state.voltage, state.current, state.ovp_tripped) == (3.3, 0.1, False)
    assert state.power == pytest.approx(0.33)


def test_2281s_clears_its_protection() -> None:
    with playing(keithley_2281s.CLEAR_OVP, "2281S", ONLY) as supply:
        supply.clear_ovp()
    with playing(keithley_2281s.CLEAR_OVP_IN_VAIN, "2281S", ONLY) as supply, pytest.raises(Rejected, match="OVP"):
        supply.clear_ovp()


def test_2281s_refuses_the_supply_role_while_its_battery_runs() -> None:
    with (
        pytest.raises(InstrumentError, match="is in use as a battery, and its output is on"),
        playing(keithley_2281s.BECOME_SUPPLY_IN_VAIN, "2281S", ONLY),
    ):
        pass


def test_2200() -> None:
    with playing(keithley_2200.SET_VOLTAGE, "2200-20-5", ONLY) as supply:
        assert supply.set_voltage(3.3) == 3.3
    with playing(keithley_2200.SET_OVP, "2200-20-5", ONLY) as supply:
        assert supply.set_ovp(20) == 20
    with playing(keithley_2200.CLEAR_OVP, "2200-20-5", ONLY) as supply:
        supply.clear_ovp()
    with playing(keithley_2200.ENABLE, "2200-20-5", ONLY) as supply:
        supply.enable()
    with playing(keithley_2200.STATE, "2200-20-5", ONLY) as supply:
        assert supply.state().mode == "CV"


def test_2200_has_no_over_current_protection() -> None:
    with playing(keithley_2200.OPEN, "2200-20-5", ONLY) as supply:
        with pytest.raises(InstrumentError, match="has no over-current protection"):
            supply.set_ocp(1)
        with pytest.raises(InstrumentError, match="has no over-current protection"):
            supply.clear_ocp()


def test_e36300() -> None:
    with playing(keysight_e36300.SET_VOLTAGE, "E36312A", CH2) as supply:
        assert supply.set_voltage(3.3) == 3.3
    with playing(keysight_e36300.SET_CURRENT, "E36312A", CH2) as supply:
        assert supply.set_current(0.5) == 0.5
    with playing(keysight_e36300.ENABLE, "E36312A", CH2) as supply:
        supply.enable()
    with playing(keysight_e36300.SET_OVP, "E36312A", CH2) as supply:
        assert supply.set_ovp(12) == 12
    with playing(keysight_e36300.CLEAR_OCP, "E36312A", CH2) as supply:
        supply.clear_ocp()
    with playing(keysight_e36300.STATE, "E36312A", CH2) as supply:
        assert supply.state().ocp == 0.5


def test_a_reset_that_switches_the_output_on_is_undone_and_reported() -> None:
    with (
        playing(keysight_e36300.CLEAR_THAT_SWITCHES_ON, "E36312A", CH2) as supply,
        pytest.raises(Rejected, match="resetting its OCP switched the output on; lager switched it off again"),
    ):
        supply.clear_ocp()


def test_an_output_that_does_not_go_off_is_not_reset() -> None:
    script = [*dp800.CLEAR_OVP[:4], (":OUTP? CH1", "ON")]
    with playing(script, "DP821", CH1) as supply, pytest.raises(Rejected, match="reads back ON"):
        supply.clear_ovp()


def test_e36300_trips_at_its_current_limit_only() -> None:
    with playing(keysight_e36300.SET_OCP, "E36312A", CH2) as supply:
        assert supply.set_ocp(0.5) == 0.5
    with (
        playing(keysight_e36300.SET_OCP_ELSEWHERE, "E36312A", CH2) as supply,
        pytest.raises(InvalidArgument, match=r"trips at its current limit of 1\.000 A"),
    ):
        supply.set_ocp(0.5)


def test_spd3303x() -> None:
    with playing(siglent_spd3303x.SET_VOLTAGE, "SPD3303X", CH2) as supply:
        assert supply.set_voltage(25) == 25
    with playing(siglent_spd3303x.SET_CURRENT, "SPD3303X", CH2) as supply:
        assert supply.set_current(0.5) == 0.5
    with playing(siglent_spd3303x.ENABLE, "SPD3303X", CH2) as supply:
        supply.enable()
    with playing(siglent_spd3303x.DISABLE, "SPD3303X", CH2) as supply:
        supply.disable()
    with playing(siglent_spd3303x.STATE, "SPD3303X", CH2) as supply:
        state = supply.state()
    assert (state.channel, state.enabled, state.mode, state.voltage, state.current_set) == (2, True, "CC", 30, 3)


def test_spd3303x_has_no_protection_that_can_be_set() -> None:
    with playing(siglent_spd3303x.OPEN, "SPD3303X", CH2) as supply:
        for method, given in (("set_ovp", [1]), ("set_ocp", [1]), ("clear", []), ("clear_ovp", []), ("clear_ocp", [])):
            with pytest.raises(InstrumentError, match=r"SPD3303X has no over-.* protection that can be set"):
                getattr(supply, method)(*given)


def test_spd1000x_sets_its_protections() -> None:
    with playing(siglent_spd1000x.SET_OVP, "SPD1168X", ONLY) as supply:
        assert supply.set_ovp(16) == 16
    with playing(siglent_spd1000x.SET_OCP, "SPD1168X", ONLY) as supply:
        assert supply.set_ocp(5) == 5
    with playing(siglent_spd1000x.STATE, "SPD1168X", ONLY) as supply:
        assert str(supply.state()).splitlines()[1:] == [
            "  output   on (CV)",
            "  voltage  15.000 V (set 15.000 V)",
            "  current  3.000 A (set 5.000 A)",
            "  power    45.000 W",
            "  ovp      16.000 V",
            "  ocp      5.000 A",
        ]


@pytest.mark.parametrize("method", ["clear", "clear_ovp", "clear_ocp"])
def test_spd1000x_resets_its_protections_with_the_output_off_and_does_nothing_while_it_is_on(method: str) -> None:
    with playing(siglent_spd1000x.CLEAR, "SPD1168X", ONLY) as supply:
        getattr(supply, method)()
    with playing(siglent_spd1000x.CLEAR_WHILE_ON, "SPD1168X", ONLY) as supply:
        getattr(supply, method)()
    with (
        playing(siglent_spd1000x.CLEAR_THAT_SWITCHES_ON, "SPD1168X", ONLY) as supply,
        pytest.raises(Rejected, match="resetting its protection switched the output on; lager switched it off again"),
    ):
        getattr(supply, method)()


@pytest.mark.parametrize(
    ("model", "opening"),
    [
        ("DP832", [("*IDN?", "RIGOL TECHNOLOGIES,DP832,DP8C1,00.01.16")]),
        ("E36312A", keysight_e36300.OPEN[:1]),
        ("SPD3303X", siglent_spd3303x.OPEN[:1]),
    ],
)
@pytest.mark.parametrize("so", ["coupled", "as_it_is"])
def test_a_supply_that_is_used_coupled_or_as_it_is_is_not_asked_for_its_coupling(
    model: str, opening: list[tuple[str, str]], so: str
) -> None:
    quiet = {
        "DP832": [(":OUTP:TRAC? CH1", "OFF"), (":OUTP:TRAC? CH2", "OFF"), (":SYST:ONOFFS?", "OFF")],
        "E36312A": keysight_e36300.OPEN[1:],
        "SPD3303X": siglent_spd3303x.OPEN[1:],
    }[model]
    with playing([*opening, *quiet], model, CH2) as supply:
        setattr(supply, so, True)
        supply.check()


def test_dp700() -> None:
    with playing(rigol_dp700.SET_VOLTAGE, "DP711", ONLY) as supply:
        assert supply.set_voltage(3) == 3
    with playing(rigol_dp700.SET_OVP, "DP711", ONLY) as supply:
        assert supply.set_ovp(33) == 33
    with playing(rigol_dp700.ENABLE, "DP711", ONLY) as supply:
        supply.enable()
    with playing(rigol_dp700.CLEAR_OCP, "DP711", ONLY) as supply:
        supply.clear_ocp()
