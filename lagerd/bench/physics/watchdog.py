"""The watchdog of an instrument: it expires after a time without communication."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Watchdog:
    clock: Callable[[], float]
    seconds: float = 60.0
    armed: bool = False
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def hear(self) -> None:
        """Restart the watchdog after a message. Check `expired` before."""
        self._last = self.clock()

    def arm(self, armed: bool) -> None:
        self.armed = armed
        self.hear()

    def expired(self) -> bool:
        return self.armed and self.clock() - self._last > self.seconds
