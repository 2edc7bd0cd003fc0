"""Every level, switch and limit of every driver: what is sent, what may come back, and what is refused then."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lager.errors import BadReply, InstrumentError, InvalidArgument, LimitExceeded, Rejected
from lager.instruments.drivers.battery import BatteryState
from lager.instruments.drivers.rigol_dl3000 import LoadState
from lager.instruments.drivers.supply import SupplyState
from tests.unit.exchanges import keithley_2200 as k2200
from tests.unit.exchanges import keithley_2281s as smu
from tests.unit.exchanges import keysight_e36300 as e36300
from tests.unit.exchanges import rigol_dl3000 as dl3000
from tests.unit.exchanges import rigol_dp800 as dp800
from tests.unit.scriptedbench import playing

Script = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Family:
    model: str
    lines: str
    opening: Script
    no_error: tuple[str, str]
    on: str
    off: str
    switch: str
    is_on: str

    def tell(self, command: str) -> Script:
        return [(command, None), self.no_error]

    def switched(self, word: str, answer: str) -> Script:
        return [*self.tell(self.switch.format(word)), (self.is_on, answer)]

    def playing(self, script: Script, limits: str = "") -> contextlib.AbstractContextManager[Any]:
        return playing([*self.opening, *script], self.model, f"{self.lines}\n{limits}")


CH1, CH2, BATTERY, LOAD = (
    "type = 'supply'\nchannel = 1",
    "type = 'supply'\nchannel = 2",
    "type = 'battery'",
    "type = 'eload'",
)
DP800 = Family("DP821", CH1, dp800.OPEN, dp800.NO_ERROR, "ON", "OFF", ":OUTP CH1,{}", ":OUTP? CH1")
E36300 = Family("E36312A", CH2, e36300.OPEN, e36300.NO_ERROR, "1", "0", "OUTP {},(@2)", "OUTP? (@2)")
K2200 = Family("2200-20-5", "type = 'supply'", k2200.OPEN, k2200.NO_ERROR, "1", "0", "OUTP {}", "OUTP?")
SMU = Family("2281S", "type = 'supply'", smu.OPEN_SUPPLY, smu.NO_ERROR, "1", "0", ":OUTP {}", ":OUTP?")
CELL = Family("2281S", BATTERY, smu.OPEN_BATTERY, smu.NO_ERROR, "1", "DIS", ":BATT:OUTP {}", ":BATT:OUTP?")
SINK = Family("DL3021", LOAD, dl3000.OPEN, dl3000.NO_ERROR, "1", "0", ":SOUR:INP:STAT {}", ":SOUR:INP:STAT?")
FAMILIES = {"dp800": DP800, "e36300": E36300, "2200": K2200, "2281s": SMU, "battery": CELL, "load": SINK}
SUPPLIES = {name: FAMILIES[name] for name in ("dp800", "e36300", "2200", "2281s")}
NOT_TRIPPED = smu.NOT_TRIPPED


@dataclass(frozen=True)
class Level:
    family: Family
    method: str
    value: float
    command: str
    question: str
    step: float
    before: Script = field(default_factory=list)
    after: Script = field(default_factory=list)

    def script(self, answer: float) -> Script:
        told = self.family.tell(self.command.format(f"{self.value:g}"))
        return [*self.before, *told, (self.question, f"{answer:.6f}")]


def armed(family: Family, command: str, question: str) -> Script:
    return [*family.tell(command), (question, family.on)]


def selected(function: str) -> Script:
    return dl3000.level(function, "0", "0")[3:]


FIXED, TRIP = [dl3000.FIXED], [NOT_TRIPPED]
LEVELS = {
    "dp800 voltage": Level(DP800, "set_voltage", 3.3, ":SOUR1:VOLT {}", ":SOUR1:VOLT?", 0.01),
    "dp800 current": Level(DP800, "set_current", 0.5, ":SOUR1:CURR {}", ":SOUR1:CURR?", 0.01),
    "dp800 ovp": Level(
        DP800, "set_ovp", 8.8, ":OUTP:OVP:VAL CH1,{}", ":OUTP:OVP:VAL? CH1", 0.01, [],
        armed(DP800, ":OUTP:OVP CH1,ON", ":OUTP:OVP? CH1"),
    ),
    "dp800 ocp": Level(
        DP800, "set_ocp", 0.5, ":OUTP:OCP:VAL CH1,{}", ":OUTP:OCP:VAL? CH1", 0.01, [],
        armed(DP800, ":OUTP:OCP CH1,ON", ":OUTP:OCP? CH1"),
    ),
    "e36300 voltage": Level(E36300, "set_voltage", 3.3, "VOLT {},(@2)", "VOLT? (@2)", 0.002),
    "e36300 current": Level(E36300, "set_current", 0.5, "CURR {},(@2)", "CURR? (@2)", 0.002),
    "e36300 ovp": Level(E36300, "set_ovp", 12, "VOLT:PROT {},(@2)", "VOLT:PROT? (@2)", 0.02),
    "2200 voltage": Level(K2200, "set_voltage", 3.3, "VOLT {}", "VOLT?", 0.001),
    "2200 current": Level(K2200, "set_current", 0.5, "CURR {}", "CURR?", 0.001),
    "2200 ovp": Level(
        K2200, "set_ovp", 20, "VOLT:PROT {}", "VOLT:PROT?", 0.01, [], armed(K2200, "VOLT:PROT:STAT ON", "VOLT:PROT:STAT?")
    ),
    "2281s voltage": Level(SMU, "set_voltage", 3.3, ":VOLT {}", ":VOLT?", 0.001),
    "2281s current": Level(SMU, "set_current", 0.5, ":CURR {}", ":CURR?", 0.001),
    "2281s ovp": Level(SMU, "set_ovp", 5.5, ":VOLT:PROT {}", ":VOLT:PROT?", 0.01),
    "2281s ocp": Level(SMU, "set_ocp", 1.5, ":CURR:PROT {}", ":CURR:PROT?", 0.01),
    "battery soc": Level(CELL, "soc", 50, ":BATT:SIM:SOC {}", ":BATT:SIM:SOC?", 0.1, TRIP, TRIP),
    "battery voc": Level(CELL, "voc", 3.7, ":BATT:SIM:VOC {}", ":BATT:SIM:VOC?", 0.01, TRIP, TRIP),
    "battery capacity": Level(CELL, "capacity", 5, ":BATT:SIM:CAP:LIM {}", ":BATT:SIM:CAP:LIM?", 0.001, TRIP, TRIP),
    "battery current": Level(CELL, "current_limit", 2, ":BATT:SIM:CURR:LIM {}", ":BATT:SIM:CURR:LIM?", 0.001, TRIP, TRIP),
    "battery esr": Level(CELL, "esr", -2, ":BATT:SIM:RES:OFFS {}", ":BATT:SIM:RES:OFFS?", 0.001, TRIP, TRIP),
    "load current": Level(
        SINK, "current", 0.5, ":SOUR:CURR:LEV:IMM {}", ":SOUR:CURR:LEV:IMM?", 0.002, FIXED, selected("CURR")
    ),
    "load voltage": Level(
        SINK, "voltage", 3.3, ":SOUR:VOLT:LEV:IMM {}", ":SOUR:VOLT:LEV:IMM?", 0.01, FIXED, selected("VOLT")
    ),
    "load resistance": Level(
        SINK, "resistance", 50, ":SOUR:RES:LEV:IMM {}", ":SOUR:RES:LEV:IMM?", 0.01, FIXED, selected("RES")
    ),
    "load high resistance": Level(
        SINK, "resistance", 5000, ":SOUR:RES:LEV:IMM {}", ":SOUR:RES:LEV:IMM?", 0.5, FIXED, selected("RES")
    ),
    "load power": Level(SINK, "power", 20, ":SOUR:POW:LEV:IMM {}", ":SOUR:POW:LEV:IMM?", 0.1, FIXED, selected("POW")),
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("side", [-1, 0, 1])
def test_a_level_that_is_taken_within_one_step_is_returned_as_it_was_taken(level: Level, side: int) -> None:
    answer = level.value + side * level.step
    script = [*level.script(answer), *(level.after if level.family is not CELL else TRIP)]
    with level.family.playing(script) as net:
        assert getattr(net, level.method)(level.value) == pytest.approx(answer)


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("side", [-1.5, 1.5])
def test_a_level_that_is_taken_more_than_one_step_away_is_an_error(level: Level, side: float) -> None:
    answer = level.value + side * level.step
    script = [*level.script(answer), *(TRIP if level.family is CELL else [])]
    with level.family.playing(script) as net, pytest.raises(Rejected) as caught:
        getattr(net, level.method)(level.value)
    assert repr(level.command.format(f"{level.value:g}")) in caught.value.what
    assert f"{answer:.6f}".rstrip("0") in caught.value.what


class Uninterrupted:
    """Counts how often a session is taken and left: what is asked in between is nobody else's."""

    def __init__(self, net: Any) -> None:
        self.times = self._depth = 0
        self._real = net.session.exchange
        net.session.exchange = self._exchange

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[None]:
        self._depth += 1
        self.times += self._depth == 1
        try:
            with self._real():
                yield
        finally:
            self._depth -= 1


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
def test_no_other_thread_comes_between_a_level_and_its_readback(level: Level) -> None:
    with level.family.playing([*level.script(level.value), *level.after]) as net:
        session = Uninterrupted(net)
        getattr(net, level.method)(level.value)
        assert session.times == 1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_an_output_is_switched_in_one_exchange_and_read_back(family: Family) -> None:
    enabling = [dl3000.FIXED, (":SOUR:FUNC?", "CC"), (":SOUR:CURR:LEV:IMM?", "0.1")] if family is SINK else []
    before = TRIP if family is CELL else enabling
    script = [*before, *family.switched("ON", family.on), *family.switched("OFF", family.off)]
    with family.playing(script) as net:
        session = Uninterrupted(net)
        net.enable()
        assert session.times == 1
        net.disable()
        assert session.times == 2


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_an_output_that_does_not_go_off_is_an_error(family: Family) -> None:
    with family.playing(family.switched("OFF", family.on)) as net, pytest.raises(Rejected) as caught:
        net.disable()
    assert repr(family.switch.format("OFF")) in caught.value.what
    assert caught.value.what.endswith("ON.")


@pytest.mark.parametrize("family", [*SUPPLIES.values(), CELL], ids=[*SUPPLIES, "battery"])
def test_an_output_that_does_not_go_on_is_an_error(family: Family) -> None:
    before = after = TRIP if family is CELL else []
    script = [*before, *family.switched("ON", family.off), *after]
    with family.playing(script) as net, pytest.raises(Rejected) as caught:
        net.enable()
    assert repr(family.switch.format("ON")) in caught.value.what
    assert caught.value.what.endswith("OFF.")


ARMED = {
    name: (level, level.after[-1][0])
    for name, level in LEVELS.items()
    if level.method in ("set_ovp", "set_ocp") and level.after
}


@pytest.mark.parametrize(("level", "question"), ARMED.values(), ids=ARMED.keys())
def test_a_protection_that_cannot_be_armed_is_an_error(level: Level, question: str) -> None:
    script = [*level.script(level.value), *level.after[:-1], (question, level.family.off)]
    with level.family.playing(script) as net, pytest.raises(Rejected) as caught:
        getattr(net, level.method)(level.value)
    assert repr(level.after[0][0]) in caught.value.what
    assert caught.value.what.endswith("OFF.")


def test_a_protection_may_be_set_above_the_limit_of_the_net() -> None:
    level = LEVELS["dp800 ovp"]
    with level.family.playing([*level.script(8.8), *level.after], "max_voltage = 5") as net:
        assert net.set_ovp(8.8) == 8.8


@pytest.mark.parametrize("armed_at", [0.498, 0.502])
def test_an_e36300_arms_its_over_current_protection_at_a_limit_next_to_the_level(armed_at: float) -> None:
    script = [("CURR? (@2)", str(armed_at)), *armed(E36300, "CURR:PROT:STAT ON,(@2)", "CURR:PROT:STAT? (@2)")]
    with E36300.playing(script) as supply:
        session = Uninterrupted(supply)
        assert supply.set_ocp(0.5) == armed_at
        assert session.times == 1
    for elsewhere in ("0.497", "0.503"):
        said = pytest.raises(InvalidArgument, match="its current limit of")
        with E36300.playing([("CURR? (@2)", elsewhere)]) as supply, said as caught:
            supply.set_ocp(0.5)
        assert "500.000 mA" in caught.value.hint
    disarmed = [*script[:-1], ("CURR:PROT:STAT? (@2)", "0")]
    with E36300.playing(disarmed) as supply, pytest.raises(Rejected) as refused:
        supply.set_ocp(0.5)
    assert "'CURR:PROT:STAT ON,(@2)'" in refused.value.what
    assert refused.value.what.endswith("OFF.")


VOLTS = {"dp800": ":SOUR1:VOLT?", "e36300": "VOLT? (@2)", "2200": "VOLT?", "2281s": ":VOLT?"}
AMPERES = {"dp800": ":SOUR1:CURR?", "e36300": "CURR? (@2)", "2200": "CURR?", "2281s": ":CURR?"}


@pytest.mark.parametrize("name", SUPPLIES)
@pytest.mark.parametrize(
    ("limit", "volts", "amperes", "goes_on"),
    [
        ("max_voltage = 5", "5", None, True),
        ("max_voltage = 5", "5.1", None, False),
        ("max_current = 2", None, "2", True),
        ("max_current = 2", None, "2.1", False),
        ("max_power = 5", "4", "2", False),
        ("max_power = 5", "8", "0.5", True),
    ],
)
def test_an_output_is_turned_on_within_each_limit_alone_and_not_above(
    name: str, limit: str, volts: str | None, amperes: str | None, goes_on: bool
) -> None:
    family = SUPPLIES[name]
    script = [*([(VOLTS[name], volts)] if volts else []), *([(AMPERES[name], amperes)] if amperes else [])]
    if goes_on:
        with family.playing([*script, *family.switched("ON", family.on)], limit) as supply:
            session = Uninterrupted(supply)
            supply.enable()
            assert session.times == 1
    else:
        with family.playing(script, limit) as supply, pytest.raises(LimitExceeded, match="over its limit"):
            supply.enable()


@pytest.mark.parametrize("method", ["voltage", "current"])
@pytest.mark.parametrize(("value", "other", "fits"), [(8, "0.5", True), (11, "0.5", False), (4, "2", False)])
def test_a_power_limit_is_the_product_of_both_setpoints(method: str, value: float, other: str, fits: bool) -> None:
    set_, ask = (":SOUR1:VOLT", ":SOUR1:CURR?") if method == "voltage" else (":SOUR1:CURR", ":SOUR1:VOLT?")
    script: Script = [(ask, other)]
    if fits:
        script += [*DP800.tell(f"{set_} {value}"), (f"{set_}?", str(value))]
    with DP800.playing(script, "max_power = 5") as supply:
        session = Uninterrupted(supply)
        act: Callable[[float], float] = getattr(supply, f"set_{method}")
        if fits:
            assert act(value) == value
        else:
            with pytest.raises(LimitExceeded, match=f"{value * float(other):g} W is over its limit of 5 W"):
                act(value)
        assert session.times == 1


@pytest.mark.parametrize(("quantity", "word"), [("voltage", "VOLT"), ("current", "CURR")])
def test_a_setpoint_is_never_rounded_over_its_limit(quantity: str, word: str) -> None:
    first = [*DP800.tell(f":SOUR1:{word} 0.3333"), (f":SOUR1:{word}?", "0.34"), *DP800.tell(f":SOUR1:{word} 0.3233")]
    limit = f"max_{quantity} = 0.3333"
    with DP800.playing([*first, (f":SOUR1:{word}?", "0.33")], limit) as supply:
        assert getattr(supply, f"set_{quantity}")(0.3333) == 0.33
    with DP800.playing([*first, (f":SOUR1:{word}?", "0.3334")], limit) as supply, pytest.raises(Rejected):
        getattr(supply, f"set_{quantity}")(0.3333)
    least = [*DP800.tell(f":SOUR1:{word} 0.004"), (f":SOUR1:{word}?", "0.01"), *DP800.tell(f":SOUR1:{word} 0")]
    still = [*least, (f":SOUR1:{word}?", "0.01")]
    with DP800.playing(still, f"max_{quantity} = 0.004") as supply, pytest.raises(LimitExceeded):
        getattr(supply, f"set_{quantity}")(0.004)


MEASURED = {
    "dp800": (DP800, [(":MEAS:ALL? CH1", "3.3,0.5,1.65")] * 3),
    "e36300": (E36300, [("MEAS:VOLT? (@2)", "3.3"), ("MEAS:CURR? (@2)", "0.5")] * 3),
    "2200": (K2200, [("MEAS:VOLT?", "3.3"), ("MEAS:CURR?", "0.5"), ("MEAS:POW?", "1.65")] * 3),
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
def test_a_2200_tells_its_mode_by_two_bits(bits: int, mode: str | None) -> None:
    script = [
        (question, str(bits) if question == "STAT:OPER:COND?" else reply) for question, reply in STATES["2200"][1]
    ]
    with K2200.playing(script) as supply:
        assert supply.state().mode == mode


@pytest.mark.parametrize(("bits", "tripped"), [(1, True), (3, True), (0, False), (0xFE, False)])
def test_a_2200_tells_an_over_voltage_by_one_bit(bits: int, tripped: bool) -> None:
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


CLEARED = {
    "dp800 ovp": (DP800, "clear_ovp", [":OUTP:OVP:QUES? CH1"], ":OUTP:OVP:CLEAR CH1", "YES", "NO"),
    "dp800 ocp": (DP800, "clear_ocp", [":OUTP:OCP:QUES? CH1"], ":OUTP:OCP:CLEAR CH1", "YES", "NO"),
    "e36300 ovp": (E36300, "clear_ovp", ["VOLT:PROT:TRIP? (@2)"], "OUTP:PROT:CLE (@2)", "1", "0"),
    "e36300 ocp": (E36300, "clear_ocp", ["CURR:PROT:TRIP? (@2)"], "OUTP:PROT:CLE (@2)", "1", "0"),
    "2200 ovp": (K2200, "clear_ovp", ["STAT:QUES:COND?"], "OUTP:PROT:CLE", "1", "0"),
    "2200": (K2200, "clear", ["STAT:QUES:COND?"], "OUTP:PROT:CLE", "1", "0"),
    "2281s ovp": (SMU, "clear_ovp", [":OUTP:PROT:TRIP?"], ":OUTP:PROT:CLE", "OVP", "NONE"),
    "2281s ocp": (SMU, "clear_ocp", [":OUTP:PROT:TRIP?"], ":OUTP:PROT:CLE", "OCP", "NONE"),
    "2281s": (SMU, "clear", [":OUTP:PROT:TRIP?"], ":OUTP:PROT:CLE", "OTP", "NONE"),
    "battery": (CELL, "clear", [":BATT:OUTP:PROT:TRIP?"], ":BATT:OUTP:PROT:CLE", "OPS", "NONE"),
}
Cleared = tuple[Family, str, list[str], str, str, str]


@pytest.mark.parametrize("cleared", CLEARED.values(), ids=CLEARED.keys())
def test_a_protection_is_reset_with_the_output_off(cleared: Cleared) -> None:
    family, method, (question,), command, tripped, fine = cleared
    off = family.switched("OFF", family.off)
    reset = [(question, tripped), *off, *family.tell(command), (family.is_on, family.off)]
    with family.playing([*reset, (question, fine)]) as net:
        session = Uninterrupted(net)
        getattr(net, method)()
        assert session.times == 1
    with family.playing([*reset, (question, tripped)]) as net, pytest.raises(Rejected, match="still tripped"):
        getattr(net, method)()
    switched_on = [*reset[:-1], (family.is_on, family.on), *off]
    with family.playing(switched_on) as net, pytest.raises(Rejected, match="it is off again"):
        getattr(net, method)()


@pytest.mark.parametrize("cleared", CLEARED.values(), ids=CLEARED.keys())
def test_what_has_not_tripped_stays_on_or_is_reset_when_it_is_off(cleared: Cleared) -> None:
    family, method, (question,), command, _, fine = cleared
    with family.playing([(question, fine), (family.is_on, family.on)]) as net:
        getattr(net, method)()
    reset = [*family.switched("OFF", family.off), *family.tell(command), (family.is_on, family.off)]
    with family.playing([(question, fine), (family.is_on, family.off), *reset, (question, fine)]) as net:
        getattr(net, method)()


def test_clear_of_a_dp800_resets_both_protections() -> None:
    script: Script = [
        (":OUTP:OVP:QUES? CH1", "NO"),
        (":OUTP? CH1", "ON"),
        (":OUTP:OCP:QUES? CH1", "NO"),
        (":OUTP? CH1", "ON"),
    ]
    with DP800.playing(script) as supply:
        session = Uninterrupted(supply)
        supply.clear()
        assert session.times == 1


def test_clear_of_an_e36300_asks_for_both_protections() -> None:
    asked: Script = [("VOLT:PROT:TRIP? (@2)", "0"), ("CURR:PROT:TRIP? (@2)", "1")]
    done = [*E36300.switched("OFF", "0"), *E36300.tell("OUTP:PROT:CLE (@2)"), ("OUTP? (@2)", "0")]
    with E36300.playing([*asked, *done, ("VOLT:PROT:TRIP? (@2)", "0"), ("CURR:PROT:TRIP? (@2)", "0")]) as supply:
        supply.clear()


@pytest.mark.parametrize("method", ["set_ocp", "clear_ocp"])
def test_what_a_model_does_not_have_is_named(method: str) -> None:
    with K2200.playing([]) as supply, pytest.raises(InstrumentError, match="2200-20-5 has no over-current protection"):
        getattr(supply, method)(*[1] * method.startswith("set"))


WORDS = [("ON", True), ("1", True), ("OFF", False), ("0", False), ("DIS", False), ("DISABLE", False), ("2", False)]


@pytest.mark.parametrize(("word", "on"), WORDS)
def test_the_output_of_a_battery_is_told_by_every_word_of_the_manual(word: str, on: bool) -> None:
    with CELL.playing(CELL.switched("OFF", word)) as battery:
        if on:
            with pytest.raises(Rejected):
                battery.disable()
        else:
            battery.disable()


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("answer", ["MAYBE", "3", "-9.9E37"])
def test_an_output_that_answers_neither_on_nor_off_is_not_believed(family: Family, answer: str) -> None:
    with family.playing(family.switched("OFF", answer)) as net, pytest.raises(BadReply, match="was due"):
        net.disable()


UNITS = [
    ("soc", ":BATT:SIM:SOC?", "%"),
    ("voc", ":BATT:SIM:VOC?", "V"),
    ("capacity", ":BATT:SIM:CAP:LIM?", "Ah"),
    ("current_limit", ":BATT:SIM:CURR:LIM?", "A"),
    ("esr", ":BATT:SIM:RES?", "Ohm"),
    ("terminal_voltage", ":BATT:SIM:TVOL?", "V"),
    ("current", ":BATT:SIM:CURR?", "A"),
]


@pytest.mark.parametrize(("method", "question", "unit"), UNITS)
def test_a_reading_of_a_battery_is_taken_in_its_own_unit_only(method: str, question: str, unit: str) -> None:
    with CELL.playing([(question, f"1.5{unit}")]) as battery:
        assert getattr(battery, method)() == 1.5
    for answer, said in (("1.5W", f"no reading in {unit}"), ("-9.9E37", "no valid reading"), ("OVER", "not a reading")):
        with CELL.playing([(question, answer)]) as battery, pytest.raises(BadReply, match=said):
            getattr(battery, method)()


@pytest.mark.parametrize(("method", "unit"), [("voltage", "V"), ("current", "A")])
def test_a_reading_of_a_2281s_is_taken_in_its_own_unit_only(method: str, unit: str) -> None:
    question = f":MEAS:{method[:4].upper()}?"
    for answer, said in (("1.5W", f"no reading in {unit}"), (f"-9.9E37{unit}", "no valid reading")):
        with SMU.playing([(question, answer)]) as supply, pytest.raises(BadReply, match=said):
            getattr(supply, method)()


RANGES = [
    (CELL, "soc", 0, 100, 0.001),
    (CELL, "capacity", 0.001, 99, 0.0001),
    (CELL, "current_limit", 0, 6.1, 0.001),
    (CELL, "esr", -100, 100, 0.001),
    (CELL, "voc", 0, None, 0.001),
    (SINK, "current", 0, None, 0.001),
    (SINK, "voltage", 0, None, 0.001),
    (SINK, "resistance", 0.001, None, 0.0001),
    (SINK, "power", 0, None, 0.001),
]


@pytest.mark.parametrize(("family", "method", "low", "high", "past"), RANGES)
def test_the_ends_of_a_range_are_taken_and_what_is_past_them_is_never_sent(
    family: Family, method: str, low: float, high: float | None, past: float
) -> None:
    level = next(level for level in LEVELS.values() if (level.family, level.method) == (family, method))
    for end, beyond in ((low, low - past), (high, None if high is None else high + past)):
        if end is None or beyond is None:
            continue
        with family.playing([*level.__class__(**{**vars(level), "value": end}).script(end), *level.after]) as net:
            assert getattr(net, method)(end) == end
        with family.playing([]) as net, pytest.raises(InvalidArgument, match=f"{beyond:g} "):
            getattr(net, method)(beyond)


@pytest.mark.parametrize(
    ("word", "mode"), [("STAT", "static"), ("STATIC", "static"), ("DYN", "dynamic"), ("DYNAMIC", "dynamic")]
)
def test_the_mode_of_a_battery_is_read_in_every_form(word: str, mode: str) -> None:
    with CELL.playing([(":BATT:SIM:METH?", word)]) as battery:
        assert battery.mode() == mode
    command = f":BATT:SIM:METH {'STAT' if mode == 'static' else 'DYN'}"
    with CELL.playing([NOT_TRIPPED, *CELL.tell(command), (":BATT:SIM:METH?", word)]) as battery:
        session = Uninterrupted(battery)
        assert battery.mode(word.lower()) == mode
        assert session.times == 1


def test_a_battery_that_keeps_its_mode_says_so() -> None:
    script = [NOT_TRIPPED, *CELL.tell(":BATT:SIM:METH STAT"), (":BATT:SIM:METH?", "DYN")]
    with CELL.playing(script) as battery, pytest.raises(Rejected, match=r"':BATT:SIM:METH static'.*dynamic"):
        battery.mode("static")
    with CELL.playing([(":BATT:OUTP:PROT:TRIP?", "OVP")]) as battery, pytest.raises(Rejected, match="OVP has tripped"):
        battery.mode("static")


@pytest.mark.parametrize("trip", ["OCP", "OVP", "OTP", "RVS", "OPS"])
def test_a_battery_that_has_tripped_takes_nothing_and_one_that_trips_says_so(trip: str) -> None:
    level, tripped = LEVELS["battery soc"], (":BATT:OUTP:PROT:TRIP?", trip)
    for script in ([tripped], [*level.script(50), tripped]):
        with CELL.playing(script) as battery, pytest.raises(Rejected, match=f"its {trip} has tripped") as caught:
            battery.soc(50)
        assert "lager battery it clear" in caught.value.hint


def protected(command: str, before: str, level: str) -> Script:
    return [
        (f":BATT:SIM:{command}?", before),
        *CELL.tell(f":BATT:SIM:{command} {level}"),
        (f":BATT:SIM:{command}?", level),
    ]


GUARDS = {
    "voltage": ("max_voltage", ":BATT:SIM:VOC?", "TVOL:PROT", 0.5, 21),
    "current": ("max_current", ":BATT:SIM:CURR:LIM?", "CURR:PROT", 0.1, 6.1),
}


@pytest.mark.parametrize("quantity", GUARDS)
def test_a_battery_is_turned_on_behind_the_protection_of_each_limit_alone(quantity: str) -> None:
    key, question, command, low, high = GUARDS[quantity]
    on = CELL.switched("ON", "1")
    for limit, level in ((low, low), (2, 2), (2.345, 2.34), (high, high), (high + 5, high)):
        script = [NOT_TRIPPED, (question, "0.05"), *protected(command, "1.1", f"{level:g}"), *on]
        with CELL.playing(script, f"{key} = {limit}") as battery:
            session = Uninterrupted(battery)
            battery.enable()
            assert session.times == 1
    with CELL.playing([NOT_TRIPPED, (question, "0.05"), (f":BATT:SIM:{command}?", "2"), *on], f"{key} = 2") as battery:
        battery.enable()
    over = pytest.raises(LimitExceeded, match=r"2\.1 . is over its limit of 2")
    with CELL.playing([NOT_TRIPPED, (question, "2.1")], f"{key} = 2") as battery, over:
        battery.enable()
    below = low - 0.01
    with CELL.playing([NOT_TRIPPED, (question, "0.05")], f"{key} = {below}") as battery:
        with pytest.raises(LimitExceeded, match=f"its limit is {below:g}") as caught:
            battery.enable()
        assert f"max_{quantity} of [nets.it]" in caught.value.hint
    near = [*protected(command, "1.1", "2")[:-1], (f":BATT:SIM:{command}?", "2.01")]
    with CELL.playing([NOT_TRIPPED, (question, "0.05"), *near], f"{key} = 2") as battery, pytest.raises(LimitExceeded):
        battery.enable()
    far = [*protected(command, "1.1", "2")[:-1], (f":BATT:SIM:{command}?", "1.985")]
    with CELL.playing([NOT_TRIPPED, (question, "0.05"), *far], f"{key} = 2") as battery, pytest.raises(Rejected):
        battery.enable()


def test_a_battery_that_has_tripped_is_not_turned_on() -> None:
    with CELL.playing([(":BATT:OUTP:PROT:TRIP?", "RVS")]) as battery, pytest.raises(Rejected, match="RVS has tripped"):
        battery.enable()


def test_an_open_circuit_voltage_is_never_rounded_over_its_limit() -> None:
    level = LEVELS["battery voc"]
    lower = [NOT_TRIPPED, *CELL.tell(":BATT:SIM:VOC 3.69"), (":BATT:SIM:VOC?", "3.7"), NOT_TRIPPED]
    with CELL.playing([*level.script(3.71), NOT_TRIPPED, *lower], "max_voltage = 3.7") as battery:
        session = Uninterrupted(battery)
        assert battery.voc(3.7) == 3.7
        assert session.times == 1


def charge(percent: float) -> Script:
    return [NOT_TRIPPED, *CELL.tell(f":BATT:SIM:SOC {percent:g}"), (":BATT:SIM:SOC?", f"{percent:g}"), NOT_TRIPPED]


def test_a_charge_whose_voltage_is_over_the_limit_is_taken_back() -> None:
    before: Script = [(":BATT:SIM:SOC?", "40"), (":BATT:OUTP?", "0")]
    over = [*before, *charge(50), (":BATT:SIM:VOC?", "4.1"), *charge(40)]
    with CELL.playing(over, "max_voltage = 4") as battery:
        session = Uninterrupted(battery)
        with pytest.raises(LimitExceeded, match=r"4\.1 V is over its limit of 4 V"):
            battery.soc(50)
        assert session.times == 1
    with CELL.playing([*before, *charge(50), (":BATT:SIM:VOC?", "4")], "max_voltage = 4") as battery:
        assert battery.soc(50) == 50
    less: Script = [(":BATT:SIM:SOC?", "60"), *charge(50), (":BATT:SIM:VOC?", "4.1")]
    with CELL.playing(less, "max_voltage = 4") as battery:
        assert battery.soc(50) == 50
    same: Script = [(":BATT:SIM:SOC?", "50"), *charge(50), (":BATT:SIM:VOC?", "4.1")]
    with CELL.playing(same, "max_voltage = 4") as battery:
        assert battery.soc(50) == 50


@pytest.mark.parametrize(("most", "fits"), [("4", True), ("4.1", False)])
def test_a_running_battery_is_charged_only_where_no_charge_is_over_the_limit(most: str, fits: bool) -> None:
    script: Script = [(":BATT:SIM:SOC?", "40"), (":BATT:OUTP?", "1"), (":BATT:SIM:VOC? MAX", most)]
    if fits:
        with CELL.playing([*script, *charge(50), (":BATT:SIM:VOC?", "3.9")], "max_voltage = 4") as battery:
            assert battery.soc(50) == 50
    else:
        with (
            CELL.playing(script, "max_voltage = 4") as battery,
            pytest.raises(LimitExceeded, match="Disable the output"),
        ):
            battery.soc(50)


ROLES = [
    ("POWER", "POWER"), ("POW", "POWER"), ("TEST", "TEST"), ("SIMULATOR", "SIMULATOR"), ("SIM", "SIMULATOR"),
    ("power", "POWER"),
]  # fmt: skip
WORKS_AS = {"POWER": "supply", "TEST": "battery test", "SIMULATOR": "battery"}


@pytest.mark.parametrize(("word", "role"), ROLES)
@pytest.mark.parametrize(("lines", "own"), [("type = 'supply'", "POWER"), (BATTERY, "SIMULATOR")])
def test_a_2281s_takes_the_role_of_its_net_only_while_the_other_output_is_off(
    word: str, role: str, lines: str, own: str
) -> None:
    asked: Script = [*smu.OPEN, (":ENTR:FUNC?", word)]
    output = ":OUTP?" if role == "POWER" else ":BATT:OUTP?"
    entering = [(output, "0"), *SMU.tell(f":ENTR:FUNC {own}")]
    if role == own:
        with playing(asked, "2281S", lines):
            return
    with playing([*asked, *entering, (":ENTR:FUNC?", own)], "2281S", lines):
        pass
    with (
        pytest.raises(InstrumentError, match=f"works as a {WORKS_AS[role]} now"),
        playing([*asked, (output, "1")], "2281S", lines),
    ):
        pass
    vain = pytest.raises(Rejected, match=f"':ENTR:FUNC {own}'.*{role}")
    with vain, playing([*asked, *entering, (":ENTR:FUNC?", word)], "2281S", lines):
        pass


MODES = [("CC", "CURR"), ("CV", "VOLT"), ("CR", "RES"), ("CP", "POW")]


@pytest.mark.parametrize(("mode", "function"), MODES)
def test_the_mode_of_a_load_is_read_in_both_forms_and_selected_once(mode: str, function: str) -> None:
    for word in (mode, function, function.lower()):
        with SINK.playing([(":SOUR:FUNC?", word)]) as load:
            assert load.mode() == mode
    asked: Script = [dl3000.FIXED, (f":SOUR:{function}:LEV:IMM?", "0.5")]
    with SINK.playing([*asked, (":SOUR:FUNC?", mode)]) as load:
        session = Uninterrupted(load)
        assert load.mode(mode.lower()) == mode
        assert session.times == 1
    other = "CV" if mode == "CC" else "CC"
    select = [*asked, (":SOUR:FUNC?", other), *SINK.tell(f":SOUR:FUNC {function}")]
    with SINK.playing([*select, (":SOUR:FUNC?", mode)]) as load:
        assert load.mode(mode) == mode
    kept = pytest.raises(Rejected, match=f"':SOUR:FUNC {function}'.*{other}")
    with SINK.playing([*select, (":SOUR:FUNC?", other)]) as load, kept:
        load.mode(mode)


@pytest.mark.parametrize(("mode", "function"), MODES)
@pytest.mark.parametrize("rule", ["FIX", "FIXED"])
def test_a_load_that_does_not_stay_on_names_the_limit_of_its_mode(mode: str, function: str, rule: str) -> None:
    script = [
        (":SOUR:FUNC:MODE?", rule), (":SOUR:FUNC?", mode), (f":SOUR:{function}:LEV:IMM?", "0.5"),
        *SINK.switched("ON", "0"), (f":SOUR:{function}:VLIM?", "4"),
    ]  # fmt: skip
    with SINK.playing(script) as load, pytest.raises(Rejected, match=f"in mode {mode}") as caught:
        load.enable()
    assert "4.000 V" in caught.value.hint


@pytest.mark.parametrize("word", ["LIST", "WAV", "WAVE", "BATT", "BATTERY", "OCP", "OPP"])
def test_every_other_function_of_a_load_is_named(word: str) -> None:
    with SINK.playing([(":SOUR:FUNC:MODE?", word)]) as load, pytest.raises(InstrumentError, match=f"function {word},"):
        load.enable()


def held(function: str, register: str, value: str, most: str = "150") -> Script:
    return dl3000.hold(f"{function}:{register}", "100", value, value, most)


HELD = {
    "CC volts": ("CC", "CURR", "0.5", "max_voltage = 4", held("CURR", "VLIM", "4")),
    "CC power": ("CC", "CURR", "0.5", "max_power = 10", held("CURR", "VLIM", "20")),
    "CC power and volts": ("CC", "CURR", "0.5", "max_power = 10\nmax_voltage = 4", held("CURR", "VLIM", "4")),
    "CC power, nothing drawn": ("CC", "CURR", "0", "max_power = 10", []),
    "CC current": ("CC", "CURR", "0.5", "max_current = 2", held("CURR", "ILIM", "2", "40")),
    "CV volts and power": (
        "CV", "VOLT", "0.5", "max_power = 10\nmax_voltage = 4",
        [*held("VOLT", "VLIM", "4"), *held("VOLT", "ILIM", "2.5", "40")],
    ),
    "CV all": (
        "CV", "VOLT", "0.5", "max_power = 10\nmax_voltage = 4\nmax_current = 2",
        [*held("VOLT", "VLIM", "4"), *held("VOLT", "ILIM", "2", "40")],
    ),
    "CR power": ("CR", "RES", "2.5", "max_power = 10", [*held("RES", "VLIM", "5"), *held("RES", "ILIM", "2", "40")]),
    "CR all": (
        "CR", "RES", "2.5", "max_power = 10\nmax_voltage = 4\nmax_current = 1",
        [*held("RES", "VLIM", "4"), *held("RES", "ILIM", "1", "40")],
    ),
    "CP power": ("CP", "POW", "5", "max_power = 10", []),
    "CP volts": ("CP", "POW", "5", "max_power = 10\nmax_voltage = 4", held("POW", "VLIM", "4")),
    "beyond the load": ("CC", "CURR", "0.5", "max_voltage = 500", []),
    "the most of the load": ("CC", "CURR", "0.5", "max_voltage = 500", held("CURR", "VLIM", "150")),
    "close enough": ("CC", "CURR", "0.5", "max_voltage = 100.5", []),
}  # fmt: skip
HELD["beyond the load"] = (
    *HELD["beyond the load"][:4], [(":SOUR:CURR:VLIM?", "150"), (":SOUR:CURR:VLIM? MAX", "150")],
)  # fmt: skip
HELD["close enough"] = (
    *HELD["close enough"][:4], [(":SOUR:CURR:VLIM?", "100"), (":SOUR:CURR:VLIM? MAX", "150")],
)  # fmt: skip


@pytest.mark.parametrize(("mode", "function", "level", "limits", "registers"), HELD.values(), ids=HELD.keys())
def test_the_registers_of_a_mode_hold_every_limit(
    mode: str, function: str, level: str, limits: str, registers: Script
) -> None:
    before: Script = [dl3000.FIXED, (":SOUR:FUNC?", mode), (f":SOUR:{function}:LEV:IMM?", level)]
    with SINK.playing([*before, *registers, *SINK.switched("ON", "1")], limits) as load:
        session = Uninterrupted(load)
        load.enable()
        assert session.times == 1


@pytest.mark.parametrize(
    ("limits", "mode", "function", "level"),
    [
        ("max_current = 1", "CC", "CURR", "1.1"),
        ("max_voltage = 1", "CV", "VOLT", "1.1"),
        ("max_power = 1", "CP", "POW", "1.1"),
    ],
)
def test_a_load_whose_level_is_over_a_limit_is_not_turned_on(limits: str, mode: str, function: str, level: str) -> None:
    script: Script = [dl3000.FIXED, (":SOUR:FUNC?", mode), (f":SOUR:{function}:LEV:IMM?", level)]
    with SINK.playing(script, limits) as load, pytest.raises(LimitExceeded, match=r"1\.1 . is over its limit of 1"):
        load.enable()


def test_a_level_that_the_load_rounds_over_its_limit_is_set_a_step_lower() -> None:
    up = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.5"), (":SOUR:CURR:LEV:IMM?", "0.502")]
    down = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.498"), (":SOUR:CURR:LEV:IMM?", "0.5")]
    hold: Script = [(":SOUR:CURR:ILIM?", "0.5"), (":SOUR:CURR:ILIM? MAX", "40")]
    with SINK.playing([dl3000.FIXED, *hold, *up, *down, *selected("CURR")], "max_current = 0.5") as load:
        assert load.current(0.5) == 0.5
    up = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.001"), (":SOUR:CURR:LEV:IMM?", "0.002")]
    down = [*SINK.tell(":SOUR:CURR:LEV:IMM 0"), (":SOUR:CURR:LEV:IMM?", "0")]
    hold = [(":SOUR:CURR:ILIM?", "0.001"), (":SOUR:CURR:ILIM? MAX", "40")]
    with SINK.playing([dl3000.FIXED, *hold, *up, *down, *selected("CURR")], "max_current = 0.001") as load:
        assert load.current(0.001) == 0


def test_a_limit_of_the_power_lowers_registers_before_the_level_and_raises_them_after_it() -> None:
    level = [*SINK.tell(":SOUR:CURR:LEV:IMM 2"), (":SOUR:CURR:LEV:IMM?", "2")]
    lowered = held("CURR", "VLIM", "5")
    kept: Script = [(":SOUR:CURR:VLIM?", "5"), (":SOUR:CURR:VLIM? MAX", "150")]
    with SINK.playing([dl3000.FIXED, *lowered, *level, *kept, *selected("CURR")], "max_power = 10") as load:
        assert load.current(2) == 2
    low: Script = [(":SOUR:CURR:VLIM?", "1"), (":SOUR:CURR:VLIM? MAX", "150")]
    raised = dl3000.hold("CURR:VLIM", "1", "5", "5", "150")
    with SINK.playing([dl3000.FIXED, *low, *level, *raised, *selected("CURR")], "max_power = 10") as load:
        assert load.current(2) == 2
