"""The base of all multimeters. Each family fills in a table of queries."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lager.errors import BadReply, InstrumentError, OtherRole
from lager.instruments.drivers.base.driver import ScpiDriver
from lager.instruments.drivers.base.state import State
from lager.instruments.sessions import parse
from lager.nets.quantities import si

UNITS = {
    "voltage": "V", "voltage_ac": "V", "current": "A", "current_ac": "A", "resistance": "Ω", "resistance_4w": "Ω",
    "frequency": "Hz", "continuity": "Ω", "diode": "V",
}  # fmt: skip
_OVERLOAD = 9.9e37  # what all of them answer instead of a value that is beyond their range
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class DmmState(State):
    """What a multimeter measures now, and the reading in `unit`; the reading of an overload is None; see State."""

    function: str | None
    value: float | None
    unit: str

    def __str__(self) -> str:
        return self.table(self.net, [((self.function or "-").replace("_", " "), si(self.value, self.unit))])


def reading(text: str) -> float:
    """Return a reading; infinity for an overload."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("not a reading")
    value = float(text)
    return math.inf if abs(value) >= _OVERLOAD or not math.isfinite(value) else value


class Dmm(ScpiDriver):
    """A multimeter. A measurement sets it to its function, with the range that it chooses itself.

    Through a paused script, only the function that it is set to can be read. Each method raises BadReply if the value
    is beyond the range, and blocks for one measurement: give a slow one a longer timeout in the nets file.
    """

    MEASURE: ClassVar[Mapping[str, str]]
    """The query that measures, by function."""
    FUNCTIONS: ClassVar[Mapping[str, str]]
    """The functions, by what the instrument calls them."""
    GET_FUNCTION: ClassVar[str] = "FUNC?"
    READ: ClassVar[str] = "READ?"

    def voltage(self) -> float:
        """Return the DC voltage in volts."""
        return self._measured("voltage")

    def voltage_ac(self) -> float:
        """Return the RMS value of the AC voltage in volts."""
        return self._measured("voltage_ac")

    def current(self) -> float:
        """Return the DC current in amperes."""
        return self._measured("current")

    def current_ac(self) -> float:
        """Return the RMS value of the AC current in amperes."""
        return self._measured("current_ac")

    def resistance(self) -> float:
        """Return the resistance between two wires in ohms."""
        return self._measured("resistance")

    def resistance_4w(self) -> float:
        """Return the resistance between four wires in ohms."""
        return self._measured("resistance_4w")

    def frequency(self) -> float:
        """Return the frequency of a voltage in hertz."""
        return self._measured("frequency")

    def continuity(self) -> float:
        """Return the resistance of a connection in ohms. An open one is beyond the range."""
        return self._measured("continuity")

    def diode(self) -> float:
        """Return the forward voltage of a diode in volts. An open or reversed one is beyond the range."""
        return self._measured("diode")

    def state(self) -> DmmState:
        """Return the selected function, and a reading of it; see DmmState. Changes nothing."""
        with self.session.exchange():
            function = self._function()
            value = self._read(function)
        return DmmState(self.name, function, None if math.isinf(value) else value, UNITS.get(function, ""))

    def _measured(self, function: str) -> float:
        """Return a measurement. Raises BadReply for an overload, and InstrumentError for a function that the model does
        not have."""
        if function not in self.MEASURE:
            model = self.config.instrument.model
            raise InstrumentError(f"A {model} cannot measure {_words(function)}.", "See its manual.")
        with self.session.exchange():
            if self.as_it_is:
                if (now := self._function()) != function:
                    what = f"{self.name}: {self.config.instrument} measures {_words(now)} now, not {_words(function)}."
                    raise OtherRole(what, "Read that instead, or resume the script: another function is a change.")
                value = self._read(function)
            else:
                value = self._measure(function)
        if math.isinf(value):
            what = f"{self.name}: overload. The {_words(function)} is beyond the range of {self.config.instrument}."
            raise BadReply(what, "Check the wiring, and what is connected.")
        return value

    def _function(self) -> str:
        return self.session.ask(self.GET_FUNCTION, parse.word(self.FUNCTIONS))

    def _measure(self, function: str) -> float:
        return self.session.ask(self.MEASURE[function], reading)

    def _read(self, function: str) -> float:
        """Return a reading of the selected function."""
        return self.session.ask(self.READ, reading)


def _words(function: str) -> str:
    return {"voltage": "DC voltage", "voltage_ac": "AC voltage", "current": "DC current", "current_ac": "AC current",
            "resistance_4w": "4-wire resistance"}.get(function, function)  # fmt: skip
