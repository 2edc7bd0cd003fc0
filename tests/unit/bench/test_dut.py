"""The circuit of the bench: CV and CC, protections that trip, a battery that runs down, as other instruments see it."""

import pytest

from lagerd.bench.bench import DefaultBench
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.physics.circuit import Output, Protection, operating_point, resistor


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(clock: Clock) -> DefaultBench:
    return DefaultBench(clock)


def volts_at(bench: DefaultBench, number: int) -> float:
    bench.daq1.changed()
    return bench.daq1.inputs[number].source()


def test_a_source_is_in_cv_until_its_limit_and_then_in_cc() -> None:
    assert operating_point(5, 0, 1, resistor(10)).mode == "CV"
    limited = operating_point(5, 0, 0.1, resistor(10))
    assert limited.mode == "CC"
    assert (limited.volts, limited.amps) == pytest.approx((1.0, 0.1))


def test_resistance_inside_the_source_divides_the_voltage() -> None:
    point = operating_point(4, 1, 6, resistor(3))
    assert (point.volts, point.amps) == pytest.approx((3, 1))
    assert point.mode == "CV"


def test_a_source_at_zero_volts() -> None:
    assert operating_point(0, 0, 1, resistor(10)).volts == 0
    assert operating_point(0, 1, 0, resistor(10)).volts == 0


def test_supply2_moves_adc1_and_the_rail_that_is_regulated_from_it(bench: DefaultBench) -> None:
    assert volts_at(bench, 0) == 0
    bench.psu1.handle(":SOUR1:VOLT 3.3;:OUTP CH1,ON")
    assert volts_at(bench, 0) == pytest.approx(3.3)
    assert volts_at(bench, 2) == pytest.approx(3.1)
    bench.psu1.handle(":SOUR1:VOLT 9")
    assert volts_at(bench, 2) == pytest.approx(3.3)
    bench.psu1.handle(":OUTP CH1,OFF")
    assert volts_at(bench, 0) == 0


def test_the_load_draws_from_supply3(bench: DefaultBench) -> None:
    bench.psu1.handle(":APPL CH2,5,1;:OUTP CH2,ON")
    bench.load1.handle(":SOUR:FUNC CURR;:SOUR:CURR 0.5;:SOUR:INP ON")
    assert bench.psu1.handle(":MEAS:CURR? CH2") == "0.5050"
    assert bench.load1.handle(":MEAS:VOLT?;CURR?;POW?") == "5.000000;0.500000;2.500000"
    assert volts_at(bench, 1) == pytest.approx(5)


def test_over_its_limit_supply3_goes_into_cc_and_sags(bench: DefaultBench) -> None:
    bench.psu1.handle(":APPL CH2,5,0.4;:OUTP CH2,ON")
    bench.load1.handle(":SOUR:CURR 0.5;:SOUR:INP ON")
    assert bench.psu1.handle(":OUTP:MODE? CH2") == "CC"
    assert bench.psu1.handle(":MEAS:CURR? CH2") == "0.4000"
    assert volts_at(bench, 1) < 0.1
    assert bench.psu1.handle(":STAT:QUES:INST:ISUM2:COND?") == "1"


@pytest.mark.parametrize(
    ("setup", "amps"),
    [("FUNC RES;:RES 10", 0.5), ("FUNC POW;:POW 2", 0.4), ("FUNC VOLT;:VOLT 4.96", 1.0)],
)
def test_the_other_functions_of_the_load(bench: DefaultBench, setup: str, amps: float) -> None:
    bench.psu1.handle(":APPL CH2,5,3;:OUTP CH2,ON")
    bench.load1.handle(f":{setup};:INP ON")
    assert float(bench.load1.handle(":MEAS:CURR?") or "nan") == pytest.approx(amps)
    assert float(bench.load1.handle(":MEAS:RES?") or "nan") == pytest.approx(5 / amps)


def test_over_voltage_trips_and_holds_until_cleared(bench: DefaultBench) -> None:
    psu = bench.psu1
    psu.handle(":SOUR1:VOLT 3;:OUTP:OVP:VAL CH1,4;:OUTP:OVP CH1,ON;:OUTP CH1,ON")
    psu.handle(":SOUR1:VOLT 5")
    assert psu.handle(":OUTP:OVP:QUES? CH1;:OUTP? CH1") == "YES;OFF"
    assert volts_at(bench, 0) == 0
    psu.handle(":SOUR1:VOLT 3;:OUTP CH1,ON")
    assert psu.handle(":OUTP? CH1") == "OFF"
    psu.handle(":OUTP:OVP:CLEAR CH1")
    assert psu.handle(":OUTP:OVP:QUES? CH1;:OUTP? CH1") == "NO;OFF"
    assert psu.handle(":OUTP CH1,ON;:OUTP? CH1") == "ON"


def test_over_current_trips_on_what_another_instrument_does(bench: DefaultBench) -> None:
    bench.psu1.handle(":APPL CH2,5,2;:OUTP:OCP:VAL CH2,0.3;:OUTP:OCP CH2,ON;:OUTP CH2,ON")
    bench.load1.handle(":SOUR:CURR 0.5;:SOUR:INP ON")
    assert bench.psu1.handle(":OUTP:OCP:QUES? CH2;:OUTP? CH2") == "YES;OFF"
    bench.load1.handle(":SOUR:INP OFF")
    bench.psu1.handle(":SOUR2:CURR:PROT:CLE")
    assert bench.psu1.handle(":OUTP:OCP:QUES? CH2;:OUTP? CH2") == "NO;ON"


def test_the_2281s_trips_and_says_which_protection(bench: DefaultBench) -> None:
    smu = bench.smu1
    smu.handle(":VOLT 5;:CURR 1;:VOLT:PROT 6;:OUTP ON;:VOLT 7")
    assert smu.handle(":OUTP:PROT:TRIP?;:OUTP?") == "OVP;0"
    smu.handle(":VOLT 5;:OUTP:PROT:CLE;:OUTP ON")
    assert smu.handle(":OUTP:PROT:TRIP?;:OUTP?") == "NONE;1"


def test_a_keysight_channel_trips_when_it_goes_into_cc() -> None:
    supply = E36312A()
    supply.outputs[0].loads.append(resistor(10))
    supply.handle("VOLT 5,(@1);CURR 0.1,(@1);:CURR:PROT:STAT ON,(@1);:OUTP ON,(@1)")
    assert supply.handle("CURR:PROT:TRIP? (@1);:OUTP? (@1)") == "1;0"
    assert supply.handle("CURR 1,(@1);:OUTP:PROT:CLE (@1);:OUTP? (@1)") == "1"


def test_the_battery_shows_at_adc4_and_runs_down(bench: DefaultBench, clock: Clock) -> None:
    smu = bench.smu1
    smu.handle(":ENTR:FUNC SIM;:BATT:SIM:CAP:LIM 0.1;:BATT:SIM:SOC 80;:BATT:OUTP ON")
    terminal = float(smu.handle(":BATT:SIM:TVOL?") or "nan")
    amps = float(smu.handle(":BATT:SIM:CURR?") or "nan")
    assert bench.daq2.inputs[0].source() == pytest.approx(terminal)
    assert terminal == pytest.approx(amps * 100)
    clock.now += 360
    left = float(smu.handle(":BATT:SIM:SOC?") or "nan")
    assert left == pytest.approx(80 - amps * 360 / 3600 / 0.1 * 100, abs=0.01)
    clock.now += 36000
    assert smu.handle(":BATT:OUTP?") == "0"
    assert float(smu.handle(":BATT:SIM:SOC?") or "nan") == pytest.approx(0, abs=0.1)


def test_a_static_battery_does_not_run_down(bench: DefaultBench, clock: Clock) -> None:
    bench.smu1.handle(":ENTR:FUNC SIM;:BATT:SIM:METH STAT;:BATT:OUTP ON")
    clock.now += 36000
    assert bench.smu1.handle(":BATT:SIM:SOC?;:BATT:OUTP?") == "100;1"


def test_changing_roles_switches_the_output_off(bench: DefaultBench) -> None:
    bench.smu1.handle(":VOLT 5;:OUTP ON;:ENTR:FUNC SIM")
    assert bench.smu1.handle(":OUTP?;:BATT:OUTP?") == "0;0"
    bench.smu1.handle(":BATT:OUTP ON;:ENTR:FUNC POW")
    assert bench.smu1.handle(":OUTP?") == "0"
    assert bench.smu1.handle(":VOLT?") == "5"


def test_reset_restores_the_default_setup(bench: DefaultBench) -> None:
    bench.psu1.handle(":APPL CH1,5,0.5;:OUTP CH1,ON;*RST")
    assert bench.psu1.handle(":APPL? CH1;:OUTP? CH1") == "CH1:60V/1A,0.000,1.0000;OFF"


def test_a_cleared_output_comes_on_again_only_if_it_was_on() -> None:
    out = Output(5, 1, Protection(4, enabled=True), Protection(9))
    out.switch(True)
    out.switch(False)
    out.clear()
    out.restore()
    assert not out.on


def test_the_serial_device_reports_the_rail(bench: DefaultBench) -> None:
    bench.psu1.handle(":SOUR1:VOLT 5;:OUTP CH1,ON")
    assert bench.uart1.handle("rail") == "3.300 V"


def test_a_load_draws_a_constant_current_from_its_starting_voltage_on() -> None:
    load = DL3021()
    load.terminal = lambda: 3.0
    load.handle(":SOUR:CURR:LEV:IMM 1;:SOUR:CURR:VON 5;:SOUR:INP ON")
    assert load.handle(":MEAS:CURR?") == "0.000000"
    load.handle(":SOUR:CURR:VON 2")
    assert load.handle(":MEAS:CURR?") == "1.000000"
