"""Drives the supplies Korad KA3003P, KA3005P, KA6002P and KA6003P, on RS-232 or their virtual serial port.

KORAD, KA Series Remote Control Syntax V2.0, and KA3000-6000 Series User Manual (9600 baud, 8N1): `VSET1:20.50`,
`ISET1:2.225`, `VSET1?`, `ISET1?`, `VOUT1?`, `IOUT1?`, `OUT1`, `OUT0` and `STATUS?`. Nothing ends a message. Volts have
two decimals, amperes three, five characters in all; some firmware sends a sixth behind `ISET1?` that means nothing.
`*IDN?` answers KORADKA3005PV2.0 or KORAD KA3005P V4.2 SN:12345678. `STATUS?` answers one byte: bit 0 is constant
voltage, bit 6 is the output. Its other bits differ between the firmwares.

`OVP1` and `OCP1` arm protections that trip at the setpoints, and nothing tells whether they are armed or have tripped:
lager neither arms nor reports them. Use the keys of the front panel.
"""

import math
import re

from lager.instruments.drivers.base import supply
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.sessions import parse

_DECIMALS = {"VSET": 2, "ISET": 3}
_CONSTANT_VOLTAGE, _ON = 1 << 0, 1 << 6


def _five(text: str) -> float:
    """Return a number of five characters, behind which may be one that means nothing."""
    if not re.fullmatch(r"[\d.]{5}.?", text):
        raise ValueError("a number of five characters was due")
    return parse.number(text[:5])


class Supply(supply.Supply):
    SET_VOLTAGE = "VSET1:{x}"
    GET_VOLTAGE = "VSET1?"
    SET_CURRENT = "ISET1:{x}"
    GET_CURRENT = "ISET1?"
    SET_OUTPUT = "OUT{x}"
    GET_OUTPUT = "STATUS?"
    MEASURE_VOLTAGE = "VOUT1?"
    MEASURE_CURRENT = "IOUT1?"
    VOLTAGE_STEP = 0.01

    def state(self) -> SupplyState:
        with self.session.exchange():
            read = Readings(self.session)
            measured = self._measured(read)
            status = read(self._status, "enabled", "mode")
            return SupplyState(
                net=self.name,
                channel=self.channel,
                **measured,
                enabled=None if status is None else bool(status & _ON),
                mode=None if status is None else "CV" if status & _CONSTANT_VOLTAGE else "CC",
                **self._setpoints(read),
                unread=read.finish(),
            )

    def _spell(self, command: str, value: float | str = "") -> str:
        """Spell a setpoint in its five characters, rounded down; and ON and OFF as 1 and 0."""
        if isinstance(value, str):
            return super()._spell(command, {"ON": "1", "OFF": "0"}.get(value, value))
        decimals = _DECIMALS[command[:4]]
        steps = math.floor(value * 10**decimals + 1e-6)
        return super()._spell(command, f"{steps / 10**decimals:05.{decimals}f}")

    def _number(self, question: str) -> float:
        return self.session.ask(question, _five)

    def _reading(self, question: str, unit: str) -> float:
        return self._number(question)

    def _is_on(self) -> bool:
        return bool(self._status() & _ON)

    def _status(self) -> int:
        return self.session.swap(self.GET_OUTPUT.encode(), 1)[0]
