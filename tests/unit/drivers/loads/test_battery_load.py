"""The battery simulator and the load against exchanges recorded from their manuals, through real sockets."""

import pytest

from lager.drivers.replay import playing
from lager.drivers.scripted_instrument import CUT
from lager.errors import BadReply, InstrumentError, InstrumentUnreachable, InvalidArgument, LimitExceeded, Rejected
from tests.unit.drivers.exchanges import keithley_2281s as smu
from tests.unit.drivers.exchanges import rigol_dl3000 as dl3000

BATTERY = "type = 'battery'"
LOAD = "type = 'eload'"


@pytest.mark.parametrize(
    ("script", "method", "value"),
    [
        (smu.SET_SOC, "soc", 50),
        (smu.SET_VOC, "voc", 3.7),
        (smu.SET_MODE, "mode", "static"),
        (smu.SET_CAPACITY, "capacity", 5),
        (smu.SET_CURRENT_LIMIT, "current_limit", 1),
        (smu.SET_ESR, "esr", 1),
    ],
)
def test_a_battery_sets_and_reads_back(script: list[tuple[str, str]], method: str, value: object) -> None:
    with playing(script, "2281S-20-6", BATTERY) as battery:
        assert getattr(battery, method)(value) == value


def test_the_instrument_becomes_a_battery_when_its_output_is_off_and_something_is_set() -> None:
    script = [*smu.OPEN_BATTERY_AS_SUPPLY, *smu.BECOME_BATTERY, *smu.SET_MODE[len(smu.OPEN_BATTERY) :]]
    with playing(script, "2281S-20-6", BATTERY) as battery:
        assert battery.mode("static") == "static"


def test_a_running_battery_refuses_a_new_capacity_and_says_what_to_do() -> None:
    with playing(smu.SET_CAPACITY_WHILE_RUNNING, "2281S-20-6", BATTERY) as battery:
        with pytest.raises(Rejected, match="704 Not permitted while battery model is running") as caught:
            battery.capacity(5)
        assert "disable() first" in caught.value.hint


def test_the_state_of_a_battery() -> None:
    with playing(smu.BATTERY_STATE, "2281S-20-6", BATTERY) as battery:
        state = battery.state()
    assert (state.mode, state.soc, state.esr, state.current) == ("dynamic", 95.5, 1.52, 8.034562e-3)
    assert "  terminals        4.010 V, 8.035 mA" in str(state).splitlines()


def test_a_battery_keeps_its_limits() -> None:
    with playing(smu.OPEN_BATTERY, "2281S-20-6", f"{BATTERY}\nmax_voltage = 4.2\nmax_current = 1") as battery:
        with pytest.raises(LimitExceeded):
            battery.voc(4.3)
        with pytest.raises(LimitExceeded):
            battery.current_limit(1.1)
        for method, value in (("soc", 101), ("soc", -1), ("capacity", 0), ("esr", 101), ("mode", "fast")):
            with pytest.raises(InvalidArgument):
                getattr(battery, method)(value)


def test_a_battery_over_its_limit_is_not_turned_on() -> None:
    with playing(smu.BATTERY_ENABLE, "2281S-20-6", BATTERY) as battery:
        battery.enable()
    script = [*smu.OPEN_BATTERY, smu.NOT_TRIPPED, (":BATT:SIM:VOC?", "8.4")]
    with playing(script, "2281S-20-6", f"{BATTERY}\nmax_voltage = 4.2") as battery, pytest.raises(LimitExceeded):
        battery.enable()


def test_the_protections_of_a_battery_are_set_to_its_limits() -> None:
    limits = f"{BATTERY}\nmax_voltage = 4.2\nmax_current = 1"
    with playing(smu.BATTERY_ENABLE_WITH_LIMITS, "2281S-20-6", limits) as battery:
        battery.enable()


def test_the_protections_are_never_set_above_the_limits() -> None:
    script = [
        *smu.OPEN_BATTERY,
        smu.NOT_TRIPPED,
        (":BATT:SIM:VOC?", "3.7"),
        (":BATT:SIM:TVOL:PROT?", "21"),
        (":BATT:SIM:TVOL:PROT 4.21", None),
        smu.NO_ERROR,
        (":BATT:SIM:TVOL:PROT?", "4.22"),
    ]
    said = pytest.raises(LimitExceeded, match=r"4\.22 V is over its limit of 4\.217 V")
    with playing(script, "2281S-20-6", f"{BATTERY}\nmax_voltage = 4.217") as battery, said:
        battery.enable()


def test_a_limit_below_the_lowest_protection_of_the_instrument_is_refused() -> None:
    script = [*smu.OPEN_BATTERY, smu.NOT_TRIPPED, (":BATT:SIM:CURR:LIM?", "0.01")]
    said = pytest.raises(
        LimitExceeded, match=r"the lowest current protection of the instrument is 0\.1; the net's limit is 0\.05"
    )
    with playing(script, "2281S-20-6", f"{BATTERY}\nmax_current = 0.05") as battery, said:
        battery.enable()


def test_a_battery_that_trips_when_it_is_turned_on_says_so() -> None:
    script = [
        *smu.BATTERY_ENABLE[:-1],
        (":BATT:OUTP?", "0"),
        (":BATT:OUTP:PROT:TRIP?", "OCP"),
        (":BATT:SIM:CURR:PROT?", "1.5"),
    ]
    with playing(script, "2281S-20-6", BATTERY) as battery, pytest.raises(Rejected, match=r"OCP tripped at 1\.5 A"):
        battery.enable()


def test_the_role_is_entered_again_after_a_power_cycle() -> None:
    script = [
        *smu.OPEN_BATTERY,
        (":BATT:SIM:TVOL?", CUT),
        *smu.OPEN_BATTERY_AS_SUPPLY,
        *smu.BECOME_BATTERY,
        *smu.SET_MODE[len(smu.OPEN_BATTERY) :],
    ]
    with playing(script, "2281S-20-6", BATTERY) as battery:
        with pytest.raises(InstrumentUnreachable):
            battery.terminal_voltage()
        assert battery.mode("static") == "static"


def test_a_reading_in_another_unit_is_refused() -> None:
    script = [*smu.OPEN_BATTERY, (":BATT:SIM:TVOL?", "+4.0E+00A")]
    with playing(script, "2281S-20-6", BATTERY) as battery, pytest.raises(BadReply, match="no reading in V"):
        battery.terminal_voltage()


def test_a_load_sets_and_reads_back() -> None:
    with playing(dl3000.SET_MODE, "DL3021", LOAD) as load:
        assert load.mode("CR") == "CR"
    with playing(dl3000.SET_CURRENT, "DL3021", LOAD) as load:
        assert load.current(0.5) == 0.5
    with playing(dl3000.SET_RESISTANCE, "DL3021", LOAD) as load:
        assert load.resistance(100) == 100
    with playing(dl3000.GET_POWER, "DL3021", LOAD) as load:
        assert load.power() == 10
    with playing(dl3000.GET_VOLTAGE, "DL3021", LOAD) as load:
        assert load.voltage() == 15
    with playing(dl3000.ENABLE, "DL3021", LOAD) as load:
        load.enable()


def test_the_state_of_a_load() -> None:
    with playing(dl3000.STATE, "DL3021", LOAD) as load:
        state = load.state()
    assert str(state).splitlines() == [
        "it",
        "  input    on",
        "  mode     CC (set 500.000 mA)",
        "  voltage  4.998 V",
        "  current  499.800 mA",
        "  power    2.498 W",
    ]


def test_a_load_keeps_its_limits_in_every_mode() -> None:
    with playing(dl3000.OPEN, "DL3021", f"{LOAD}\nmax_current = 1") as load:
        with pytest.raises(LimitExceeded):
            load.current(1.1)
        with pytest.raises(InvalidArgument):
            load.mode("CX")
        with pytest.raises(InvalidArgument):
            load.resistance(float("nan"))
    script = [*dl3000.OPEN, dl3000.FIXED, (":SOUR:CURR:LEV:IMM?", "40.000")]
    with playing(script, "DL3021", f"{LOAD}\nmax_current = 1") as load, pytest.raises(LimitExceeded, match="40 A"):
        load.mode("CC")


def test_the_limits_of_a_load_are_set_in_its_own_registers_before_level_and_mode() -> None:
    with playing(dl3000.SET_RESISTANCE_HELD, "DL3021", f"{LOAD}\nmax_current = 0.1") as load:
        assert load.resistance(1) == 1


def test_a_register_that_rounds_up_is_set_lower_and_one_that_stays_above_is_refused() -> None:
    lines = f"{LOAD}\nmax_current = 0.115"
    register = dl3000.hold("RES:ILIM", "40", "0.115", "0.12", "40")
    lower = [(":SOUR:RES:ILIM 0.11", None), dl3000.NO_ERROR, (":SOUR:RES:ILIM?", "0.11")]
    script = [*dl3000.OPEN, dl3000.FIXED, *register, *lower, *dl3000.level("RES", "1", "1.000")]
    with playing(script, "DL3021", lines) as load:
        load.resistance(1)
    higher = [*lower[:2], (":SOUR:RES:ILIM?", "0.12")]
    said = pytest.raises(LimitExceeded, match=r":SOUR:RES:ILIM of the load cannot be set to 0\.115")
    with playing([*dl3000.OPEN, dl3000.FIXED, *register, *higher], "DL3021", lines) as load, said:
        load.resistance(1)


@pytest.mark.parametrize("rule", ["LIST", "WAV", "BATT", "OCP", "OPP"])
def test_a_load_in_another_function_is_neither_set_nor_turned_on(rule: str) -> None:
    script = [*dl3000.OPEN, *[(":SOUR:FUNC:MODE?", rule)] * 3]
    with playing(script, "DL3021", LOAD) as load:
        for act in (lambda: load.current(0.1), lambda: load.mode("CV"), load.enable):
            with pytest.raises(InstrumentError, match=f"is in its {rule} function"):
                act()


def test_mode_cv_is_refused_if_nothing_would_limit_its_power() -> None:
    said = pytest.raises(LimitExceeded, match="CV cannot keep the limit of 5 W")
    with playing([*dl3000.OPEN, dl3000.FIXED], "DL3021", f"{LOAD}\nmax_power = 5") as load, said:
        load.voltage(3)
