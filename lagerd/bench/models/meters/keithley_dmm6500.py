"""Keithley DMM6500: a multimeter, with its measurement commands.

After the Keithley Model DMM6500 Reference Manual, section 12.
"""

from collections.abc import Mapping
from typing import ClassVar

from lagerd.bench.models.meters.multimeter import Measuring


class DMM6500(Measuring):
    model = "DMM6500"
    identity = "KEITHLEY INSTRUMENTS,MODEL DMM6500,04000001,1.7.7b"
    names: ClassVar[Mapping[str, str]] = {
        "VOLT:DC": "voltage", "VOLT:AC": "voltage_ac", "CURR:DC": "current", "CURR:AC": "current_ac",
        "RES": "resistance", "FRES": "resistance_4w", "FREQ:VOLT": "frequency", "CONT": "continuity", "DIOD": "diode",
    }  # fmt: skip
