"""The readings of a supply, a battery and a load, the whole state of each, and how it is printed."""

from typing import Any

import pytest

from lager.instruments.drivers.base.battery import BatteryState
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.drivers.loads.rigol_dl3000 import LoadState
from tests.unit.drivers.families import (
    CELL,
    DP800,
    E36300,
    K2200,
    SINK,
    SMU,
    SPD1000,
    SPD3303,
    Family,
    Script,
    Uninterrupted,
)

MEASURED = {
    "dp800": (DP800, [(":MEAS:ALL? CH1", "3.3,0.5,1.65")] * 3),
    "e36300": (E36300, [("MEAS:VOLT? (@2)", "3.3"), ("MEAS:CURR? (@2)", "0.5")] * 2),
    "2200": (K2200, [("MEAS:VOLT?", "3.3"), ("MEAS:CURR?", "0.5"), ("MEAS:POW?", "1.65")]),
    "2200 with units": (K2200, [("MEAS:VOLT?", "3.3V"), ("MEAS:CURR?", "0.5A"), ("MEAS:POW?", "1.65W")]),
    "spd3303x": (SPD3303, [("MEAS:VOLT? CH2", "3.300"), ("MEAS:CURR? CH2", "0.500")] * 2),
    "2281s": (
        SMU,
        [
            (":MEAS:VOLT?", "+0.5A,+3.3V"),
            (":MEAS:CURR?", "+0.5A,+3.3V"),
            *[(":MEAS:VOLT?", "3.3V"), (":MEAS:CURR?", "0.5A")],
        ],
    ),
}


@pytest.mark.parametrize(("family", "script"), MEASURED.values(), ids=MEASURED.keys())
def test_a_supply_measures_volts_amperes_and_watts(family: Family, script: Script) -> None:
    with family.playing(script) as supply:
        assert (supply.voltage(), supply.current(), supply.power()) == pytest.approx((3.3, 0.5, 1.65))


STATES = {
    "dp800": (
        DP800,
        [
            (":MEAS:ALL? CH1", "3.3,0.5,1.65"), (":OUTP? CH1", "ON"), (":OUTP:MODE? CH1", "CC"), (":SOUR1:VOLT?", "5"),
            (":SOUR1:CURR?", "0.5"), (":OUTP:OVP:VAL? CH1", "8.8"), (":OUTP:OVP? CH1", "OFF"),
            (":OUTP:OVP:QUES? CH1", "NO"), (":OUTP:OCP:VAL? CH1", "0.6"), (":OUTP:OCP? CH1", "ON"),
            (":OUTP:OCP:QUES? CH1", "YES"),
        ],
        SupplyState("it", 1, True, 3.3, 0.5, 1.65, 5, 0.5, "CC", 8.8, False, False, 0.6, True, True),
    ),
    "e36300": (
        E36300,
        [
            ("MEAS:VOLT? (@2)", "3.3"), ("MEAS:CURR? (@2)", "0.5"), ("CURR? (@2)", "0.6"), ("OUTP? (@2)", "1"),
            ("VOLT? (@2)", "5"), ("VOLT:PROT? (@2)", "8.8"), ("VOLT:PROT:TRIP? (@2)", "1"),
            ("CURR:PROT:STAT? (@2)", "1"), ("CURR:PROT:TRIP? (@2)", "0"),
        ],
        SupplyState("it", 2, True, 3.3, 0.5, 1.65, 5, 0.6, None, 8.8, None, True, 0.6, True, False),
    ),
    "2200": (
        K2200,
        [
            ("MEAS:VOLT?", "3.3"), ("MEAS:CURR?", "0.5"), ("MEAS:POW?", "1.65"), ("OUTP?", "1"),
            ("STAT:OPER:COND?", "8"), ("VOLT?", "5"), ("CURR?", "0.5"), ("VOLT:PROT?", "20"), ("VOLT:PROT:STAT?", "0"),
            ("STAT:QUES:COND?", "3"),
        ],
        SupplyState("it", 1, True, 3.3, 0.5, 1.65, 5, 0.5, "CC", 20, False, True),
    ),
    "spd3303x": (
        SPD3303,
        [
            ("MEAS:VOLT? CH2", "3.300"), ("MEAS:CURR? CH2", "0.500"), ("SYST:STAT?", "0x15"), ("CH2:VOLT?", "5"),
            ("CH2:CURR?", "0.6"),
        ],
        SupplyState("it", 2, False, 3.3, 0.5, 1.65, 5, 0.6, "CV"),  # the first output is on, in constant current
    ),
    "spd1000x": (
        SPD1000,
        [
            ("MEAS:VOLT? CH1", "3.300"), ("MEAS:CURR? CH1", "0.500"), ("SYST:STAT?", "0x11"), ("CH1:VOLT?", "5"),
            ("CH1:CURR?", "0.6"), ("OVP?", "16"), ("OCP?", "5"),
        ],
        SupplyState("it", 1, True, 3.3, 0.5, 1.65, 5, 0.6, "CC", 16, None, None, 5),
    ),
    "2281s over voltage": (
        SMU,
        [
            (":MEAS:VOLT?", "3.3V"), (":MEAS:CURR?", "0.5A"), (":OUTP:PROT:TRIP?", "OVP"), (":OUTP?", "0"),
            (":VOLT?", "5"), (":CURR?", "0.6"), (":VOLT:PROT?", "21"), (":CURR:PROT?", "6.1"),
        ],
        SupplyState("it", 1, False, 3.3, 0.5, 1.65, 5, 0.6, None, 21, None, True, 6.1, None, False),
    ),
    "2281s over current": (
        SMU,
        [
            (":MEAS:VOLT?", "3.3V"), (":MEAS:CURR?", "0.5A"), (":OUTP:PROT:TRIP?", "OCP"), (":OUTP?", "0"),
            (":VOLT?", "5"), (":CURR?", "0.6"), (":VOLT:PROT?", "21"), (":CURR:PROT?", "6.1"),
        ],
        SupplyState("it", 1, False, 3.3, 0.5, 1.65, 5, 0.6, None, 21, None, False, 6.1, None, True),
    ),
    "battery": (
        CELL,
        [
            (":BATT:OUTP?", "2"), (":BATT:SIM:METH?", "STAT"), (":BATT:SIM:SOC?", "50"), (":BATT:SIM:VOC?", "3.7"),
            (":BATT:SIM:TVOL?", "3.6"), (":BATT:SIM:CURR?", "0.5"), (":BATT:SIM:RES?", "1.5"),
            (":BATT:SIM:RES:OFFS?", "0.25"), (":BATT:SIM:CAP:LIM?", "5"), (":BATT:SIM:CURR:LIM?", "2"),
            (":BATT:OUTP:PROT:TRIP?", "OCP"),
        ],
        BatteryState("it", False, "static", 50, 3.7, 3.6, 0.5, 1.5, 0.25, 5, 2, "OCP"),
    ),
    "load": (
        SINK,
        [
            (":SOUR:FUNC?", "CR"), (":SOUR:INP:STAT?", "0"), (":SOUR:RES:LEV:IMM?", "50"), (":MEAS:VOLT?", "3.3"),
            (":MEAS:CURR?", "0.5"), (":MEAS:POW?", "1.65"),
        ],
        LoadState("it", False, "CR", 50, 3.3, 0.5, 1.65),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("family", "script", "state"), STATES.values(), ids=STATES.keys())
def test_a_state_is_read_in_one_exchange(family: Family, script: Script, state: Any) -> None:
    with family.playing(script) as net:
        session = Uninterrupted(net)
        found = net.state()
        assert session.times == 1
    for name, value in vars(state).items():
        assert getattr(found, name) == (pytest.approx(value) if isinstance(value, float) else value), name


@pytest.mark.parametrize(("bits", "mode"), [(4, "CV"), (8, "CC"), (12, "CC"), (0, None), (0x33, None)])
def test_a_2200_reports_its_mode_in_two_bits(bits: int, mode: str | None) -> None:
    script = [
        (question, str(bits) if question == "STAT:OPER:COND?" else reply) for question, reply in STATES["2200"][1]
    ]
    with K2200.playing(script) as supply:
        assert supply.state().mode == mode


@pytest.mark.parametrize(("bits", "tripped"), [(1, True), (3, True), (0, False), (0xFE, False)])
def test_a_2200_reports_an_over_voltage_in_one_bit(bits: int, tripped: bool) -> None:
    script = [
        (question, str(bits) if question == "STAT:QUES:COND?" else reply) for question, reply in STATES["2200"][1]
    ]
    with K2200.playing(script) as supply:
        assert supply.state().ovp_tripped is tripped


def test_a_supply_that_is_off_or_has_tripped_says_so() -> None:
    state = SupplyState("it", 1, False, 0.0, 0.0, None, 5, 0.5, "CC", 8.8, True, True, 0.6, False, False)
    assert str(state).splitlines() == [
        "it (channel 1)",
        "  output   off",
        "  voltage  0.000 V (set 5.000 V)",
        "  current  0.000 A (set 500.000 mA)",
        "  power    -",
        "  ovp      8.800 V, on, TRIPPED",
        "  ocp      600.000 mA, off",
    ]
    unknown = SupplyState("it", 2, None, None, None, None, None, None, "CV")
    assert str(unknown).splitlines()[1:3] == ["  output   -", "  voltage  - (set -)"]
    assert str(unknown).splitlines()[5:] == ["  ovp      -", "  ocp      -"]
    running = SupplyState("it", 2, True, 1.0, 1.0, 1.0, 1.0, 1.0, None, 5.0)
    assert str(running).splitlines()[1] == "  output   on"
    assert str(running).splitlines()[4] == "  power    1.000 W"


def test_a_battery_prints_everything_about_it() -> None:
    assert str(BatteryState("it", False, "static", 50, 3.7, 3.6, 0.5, 1.5, 0.25, 5, 2, "OCP")).splitlines() == [
        "it",
        "  output           off, OCP TRIPPED",
        "  mode             static",
        "  state of charge  50.000 %",
        "  open circuit     3.700 V",
        "  terminals        3.600 V, 500.000 mA",
        "  esr              1.500 Ω (offset 0.250 Ω)",
        "  capacity         5.000 Ah",
        "  current limit    2.000 A",
    ]
    unknown = str(BatteryState("it", None, None, None, None, None, None, None, None, None, None)).splitlines()
    assert [line.split("  ")[-1].strip() for line in unknown[1:]] == [
        "-",
        "-",
        "-",
        "-",
        "-, -",
        "- (offset -)",
        "-",
        "-",
    ]
    assert str(BatteryState("it", True, "dynamic", 1, 1, 1, 1, 1, 1, 1, 1)).splitlines()[1] == "  output           on"


@pytest.mark.parametrize(
    ("mode", "shown"), [("CC", "500.000 mA"), ("CV", "500.000 mV"), ("CR", "0.500 Ω"), ("CP", "500.000 mW")]
)
def test_a_load_prints_its_level_in_the_unit_of_its_mode(mode: str, shown: str) -> None:
    lines = str(LoadState("it", False, mode, 0.5, 3.3, 0.5, 1.65)).splitlines()
    assert lines[1:3] == ["  input    off", f"  mode     {mode} (set {shown})"]
    unknown = str(LoadState("it", None, None, None, None, None, None)).splitlines()
    assert [line.split()[-1] for line in unknown[1:]] == ["-"] * 5


@pytest.mark.parametrize("mode", ["CV", "CC", "UR"])
def test_a_dp800_tells_how_it_regulates(mode: str) -> None:
    question = ":OUTP:MODE? CH1"
    script = [(asked, mode if asked == question else answer) for asked, answer in STATES["dp800"][1]]
    with DP800.playing(script) as supply:
        assert supply.state().mode == mode
