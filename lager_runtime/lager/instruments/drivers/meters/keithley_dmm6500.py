"""Keithley DMM6500, with its SCPI command set (`*LANG SCPI`, as delivered).

Keithley, Model DMM6500 Reference Manual (DMM6500-901-01), section 12, "SCPI command reference": `:MEASure:<function>?`
(sets the function and makes a measurement), `[:SENSe[1]]:FUNCtion[:ON]?` (answers "VOLT:DC", "RES", …), `:READ?`. An
overflow is answered with 9.9E+37.
"""

from collections.abc import Mapping
from typing import ClassVar

from lager.instruments.drivers.base import dmm


class Dmm(dmm.Dmm):
    MEASURE: ClassVar[Mapping[str, str]] = {
        "voltage": "MEAS:VOLT:DC?", "voltage_ac": "MEAS:VOLT:AC?", "current": "MEAS:CURR:DC?",
        "current_ac": "MEAS:CURR:AC?", "resistance": "MEAS:RES?", "resistance_4w": "MEAS:FRES?",
        "frequency": "MEAS:FREQ:VOLT?", "continuity": "MEAS:CONT?", "diode": "MEAS:DIOD?",
    }  # fmt: skip
    FUNCTIONS: ClassVar[Mapping[str, str]] = {
        "VOLT:DC": "voltage", "VOLT:AC": "voltage_ac", "CURR:DC": "current", "CURR:AC": "current_ac",
        "RES": "resistance", "FRES": "resistance_4w", "FREQ:VOLT": "frequency", "CONT": "continuity", "DIOD": "diode",
    }  # fmt: skip
