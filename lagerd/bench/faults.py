"""Faults that a test injects into a simulated instrument. Clients cannot inject them."""

from dataclasses import dataclass
from enum import Enum

GARBAGE = bytes([0x00, 0xFF, 0x9E, 0x1B, 0x80, 0x07, 0xC3, 0x28])


class Fault(Enum):
    """What happens to an answer."""

    NO_ANSWER = "no_answer"
    HALF_ANSWER = "half_answer"
    GARBAGE = "garbage"
    WRONG_ANSWER = "wrong_answer"
    CUT = "cut"
    OTHER_IDN = "other_idn"


@dataclass
class Faults:
    """The current fault of an instrument. `inject(fault, count=2)` spoils the next two answers and then ends."""

    active: Fault | None = None
    left: int | None = None

    def inject(self, fault: Fault, count: int | None = None) -> None:
        self.active, self.left = fault, count

    def clear(self) -> None:
        self.active = self.left = None

    @property
    def other_idn(self) -> bool:
        return self.active is Fault.OTHER_IDN

    def spend(self) -> Fault | None:
        """Return the fault for the next answer, and count it."""
        fault = self.active
        if fault is not None and self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.clear()
        return fault


def spoil(fault: Fault | None, answer: bytes, other: bytes) -> bytes:
    """Return the bytes to send instead of an answer. For CUT, the owner of the connection closes it."""
    match fault:
        case Fault.NO_ANSWER | Fault.CUT:
            return b""
        case Fault.HALF_ANSWER:
            return answer[: len(answer) // 2]
        case Fault.GARBAGE:
            return GARBAGE + b"\n"
        case Fault.WRONG_ANSWER:
            return other
        case _:
            return answer
