"""Serves coils on a serial port in Modbus RTU.

After MODBUS over Serial Line, Specification and Implementation Guide V1.02: 2.2 (a request to address 0 is carried out
and not answered), 2.5.1 (the frame), 6.2.2 (the CRC). Like `modbus`, it does not use the library of the driver. Each
request that it knows has eight bytes; the gaps that would separate others cannot be seen on a pseudo-terminal.
"""

from lagerd.bench.faults import spoil
from lagerd.bench.transports.modbus import respond
from lagerd.bench.transports.terminal import Port

REQUEST = 8
UNITS = range(1, 248)


class RtuPort(Port):
    """A line with a device that answers as every unit."""

    def _receive(self, data: bytes) -> None:
        self._pending += data
        while len(self._pending) >= REQUEST:
            request = bytes(self._pending[:REQUEST])
            if crc(request) != 0:
                self._pending.clear()  # not a valid frame: a device does not answer
                return
            del self._pending[:REQUEST]
            self._device.faults.begin()
            unit, response = request[0], respond(self._device, request[1:-2])
            if unit in UNITS:
                wrong = frame(unit % len(UNITS) + 1, response)
                self._answer(spoil(self._device.faults.spend(), frame(unit, response), wrong))


def frame(unit: int, response: bytes) -> bytes:
    body = bytes([unit]) + response
    return body + crc(body).to_bytes(2, "little")


def crc(data: bytes) -> int:
    """Return the CRC of some bytes. The CRC of a whole frame is 0."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value
