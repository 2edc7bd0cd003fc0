"""A Modbus register of a LabJack T7: one value, its format, and the functions that read and write it."""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

ILLEGAL_ADDRESS, DEVICE_FAILURE = 2, 4


class ModbusError(Exception):
    """An error that is answered with a Modbus exception."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Register:
    """One value: its format in 16-bit registers, how to read it, and how to write it if it is writable."""

    layout: str
    read: Callable[[], float] | None
    write: Callable[[float], None] | None = None

    @property
    def size(self) -> int:
        return struct.calcsize(self.layout) // 2

    def words(self) -> tuple[int, ...]:
        if self.read is None:
            raise ModbusError(ILLEGAL_ADDRESS)
        value = self.read()
        raw = struct.pack(self.layout, value if self.layout == ">f" else int(value))
        return struct.unpack(f">{self.size}H", raw)

    def put(self, words: tuple[int, ...]) -> None:
        if self.write is None:
            raise ModbusError(ILLEGAL_ADDRESS)
        (value,) = struct.unpack(self.layout, struct.pack(f">{self.size}H", *words))
        if not math.isfinite(value):
            raise ModbusError(DEVICE_FAILURE)
        self.write(value)
