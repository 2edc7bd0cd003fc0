"""Exchanges with a LabJack T7 over Modbus TCP, by scenario: a list of (request, reply), both the bytes of one frame.

Written from LabJack, T-Series Datasheet, 3.1 Modbus Map, and the Modbus Messaging Guide: transaction (counted by the
client from 1), protocol 0, length, unit 1, function, data. Function 3 reads registers, 16 writes them; 0x83 and a code
is a refusal. Floats are big-endian, the high word first.
"""

import struct

Exchange = tuple[bytes, bytes]


def _frame(transaction: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 1) + pdu


def read(transaction: int, address: int, kind: str, value: float) -> Exchange:
    data = struct.pack(f">{kind}", value)
    request = struct.pack(">BHH", 3, address, len(data) // 2)
    return _frame(transaction, request), _frame(transaction, struct.pack(">BB", 3, len(data)) + data)


def write(transaction: int, address: int, kind: str, value: float) -> Exchange:
    data = struct.pack(f">{kind}", value)
    head = struct.pack(">BHH", 16, address, len(data) // 2)
    return _frame(transaction, head + bytes([len(data)]) + data), _frame(transaction, head)


def refused(exchange: Exchange, code: int) -> Exchange:
    request, _ = exchange
    transaction = struct.unpack_from(">H", request)[0]
    return request, _frame(transaction, bytes([request[7] | 0x80, code]))


# PRODUCT_ID is 7 on a T7.
OPEN = [read(1, 60000, "f", 7.0)]
# AIN3: range 10 V, single-ended (199), resolution by default.
OPEN_ADC = [*OPEN, write(2, 40006, "f", 10.0), write(3, 41003, "H", 199), write(4, 41503, "H", 0)]
READ_ADC = [*OPEN_ADC, read(5, 6, "f", 3.2987)]
READ_ADC_OVERLOAD = [*OPEN_ADC, read(5, 6, "f", -9999.0)]
READ_ADC_NAN = [*OPEN_ADC, read(5, 6, "f", float("nan"))]
SET_DAC = [*OPEN, write(2, 1000, "f", 2.5), read(3, 1000, "f", 2.5)]
# Line 4 is FIO4; bit 4 of DIO_STATE, which is read without changing the direction.
READ_GPIO = [*OPEN, read(2, 2800, "I", 0b1_0000)]
SET_GPIO = [*OPEN, write(2, 2004, "H", 1), read(3, 2800, "I", 0b1_0000)]
SET_GPIO_IN_VAIN = [*OPEN, write(2, 2004, "H", 1), read(3, 2800, "I", 0)]
# Reading DIO4 makes it an input; bit 4 of DIO_DIRECTION says so.
RELEASE_GPIO = [*OPEN, read(2, 2004, "H", 1), read(3, 2850, "I", 0b1111), read(4, 2800, "I", 0b1_0000)]
WAIT_FOR_HIGH = [*OPEN, read(2, 2800, "I", 0b1111), read(3, 2800, "I", 0), read(4, 2800, "I", 0b1_0000)]
WRONG_PRODUCT = [read(1, 60000, "f", 4.0)]
REFUSED = [*OPEN, refused(read(2, 2800, "I", 0), 2)]
