"""A USB device that speaks USBTMC, behind a backend for pyusb: what pyvisa-py finds and talks to instead of libusb.

USB Test and Measurement Class, revision 1.0: bulk transfers (3), GET_CAPABILITIES (4.2.1.8), INITIATE_CLEAR (4.2.1.6).
"""

import array
import struct
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

VENDOR, PRODUCT, SERIAL = 0x1AB1, 0x0E11, "SIM0000001"
VISA = f"USB0::0x{VENDOR:04X}::0x{PRODUCT:04X}::{SERIAL}::INSTR"
_OUT, _IN = 0x01, 0x82
_STRINGS = {1: "Simulated", 2: "Instrument", 3: SERIAL}
_GET_DESCRIPTOR, _INITIATE_CLEAR, _CHECK_CLEAR, _CAPABILITIES = 6, 5, 6, 7
_SUCCESS = 1


class UsbtmcBackend(usb.backend.IBackend):  # type: ignore[misc]
    """A bus with one instrument. Each message that is written is put to `answer`; what that returns can be read."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._written = self._unread = b""
        self._wanted: tuple[int, int] = (0, 0)
        self.opened = 0

    def enumerate_devices(self) -> Iterator[int]:
        yield 0

    def get_parent(self, dev: Any) -> None:
        return None

    def get_device_descriptor(self, dev: Any) -> SimpleNamespace:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=VENDOR, idProduct=PRODUCT, bcdDevice=0x100, iManufacturer=1, iProduct=2,
            iSerialNumber=3, bNumConfigurations=1, address=1, bus=1, port_number=1, port_numbers=(1,), speed=3,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: Any, config: int) -> SimpleNamespace:
        if config:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=32, bNumInterfaces=1, bConfigurationValue=1, iConfiguration=0,
            bmAttributes=0xC0, bMaxPower=0, extra_descriptors=[],
        )  # fmt: skip

    def get_interface_descriptor(self, dev: Any, intf: int, alt: int, config: int) -> SimpleNamespace:
        if intf or alt:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=2,
            bInterfaceClass=0xFE, bInterfaceSubClass=3, bInterfaceProtocol=1, iInterface=0, extra_descriptors=[],
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: Any, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=(_OUT, _IN)[ep], bmAttributes=2, wMaxPacketSize=512,
            bInterval=0, bRefresh=0, bSynchAddress=0, extra_descriptors=[],
        )  # fmt: skip

    def open_device(self, dev: Any) -> object:
        self.opened += 1
        return object()

    def close_device(self, dev_handle: Any) -> None:
        self.opened -= 1

    def set_configuration(self, dev_handle: Any, config_value: int) -> None: ...

    def get_configuration(self, dev_handle: Any) -> int:
        return 1

    def claim_interface(self, dev_handle: Any, intf: int) -> None: ...

    def release_interface(self, dev_handle: Any, intf: int) -> None: ...

    def is_kernel_driver_active(self, dev_handle: Any, intf: int) -> bool:
        return False

    def clear_halt(self, dev_handle: Any, ep: int) -> None: ...

    def bulk_write(self, dev_handle: Any, ep: int, intf: int, data: Any, timeout: int) -> int:
        raw = bytes(data)
        kind, tag = raw[0], raw[1]
        size, attributes = struct.unpack_from("<LB", raw, 4)
        if kind == 1:  # DEV_DEP_MSG_OUT
            self._written += raw[12 : 12 + size]
            if attributes & 1:
                self._unread = self._answer(self._written) or b""
                self._written = b""
        else:  # REQUEST_DEV_DEP_MSG_IN
            self._wanted = (tag, size)
        return len(raw)

    def bulk_read(self, dev_handle: Any, ep: int, intf: int, buff: Any, timeout: int) -> int:
        if not self._unread:
            raise usb.core.USBTimeoutError("Operation timed out", errno=110)
        tag, size = self._wanted
        part, self._unread = self._unread[:size], self._unread[size:]
        message = struct.pack("<BBBxLBxxx", 2, tag, ~tag & 0xFF, len(part), not self._unread) + part
        message += bytes(-len(message) % 4)
        buff[: len(message)] = array.array("B", message)
        return len(message)

    def ctrl_transfer(
        self, dev_handle: Any, request_type: int, request: int, value: int, index: int, data: Any, timeout: int
    ) -> int:
        if request_type & 0x60 == 0 and request == _GET_DESCRIPTOR:
            text = struct.pack("<H", 0x0409) if value & 0xFF == 0 else _STRINGS[value & 0xFF].encode("utf-16-le")
            answer = bytes([len(text) + 2, 3]) + text
        elif request == _CAPABILITIES:
            answer = bytes([_SUCCESS, *bytes(23)])
        else:
            answer = bytes([_SUCCESS, 0])
        answer = answer[: len(data)]
        data[: len(answer)] = array.array("B", answer)
        return len(answer)
