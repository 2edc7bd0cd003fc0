"""LabJack T7: analog inputs and outputs, digital lines.

LabJack, T-Series Datasheet: 3.1 Modbus Map, 13.0 Digital I/O, 14.0 Analog Inputs, 15.0 DAC. `AINn` float32 at 2n,
`AINn_RANGE` float32 at 40000 + 2n, `AINn_NEGATIVE_CH` uint16 at 41000 + n (199 is single-ended),
`AINn_RESOLUTION_INDEX` uint16 at 41500 + n, `DACn` float32 at 1000 + 2n, `DIOn` uint16 at 2000 + n. Reading DIOn makes
the line an input and writing it makes it an output, so an output is read back from `DIO_STATE` (uint32 at 2800), which
leaves the direction alone. An analog input without a valid reading gives -9999.
"""

import threading
import time

from lager.errors import BadReply, InstrumentTimeout, InvalidArgument, Rejected
from lager.instruments.drivers.driver import Driver
from lager.instruments.modbus import Registers
from lager.instruments.quantities import amount

_SINGLE_ENDED = 199
_NO_READING = -9999.0
_DIO_STATE = 2800
# 12 bits over 5 V: the DAC takes what is next to the value asked for.
_DAC_STEP = 0.002
# A T7 has no way to tell that a line changed: it can only be asked, and each time costs about a millisecond.
_LEVEL_INTERVAL = 0.002


class Adc(Driver[Registers]):
    """An analog input."""

    def prepare(self) -> None:
        """Set range, negative channel and resolution: whatever used the input before may have left others."""
        options = self.config.options
        with self.session.exchange():
            self.session.write(40000 + 2 * self.channel, "f", float(options.get("range", 10.0)))
            self.session.write(41000 + self.channel, "H", options.get("negative_channel", _SINGLE_ENDED))
            self.session.write(41500 + self.channel, "H", options.get("resolution", 0))

    def input(self) -> float:
        """The voltage at the input now, in volts. Blocks for one exchange."""
        volts = self.session.read(2 * self.channel, "f")
        if volts <= _NO_READING:
            what = f"{self.name}: AIN{self.channel} has no valid reading."
            raise BadReply(what, "Check its range and its wiring.")
        return volts


class Dac(Driver[Registers]):
    """An analog output, 0 to 5 V."""

    def output(self, volts: float | None = None) -> float:
        """Set the output in volts if a value is given; returns the voltage it is set to.

        Raises InvalidArgument and LimitExceeded before anything is sent, Rejected if it took another value.
        """
        address = 1000 + 2 * self.channel
        if volts is None:
            return self.session.read(address, "f")
        volts = amount(self.config, "voltage", volts, high=5.0)
        with self.session.exchange():
            self.session.write(address, "f", volts)
            taken = self.session.read(address, "f")
        if abs(taken - volts) > _DAC_STEP:
            what = f"{self.name}: DAC{self.channel} took {taken:g} V and not {volts:g} V."
            raise Rejected(what, "Check what drives the output.")
        return taken


class Gpio(Driver[Registers]):
    """A digital line, 3.3 V."""

    def input(self) -> int:
        """The level at the line now, 0 or 1. Makes the line an input."""
        level = self.session.read(2000 + self.channel, "H")
        if level not in (0.0, 1.0):
            raise BadReply(f"{self.name}: DIO{self.channel} has the level {level:g}.", "It should be 0 or 1.")
        return int(level)

    def output(self, level: int) -> int:
        """Make the line an output and drive it to 0 or 1; returns the level at the line.

        Raises Rejected if the line stays at the other level, as it does when something else drives it.
        """
        if level not in (0, 1):
            raise InvalidArgument(f"{self.name}: {level!r} is not a level.", "Give 0 or 1.")
        with self.session.exchange():
            self.session.write(2000 + self.channel, "H", int(level))
            found = int(self.session.read(_DIO_STATE, "I")) >> self.channel & 1
        if found != int(level):
            what = f"{self.name}: DIO{self.channel} was driven to {int(level)} and stands at {found}."
            raise Rejected(what, "Check whether something else drives the line.")
        return found

    def wait_for_level(self, level: int, timeout: float = 10.0) -> float:
        """Block until the line has this level; returns the seconds that took. Makes the line an input.

        Raises InstrumentTimeout after `timeout` seconds.
        """
        if level not in (0, 1):
            raise InvalidArgument(f"{self.name}: {level!r} is not a level.", "Give 0 or 1.")
        begun = time.monotonic()
        pause = threading.Event()
        while self.input() != level:
            waited = time.monotonic() - begun
            if waited >= timeout:
                what = f"{self.name} did not go to {int(level)} within {timeout:g} s."
                raise InstrumentTimeout(what, "Check what should drive the line, or wait longer.")
            pause.wait(min(_LEVEL_INTERVAL, timeout - waited))
        return time.monotonic() - begun
