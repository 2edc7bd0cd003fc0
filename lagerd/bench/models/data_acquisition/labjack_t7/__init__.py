"""LabJack T7: analog inputs, two DACs and digital lines behind Modbus registers."""

from lagerd.bench.models.data_acquisition.labjack_t7.digital_line import tie
from lagerd.bench.models.data_acquisition.labjack_t7.registers import ILLEGAL_ADDRESS, ModbusError
from lagerd.bench.models.data_acquisition.labjack_t7.t7 import T7

__all__ = ["ILLEGAL_ADDRESS", "T7", "ModbusError", "tie"]
