"""Switches the power of the ports of a USB hub, through pyusb: requests to the hub's control endpoint, which leave its
driver in the kernel as it is.

Universal Serial Bus Specification 2.0: 11.23.2.1 (hub descriptor; wHubCharacteristics bits 1..0: 00 all ports are
switched together, 01 each on its own, 1x none), 11.24.2 (requests; table 11-16), 11.24.2.2 ClearPortFeature, 11.24.2.5
GetHubDescriptor, 11.24.2.7 GetPortStatus (table 11-21: bit 8 is PORT_POWER), 11.24.2.13 SetPortFeature; table 11-17:
PORT_POWER is 8. Universal Serial Bus 3.2 Specification: 10.15.2.1 (descriptor type 2A), 10.16.2.6.1 (bit 9 is
PORT_POWER). Which port of the other hub a port is, the kernel says (sysfs, `portN/peer`).
"""

import errno
import os
import re
from collections.abc import Callable
from typing import Any, TypeVar

from lager.errors import InstrumentError
from lager.instruments.sessions.session import Session
from lager.nets.model import Instrument

T = TypeVar("T")

_DEVICES = "/sys/bus/usb/devices"
_HUB_CLASS, _SUPER_SPEED = 9, 0x0300
_GET_STATUS, _CLEAR_FEATURE, _SET_FEATURE, _GET_DESCRIPTOR = 0, 1, 3, 6
_FROM_HUB, _TO_PORT, _FROM_PORT = 0xA0, 0x23, 0xA3
_HUB_DESCRIPTOR, _SUPER_HUB_DESCRIPTOR = 0x29, 0x2A
_PORT_POWER = 8
_POWER_BIT, _SUPER_POWER_BIT = 1 << 8, 1 << 9
_EACH_PORT = 0b01


class HubSession(Session):
    """One hub, at the place where it is plugged in: `1-1.4` is port 4 of the hub at port 1 of bus 1."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._hub: Any = None
        self.ports = 0

    def identity(self) -> str:
        with self.exchange():
            vendor, product = self._hub.idVendor, self._hub.idProduct
            return f"USB hub {vendor:04x}:{product:04x} with {self.ports} ports"

    def device(self) -> str:
        return self.identity()

    def is_powered(self, port: int) -> bool:
        """Return whether the port has power from this hub or from the other hub that shares the port."""
        with self.exchange():
            return any(self._powered(hub, number) for hub, number in self._both(port))

    def power(self, port: int, on: bool) -> None:
        """Switch the power of a port."""
        with self.exchange():
            request = _SET_FEATURE if on else _CLEAR_FEATURE
            for hub, number in self._both(port):
                self._transfer(f"power of port {number}", hub, _TO_PORT, request, _PORT_POWER, number, None)

    def load(self) -> None:
        import usb.core  # noqa: F401

    def _both(self, port: int) -> list[tuple[Any, int]]:
        """Return the hub and the port, and those that share its socket, if any."""
        both = [(self._hub, port)]
        if peer := _peer(self.instrument.resource.serial, port):
            other = _find(peer[0])
            if other is not None:
                both.append((other, peer[1]))
        return both

    def _powered(self, hub: Any, port: int) -> bool:
        data = self._transfer(f"status of port {port}", hub, _FROM_PORT, _GET_STATUS, 0, port, 4)
        if len(data) != 4:
            self.bad_reply(f"status of port {port}", bytes(data), "expected 4 bytes")
        status = int.from_bytes(bytes(data[:2]), "little")
        return bool(status & (_SUPER_POWER_BIT if hub.bcdUSB >= _SUPER_SPEED else _POWER_BIT))

    def _transfer(self, what: str, hub: Any, *request: int | None) -> Any:
        timeout = max(1, round(self.instrument.timeout * 1000))
        return self._asked(what, lambda: hub.ctrl_transfer(*request, timeout))

    def _connect(self) -> None:
        place = self.instrument.resource.serial
        self._hub = self._asked("device list", lambda: _find(place))
        if self._hub is None:
            self.unreachable(f"there is no hub at {place}")
        kind = _SUPER_HUB_DESCRIPTOR if self._hub.bcdUSB >= _SUPER_SPEED else _HUB_DESCRIPTOR
        data = self._transfer("hub descriptor", self._hub, _FROM_HUB, _GET_DESCRIPTOR, kind << 8, 0, 71)
        if len(data) < 5 or data[1] != kind:
            self.bad_reply("hub descriptor", bytes(data), "not a hub descriptor")
        self.ports = int(data[2])
        if int(data[3]) & 0b11 != _EACH_PORT:
            how = (
                "can only switch all ports together" if data[3] & 0b11 == 0 else "cannot switch the power of its ports"
            )
            what = f"The hub at {place} {how}."
            raise InstrumentError(what, "Use a hub with per-port power switching.")

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        import usb.core

        try:
            return ask()
        except usb.core.NoBackendError as error:
            how = "Install libusb-1.0 with the package manager of the system."
            raise InstrumentError(f"{self.instrument} needs libusb, which is not installed.", how) from error
        except usb.core.USBTimeoutError:
            self.silent(what)
        except usb.core.USBError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                how = "Give yourself access to the hub with a rule of udev, or run lager as root."
                raise InstrumentError(f"You may not control {self.instrument}.", how) from error
            self.lost(error.strerror or error)

    def _disconnect(self) -> None:
        import usb.util

        usb.util.dispose_resources(self._hub)

    def _connection(self) -> object:
        return self._hub

    def _idle(self) -> bool:
        return True


def _find(place: str) -> Any:
    """Return the hub at this place, or None."""
    import usb.core

    bus, _, ports = place.partition("-")
    wanted = int(bus), tuple(int(port) for port in ports.split(".")) if ports != "0" else ()

    def is_there(device: Any) -> bool:
        return (device.bus, tuple(device.port_numbers or ())) == wanted

    return usb.core.find(bDeviceClass=_HUB_CLASS, custom_match=is_there)


def _peer(place: str, port: int) -> tuple[str, int] | None:
    """Return the hub and the port of the other speed that share the socket of this port; None without one."""
    bus, _, ports = place.partition("-")
    hub, name = (f"{bus}-0", f"usb{bus}") if ports == "0" else (place, place)
    try:
        link = os.readlink(f"{_DEVICES}/{hub}:1.0/{name}-port{port}/peer")
    except OSError:
        return None
    match = re.fullmatch(r"(?:usb(\d+)|(\d+-[\d.]+))-port(\d+)", os.path.basename(link))
    return (match[2] or f"{match[1]}-0", int(match[3])) if match else None
