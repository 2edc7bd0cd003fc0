"""Devantech USB-RLY16: eight relays, commands of one byte. After its Technical Documentation, "Commands"."""

from lagerd.bench.faults import GARBAGE, Fault, Faults

MODULE, VERSION = 9, 2
RELAYS = 8


class UsbRly16:
    model = "USB-RLY16"

    def __init__(self) -> None:
        self.faults = Faults()
        self.states = 0
        self._set_next = False

    def receive(self, data: bytes) -> bytes:
        """Carry out each byte; return the answers."""
        return b"".join(map(self._carry_out, data))

    def _carry_out(self, code: int) -> bytes:
        if self._set_next:
            self._set_next, self.states = False, code
        elif code == 0x5A:
            return self._spoiled(bytes([8 if self.faults.other_idn else MODULE, VERSION]))
        elif code == 0x5B:
            return self._spoiled(bytes([self.states]))
        elif code == 0x5C:
            self._set_next = True
        elif code == 0x5D:
            return self._spoiled(bytes([125]))
        elif code in (0x64, 0x6E):
            self.states = 0xFF if code == 0x64 else 0
        elif 0 < code - 0x64 <= RELAYS:
            self.states |= 1 << code - 0x65
        elif 0 < code - 0x6E <= RELAYS:
            self.states &= ~(1 << code - 0x6F)
        return b""

    def _spoiled(self, answer: bytes) -> bytes:
        match self.faults.spend():
            case Fault.NO_ANSWER | Fault.CUT:
                return b""
            case Fault.HALF_ANSWER:
                return answer[: len(answer) // 2]
            case Fault.GARBAGE:
                return GARBAGE
            case _:
                return answer
