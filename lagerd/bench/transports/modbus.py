"""Serves the part of Modbus TCP that a LabJack T7 supports, reading and writing registers; and coils.

After the MODBUS Application Protocol Specification V1.1b3 (functions 1, 3, 4, 5, 6 and 16; exceptions, section 7)
and the MODBUS Messaging on TCP/IP Implementation Guide V1.0b (the header). It does not use the server of the library
that the driver uses, for two reasons: a mistake in a shared framer would be invisible to every test, and that server
cannot inject half a frame, a wrong transaction or a dead connection.
"""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from lagerd.bench.faults import Fault, spoil
from lagerd.bench.models.data_acquisition.labjack_t7 import T7, ModbusError
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.transports.tcp import Peer, TcpServer

ILLEGAL_FUNCTION, ILLEGAL_VALUE = 1, 3
HEADER = struct.Struct(">HHHB")
MAX_READ, MAX_WRITE = 125, 123
LONGEST = 254
MOST_COILS = 2000
ON, OFF = 0xFF00, 0x0000

Device: TypeAlias = T7 | ModbusRelays


class ModbusPeer(Peer):
    def __init__(self, peers: set[Peer], device: Device) -> None:
        super().__init__(peers)
        self._device = device

    def step(self) -> bool:
        if len(self.pending) < HEADER.size:
            return False
        transaction, protocol, length, unit = HEADER.unpack_from(self.pending)
        if protocol != 0 or not 2 <= length <= LONGEST:
            # The start of the next frame cannot be found.
            self.cut()
            return True
        end = HEADER.size - 1 + length
        if len(self.pending) < end:
            return False
        request = bytes(self.pending[HEADER.size : end])
        del self.pending[:end]
        self._device.faults.begin()
        self._answer(transaction, unit, respond(self._device, request))
        return True

    def _answer(self, transaction: int, unit: int, response: bytes) -> None:
        fault = self._device.faults.spend()
        if fault is Fault.CUT:
            self.cut()
            return
        other = frame((transaction + 1) & 0xFFFF, unit, response)
        self.send(spoil(fault, frame(transaction, unit, response), other), self._device.faults.latency)


class ModbusServer:
    """A Modbus device at `host:port`."""

    def __init__(self, device: Device) -> None:
        self._tcp = TcpServer(lambda peers: ModbusPeer(peers, device))

    async def start(self, _place: Path) -> str:
        return f"127.0.0.1:{await self._tcp.start()}"

    async def close(self) -> None:
        await self._tcp.close()


def frame(transaction: int, unit: int, response: bytes) -> bytes:
    return HEADER.pack(transaction, 0, len(response) + 1, unit) + response


def respond(device: Device, request: bytes) -> bytes:
    """Return the response to a request, both without their header: a function code and its data."""
    function, data = request[0], request[1:]
    handlers = _REGISTERS if isinstance(device, T7) else _COILS
    try:
        if function not in handlers:
            raise ModbusError(ILLEGAL_FUNCTION)
        return bytes([function]) + handlers[function](device, data)
    except ModbusError as error:
        return bytes([function | 0x80, error.code])


def _read(device: T7, data: bytes) -> bytes:
    address, count = _pair(data)
    if not 1 <= count <= MAX_READ:
        raise ModbusError(ILLEGAL_VALUE)
    words = device.read(address, count)
    return bytes([2 * count]) + struct.pack(f">{count}H", *words)


def _write_one(device: T7, data: bytes) -> bytes:
    address, word = _pair(data)
    device.write(address, [word])
    return data


def _write_many(device: T7, data: bytes) -> bytes:
    address, count = _pair(data[:4])
    if not 1 <= count <= MAX_WRITE or len(data) != 5 + 2 * count or data[4] != 2 * count:
        raise ModbusError(ILLEGAL_VALUE)
    device.write(address, list(struct.unpack(f">{count}H", data[5:])))
    return data[:4]


def _read_coils(device: ModbusRelays, data: bytes) -> bytes:
    address, count = _pair(data)
    if not 1 <= count <= MOST_COILS:
        raise ModbusError(ILLEGAL_VALUE)
    bits = sum(on << place for place, on in enumerate(device.read_coils(address, count)))
    return bytes([(count + 7) // 8]) + bits.to_bytes((count + 7) // 8, "little")


def _write_coil(device: ModbusRelays, data: bytes) -> bytes:
    address, word = _pair(data)
    if word not in (ON, OFF):
        raise ModbusError(ILLEGAL_VALUE)
    device.write_coil(address, word == ON)
    return data


_REGISTERS: Mapping[int, Callable[[Any, bytes], bytes]] = {3: _read, 4: _read, 6: _write_one, 16: _write_many}
_COILS: Mapping[int, Callable[[Any, bytes], bytes]] = {1: _read_coils, 5: _write_coil}


def _pair(data: bytes) -> tuple[int, int]:
    if len(data) != 4:
        raise ModbusError(ILLEGAL_VALUE)
    first, second = struct.unpack(">HH", data)
    return first, second
