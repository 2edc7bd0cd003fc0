"""Where an instrument is: one normal form for every way its address can be written.

Leases are taken on the physical instrument, so two spellings of one address must give one key: case, board
numbers, default ports and device names, and the symlinks of /dev are all taken out.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from enum import Enum

MODBUS_PORT = 502
LABJACK_VENDOR = 0x0CD5
# The raw SCPI ports of Rigol, and of Keithley and Keysight: the same instrument as its VXI-11 address.
_SCPI_PORTS = (5025, 5555)
_LOOPBACK = ("127.0.0.1", "::1")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


class Reach(Enum):
    """By what an address is reached; which driver may use it follows from that."""

    VISA = "a VISA resource"
    SERIAL = "a serial device path"
    MODBUS = "a host of Modbus TCP"
    LJM = "a LabJack on USB"


@dataclass(frozen=True)
class Resource:
    """A parsed address. `place` is its normal form; `host` and `port` are set for TCP, `serial` for USB."""

    address: str
    reach: Reach
    place: str
    host: str = ""
    port: int = 0
    serial: str = ""

    @property
    def key(self) -> str:
        """The identity of the physical instrument: fit for a file name, the same for every spelling."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.place.lower()).strip("-")[:40].strip("-")
        return f"{slug}-{hashlib.sha256(self.place.encode()).hexdigest()[:8]}"


def parse(address: str) -> Resource:
    """Read a VISA resource string, a path, `host[:port]`, or `usb[:serial]`. Raises ValueError with the reason."""
    text = address.strip()
    if not text:
        raise ValueError("an address cannot be empty")
    if not text.isprintable():
        raise ValueError(f"{text[:60]!r} holds characters that cannot be printed")
    if "::" in text and not text.startswith("["):
        return _visa(text)
    if text.startswith("/"):
        return Resource(text, Reach.SERIAL, _serial_place(text))
    if re.fullmatch(r"usb(:[A-Za-z0-9]+)?", text, re.IGNORECASE):
        serial = text.partition(":")[2]
        return Resource(text, Reach.LJM, f"labjack:{serial or 'any'}", serial=serial)
    return _modbus(text)


def _modbus(text: str) -> Resource:
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d+))?", text) or re.fullmatch(r"([^:/\s]+)(?::(\d+))?", text)
    if not match or (text[0] != "[" and not _HOST.fullmatch(match[1])):
        raise ValueError(f"{text!r} is neither a VISA resource, nor a path, nor a host with an optional port")
    host, port = _host(match[1]), _port(match[2] or str(MODBUS_PORT))
    return Resource(text, Reach.MODBUS, f"tcp:{host}:{port}", host=host, port=port)


def _visa(text: str) -> Resource:
    head, *rest = text.split("::")
    match = re.fullmatch(r"(TCPIP|USB|GPIB)(\d*)", head, re.IGNORECASE)
    if head[:4].upper() == "ASRL":
        return _asrl(text, head[4:], rest)
    if not match:
        raise ValueError(f"{head!r} is no VISA interface; TCPIP, USB, GPIB and ASRL are")
    if not rest or not all(rest):
        raise ValueError(f"{text!r} is not a complete VISA resource")
    kind = match[1].upper()
    if kind == "TCPIP":
        return _tcpip(text, rest)
    if kind == "USB":
        return _usb(text, rest)
    return Resource(text, Reach.VISA, f"gpib:{match[2] or '0'}:{':'.join(_without_suffix(rest)).lower()}")


def _tcpip(text: str, rest: list[str]) -> Resource:
    host = _host(rest[0])
    if rest[-1].upper() == "SOCKET":
        if len(rest) != 3:
            raise ValueError(f"{text!r} should read TCPIP::HOST::PORT::SOCKET")
        port = _port(rest[1])
        shared = port in _SCPI_PORTS and host not in _LOOPBACK
        return Resource(text, Reach.VISA, f"tcp:{host}" if shared else f"tcp:{host}:{port}", host=host, port=port)
    device = [part.lower() for part in _without_suffix(rest)[1:] if part.lower() not in ("inst0", "hislip0")]
    return Resource(text, Reach.VISA, ":".join(["tcp", host, *device]), host=host)


def _usb(text: str, rest: list[str]) -> Resource:
    if len(rest) < 3:
        raise ValueError(f"{text!r} should read USB::VENDOR::PRODUCT::SERIAL::INSTR")
    try:
        vendor, product = int(rest[0], 0), int(rest[1], 0)
    except ValueError:
        raise ValueError(f"vendor and product in {text!r} should be numbers such as 0x1AB1") from None
    serial = rest[2]
    if vendor == LABJACK_VENDOR:
        return Resource(text, Reach.LJM, f"labjack:{serial}", serial=serial)
    return Resource(text, Reach.VISA, f"usb:{vendor:04x}:{product:04x}:{serial.lower()}", serial=serial)


def _asrl(text: str, device: str, rest: list[str]) -> Resource:
    if not device or (rest and rest != ["INSTR"] and [rest[0].upper(), *rest[1:]] != ["INSTR"]):
        raise ValueError(f"{text!r} should read ASRL/dev/NAME::INSTR")
    return Resource(text, Reach.VISA, _serial_place(device))


def _serial_place(path: str) -> str:
    # The symlinks of udev (/dev/serial/by-id) and the names of the kernel are one device.
    return f"serial:{os.path.realpath(path) if path.startswith('/') else path}"


def _without_suffix(parts: list[str]) -> list[str]:
    return parts[:-1] if parts[-1].upper() == "INSTR" else parts


def _host(host: str) -> str:
    lowered = host.lower().rstrip(".")
    return "127.0.0.1" if lowered == "localhost" else lowered


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is not a TCP port")
    return int(text)
