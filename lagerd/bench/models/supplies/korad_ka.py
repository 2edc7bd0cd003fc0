"""Korad KA3005P: 30 V 5 A on a virtual serial port. After KORAD, KA Series Remote Control Syntax V2.0.

Nothing ends a message. The supply ignores unknown commands and cannot report an error. Its protections trip at the
setpoints.
"""

import re

from lagerd.bench.faults import Faults, spoil
from lagerd.bench.physics.circuit import Output, Protection

VOLTS, AMPS = 31.0, 5.1
NEVER = float("inf")
_MESSAGE = re.compile(
    r"(\*IDN\?|[VI]SET1\?|[VI]OUT1\?|STATUS\?)|VSET1:(\d{2}\.\d{2})|ISET1:(\d\.\d{3})|OUT([01])(?!\?)", re.ASCII
)


class KA3005P:
    model = "KA3005P"
    identity = "KORADKA3005PV2.0"

    def __init__(self) -> None:
        self.faults = Faults()
        self.outputs = [Output(0.0, 0.0, Protection(NEVER), Protection(NEVER))]
        self.changed = self.settle

    def settle(self) -> None:
        self.outputs[0].settle()

    def receive(self, data: bytes) -> bytes:
        """Carry out the received messages; return their answers."""
        return b"".join(self._carry_out(*found.groups("")) for found in _MESSAGE.finditer(data.decode("latin-1")))

    def _carry_out(self, question: str, volts: str, amps: str, switch: str) -> bytes:
        self.faults.begin()
        output = self.outputs[0]
        if volts or amps:
            output.volts = min(float(volts), VOLTS) if volts else output.volts
            output.amps = min(float(amps), AMPS) if amps else output.amps
        elif switch:
            output.switch(switch == "1")
        self.changed()
        return self._answer(question) if question else b""

    def _answer(self, question: str) -> bytes:
        output = self.outputs[0]
        answer = {
            "*IDN?": "KORADKA6003PV2.0" if self.faults.other_idn else self.identity,
            "VSET1?": f"{output.volts:05.2f}",
            "ISET1?": f"{output.amps:.3f}K",
            "VOUT1?": f"{max(output.reading.volts, 0):05.2f}",
            "IOUT1?": f"{max(output.reading.amps, 0):.3f}",
            "STATUS?": chr(0x10 | (output.point.mode != "CC") | output.on << 6),
        }[question]
        return spoil(self.faults.spend(), answer.encode("latin-1"), b"00.00") or b""
