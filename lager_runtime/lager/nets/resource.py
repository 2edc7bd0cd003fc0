"""Parses addresses of instruments into one normal form.

Leases are claimed for the physical instrument, so every spelling of an address must give the same key. The normal form
therefore ignores case, board numbers, default ports and default device names. A serial port is identified by the path
in the nets file, because the target of a udev link may change whenever an adapter is plugged in again; `device` returns
the port that a path points to at the moment.
"""

import hashlib
import ipaddress
import os
import re
import stat
from dataclasses import dataclass
from enum import Enum

MODBUS_PORT = 502
LABJACK_VENDOR = 0x0CD5
# The raw SCPI ports of Keithley and Keysight, and of Rigol: the same instrument as its VXI-11 address.
_SCPI_PORTS = (5025, 5555)
_HISLIP_PORT = 4880  # IVI-6.1 HiSLIP, 3.1
_LOOPBACK = ("127.0.0.1", "::1")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


class Reach(Enum):
    """The transport of an address, which decides which drivers can use it."""

    VISA = "a VISA resource"
    SERIAL = "a serial device path"
    MODBUS = "a Modbus TCP host"
    RTU = "a Modbus RTU line"
    LJM = "a LabJack on USB"
    HUB = "a USB hub"


@dataclass(frozen=True)
class Resource:
    """A parsed address. `place` is its normal form; `host` and `port` are set for TCP, `serial` for USB; it is the
    place of a hub.

    `visa` is the address in the form that pyvisa accepts, with capitals and the resource class at the end. `path` is
    the path of a serial port.
    """

    address: str
    reach: Reach
    place: str
    host: str = ""
    port: int = 0
    serial: str = ""
    visa: str = ""
    path: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether it is a raw TCP connection, where only line ends separate messages."""
        return self.visa.endswith("::SOCKET")

    @property
    def is_serial_line(self) -> bool:
        """Whether it is an instrument on a serial port, whose settings are those of the instrument."""
        return self.reach is Reach.RTU or self.visa.startswith("ASRL")

    @property
    def key(self) -> str:
        """The key of the physical instrument: usable as a file name, and the same for every spelling."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.place.lower()).strip("-")[:40].strip("-")
        return f"{slug}-{hashlib.sha256(self.place.encode()).hexdigest()[:8]}"


def parse(address: str) -> Resource:
    """Parse a VISA resource string, a path, `host[:port]`, `rtu:path`, `usb[:serial]`, or `usbhub:place`.

    Raises ValueError with the reason.
    """
    text = address.strip()
    if not text:
        raise ValueError("an address cannot be empty")
    if not text.isprintable():
        raise ValueError(f"{text[:60]!r} contains unprintable characters")
    if _is_ipv6(text):
        return _modbus(f"[{text}]")
    if ("::" in text and not text.startswith("[")) or re.match(r"asrl(/|\d*$)", text, re.IGNORECASE):
        return _visa(text)
    if re.fullmatch(r"com\d+:?", text, re.IGNORECASE):
        raise ValueError(f"{text!r} is a serial port of Windows; give its path here, such as /dev/ttyUSB0")
    if text.startswith("/"):
        return Resource(text, Reach.SERIAL, _serial_place(text), path=text)
    if rtu := re.fullmatch(r"rtu:(/.+)", text, re.IGNORECASE):
        return Resource(text, Reach.RTU, _serial_place(rtu[1]), path=rtu[1])
    if hub := re.fullmatch(r"usbhub:(.*)", text, re.IGNORECASE):
        return _hub(text, hub[1])
    if re.fullmatch(r"usb(:[A-Za-z0-9]+)?", text, re.IGNORECASE):
        serial = text.partition(":")[2]
        serial = "" if serial.upper() == "ANY" else serial
        return Resource(text, Reach.LJM, f"labjack:{serial or 'any'}", serial=serial)
    return _modbus(text)


def _modbus(text: str) -> Resource:
    match = re.fullmatch(r"\[([^\[\]]+)\](?::(\d+))?", text) or re.fullmatch(r"([^:/\s]+)(?::(\d+))?", text)
    if not match:
        raise ValueError(f"{text!r} is neither a VISA resource, nor a path, nor a host with an optional port")
    host = _ipv6(match[1]) if text[0] == "[" else _host(match[1])
    port = _port(match[2] or str(MODBUS_PORT))
    return Resource(text, Reach.MODBUS, f"tcp:{host}:{port}", host=host, port=port)


def _hub(text: str, place: str) -> Resource:
    """Return a hub by its place, as the kernel names it: bus, hyphen, ports; `1-0` is the root hub of bus 1."""
    if not re.fullmatch(r"[1-9]\d{0,2}-(0|[1-9]\d?(\.[1-9]\d?){0,5})", place):
        raise ValueError(f"{text!r} should read usbhub:BUS-PORT.PORT, such as usbhub:1-1.4")
    return Resource(text, Reach.HUB, f"usbhub:{place}", serial=place)


def _visa(text: str) -> Resource:
    head, *rest = text.split("::")
    match = re.fullmatch(r"(TCPIP|USB|GPIB)([0-9]*)", head, re.IGNORECASE)
    if head[:4].upper() == "ASRL":
        return _asrl(text, head[4:], rest)
    if not match:
        raise ValueError(f"{head!r} is not a VISA interface; use TCPIP, USB, GPIB or ASRL")
    kind, board = match[1].upper(), str(int(match[2] or "0"))
    if kind == "TCPIP" and _names_ipv6(rest):
        raise ValueError(f"{text!r} names an IPv6 address, which pyvisa-py cannot reach; give a host name or IPv4")
    if not rest or not all(rest):
        raise ValueError(f"{text!r} is not a complete VISA resource")
    if kind == "TCPIP":
        return _tcpip(text, board, rest)
    if kind == "USB":
        return _usb(text, board, rest)
    return _gpib(text, board, rest)


def _tcpip(text: str, board: str, rest: list[str]) -> Resource:
    name, comma, given = rest[0].partition(",")
    is_socket = rest[-1].upper() == "SOCKET"
    if is_socket and (len(rest) != 3 or comma):
        raise ValueError(f"{text!r} should read TCPIP::HOST::PORT::SOCKET")
    host = _host(name)
    if is_socket:
        port = _port(rest[1])
        shared = port in _SCPI_PORTS and host not in _LOOPBACK
        visa = f"TCPIP{board}::{host}::{port}::SOCKET"
        return Resource(text, Reach.VISA, f"tcp:{host}" if shared else f"tcp:{host}:{port}", host, port, visa=visa)
    parts = _without_suffix(text, rest)[1:]
    if len(parts) > 1:
        raise ValueError(f"{text!r} should read TCPIP::HOST::INSTR or TCPIP::HOST::DEVICE::INSTR")
    device, port_of_device = _lan_device(parts[0] if parts else "inst0")
    # A VXI-11 port only bypasses the port mapper, so it is ignored; on loopback it distinguishes simulated instruments.
    port = _port(given) if comma else 0
    place = ["tcp", host]
    place += [str(port)] if port and host in _LOOPBACK else []
    place += [device] if device not in ("inst0", "hislip0") else []
    place += [str(port_of_device)] if port_of_device not in (0, _HISLIP_PORT) else []
    address = f"{host},{port}" if port else host
    named = f"{device},{port_of_device}" if port_of_device else device
    visa = f"TCPIP{board}::{address}::{named}::INSTR"
    return Resource(text, Reach.VISA, ":".join(place), host, port, visa=visa)


def _lan_device(text: str) -> tuple[str, int]:
    """Return the LAN device and its port from text such as `hislip0,4880`; the port is 0 if none is given."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(,[0-9]+)*", text):
        raise ValueError(f"{text!r} is not a LAN device name such as inst0 or hislip0")
    name, comma, port = text.lower().partition(",")
    if name.isdigit():
        raise ValueError(f"{text!r} is not a LAN device name; a raw TCP port needs ::SOCKET at the end")
    if comma and name.startswith("inst"):
        raise ValueError(f"{text!r} is not a VXI-11 device; give the port after the host, as in HOST,PORT")
    # In gpib0,5 (a GPIB gateway) the comma is part of the device name.
    return (name, _port(port)) if comma and name.startswith("hislip") else (text.lower(), 0)


def _usb(text: str, board: str, rest: list[str]) -> Resource:
    parts = _without_suffix(text, rest)
    if not 3 <= len(parts) <= 4:
        raise ValueError(f"{text!r} should read USB::VENDOR::PRODUCT::SERIAL::INSTR")
    try:
        vendor, product = int(parts[0], 0), int(parts[1], 0)
        interface = int(parts[3], 0) if len(parts) == 4 else 0
    except ValueError:
        raise ValueError(f"vendor and product in {text!r} should be numbers such as 0x1AB1") from None
    serial = parts[2]
    if not (0 <= vendor <= 0xFFFF and 0 <= product <= 0xFFFF):
        raise ValueError(f"vendor and product in {text!r} should be from 0 to 0xFFFF")
    if re.search(r"[*?\[\]:\s]", serial):
        raise ValueError(f"{serial!r} is not a serial number, and a pattern may match more than one instrument")
    if vendor == LABJACK_VENDOR:
        return Resource(text, Reach.LJM, f"labjack:{serial}", serial=serial)
    place = f"usb:{vendor:04x}:{product:04x}:{serial.lower()}"
    visa = f"USB{board}::0x{vendor:04X}::0x{product:04X}::{serial}::{interface}::INSTR"
    return Resource(text, Reach.VISA, place, serial=serial, visa=visa)


def _gpib(text: str, board: str, rest: list[str]) -> Resource:
    parts = _without_suffix(text, rest)
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and int(part) <= 30 for part in parts):
        raise ValueError(f"{text!r} should read GPIB::ADDRESS::INSTR with an address from 0 to 30")
    numbers = [str(int(part)) for part in parts]
    place = f"gpib:{board}:{':'.join(numbers)}"
    return Resource(text, Reach.VISA, place, visa="::".join([f"GPIB{board}", *numbers, "INSTR"]))


def _asrl(text: str, device: str, rest: list[str]) -> Resource:
    # pyvisa-py opens the path after ASRL; a number is not a serial port on Linux.
    if not device.startswith("/") or [part.upper() for part in rest] not in ([], ["INSTR"]):
        raise ValueError(f"{text!r} should read ASRL/dev/NAME::INSTR")
    return Resource(text, Reach.VISA, _serial_place(device), visa=f"ASRL{device}::INSTR", path=device)


def _serial_place(path: str) -> str:
    # Links are not followed: see `device`.
    return f"serial:/{os.path.normpath(path).lstrip('/')}"


def device(path: str | int) -> str:
    """Return the character device that a path or descriptor points to now, as MAJOR:MINOR; empty if it is none.

    All names of one device give the same result.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if stat.S_ISCHR(found.st_mode) else ""


def _without_suffix(text: str, parts: list[str]) -> list[str]:
    last = parts[-1].upper()
    if last in ("RAW", "INTFC", "SERVANT", "SOCKET"):
        raise ValueError(f"{text!r} ends in {last}, which does not carry SCPI; end it with INSTR")
    kept = parts[:-1] if last == "INSTR" else parts
    if not kept:
        raise ValueError(f"{text!r} is not a complete VISA resource")
    return kept


def _host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is not a valid host name or IPv4 address")
    lowered = host.lower().rstrip(".")
    if re.fullmatch(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)", lowered) and not _is_ipv4(lowered):
        # The C library would read it as another number: 010 is 8, and 127.1 is 127.0.0.1.
        raise ValueError(f"{host!r} is not an IPv4 address; write four numbers without leading zeros")
    return "127.0.0.1" if lowered == "localhost" else lowered


def _names_ipv6(rest: list[str]) -> bool:
    """Return whether the parts after TCPIP are pieces of an IPv6 address that contains `::`."""
    class_of = rest[-1].upper() if rest else ""
    parts = rest[:-2] if class_of == "SOCKET" else rest[:-1] if class_of == "INSTR" else rest
    return "[" in "".join(parts) or (len(parts) > 1 and _is_ipv6("::".join(parts)))


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _ipv6(text: str) -> str:
    """Return the shortest spelling of an IPv6 address; an IPv4-mapped address becomes the IPv4 address."""
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv6 address") from None
    return str(found.ipv4_mapped or found)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is not a TCP port")
    return int(text)
