"""Keysight 34460A, 34461A, 34465A and 34470A.

Keysight, Truevolt Series Operating and Service Guide, SCPI Programming Reference: "MEASure Subsystem" (`MEASure:…?` is
CONFigure with default parameters and READ?), "[SENSe:]FUNCtion Subsystem" (`FUNCtion[:ON]?` answers "VOLT", "VOLT:AC",
"RES", …), `READ?`. An overload is answered with 9.9E+37.
"""

from collections.abc import Mapping
from typing import ClassVar

from lager.instruments.drivers.base import dmm


class Dmm(dmm.Dmm):
    MEASURE: ClassVar[Mapping[str, str]] = {
        "voltage": "MEAS:VOLT:DC?", "voltage_ac": "MEAS:VOLT:AC?", "current": "MEAS:CURR:DC?",
        "current_ac": "MEAS:CURR:AC?", "resistance": "MEAS:RES?", "resistance_4w": "MEAS:FRES?",
        "frequency": "MEAS:FREQ?", "continuity": "MEAS:CONT?", "diode": "MEAS:DIOD?",
    }  # fmt: skip
    FUNCTIONS: ClassVar[Mapping[str, str]] = {
        "VOLT": "voltage", "VOLT:AC": "voltage_ac", "CURR": "current", "CURR:AC": "current_ac", "RES": "resistance",
        "FRES": "resistance_4w", "FREQ": "frequency", "CONT": "continuity", "DIOD": "diode",
    }  # fmt: skip
