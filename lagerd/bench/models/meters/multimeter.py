"""The base class of the simulated multimeters: their sources, and the measurement commands."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

from lagerd.bench.physics.circuit import Noise, quiet
from lagerd.bench.scpi.instrument import ScpiInstrument, query

OVERLOAD = 9.9e37
OPEN_OHMS, MOST_OHMS, CONTINUITY_OHMS, MOST_VOLTS = math.inf, 100e6, 1200.0, 1000.0
FUNCTIONS = ("voltage", "voltage_ac", "current", "current_ac", "resistance", "resistance_4w", "frequency",
             "continuity", "diode")  # fmt: skip
_WITH_NOISE = ("voltage", "voltage_ac", "current", "current_ac", "diode")  # those in volts and amperes
MOST: Mapping[str, float] = {
    "voltage": MOST_VOLTS, "voltage_ac": 750.0, "current": 10.0, "current_ac": 10.0, "resistance": MOST_OHMS,
    "resistance_4w": MOST_OHMS, "frequency": 300e3, "continuity": CONTINUITY_OHMS, "diode": 5.0,
}  # fmt: skip


class Multimeter(ScpiInstrument):
    """A multimeter. `sources` has the measured values; nothing is connected at first, so resistances are infinite."""

    names: ClassVar[Mapping[str, str]]

    def __init__(self) -> None:
        super().__init__()
        self.function = "voltage"
        self.noise: Noise = quiet
        self.sources: dict[str, Callable[[], float]] = dict.fromkeys(FUNCTIONS, lambda: 0.0)
        for name in ("resistance", "resistance_4w", "continuity", "diode"):
            self.sources[name] = lambda: OPEN_OHMS

    def reset(self) -> None:
        self.function = "voltage"

    def answer(self) -> str:
        self.changed()
        value = self.sources[self.function]()
        if self.function in _WITH_NOISE:
            value += self.noise()
        if abs(value) > MOST[self.function]:
            value = math.copysign(OVERLOAD, value)
        return f"{value:+.8E}"

    def measure(self, function: str) -> str:
        self.function = function
        return self.answer()

    def named(self) -> str:
        return next(name for name, function in self.names.items() if function == self.function)


class Measuring(Multimeter):
    """A multimeter with the :MEASure commands of Keysight."""

    @query(":READ")
    def read(self) -> str:
        return self.answer()

    @query("[:SENSe]:FUNCtion[:ON]")
    def get_function(self) -> str:
        return f'"{self.named()}"'

    @query(":MEASure:VOLTage[:DC]")
    def volts(self) -> str:
        return self.measure("voltage")

    @query(":MEASure:VOLTage:AC")
    def volts_ac(self) -> str:
        return self.measure("voltage_ac")

    @query(":MEASure:CURRent[:DC]")
    def amps(self) -> str:
        return self.measure("current")

    @query(":MEASure:CURRent:AC")
    def amps_ac(self) -> str:
        return self.measure("current_ac")

    @query(":MEASure:RESistance")
    def ohms(self) -> str:
        return self.measure("resistance")

    @query(":MEASure:FRESistance")
    def ohms_by_four_wires(self) -> str:
        return self.measure("resistance_4w")

    @query(":MEASure:FREQuency[:VOLTage]")
    def hertz(self) -> str:
        return self.measure("frequency")

    @query(":MEASure:CONTinuity")
    def continuity(self) -> str:
        return self.measure("continuity")

    @query(":MEASure:DIODe")
    def diode(self) -> str:
        return self.measure("diode")
