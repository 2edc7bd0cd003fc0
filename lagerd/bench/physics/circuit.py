"""Models a source with a current limit, its loads, and its protections."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

Load = Callable[[float], float]
"""Returns the current in amperes that a load draws at a voltage. It is continuous, and 0 A at 0 V."""
Noise = Callable[[], float]
"""Returns the error of one reading."""


def quiet() -> float:
    return 0.0


@dataclass(frozen=True)
class Point:
    """The operating point of a source and its loads. `mode` is CV, CC or OFF."""

    volts: float
    amps: float
    mode: str

    @property
    def watts(self) -> float:
        return self.volts * self.amps


OFF = Point(0.0, 0.0, "OFF")


def resistor(ohms: float) -> Load:
    return lambda volts: max(volts, 0.0) / ohms


def operating_point(open_volts: float, ohms: float, limit: float, load: Load) -> Point:
    """Return the operating point of a load on a source of `open_volts` behind `ohms`, with a current limit."""

    def surplus(volts: float) -> float:
        offered = (open_volts - volts) / ohms if ohms > 0 else limit
        return min(offered, limit) - load(volts)

    if ohms <= 0 and load(open_volts) <= limit:
        return Point(open_volts, load(open_volts), "CV")
    low, high = 0.0, open_volts
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if surplus(middle) >= 0 else (low, middle)
    amps = min(load(low), limit)
    return Point(low, amps, "CC" if amps >= limit * (1 - 1e-6) else "CV")


@dataclass
class Protection:
    """An over-voltage or over-current protection. Once tripped, it keeps the output off until it is cleared."""

    level: float
    enabled: bool = False
    tripped: bool = False

    def watch(self, value: float) -> bool:
        if self.enabled and value > self.level * (1 + 1e-9):
            self.tripped = True
        return self.tripped


@dataclass
class Output:
    """The terminals of a supply channel or a battery simulator, with the loads that are wired to them."""

    volts: float
    amps: float
    ovp: Protection
    ocp: Protection
    ohms: float = 0.0
    on: bool = False
    ocp_in_cc: bool = False
    """Whether OCP trips in constant current, as on supplies whose OCP has no level of its own."""
    loads: list[Load] = field(default_factory=list)
    point: Point = OFF
    shut_down: bool = False
    """Whether the watchdog of the instrument keeps it off."""
    noise: Noise = quiet
    """Added to each reading of the voltage and of the current."""
    _wanted: bool = False

    @property
    def reading(self) -> Point:
        """Return what the meters of the output show."""
        return replace(self.point, volts=self.point.volts + self.noise(), amps=self.point.amps + self.noise())

    def trip(self) -> None:
        """Trip the over-voltage protection, whatever its level."""
        self.ovp.tripped, self.on, self.point = True, False, OFF

    @property
    def tripped(self) -> bool:
        return self.ovp.tripped or self.ocp.tripped or self.shut_down

    def draw(self, volts: float) -> float:
        return sum(load(volts) for load in self.loads)

    def settle(self) -> None:
        self.point = operating_point(self.volts, self.ohms, self.amps, self.draw) if self.on else OFF
        if not self.on:
            return
        over_current = self.ocp_in_cc and self.ocp.enabled and self.point.mode == "CC"
        self.ocp.tripped |= over_current
        if self.ovp.watch(self.point.volts) | self.ocp.watch(self.point.amps):
            self.on, self.point = False, OFF

    def switch(self, on: bool) -> None:
        """Switch on or off. A tripped protection keeps the output off until it is cleared."""
        self.on = on and not self.tripped
        self._wanted = on
        self.settle()

    def restore(self) -> None:
        """Switch the output on again after a protection is cleared, if only the protection kept it off."""
        self.switch(self._wanted)

    def shut(self) -> None:
        """Latch the output off, as a watchdog does."""
        self.shut_down, self.on, self.point = True, False, OFF

    def clear(self) -> None:
        self.shut_down = False
        self.ovp.tripped = self.ocp.tripped = False
