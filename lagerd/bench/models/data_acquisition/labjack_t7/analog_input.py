"""An analog input of a LabJack T7, with a thermocouple if one is connected.

After the T-Series Datasheet, 14.0 Analog Inputs and 14.1.1 Thermocouple.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lagerd.bench.models.data_acquisition.labjack_t7.registers import DEVICE_FAILURE, ModbusError

SINGLE_ENDED = 199
THERMOCOUPLES = range(20, 26)
COLD_JUNCTION, NO_READING = 60052, -9999.0


def nothing() -> float:
    """Return the voltage at an open input."""
    return 0.0


@dataclass
class AnalogInput:
    source: Callable[[], float] = nothing
    range: float = 10.0
    negative: int = SINGLE_ENDED
    resolution: int = 0
    settling: float = 0.0
    celsius: Callable[[], float] | None = None
    """The temperature at the thermocouple that is connected to it, if there is one."""
    feature: int = 0
    feature_unit: int = 0
    cold_junction: int = COLD_JUNCTION

    def select_feature(self, index: float) -> None:
        """Select an extended feature, and reset its configuration to the factory defaults."""
        if index not in (0, *THERMOCOUPLES):
            raise ModbusError(DEVICE_FAILURE)
        self.feature, self.feature_unit, self.cold_junction = int(index), 0, COLD_JUNCTION

    def feature_reading(self) -> float:
        """Return the temperature of the thermocouple in the selected unit; -9999 if it is not set up or not
        connected."""
        if self.feature not in THERMOCOUPLES or self.celsius is None or self.cold_junction != COLD_JUNCTION:
            return NO_READING
        celsius = self.celsius()
        return (celsius + 273.15, celsius, celsius * 1.8 + 32)[self.feature_unit]
