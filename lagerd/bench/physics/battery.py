"""The battery that a Keithley 2281S simulates: state of charge, open-circuit voltage, internal resistance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Model:
    """A battery model: the open-circuit voltage in equal steps from empty to full, and the resistance at both ends."""

    volts: tuple[float, ...]
    empty_ohms: float
    full_ohms: float

    def voc(self, soc: float) -> float:
        steps = len(self.volts) - 1
        place = min(max(soc, 0.0), 100.0) / 100 * steps
        index = min(int(place), steps - 1)
        low, high = self.volts[index], self.volts[index + 1]
        return low + (high - low) * (place - index)

    def soc(self, voc: float) -> float:
        low, high = 0.0, 100.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if self.voc(middle) <= voc else (low, middle)
        return low

    def ohms(self, soc: float) -> float:
        return self.empty_ohms + (self.full_ohms - self.empty_ohms) * soc / 100


MODELS: Mapping[str, Model] = {
    "LI_ION4_2": Model((3.0, 3.45, 3.6, 3.68, 3.75, 3.8, 3.86, 3.93, 4.02, 4.11, 4.2), 0.25, 0.12),
    "NIMH1_2": Model((1.0, 1.18, 1.22, 1.24, 1.25, 1.26, 1.27, 1.28, 1.3, 1.33, 1.4), 0.08, 0.04),
    "NICD1_2": Model((1.0, 1.17, 1.2, 1.22, 1.23, 1.24, 1.25, 1.26, 1.28, 1.31, 1.38), 0.06, 0.03),
    "LEAD_ACID12": Model((11.3, 11.6, 11.8, 11.95, 12.1, 12.2, 12.3, 12.4, 12.5, 12.6, 12.7), 0.06, 0.03),
    "NIMH12": Model((10.0, 11.8, 12.2, 12.4, 12.5, 12.6, 12.7, 12.8, 13.0, 13.3, 14.0), 0.8, 0.4),
}


@dataclass
class Battery:
    """The simulated battery. Its defaults are those of the 2281S after *RST."""

    clock: Callable[[], float]
    name: str = "LI_ION4_2"
    dynamic: bool = True
    soc: float = 100.0
    capacity: float = 0.01
    """Ampere-hours when full."""
    offset: float = 0.0
    full: float = field(init=False)
    empty: float = field(init=False)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()
        self.recall(self.name)

    @property
    def model(self) -> Model:
        return MODELS[self.name]

    @property
    def voc(self) -> float:
        return self.model.voc(self.soc)

    @property
    def ohms(self) -> float:
        return max(0.0, self.model.ohms(self.soc) + self.offset)

    def recall(self, name: str) -> None:
        self.name = name
        self.empty, self.full = self.model.volts[0], self.model.volts[-1]

    def advance(self, amps: float) -> bool:
        """Discharge by the current since the last call; return False once the battery is empty."""
        now = self.clock()
        elapsed, self._last = now - self._last, now
        if not self.dynamic:
            return True
        floor = self.model.soc(self.empty)
        self.soc = max(self.soc - amps * elapsed / 36 / self.capacity, min(floor, self.soc))
        return amps <= 0 or self.soc > floor
