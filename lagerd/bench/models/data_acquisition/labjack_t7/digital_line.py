"""A digital line of a LabJack T7, after the T-Series Datasheet, 13.0 Digital I/O."""

from collections.abc import Callable
from dataclasses import dataclass, field

PULLED_UP = True
HIGH_VOLTS = 3.3  # Datasheet 13.0, Digital I/O
LOGIC_VOLTS = 1.5
"""Between the highest low level, 0.5 V, and the lowest high level, 2.64 V."""


def unconnected() -> float | None:
    return None


@dataclass
class Line:
    """A digital line. An input reads the level that drives it, or the level of its pull-up if nothing does."""

    output: bool = False
    state: bool = True
    tied: list["Line"] = field(default_factory=list)
    source: Callable[[], float | None] = unconnected
    """Returns the voltage of another instrument that the line is wired to."""

    @property
    def level(self) -> bool:
        if self.output:
            return self.state
        if (volts := self.source()) is not None:
            return volts > LOGIC_VOLTS
        return next((other.state for other in self.tied if other.output), PULLED_UP)

    @property
    def volts(self) -> float:
        """The voltage of the line. A pull-up gives a high level."""
        return HIGH_VOLTS if self.level else 0.0


def tie(one: Line, other: Line) -> None:
    one.tied.append(other)
    other.tied.append(one)
