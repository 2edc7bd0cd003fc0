"""A relay module behind Modbus TCP: coils 0 to 15 of each unit.

After the MODBUS Application Protocol Specification V1.1b3: 6.1 Read Coils, 6.5 Write Single Coil.
"""

from lagerd.bench.faults import Faults
from lagerd.bench.models.data_acquisition.labjack_t7 import ILLEGAL_ADDRESS, ModbusError

COILS = 16


class ModbusRelays:
    model = "modbus-coils"

    def __init__(self) -> None:
        self.faults = Faults()
        self.coils = [False] * COILS

    def read_coils(self, address: int, count: int) -> list[bool]:
        if address + count > COILS:
            raise ModbusError(ILLEGAL_ADDRESS)
        return self.coils[address : address + count]

    def write_coil(self, address: int, on: bool) -> None:
        if address >= COILS:
            raise ModbusError(ILLEGAL_ADDRESS)
        self.coils[address] = on
