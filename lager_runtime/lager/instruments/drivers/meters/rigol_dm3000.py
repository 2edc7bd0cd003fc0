"""Rigol DM3058, DM3058E and DM3068, with their RIGOL command set (`CMDSET RIGOL`, as delivered).

RIGOL, DM3058/DM3058E/DM3068 Programming Guide, chapter 3: `:FUNCtion:VOLTage:DC` and its like select a function,
`:FUNCtion?` answers DCV, ACV, DCI, ACI, 2WR, 4WR, FREQ, CONT or DIODE. `:MEASure:VOLTage:DC?` and its like answer the
reading of the function that is set, `:MEASure AUTO` lets it choose its range, and `:MEASure?` answers TRUE once there
is a new reading. An overload is answered with 9.9E+37.
"""

import threading
import time
from collections.abc import Mapping
from typing import ClassVar

from lager.errors import InstrumentTimeout
from lager.instruments.drivers.base import dmm
from lager.instruments.sessions import parse

_AGAIN = 0.05  # seconds between two queries for a new reading
_SET = {
    "voltage": ":FUNC:VOLT:DC", "voltage_ac": ":FUNC:VOLT:AC", "current": ":FUNC:CURR:DC",
    "current_ac": ":FUNC:CURR:AC", "resistance": ":FUNC:RES", "resistance_4w": ":FUNC:FRES",
    "frequency": ":FUNC:FREQ", "continuity": ":FUNC:CONT", "diode": ":FUNC:DIOD",
}  # fmt: skip


class Dmm(dmm.Dmm):
    MEASURE: ClassVar[Mapping[str, str]] = {
        "voltage": ":MEAS:VOLT:DC?", "voltage_ac": ":MEAS:VOLT:AC?", "current": ":MEAS:CURR:DC?",
        "current_ac": ":MEAS:CURR:AC?", "resistance": ":MEAS:RES?", "resistance_4w": ":MEAS:FRES?",
        "frequency": ":MEAS:FREQ?", "continuity": ":MEAS:CONT?", "diode": ":MEAS:DIOD?",
    }  # fmt: skip
    FUNCTIONS: ClassVar[Mapping[str, str]] = {
        "DCV": "voltage", "ACV": "voltage_ac", "DCI": "current", "ACI": "current_ac", "2WR": "resistance",
        "4WR": "resistance_4w", "FREQ": "frequency", "CONT": "continuity", "DIODE": "diode",
    }  # fmt: skip
    GET_FUNCTION = ":FUNC?"

    def _measure(self, function: str) -> float:
        if self._function() != function:
            self.session.say(_SET[function])
        self.session.say(":MEAS AUTO")
        return self._read(function)

    def _read(self, function: str) -> float:
        until = time.monotonic() + self.config.instrument.timeout
        while not self.session.ask(":MEAS?", parse.on_off):
            if time.monotonic() > until:
                what = f"{self.config.instrument} has no reading within {self.config.instrument.timeout:g} s."
                raise InstrumentTimeout(what, "Check its trigger source, or give it a longer timeout in the nets file.")
            threading.Event().wait(_AGAIN)
        return self.session.ask(self.MEASURE[function], dmm.reading)
