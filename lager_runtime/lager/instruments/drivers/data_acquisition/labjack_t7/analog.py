"""The analog inputs and outputs of a LabJack T7.

LabJack, T-Series Datasheet: 3.1 Modbus Map, 14.0 Analog Inputs, 15.0 DAC. `AINn` float32 at 2n, `AINn_RANGE` float32 at
40000 + 2n, `AINn_NEGATIVE_CH` uint16 at 41000 + n (199 is single-ended), `AINn_RESOLUTION_INDEX` uint16 at 41500 + n,
`DACn` float32 at 1000 + 2n. An analog input without a valid reading returns -9999; one beyond its range returns about
the end of its range (appendix A-3).

Thermocouples (T-Series Datasheet, 14.1 AIN Extended Features and 14.1.1 Thermocouple): `AINn_EF_INDEX` (uint32 at
9000 + 2n; 20 to 25 are the types E, J, K, R, T and S), `AINn_EF_CONFIG_A` (uint32 at 9300 + 2n; 1 is degrees Celsius),
`AINn_EF_CONFIG_B` (uint32 at 9600 + 2n; the register of the cold junction, 60052 is TEMPERATURE_DEVICE_K), and the
temperature in `AINn_EF_READ_A` (float32 at 7000 + 2n), where -9999 means that there is no valid reading.
"""

from collections.abc import Mapping
from typing import ClassVar

from lager.errors import BadReply, InstrumentError, OtherRole, Rejected
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.drivers.base.setting import LAST, Setting
from lager.instruments.sessions.modbus import Registers
from lager.nets.quantities import amount, exceeds, keep_limit

_SINGLE_ENDED = 199
_EF_READ_A, _EF_INDEX, _EF_CONFIG_A, _EF_CONFIG_B = 7000, 9000, 9300, 9600
_THERMOCOUPLES = {"E": 20, "J": 21, "K": 22, "R": 23, "T": 24, "S": 25}
_CELSIUS, _DEVICE_KELVIN = 1, 60052
_NO_READING = -9999.0
# The DAC has 12 bits over 5 V and sets the step nearest to the requested value.
_DAC_STEP = 0.002
_OFF_VOLTS = 0.01  # of a dac that is off: a few steps


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
