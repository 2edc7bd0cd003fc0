"""Keysight 34461A and related models: multimeters, with their measurement commands.

After the Keysight Truevolt Series Operating and Service Guide, "MEASure Subsystem".
"""

from collections.abc import Mapping
from typing import ClassVar

from lagerd.bench.models.meters.multimeter import Measuring


class Keysight34461A(Measuring):
    model = "34461A"
    identity = "Keysight Technologies,34461A,MY00000001,A.02.14-02.40-02.14-00.49-01-01"
    no_error = '+0,"No error"'
    names: ClassVar[Mapping[str, str]] = {
        "VOLT": "voltage", "VOLT:AC": "voltage_ac", "CURR": "current", "CURR:AC": "current_ac", "RES": "resistance",
        "FRES": "resistance_4w", "FREQ": "frequency", "CONT": "continuity", "DIOD": "diode",
    }  # fmt: skip


class Keysight34460A(Keysight34461A):
    model = "34460A"
    identity = Keysight34461A.identity.replace("34461A", "34460A")


class Keysight34465A(Keysight34461A):
    model = "34465A"
    identity = Keysight34461A.identity.replace("34461A", "34465A")


class Keysight34470A(Keysight34461A):
    model = "34470A"
    identity = Keysight34461A.identity.replace("34461A", "34470A")
