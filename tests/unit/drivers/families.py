"""What the tests of all drivers share: the families, each level that one has, and how it is set and read back."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lager.drivers.replay import playing
from tests.unit.drivers.exchanges import keithley_2200 as k2200
from tests.unit.drivers.exchanges import keithley_2281s as smu
from tests.unit.drivers.exchanges import keysight_e36300 as e36300
from tests.unit.drivers.exchanges import rigol_dl3000 as dl3000
from tests.unit.drivers.exchanges import rigol_dp800 as dp800
from tests.unit.drivers.exchanges import siglent_spd1000x as spd1000x
from tests.unit.drivers.exchanges import siglent_spd3303x as spd3303x

Script = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Family:
    """A net of one family, open on an instrument that plays a script. `no_error` is None if it has no error queue."""

    model: str
    lines: str
    opening: Script
    no_error: tuple[str, str] | None
    on: str
    off: str
    switch: str
    is_on: str

    def tell(self, command: str) -> Script:
        return [(command, None), *([self.no_error] if self.no_error else [])]

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


SPD3303 = Family("SPD3303X", CH2, spd3303x.OPEN, None, "0x24", "0x4", "OUTP CH2,{}", "SYST:STAT?")


SPD1000 = Family("SPD1168X", "type = 'supply'", spd1000x.OPEN, None, "0x10", "0x0", "OUTP CH1,{}", "SYST:STAT?")


FAMILIES = {
    "dp800": DP800, "e36300": E36300, "2200": K2200, "2281s": SMU, "spd3303x": SPD3303, "spd1000x": SPD1000,
    "battery": CELL, "load": SINK,
}  # fmt: skip


SUPPLIES = {name: FAMILIES[name] for name in FAMILIES if name not in ("battery", "load")}


NOT_TRIPPED = smu.NOT_TRIPPED


# In which the 2281S, where its format says so, answers what its battery is set to.
_UNITS = {
    ":BATT:SIM:SOC?": "%",
    ":BATT:SIM:VOC?": "V",
    ":BATT:SIM:CAP:LIM?": "Ah",
    ":BATT:SIM:CURR:LIM?": "A",
    ":BATT:SIM:RES:OFFS?": "Ohm",
    ":BATT:SIM:TVOL:PROT?": "V",
    ":BATT:SIM:CURR:PROT?": "A",
}


@dataclass(frozen=True)
class Level:
    """What a method sends, and the step within which it must come back."""

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
        return [*self.before, *told, (self.question, f"{answer:.6f}{_UNITS.get(self.question, '')}")]


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
        K2200, "set_ovp", 20, "VOLT:PROT {}", "VOLT:PROT?", 0.01, [],
        armed(K2200, "VOLT:PROT:STAT ON", "VOLT:PROT:STAT?"),
    ),
    "2281s voltage": Level(SMU, "set_voltage", 3.3, ":VOLT {}", ":VOLT?", 0.001),
    "2281s current": Level(SMU, "set_current", 0.5, ":CURR {}", ":CURR?", 0.001),
    "2281s ovp": Level(SMU, "set_ovp", 5.5, ":VOLT:PROT {}", ":VOLT:PROT?", 0.01),
    "2281s ocp": Level(SMU, "set_ocp", 1.5, ":CURR:PROT {}", ":CURR:PROT?", 0.01),
    "spd3303x voltage": Level(SPD3303, "set_voltage", 3.3, "CH2:VOLT {}", "CH2:VOLT?", 0.01),
    "spd3303x current": Level(SPD3303, "set_current", 0.5, "CH2:CURR {}", "CH2:CURR?", 0.01),
    "spd1000x voltage": Level(SPD1000, "set_voltage", 3.3, "CH1:VOLT {}", "CH1:VOLT?", 0.001),
    "spd1000x current": Level(SPD1000, "set_current", 0.5, "CH1:CURR {}", "CH1:CURR?", 0.001),
    "spd1000x ovp": Level(SPD1000, "set_ovp", 16, "OVP {}", "OVP?", 0.01),
    "spd1000x ocp": Level(SPD1000, "set_ocp", 5, "OCP {}", "OCP?", 0.01),
    "battery soc": Level(CELL, "soc", 50, ":BATT:SIM:SOC {}", ":BATT:SIM:SOC?", 0.1, TRIP, TRIP),
    "battery voc": Level(CELL, "voc", 3.7, ":BATT:SIM:VOC {}", ":BATT:SIM:VOC?", 0.01, TRIP, TRIP),
    "battery capacity": Level(CELL, "capacity", 5, ":BATT:SIM:CAP:LIM {}", ":BATT:SIM:CAP:LIM?", 0.001, TRIP, TRIP),
    "battery current": Level(
        CELL, "current_limit", 2, ":BATT:SIM:CURR:LIM {}", ":BATT:SIM:CURR:LIM?", 0.001, TRIP, TRIP
    ),
    "battery esr": Level(CELL, "esr", -2, ":BATT:SIM:RES:OFFS {}", ":BATT:SIM:RES:OFFS?", 0.001, TRIP, TRIP),
    "battery full": Level(
        CELL, "voltage_full", 4.2, ":BATT:SIM:VOC:FULL {}", ":BATT:SIM:VOC:FULL?", 0.01, TRIP, TRIP
    ),
    "battery empty": Level(
        CELL, "voltage_empty", 2.5, ":BATT:SIM:VOC:EMPT {}", ":BATT:SIM:VOC:EMPT?", 0.01, TRIP, TRIP
    ),
    "battery ovp": Level(CELL, "ovp", 4.5, ":BATT:SIM:TVOL:PROT {}", ":BATT:SIM:TVOL:PROT?", 0.01, TRIP, TRIP),
    "battery ocp": Level(CELL, "ocp", 1.5, ":BATT:SIM:CURR:PROT {}", ":BATT:SIM:CURR:PROT?", 0.01, TRIP, TRIP),
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


class Uninterrupted:
    """Counts how often a session is taken and left: no other user comes in between."""

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
