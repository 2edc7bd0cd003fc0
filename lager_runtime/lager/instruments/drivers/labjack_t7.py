"""Drives a LabJack T7: analog inputs and outputs, digital lines.

LabJack, T-Series Datasheet: 3.1 Modbus Map, 13.0 Digital I/O, 14.0 Analog Inputs, 15.0 DAC. `AINn` float32 at 2n,
`AINn_RANGE` float32 at 40000 + 2n, `AINn_NEGATIVE_CH` uint16 at 41000 + n (199 is single-ended),
`AINn_RESOLUTION_INDEX` uint16 at 41500 + n, `DACn` float32 at 1000 + 2n, `DIOn` uint16 at 2000 + n. Reading DIOn makes
the line an input, and writing it makes it an output. Lines are therefore read from `DIO_STATE` (uint32 at 2800, the
level at the terminal, also of an output) and `DIO_DIRECTION` (uint32 at 2850, 1 is an output): reading these changes
nothing. An analog input without a valid reading returns -9999; one beyond its range returns about the end of its range
(appendix A-3).

Thermocouples (T-Series Datasheet, 14.1 AIN Extended Features and 14.1.1 Thermocouple): `AINn_EF_INDEX` (uint32 at
9000 + 2n; 20 to 25 are the types E, J, K, R, T and S), `AINn_EF_CONFIG_A` (uint32 at 9300 + 2n; 1 is degrees Celsius),
`AINn_EF_CONFIG_B` (uint32 at 9600 + 2n; the register of the cold junction, 60052 is TEMPERATURE_DEVICE_K), and the
temperature in `AINn_EF_READ_A` (float32 at 7000 + 2n), where -9999 means that there is no valid reading.

Watchdog (T-Series Datasheet, "Watchdog"): when no command has come over any connection for `WATCHDOG_TIMEOUT_S_DEFAULT`
(uint32 at 61604), the T7 sets the DACs and digital lines that are enabled there. Its registers may be written only
while `WATCHDOG_ENABLE_DEFAULT` (61600) is 0, and are kept in flash memory: only what differs is written.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from lager.errors import BadReply, InstrumentError, InvalidArgument, LevelTimeout, LimitExceeded, OtherRole, Rejected
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.drivers.base.setting import LAST, Setting
from lager.instruments.sessions.modbus import Registers
from lager.instruments.sessions.quantities import amount, exceeds, keep_limit
from lager.nets.model import NetConfig, NetType
from lager.wording.values import number, seconds, shown

_SINGLE_ENDED = 199
_EF_READ_A, _EF_INDEX, _EF_CONFIG_A, _EF_CONFIG_B = 7000, 9000, 9300, 9600
_THERMOCOUPLES = {"E": 20, "J": 21, "K": 22, "R": 23, "T": 24, "S": 25}
_CELSIUS, _DEVICE_KELVIN = 1, 60052
_NO_READING = -9999.0
_DIO_STATE, _DIO_DIRECTION = 2800, 2850
# The DAC has 12 bits over 5 V and sets the step nearest to the requested value.
_DAC_STEP = 0.002
# A T7 cannot report that a line changed, so it is polled; each reading takes about a millisecond.
_LEVEL_INTERVAL = 0.002
_WATCHDOG, _WATCHDOG_SECONDS = 61600, 61604
_WATCHDOG_ADVANCED, _WATCHDOG_STRICT, _WATCHDOG_RESET = 61602, 61610, 61620
_WATCHDOG_DIO, _WATCHDOG_STATE, _WATCHDOG_DIRECTION, _WATCHDOG_INHIBIT = 61630, 61632, 61634, 61636
_WATCHDOG_DAC = 61640  # enable and voltage of DAC0; those of DAC1 are 10 further
_ALL_LINES = (1 << 23) - 1
_LEVELS = {"0": 0, "low": 0, "off": 0, "false": 0, "1": 1, "high": 1, "on": 1, "true": 1}
_OFF_VOLTS = 0.01  # of a dac that is off: a few steps
_NOT_DRIVEN = "not driven"


class Adc(Driver[Registers]):
    """An analog input."""

    def prepare(self) -> None:
        """Set range, negative channel and resolution, unless this connection has already set them.

        An earlier user of the input, or another net on it, may have set other values.
        """
        options = self.config.options
        place = f"AIN{self.channel}"
        wanted = (self._range, options.get("negative_channel", _SINGLE_ENDED), options.get("resolution", 0))
        with self.session.exchange():
            if self.session.configured.get(place) == wanted:
                return
            # If an exchange fails, only part of the settings may be set.
            self.session.configured.pop(place, None)
            self.session.write(40000 + 2 * self.channel, "f", wanted[0])
            self.session.write(41000 + self.channel, "H", wanted[1])
            self.session.write(41500 + self.channel, "H", wanted[2])
            self.session.configured[place] = wanted

    def input(self) -> float:
        """Return the voltage at the input in volts. Blocks for one exchange.

        Raises BadReply if there is no valid reading, or if the reading is at the end of the net's range: the voltage at
        the input may then be outside that range.
        """
        with self.session.exchange():
            if self.as_it_is:
                span = self.session.read(40000 + 2 * self.channel, "f") or 10.0  # 0 is the default, ±10 V
            else:
                self.prepare()
                span = self._range
            volts = self.session.read(2 * self.channel, "f")
        if volts <= _NO_READING:
            what = f"{self.name}: AIN{self.channel} has no valid reading."
            raise BadReply(what, "Check its range and its wiring.")
        if abs(volts) >= span * (1 - 1e-6):
            what = f"{self.name}: AIN{self.channel} reads {volts:.4g} V, the end of its range of ±{span:g} V."
            wider = " or give the net a wider range in the nets file" if span < 10 else ""
            raise BadReply(what, f"The true voltage may be outside that range. Check the wiring{wider}.")
        return volts

    @property
    def _range(self) -> float:
        return float(self.config.options.get("range", 10.0))


class Thermocouple(Driver[Registers]):
    """A thermocouple at an analog input. The T7 computes its temperature, with its own sensor at the cold junction."""

    def prepare(self) -> None:
        """Set up the input and its extended feature, unless this connection has already done that."""
        options = self.config.options
        place = f"AIN{self.channel}"
        negative = options.get("negative_channel", _SINGLE_ENDED)
        wanted = (options.get("kind", "K"), options.get("range", 0.1), negative, options.get("resolution", 0))
        with self.session.exchange():
            if self.session.configured.get(place) == wanted:
                return
            self.session.configured.pop(place, None)
            self.session.write(40000 + 2 * self.channel, "f", float(wanted[1]))
            self.session.write(41000 + self.channel, "H", negative)
            self.session.write(41500 + self.channel, "H", wanted[3])
            self.session.write(_EF_INDEX + 2 * self.channel, "I", _THERMOCOUPLES[wanted[0]])
            self.session.write(_EF_CONFIG_A + 2 * self.channel, "I", _CELSIUS)
            self.session.write(_EF_CONFIG_B + 2 * self.channel, "I", _DEVICE_KELVIN)
            self.session.configured[place] = wanted

    def temperature(self) -> float:
        """Return the temperature in degrees Celsius. Blocks for one exchange.

        Raises BadReply if there is no valid reading, as when the voltage is beyond what the thermocouple can give.
        """
        with self.session.exchange():
            if self.as_it_is:
                self._check_feature()
            else:
                self.prepare()
            celsius = self.session.read(_EF_READ_A + 2 * self.channel, "f")
        if celsius <= _NO_READING:
            what = f"{self.name}: AIN{self.channel} has no valid temperature."
            raise BadReply(what, "Check the wiring of the thermocouple, and kind and range in the nets file.")
        return celsius

    def read(self) -> float:
        """Return the temperature in degrees Celsius, like temperature()."""
        return self.temperature()

    def _check_feature(self) -> None:
        """Raise OtherRole if the input is not set up for this thermocouple, which a reader leaves as it is."""
        index = self.session.read(_EF_INDEX + 2 * self.channel, "I")
        unit = self.session.read(_EF_CONFIG_A + 2 * self.channel, "I")
        kind = self.config.options.get("kind", "K")
        if (index, unit) != (_THERMOCOUPLES[kind], _CELSIUS):
            what = f"{self.name}: AIN{self.channel} is not set up for a thermocouple of type {kind}."
            raise OtherRole(what, f"Set it up: lager thermocouple {self.name}")


class Dac(Driver[Registers]):
    """An analog output, 0 to 5 V."""

    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {"output": ("voltage",)}

    def settings(self) -> tuple[Setting, ...]:
        return (Setting("voltage", self.output, "V", _DAC_STEP, self._set_back, LAST),)

    def _set_back(self, volts: float) -> None:
        if self.output() <= _OFF_VOLTS < volts:
            raise InstrumentError(f"{self.name}: its output is at 0 V. lager switches no output on.")
        self.output(volts)

    def output(self, volts: float | None = None) -> float:
        """Set the output in volts if a value is given; return the setpoint.

        Raises InvalidArgument and LimitExceeded before anything is sent, Rejected if the readback is another value.
        """
        address = 1000 + 2 * self.channel
        if volts is None:
            return self.session.read(address, "f")
        volts = amount(self.config, "voltage", volts, high=5.0)
        limit = self.config.limits.max_voltage
        with self.session.exchange():
            self.session.before_on()
            self.session.write(address, "f", volts)
            readback = self.session.read(address, "f")
            if limit is not None and exceeds(readback, limit):
                # The nearest step is above the limit, so use the step below it.
                self.session.write(address, "f", max(0.0, volts - _DAC_STEP))
                readback = self.session.read(address, "f")
                if exceeds(readback, limit):
                    self.session.write(address, "f", 0.0)
                keep_limit(self.config, "voltage", readback)
        if abs(readback - volts) > _DAC_STEP:
            what = f"{self.name}: DAC{self.channel} reads back {readback:g} V instead of {volts:g} V."
            raise Rejected(what, "Check what drives the output.")
        return readback

    def get_voltage(self) -> float:
        """Return the setpoint in volts, like output() without a value."""
        return self.output()

    def input(self) -> float:
        """Return the setpoint in volts, like output() without a value."""
        return self.output()


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


def set_watchdog(session: Registers, nets: Sequence[NetConfig]) -> None:
    """Arm the watchdog of the T7 for these nets, and read it back; without nets, disarm it.

    After its time the nets get their safe state: without one a dac is at 0 V, and a gpio line that may be driven is
    driven low. The other outputs stay as they are. Raises Rejected, and the errors of the session.
    """
    with session.exchange():
        wrong = _arm(session, _watchdog(nets)) if nets else _disarm(session)
        if wrong:
            what = f"{session.instrument} does not take the settings of its watchdog (registers {wrong})."
            raise Rejected(what, "Update its firmware, or remove deadman from the nets file.")


def _arm(session: Registers, wanted: dict[tuple[int, str], float]) -> list[int]:
    """Write what differs, with the watchdog disabled, and enable it; return the registers that are wrong after that."""
    differing = {place: value for place, value in wanted.items() if session.read(*place) != value}
    armed = session.read(_WATCHDOG, "I") == 1
    if armed and differing:
        session.write(_WATCHDOG, "I", 0)
    for place, value in differing.items():
        session.write(*place, value)
    if differing or not armed:
        session.write(_WATCHDOG, "I", 1)
    wrong = [place[0] for place, value in wanted.items() if session.read(*place) != value]
    return wrong or ([] if session.read(_WATCHDOG, "I") == 1 else [_WATCHDOG])


def _disarm(session: Registers) -> list[int]:
    if session.read(_WATCHDOG, "I") == 1:
        session.write(_WATCHDOG, "I", 0)
    return [] if session.read(_WATCHDOG, "I") == 0 else [_WATCHDOG]


def _watchdog(nets: Sequence[NetConfig]) -> dict[tuple[int, str], float]:
    """Return the registers of the watchdog, but for the one that enables it."""
    driven = level = lines = 0
    dacs: dict[int, float] = {}
    for net in nets:
        channel, safe = net.channel or 0, dict(net.safe.settings) if net.safe else {}
        if net.type is NetType.DAC:
            dacs[channel] = float(safe.get("voltage", 0.0))
        else:
            lines |= 1 << channel
            driven |= (safe.get("output") != "release") << channel
            level |= int(safe.get("level", 0)) << channel
    registers: dict[tuple[int, str], float] = {
        (_WATCHDOG_SECONDS, "I"): min(net.deadman for net in nets),
        (_WATCHDOG_ADVANCED, "I"): 0,
        (_WATCHDOG_STRICT, "I"): 0,
        (_WATCHDOG_RESET, "I"): 0,
        (_WATCHDOG_DIO, "I"): bool(lines),
        (_WATCHDOG_STATE, "I"): level,
        (_WATCHDOG_DIRECTION, "I"): driven,
        (_WATCHDOG_INHIBIT, "I"): _ALL_LINES & ~lines,
    }
    for number_of_dac in (0, 1):
        place = _WATCHDOG_DAC + 10 * number_of_dac
        registers[place, "I"] = number_of_dac in dacs
        registers[place + 2, "f"] = dacs.get(number_of_dac, 0.0)
    return registers
