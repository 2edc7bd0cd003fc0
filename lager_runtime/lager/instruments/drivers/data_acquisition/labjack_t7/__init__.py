"""Drives a LabJack T7: analog inputs and outputs, digital lines, its watchdog.

The source of the facts is LabJack, T-Series Datasheet: 3.1 Modbus Map and the sections that each module names.
"""

from lager.instruments.drivers.data_acquisition.labjack_t7.analog import Adc, Dac, Thermocouple
from lager.instruments.drivers.data_acquisition.labjack_t7.digital import Gpio
from lager.instruments.drivers.data_acquisition.labjack_t7.watchdog import set_watchdog

__all__ = ["Adc", "Dac", "Gpio", "Thermocouple", "set_watchdog"]
