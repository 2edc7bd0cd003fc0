"""LabJack T7: analog inputs, two DACs and digital lines behind Modbus registers.

After the T-Series Datasheet: 3.1 Modbus Map (register numbers and types), 13.0 Digital I/O (writing a DIO
register makes the line an output, reading one makes it an input; DIO_STATE and DIO_DIRECTION do neither),
14.0 Analog Inputs and 14.1.1 Thermocouple (ranges, negative channel, resolution; AIN14 is the sensor inside, AIN15
its ground; what AIN_ALL_RANGE and its like read where the channels differ), 15.0 DAC (0 to 5 V) and 23.0 Device
Information (HARDWARE_INSTALLED, TEMPERATURE_DEVICE_K), and its Watchdog. Values are big-endian, the high word first.
"""

import time
from collections.abc import Callable

from lagerd.bench.faults import Faults
from lagerd.bench.models.data_acquisition.labjack_t7.analog_input import SINGLE_ENDED, AnalogInput
from lagerd.bench.models.data_acquisition.labjack_t7.digital_line import Line
from lagerd.bench.models.data_acquisition.labjack_t7.registers import (
    DEVICE_FAILURE,
    ILLEGAL_ADDRESS,
    ModbusError,
    Register,
)
from lagerd.bench.physics.circuit import Noise, quiet
from lagerd.bench.physics.watchdog import Watchdog

RANGES = (10.0, 1.0, 0.1, 0.01)
EFFECTIVE_BITS = (19.1, 16.0, 16.5, 17.0, 17.5, 17.9, 18.3, 18.8, 19.1)
"""By resolution index; index 0 is the default, which on a T7 is 8. Datasheet appendix A-3-1."""
DAC_FULL_SCALE = 5.0
DAC_STEP = 5.0 / 4096
LINES = 23
PORTS = ((0, 8), (8, 8), (16, 4), (20, 3))
"""FIO, EIO, CIO and MIO: the first line of each, and how many it has."""
TEMPERATURE, KELVIN = 14, 298.15
DIFFERENT = {">f": -9999.0, ">H": 0xFFFF}
WATCHDOG_SETTINGS = {61604: ">I", 61602: ">I", 61610: ">I", 61620: ">I", 61630: ">I", 61632: ">I", 61634: ">I",
                     61636: ">I", 61640: ">I", 61642: ">f", 61650: ">I", 61652: ">f"}  # fmt: skip


class T7:
    model = "T7"

    def __init__(self, serial: int = 470000001, clock: Callable[[], float] = time.monotonic) -> None:
        self.faults = Faults()
        self.watchdog = Watchdog(clock)
        self.watchdog_settings = dict.fromkeys(WATCHDOG_SETTINGS, 0.0)
        self.changed: Callable[[], None] = lambda: None
        self.noise: Noise = quiet
        self.inputs = [AnalogInput() for _ in range(16)]
        self.inputs[TEMPERATURE].source = lambda: (467.6 - KELVIN) / 92.6
        self.dacs = [0.0, 0.0]
        self.lines = [Line() for _ in range(LINES)]
        self._inhibit = 0
        self._registers = self._build(serial)

    def read(self, address: int, count: int) -> list[int]:
        """Return the words of `count` registers; a value cannot be read in part."""
        self._hear()
        self.changed()
        words: list[int] = []
        while len(words) < count:
            words += self._at(address + len(words), count - len(words)).words()
        return words

    def write(self, address: int, words: list[int]) -> None:
        self._hear()
        plan, place = [], 0
        while place < len(words):
            register = self._at(address + place, len(words) - place)
            plan.append((register, tuple(words[place : place + register.size])))
            place += register.size
        for register, part in plan:
            register.put(part)
        self.changed()

    def _at(self, address: int, room: int) -> Register:
        register = self._registers.get(address)
        if register is None or register.size > room:
            raise ModbusError(ILLEGAL_ADDRESS)
        return register

    def _build(self, serial: int) -> dict[int, Register]:
        registers = {
            2800: Register(">I", self._states, self._set_states),
            2850: Register(">I", self._directions, self._set_directions),
            2900: Register(">I", lambda: self._inhibit, lambda mask: setattr(self, "_inhibit", int(mask))),
            43900: self._every(">f", "range", self._set_range),
            43902: Register(">H", self._all_negatives, self._set_all_negatives),
            43903: self._every(">H", "resolution", self._set_resolution),
            43904: self._every(">f", "settling", self._set_settling),
            **self._about(serial),
            **self._watchdog(),
        }
        for number, (first, count) in enumerate(PORTS):
            registers |= self._port(number, first, count)
        for number in range(len(self.inputs)):
            registers |= self._analog(number)
        for number in range(len(self.dacs)):
            registers[1000 + 2 * number] = self._dac(number)
        for number in range(LINES):
            registers[2000 + number] = self._digital(number)
        return registers

    def _about(self, serial: int) -> dict[int, Register]:
        """Return the test registers and the device information."""
        return {
            55100: Register(">I", lambda: 0x00112233),
            55110: Register(">H", lambda: 0x0011),
            55120: Register(">I", lambda: 0x00112233),
            55122: Register(">I", lambda: 0x80112233),
            55124: Register(">f", lambda: -9999.0),
            60000: Register(">f", lambda: 4.0 if self.faults.other_idn else 7.0),
            60002: Register(">f", lambda: 1.35),
            60004: Register(">f", lambda: 1.0307),
            60010: Register(">I", lambda: 0),  # no second converter, WiFi, clock or card
            60028: Register(">I", lambda: serial),
            60050: Register(">f", lambda: KELVIN - 3),
            60052: Register(">f", lambda: KELVIN),
        }

    # Watchdog

    def _watchdog(self) -> dict[int, Register]:
        kept = {
            address: Register(
                layout,
                lambda address=address: self.watchdog_settings[address],  # type: ignore[misc]
                lambda value, address=address: self._set_watchdog(address, value),  # type: ignore[misc]
            )
            for address, layout in WATCHDOG_SETTINGS.items()
        }
        return {**kept, 61600: Register(">I", lambda: self.watchdog.armed, lambda on: self.watchdog.arm(bool(on)))}

    def _set_watchdog(self, address: int, value: float) -> None:
        """Change a setting; the watchdog must be disabled for that."""
        if self.watchdog.armed:
            raise ModbusError(DEVICE_FAILURE)
        self.watchdog_settings[address] = value
        self.watchdog.seconds = self.watchdog_settings[61604]

    def _hear(self) -> None:
        self.run_out()
        self.watchdog.hear()

    def run_out(self) -> None:
        """Carry out the action of the watchdog if it has expired."""
        if not self.watchdog.expired():
            return
        settings = self.watchdog_settings
        for number in range(len(self.dacs)):
            if settings[61640 + 10 * number]:
                self._set_dac(number, settings[61642 + 10 * number])
        for number, line in enumerate(self.lines):
            if settings[61630] and not int(settings[61636]) >> number & 1:
                line.output = bool(int(settings[61634]) >> number & 1)
                line.state = bool(int(settings[61632]) >> number & 1)

    # Analog

    def _every(self, layout: str, name: str, put: Callable[[AnalogInput, float], None]) -> Register:
        """Return the register of one setting of all inputs together."""

        def read() -> float:
            values = {float(getattr(mine, name)) for mine in self.inputs}
            return values.pop() if len(values) == 1 else DIFFERENT[layout]

        def write(value: float) -> None:
            for mine in self.inputs:
                put(mine, value)

        return Register(layout, read, write)

    def _all_negatives(self) -> float:
        """Return 1 if all are differential (only even channels are positive inputs), 199 if all are single-ended."""
        if all(mine.negative == SINGLE_ENDED for mine in self.inputs):
            return SINGLE_ENDED
        even = all(mine.negative == 2 * number + 1 for number, mine in enumerate(self.inputs[::2]))
        return 1 if even else DIFFERENT[">H"]

    def _set_all_negatives(self, value: float) -> None:
        if value not in (1, SINGLE_ENDED):
            raise ModbusError(DEVICE_FAILURE)
        for number, mine in enumerate(self.inputs):
            mine.negative = number + 1 if value == 1 and number % 2 == 0 else SINGLE_ENDED

    def _set_settling(self, mine: AnalogInput, micros: float) -> None:
        mine.settling = max(0.0, micros)

    def _analog(self, number: int) -> dict[int, Register]:
        mine = self.inputs[number]
        return {
            2 * number: Register(">f", lambda: self._volts(number)),
            40000 + 2 * number: Register(">f", lambda: mine.range, lambda volts: self._set_range(mine, volts)),
            41000 + number: Register(">H", lambda: mine.negative, lambda other: self._set_negative(number, other)),
            41500 + number: Register(">H", lambda: mine.resolution, lambda index: self._set_resolution(mine, index)),
            7000 + 2 * number: Register(">f", mine.feature_reading),
            9000 + 2 * number: Register(">I", lambda: mine.feature, mine.select_feature),
            9300 + 2 * number: Register(
                ">I", lambda: mine.feature_unit, lambda unit: setattr(mine, "feature_unit", min(int(unit), 2))
            ),
            9600 + 2 * number: Register(
                ">I", lambda: mine.cold_junction, lambda place: setattr(mine, "cold_junction", int(place))
            ),
            42000 + 2 * number: Register(">f", lambda: mine.settling, lambda micros: self._set_settling(mine, micros)),
        }

    def _volts(self, number: int) -> float:
        """Return the reading: quantised to the effective resolution, and clipped a little beyond the range."""
        mine = self.inputs[number]
        volts = mine.source() + self.noise()
        if mine.negative != SINGLE_ENDED:
            volts -= self.inputs[mine.negative].source()
        step = 2 * mine.range / 2 ** EFFECTIVE_BITS[mine.resolution]
        return max(-1.06 * mine.range, min(1.06 * mine.range, round(volts / step) * step))

    def _set_range(self, mine: AnalogInput, volts: float) -> None:
        """Select the smallest range that includes the highest expected voltage; 0 selects the default, 10 V."""
        if volts < 0 or volts > RANGES[0]:
            raise ModbusError(DEVICE_FAILURE)
        fitting = [known for known in RANGES if volts <= known * 1.0001]
        mine.range = fitting[-1] if volts else RANGES[0]

    def _set_negative(self, number: int, other: float) -> None:
        """Set the negative input: single-ended, or the odd neighbour of an even channel."""
        if other != SINGLE_ENDED and (number % 2 or other != number + 1):
            raise ModbusError(DEVICE_FAILURE)
        self.inputs[number].negative = int(other)

    def _set_resolution(self, mine: AnalogInput, index: float) -> None:
        """Set the resolution index. 9 to 12 need the second converter of a T7-Pro."""
        if not 0 <= index < len(EFFECTIVE_BITS):
            raise ModbusError(DEVICE_FAILURE)
        mine.resolution = int(index)

    def _dac(self, number: int) -> Register:
        return Register(">f", lambda: self.dacs[number], lambda volts: self._set_dac(number, volts))

    def _set_dac(self, number: int, volts: float) -> None:
        pinned = max(0.0, min(volts, DAC_FULL_SCALE))
        self.dacs[number] = round(pinned / DAC_STEP) * DAC_STEP

    # Digital

    def _digital(self, number: int) -> Register:
        line = self.lines[number]

        def read() -> float:
            line.output = False
            return line.level

        def write(value: float) -> None:
            line.output, line.state = True, bool(value)

        return Register(">H", read, write)

    def _port(self, number: int, first: int, count: int) -> dict[int, Register]:
        """Return the state and direction registers of a port; the upper byte of a written value masks lines."""
        lines = self.lines[first : first + count]

        def write(name: str, value: float) -> None:
            for place, line in enumerate(lines):
                if not int(value) >> 8 + place & 1:
                    setattr(line, name, bool(int(value) >> place & 1))

        return {
            2500 + number: Register(
                ">H",
                lambda: sum(line.level << place for place, line in enumerate(lines)),
                lambda value: write("state", value),
            ),
            2600 + number: Register(
                ">H",
                lambda: sum(line.output << place for place, line in enumerate(lines)),
                lambda value: write("output", value),
            ),
        }

    def _states(self) -> int:
        return sum(line.level << number for number, line in enumerate(self.lines))

    def _set_states(self, mask: float) -> None:
        for number, line in self._uninhibited():
            line.state = bool(int(mask) >> number & 1)

    def _directions(self) -> int:
        return sum(line.output << number for number, line in enumerate(self.lines))

    def _set_directions(self, mask: float) -> None:
        for number, line in self._uninhibited():
            line.output = bool(int(mask) >> number & 1)

    def _uninhibited(self) -> list[tuple[int, Line]]:
        return [(number, line) for number, line in enumerate(self.lines) if not self._inhibit >> number & 1]
