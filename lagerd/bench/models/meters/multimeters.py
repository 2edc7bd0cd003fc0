"""Multimeters: Keysight 34461A, Keithley DMM6500 and Rigol DM3068, each with the part of its commands that measures.

After the Keysight Truevolt Series Operating and Service Guide ("MEASure Subsystem"), the Keithley Model DMM6500
Reference Manual, section 12, and the RIGOL DM3058/DM3058E/DM3068 Programming Guide, chapter 3.
"""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

from lagerd.bench.physics.circuit import Noise, quiet
from lagerd.bench.scpi.instrument import ScpiInstrument, command, query

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
    """What it measures is in `sources`: nothing is connected at first, so that resistances are infinite."""

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


class _Measuring(Multimeter):
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


class Keysight34461A(_Measuring):
    model = "34461A"
    identity = "Keysight Technologies,34461A,MY00000001,A.02.14-02.40-02.14-00.49-01-01"
    no_error = '+0,"No error"'
    names: ClassVar[Mapping[str, str]] = {
        "VOLT": "voltage", "VOLT:AC": "voltage_ac", "CURR": "current", "CURR:AC": "current_ac", "RES": "resistance",
        "FRES": "resistance_4w", "FREQ": "frequency", "CONT": "continuity", "DIOD": "diode",
    }  # fmt: skip


class DMM6500(_Measuring):
    model = "DMM6500"
    identity = "KEITHLEY INSTRUMENTS,MODEL DMM6500,04000001,1.7.7b"
    names: ClassVar[Mapping[str, str]] = {
        "VOLT:DC": "voltage", "VOLT:AC": "voltage_ac", "CURR:DC": "current", "CURR:AC": "current_ac",
        "RES": "resistance", "FRES": "resistance_4w", "FREQ:VOLT": "frequency", "CONT": "continuity", "DIOD": "diode",
    }  # fmt: skip


class DM3068(Multimeter):
    model = "DM3068"
    identity = "Rigol Technologies,DM3068,DM3O000000001,01.01.00.01.00"
    names: ClassVar[Mapping[str, str]] = {
        "DCV": "voltage", "ACV": "voltage_ac", "DCI": "current", "ACI": "current_ac", "2WR": "resistance",
        "4WR": "resistance_4w", "FREQ": "frequency", "CONT": "continuity", "DIODE": "diode",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.unready = 0
        """How often the next answers say that there is no reading yet, after a function has been selected."""
        self._left = 0

    def select(self, function: str) -> None:
        self.function, self._left = function, self.unready

    def value_of(self, function: str) -> str:
        return self.answer() if self.function == function else self.identity.partition(",")[0]

    @query(":FUNCtion")
    def get_function(self) -> str:
        return self.named()

    @query(":MEASure")
    def is_ready(self) -> str:
        self._left -= 1
        return "FALSE" if self._left >= 0 else "TRUE"

    @command(":MEASure")
    def set_range(self, _: object) -> None:
        pass


def _add(function: str, header: str) -> None:
    def select(self: DM3068) -> None:
        self.select(function)

    def value(self: DM3068) -> str:
        return self.value_of(function)

    setattr(DM3068, f"select_{function}", command(f":FUNCtion{header}")(select))
    setattr(DM3068, f"value_{function}", query(f":MEASure{header}")(value))


for _function, _header in zip(
    FUNCTIONS,
    (":VOLTage:DC", ":VOLTage:AC", ":CURRent:DC", ":CURRent:AC", ":RESistance", ":FRESistance", ":FREQuency",
     ":CONTinuity", ":DIODe"),
    strict=True,
):  # fmt: skip
    _add(_function, _header)
DM3068.__init_subclass__()
