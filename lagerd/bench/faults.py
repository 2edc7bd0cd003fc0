"""Faults of a simulated instrument: injected by a test, or planned by the file that describes the bench."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

GARBAGE = bytes([0x00, 0xFF, 0x9E, 0x1B, 0x80, 0x07, 0xC3, 0x28])


class Fault(Enum):
    """The kind of a fault: what happens to an answer."""

    NO_ANSWER = "no_answer"
    HALF_ANSWER = "half_answer"
    GARBAGE = "garbage"
    WRONG_ANSWER = "wrong_answer"
    CUT = "cut"
    OTHER_IDN = "other_idn"


@dataclass
class Planned:
    """A fault, or a single event, that occurs after a number of answers, and not before `at` on the clock."""

    fault: Fault | Callable[[], None]
    after: int = 0
    at: float = float("-inf")
    count: int | None = None


@dataclass
class Faults:
    """The faults of an instrument, and how long it takes to answer.

    `inject(fault, count=2)` spoils the next two answers and then ends. `latency` is in seconds.
    """

    active: Fault | None = None
    left: int | None = None
    latency: float = 0.0
    clock: Callable[[], float] = time.monotonic
    planned: list[Planned] = field(default_factory=list)
    answered: int = 0

    def inject(self, fault: Fault, count: int | None = None) -> None:
        self.active, self.left = fault, count

    def clear(self) -> None:
        self.active = self.left = None

    def begin(self) -> None:
        """Carry out the events that are due. Call it before each message, and before another instrument reads the
        circuit."""
        for one in [one for one in self.planned if self.answered >= one.after and self.clock() >= one.at]:
            if isinstance(one.fault, Fault):
                if self.active is not None:
                    continue  # one after the other
                self.inject(one.fault, one.count)
            else:
                one.fault()
            self.planned.remove(one)

    @property
    def other_idn(self) -> bool:
        return self.active is Fault.OTHER_IDN

    def spend(self) -> Fault | None:
        """Return the fault for the next answer, and count it."""
        self.answered += 1
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
