"""The settings of a net: what each is called, how it is read, and how it is set back after a pause."""

from dataclasses import dataclass
from typing import Any

import pytest

from lager.errors import InstrumentError, LimitExceeded, Rejected
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.while_paused import settings_read
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


@dataclass(frozen=True)
class Named:
    """A setting as it is to be: its name, its unit and its step; the question that reads it, and the answer."""

    name: str
    unit: str
    step: float
    question: str
    answer: str
    value: Any


def output(family: Family) -> Named:
    return Named("output", "", 0, family.is_on, family.on, True)


def setpoints(volts: str, amperes: str, volt_step: float, ampere_step: float) -> list[Named]:
    return [
        Named("voltage", "V", volt_step, volts, "3.3", 3.3),
        Named("current", "A", ampere_step, amperes, "0.5", 0.5),
    ]


SETTINGS = {
    "dp800": (
        DP800,
        [
            Named("ovp", "V", 0.01, ":OUTP:OVP:VAL? CH1", "8.8", 8.8),
            Named("ocp", "A", 0.01, ":OUTP:OCP:VAL? CH1", "0.6", 0.6),
            Named("ovp_enabled", "", 0, ":OUTP:OVP? CH1", "ON", True),
            Named("ocp_enabled", "", 0, ":OUTP:OCP? CH1", "OFF", False),
            *setpoints(":SOUR1:VOLT?", ":SOUR1:CURR?", 0.01, 0.01),
        ],
    ),
    "e36300": (
        E36300,
        [
            Named("ovp", "V", 0.02, "VOLT:PROT? (@2)", "12", 12),
            Named("ocp_enabled", "", 0, "CURR:PROT:STAT? (@2)", "1", True),
            *setpoints("VOLT? (@2)", "CURR? (@2)", 0.002, 0.002),
        ],
    ),
    "2200": (
        K2200,
        [
            Named("ovp", "V", 0.01, "VOLT:PROT?", "20", 20),
            Named("ovp_enabled", "", 0, "VOLT:PROT:STAT?", "0", False),
            *setpoints("VOLT?", "CURR?", 0.001, 0.001),
        ],
    ),
    "2281s": (
        SMU,
        [
            Named("ovp", "V", 0.01, ":VOLT:PROT?", "5.5", 5.5),
            Named("ocp", "A", 0.01, ":CURR:PROT?", "1.5", 1.5),
            *setpoints(":VOLT?", ":CURR?", 0.001, 0.001),
        ],
    ),
    "spd1000x": (
        SPD1000,
        [
            Named("ovp", "V", 0.01, "OVP?", "16", 16),
            Named("ocp", "A", 0.01, "OCP?", "5", 5),
            *setpoints("CH1:VOLT?", "CH1:CURR?", 0.001, 0.001),
        ],
    ),
    "spd3303x": (SPD3303, setpoints("CH2:VOLT?", "CH2:CURR?", 0.01, 0.01)),
    "battery": (
        CELL,
        [
            Named("role", "", 0, ":ENTR:FUNC?", "SIM", "battery"),
            Named("ovp", "V", 0.01, ":BATT:SIM:TVOL:PROT?", "4.5", 4.5),
            Named("ocp", "A", 0.01, ":BATT:SIM:CURR:PROT?", "1.5", 1.5),
            Named("current_limit", "A", 0.001, ":BATT:SIM:CURR:LIM?", "2", 2),
            Named("capacity", "Ah", 0.001, ":BATT:SIM:CAP:LIM?", "5", 5),
            Named("esr_offset", "Ω", 0.001, ":BATT:SIM:RES:OFFS?", "-2", -2),
            Named("model", "", 0, ":BATT:MOD:RCL?", "4", "4"),
            Named("voltage_full", "V", 0.01, ":BATT:SIM:VOC:FULL?", "4.2", 4.2),
            Named("voltage_empty", "V", 0.01, ":BATT:SIM:VOC:EMPT?", "2.5", 2.5),
            Named("soc", "%", 0.1, ":BATT:SIM:SOC?", "50", 50),
            Named("voc", "V", 0.01, ":BATT:SIM:VOC?", "3.7", 3.7),
            Named("mode", "", 0, ":BATT:SIM:METH?", "STAT", "static"),
        ],
    ),
    "load": (
        SINK,
        [
            Named("cc", "A", 0.002, ":SOUR:CURR:LEV:IMM?", "0.5", 0.5),
            Named("cv", "V", 0.01, ":SOUR:VOLT:LEV:IMM?", "3.3", 3.3),
            Named("cr", "Ω", 0.01, ":SOUR:RES:LEV:IMM?", "50", 50),
            Named("cp", "W", 0.1, ":SOUR:POW:LEV:IMM?", "2", 2),
            Named("mode", "", 0, ":SOUR:FUNC?", "CC", "CC"),
        ],
    ),
}


@pytest.mark.parametrize(("family", "named"), SETTINGS.values(), ids=SETTINGS.keys())
def test_each_setting_has_a_name_a_unit_and_a_step_and_is_read(family: Family, named: list[Named]) -> None:
    with family.playing([(one.question, one.answer) for one in [*named, output(family)]]) as net:
        found = {one.name: one for one in net.settings()}
        for one in [*named, output(family)]:
            setting: Setting = found[one.name]
            assert (setting.unit, setting.step, setting.read()) == (one.unit, one.step, one.value)


@pytest.mark.parametrize(("answer", "changing"), [("STAT", {"model"}), ("DYN", {"model", "soc", "voc"})])
def test_only_what_a_battery_changes_by_itself_is_not_steady(answer: str, changing: set[str]) -> None:
    with CELL.playing([(":BATT:SIM:METH?", answer)] * 2) as net:
        assert {one.name for one in net.settings() if not one.is_steady()} == changing
    with DP800.playing([]) as net:
        assert all(one.is_steady() for one in net.settings())


def written(net: Any, name: str, value: object) -> None:
    setting = next(one for one in net.settings() if one.name == name)
    setting.write(value)


ARMED_2200 = [*K2200.tell("VOLT:PROT:STAT ON"), ("VOLT:PROT:STAT?", "1")]
BACK: dict[str, tuple[Family, str, object, Script]] = {
    "dp800 ovp": (
        DP800, "ovp", 9,
        [
            (":OUTP:OVP? CH1", "ON"), *DP800.tell(":OUTP:OVP:VAL CH1,9"), (":OUTP:OVP:VAL? CH1", "9"),
            *DP800.tell(":OUTP:OVP CH1,ON"), (":OUTP:OVP? CH1", "ON"),
        ],
    ),
    "dp800 ocp": (
        DP800, "ocp", 0.7,
        [
            (":OUTP:OCP? CH1", "ON"), *DP800.tell(":OUTP:OCP:VAL CH1,0.7"), (":OUTP:OCP:VAL? CH1", "0.7"),
            *DP800.tell(":OUTP:OCP CH1,ON"), (":OUTP:OCP? CH1", "ON"),
        ],
    ),
    "dp800 ovp_enabled": (
        DP800, "ovp_enabled", True,
        [
            (":OUTP:OVP:VAL? CH1", "8.8"), *DP800.tell(":OUTP:OVP:VAL CH1,8.8"), (":OUTP:OVP:VAL? CH1", "8.8"),
            *DP800.tell(":OUTP:OVP CH1,ON"), (":OUTP:OVP? CH1", "ON"),
        ],
    ),
    "dp800 ocp_enabled": (
        DP800, "ocp_enabled", True,
        [
            (":OUTP:OCP:VAL? CH1", "0.6"), *DP800.tell(":OUTP:OCP:VAL CH1,0.6"), (":OUTP:OCP:VAL? CH1", "0.6"),
            *DP800.tell(":OUTP:OCP CH1,ON"), (":OUTP:OCP? CH1", "ON"),
        ],
    ),
    "e36300 ovp": (E36300, "ovp", 11, [*E36300.tell("VOLT:PROT 11,(@2)"), ("VOLT:PROT? (@2)", "11")]),
    "e36300 ocp_enabled": (
        E36300, "ocp_enabled", True,
        [*[("CURR? (@2)", "0.5")] * 2, *E36300.tell("CURR:PROT:STAT ON,(@2)"), ("CURR:PROT:STAT? (@2)", "1")],
    ),
    "2200 ovp": (
        K2200, "ovp", 9, [("VOLT:PROT:STAT?", "1"), *K2200.tell("VOLT:PROT 9"), ("VOLT:PROT?", "9"), *ARMED_2200]
    ),
    "2200 ovp_enabled": (
        K2200, "ovp_enabled", True,
        [("VOLT:PROT?", "20"), *K2200.tell("VOLT:PROT 20"), ("VOLT:PROT?", "20"), *ARMED_2200],
    ),
    "2281s ovp": (SMU, "ovp", 9, [*SMU.tell(":VOLT:PROT 9"), (":VOLT:PROT?", "9")]),
    "2281s ocp": (SMU, "ocp", 0.7, [*SMU.tell(":CURR:PROT 0.7"), (":CURR:PROT?", "0.7")]),
    "spd1000x ovp": (SPD1000, "ovp", 9, [*SPD1000.tell("OVP 9"), ("OVP?", "9")]),
    "spd1000x ocp": (SPD1000, "ocp", 0.7, [*SPD1000.tell("OCP 0.7"), ("OCP?", "0.7")]),
    "load level of the mode": (
        SINK, "cc", 0.5,
        [
            (":SOUR:FUNC?", "CC"), (":SOUR:FUNC:MODE?", "FIX"), *SINK.tell(":SOUR:CURR:LEV:IMM 0.5"),
            (":SOUR:CURR:LEV:IMM?", "0.5"), (":SOUR:FUNC?", "CC"),
        ],
    ),
    "load level of another mode": (
        SINK, "cv", 3.3, [(":SOUR:FUNC?", "CC"), *SINK.tell(":SOUR:VOLT:LEV:IMM 3.3"), (":SOUR:VOLT:LEV:IMM?", "3.3")]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("family", "name", "value", "script"), BACK.values(), ids=BACK.keys())
def test_a_setting_is_set_back_in_one_exchange_and_read_back(
    family: Family, name: str, value: object, script: Script
) -> None:
    with family.playing(script) as net:
        session = Uninterrupted(net)
        written(net, name, value)
        assert session.times == 1


@pytest.mark.parametrize(
    ("family", "name", "question"),
    [(DP800, "ovp", ":OUTP:OVP? CH1"), (DP800, "ocp", ":OUTP:OCP? CH1"), (K2200, "ovp", "VOLT:PROT:STAT?")],
    ids=["dp800 ovp", "dp800 ocp", "2200 ovp"],
)
def test_a_protection_that_is_off_is_not_armed_by_setting_its_level_back(
    family: Family, name: str, question: str
) -> None:
    with family.playing([(question, "0")]) as net, pytest.raises(InstrumentError, match="it is not armed"):
        written(net, name, 9)


@pytest.mark.parametrize(
    ("family", "name"),
    [(DP800, "ovp_enabled"), (DP800, "ocp_enabled"), (E36300, "ocp_enabled"), (K2200, "ovp_enabled")],
    ids=["dp800 ovp", "dp800 ocp", "e36300 ocp", "2200 ovp"],
)
def test_a_protection_is_never_disarmed(family: Family, name: str) -> None:
    with family.playing([]) as net, pytest.raises(InstrumentError, match="never disarms a protection"):
        written(net, name, False)


def test_nothing_is_set_back_of_a_net_whose_output_cannot_be_switched_off() -> None:
    """The output is on for what somebody else has connected."""
    ignored = [*DP800.tell(":OUTP CH1,OFF"), (":OUTP? CH1", "ON")]
    with DP800.playing(ignored) as net:
        settings = {one.name: one for one in net.settings()}
        left_on: set[str] = set()
        with pytest.raises(Rejected, match="reads back ON"):
            settings_read._setter(settings["output"], True, False, net, left_on)()
        with pytest.raises(InstrumentError, match="it: its output was not switched off"):
            settings_read._setter(settings["voltage"], 3.3, 9.0, net, left_on)()


def test_a_level_of_another_mode_is_not_set_back_over_a_limit() -> None:
    with SINK.playing([(":SOUR:FUNC?", "CC")], "max_voltage = 3") as load, pytest.raises(LimitExceeded):
        written(load, "cv", 3.3)


def test_a_level_that_the_load_rounds_over_its_limit_is_set_one_step_lower() -> None:
    put = [*SINK.tell(":SOUR:VOLT:LEV:IMM 3"), (":SOUR:VOLT:LEV:IMM?", "3.005")]
    again = [*SINK.tell(":SOUR:VOLT:LEV:IMM 2.99"), (":SOUR:VOLT:LEV:IMM?", "3.0")]
    with SINK.playing([(":SOUR:FUNC?", "CC"), *put, *again], "max_voltage = 3") as load:
        written(load, "cv", 3.0)


@pytest.mark.parametrize(
    ("method", "sets"),
    [
        ("mode", ("mode",)), ("current", ("cc", "mode")), ("voltage", ("cv", "mode")), ("resistance", ("cr", "mode")),
        ("power", ("cp", "mode")), ("enable", ("output",)), ("disable", ("output",)),
    ],
)  # fmt: skip
def test_each_method_of_a_load_names_the_settings_that_it_changes(method: str, sets: tuple[str, ...]) -> None:
    with SINK.playing([]) as load:
        assert load.sets(method) == sets


LEVELS_OF_MODES = {"current": "CURR", "voltage": "VOLT", "resistance": "RES", "power": "POW"}


@pytest.mark.parametrize("method", LEVELS_OF_MODES)
def test_a_method_of_a_load_without_a_value_reads_the_level_of_its_mode(method: str) -> None:
    with SINK.playing([(f":SOUR:{LEVELS_OF_MODES[method]}:LEV:IMM?", "1.5")]) as load:
        assert getattr(load, method)() == 1.5
