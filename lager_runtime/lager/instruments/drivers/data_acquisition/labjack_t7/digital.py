"""The digital lines of a LabJack T7.

LabJack, T-Series Datasheet: 3.1 Modbus Map, 13.0 Digital I/O. `DIOn` is a uint16 at 2000 + n. Reading DIOn makes the
line an input, and writing it makes it an output. Lines are therefore read from `DIO_STATE` (uint32 at 2800, the level
at the terminal, also of an output) and `DIO_DIRECTION` (uint32 at 2850, 1 is an output): reading these changes nothing.
"""

import math
import threading
import time
from collections.abc import Mapping
from typing import ClassVar

from lager.errors import InstrumentError, InvalidArgument, LevelTimeout, LimitExceeded, Rejected
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.drivers.base.setting import LAST, Setting
from lager.instruments.sessions.modbus import Registers
from lager.wording.values import number, seconds, shown

_DIO_STATE, _DIO_DIRECTION = 2800, 2850
# A T7 cannot report that a line changed, so it is polled; each reading takes about a millisecond.
_LEVEL_INTERVAL = 0.002
_LEVELS = {"0": 0, "low": 0, "off": 0, "false": 0, "1": 1, "high": 1, "on": 1, "true": 1}
_NOT_DRIVEN = "not driven"


class Gpio(Driver[Registers]):
    """A digital line, 3.3 V."""

    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {"output": ("output",), "release": ("output",)}

    def settings(self) -> tuple[Setting, ...]:
        return (Setting("output", self._driven_to, write=self._set_back, turn=LAST),)

    def _driven_to(self) -> str:
        """Return the level that the T7 drives the line to, or that it drives none. A level that is read is not set."""
        with self.session.exchange():
            return str(self._bit(_DIO_STATE)) if self.is_driven() else _NOT_DRIVEN

    def _set_back(self, value: str) -> None:
        if value == "1":
            raise InstrumentError(f"{self.name}: the line was at 1. lager switches no output on.")
        if value == "0" and not self.is_driven():
            raise InstrumentError(f"{self.name}: the line was driven. lager switches no output on.")
        if value == "0":
            self.output(0)
        else:
            self.release()

    def input(self) -> int:
        """Return the level at the line, 0 or 1, without changing its direction.

        Raises InstrumentError if the nets file says that the line is an input but the T7 drives it.
        """
        with self.session.exchange():
            if self._only_input and self._bit(_DIO_DIRECTION):
                what = f"{self.name}: DIO{self.channel} is driven to {self._bit(_DIO_STATE)} by its own T7."
                hint = (
                    f'The nets file says direction = "in". Make the line an input again: lager gpo {self.name} release'
                )
                raise InstrumentError(what, hint)
            return self._bit(_DIO_STATE)

    def output(self, level: int | str) -> int:
        """Make the line an output and drive it to a level; return the level at the line, 0 or 1.

        The level is 0, "low", "off" or "false", or 1, "high", "on" or "true".

        Raises LimitExceeded before anything is sent if the nets file says `direction = "in"`, and Rejected if the line
        keeps the other level, for example because something else drives it.
        """
        wanted = self._level(level)
        if self._only_input:
            what = f"{self.name} is an input and is never driven."
            name, _ = self.config.bounded_by.get("direction", (self.name, "direction"))
            raise LimitExceeded(what, f'The nets file says direction = "in" in [nets.{name}].')
        with self.session.exchange():
            self.session.before_on()
            self.session.write(2000 + self.channel, "H", wanted)
            found = self._bit(_DIO_STATE)
        if found != wanted:
            what = f"{self.name}: DIO{self.channel} was driven to {wanted} but reads {found}."
            raise Rejected(what, "Check whether something else drives the line.")
        return found

    def toggle(self) -> int:
        """Drive the line to the level that it does not have now; return the level at the line. Raises like output."""
        with self.session.exchange():
            return self.output(1 - self._bit(_DIO_STATE))

    def release(self) -> int:
        """Make the line an input, so that the T7 no longer drives it; return the level that it then has."""
        with self.session.exchange():
            self.session.read(2000 + self.channel, "H")
            if self._bit(_DIO_DIRECTION):
                what = f"{self.name}: DIO{self.channel} is still an output."
                raise Rejected(what, "Check whether an extended feature of the T7 uses the line.")
            return self._bit(_DIO_STATE)

    def is_driven(self) -> bool:
        """Return whether the T7 drives the line, without changing its direction."""
        return bool(self._bit(_DIO_DIRECTION))

    def wait_for_level(
        self,
        level: int | str,
        timeout: float | None = None,
        scan_rate: float | None = None,
        scans_per_read: float | None = None,
        poll_interval: float = _LEVEL_INTERVAL,
    ) -> float:
        """Block until the line has this level, without changing its direction; return how many seconds that took.

        Waits forever if `timeout` is None, else raises LevelTimeout, a TimeoutError, after that many seconds. Also
        raises the errors of `input`. The line is read every `poll_interval` seconds; the level is as for `output`.
        `scan_rate` and `scans_per_read`, which set the streaming of other systems, are accepted and have no effect.
        """
        wanted = self._level(level)
        limit = math.inf if timeout is None else self._seconds("timeout", timeout)
        interval = max(self._seconds("poll_interval", poll_interval), _LEVEL_INTERVAL)
        begun = time.monotonic()
        pause = threading.Event()
        while self.input() != wanted:
            waited = time.monotonic() - begun
            if waited >= limit:
                what = f"{self.name} did not change to {wanted} within {limit:g} s."
                raise LevelTimeout(what, "Check what should drive the line, or wait longer.")
            pause.wait(min(interval, limit - waited))
        return time.monotonic() - begun

    def _seconds(self, name: str, value: object) -> float:
        found = seconds(value)
        if found is None or found < 0:
            what = f"{self.name}: {shown(value)} is not a valid {name}."
            raise InvalidArgument(what, "Give seconds, 0 or more.")
        return found

    @property
    def _only_input(self) -> bool:
        return self.config.options.get("direction") == "in"

    def _bit(self, register: int) -> int:
        return int(self.session.read(register, "I")) >> self.channel & 1

    def _level(self, level: object) -> int:
        wanted = _LEVELS.get(level.strip().lower()) if type(level) is str else None
        if wanted is None:
            given = int(level) if isinstance(level, bool) else number(level)
            if given not in (0, 1):
                what = f"{self.name}: {shown(level)} is not a level."
                raise InvalidArgument(what, "Give 0, 1, low, high, off or on.")
            wanted = int(given)
        return wanted
