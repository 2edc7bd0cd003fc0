"""The ports of a USB hub are switched one by one, and only where the hub can do that."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import usb.core

from lager.drivers.replay import Leases, bench
from lager.errors import (
    BadReply,
    InstrumentError,
    InstrumentTimeout,
    InstrumentUnreachable,
    InvalidArgument,
    LagerError,
)
from lager.instruments.net import Net
from lager.instruments.sessions import usb_hub
from lager.nets import resource
from lager.nets.model import NetType
from tests.unit.drivers.families import Uninterrupted


class Hub:
    """A hub as pyusb shows it."""

    def __init__(self, place: str, ports: int = 4, characteristics: int = 0b01, version: int = 0x0200) -> None:
        bus, _, path = place.partition("-")
        self.bus, self.port_numbers = int(bus), tuple(map(int, path.split("."))) if path != "0" else None
        self.bDeviceClass, self.bcdUSB, self.idVendor, self.idProduct = 9, version, 0x2109, 0x2813
        self.ports, self.characteristics = ports, characteristics
        self.powered = set(range(1, ports + 1))
        self.failing: Exception | None = None
        self.short = False

    def ctrl_transfer(
        self, kind: int, request: int, value: int, index: int, length: int | None, timeout: int
    ) -> bytes | int:
        assert timeout > 0
        if self.failing is not None:
            raise self.failing
        wide = self.bcdUSB >= 0x0300
        match kind, request, value:
            case 0xA0, 6, (0x2900 | 0x2A00) as wanted:
                assert (index, length, wanted == 0x2A00) == (0, 71, wide)
                return bytes([9, wanted >> 8, self.ports, self.characteristics, 0, 50, 100, 0, 0xFF])
            case 0xA3, 0, 0:
                status = (1 << (9 if wide else 8)) * (index in self.powered) | 1
                return status.to_bytes(2, "little") + (b"" if self.short else b"\0\0")
            case 0x23, 3, 8:
                self.powered.add(index)
            case 0x23, 1, 8:
                self.powered.discard(index)
            case other:
                raise AssertionError(other)
        return 0


@pytest.fixture
def hubs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Hub]:
    there = [Hub("1-1"), Hub("1-1.4"), Hub("2-1", version=0x0320), Hub("1-0", ports=2)]

    def find(*, bDeviceClass: int, custom_match: Any) -> Hub | None:
        return next((hub for hub in there if hub.bDeviceClass == bDeviceClass and custom_match(hub)), None)

    monkeypatch.setattr(usb.core, "find", find)
    monkeypatch.setattr("usb.util.dispose_resources", lambda hub: None)
    monkeypatch.setattr(usb_hub, "_DEVICES", str(tmp_path))
    return there


def port(address: str, channel: int) -> Any:
    nets = bench("usb-hub", address, it=f"type = 'switch'\nchannel = {channel}")
    return Net.get("it", NetType.Switch, nets=nets, claim=Leases())


@pytest.mark.parametrize(("place", "which"), [("1-1", 0), ("1-1.4", 1), ("2-1", 2), ("1-0", 3)])
def test_the_power_of_a_port_is_switched_and_no_other(hubs: list[Hub], place: str, which: int) -> None:
    with port(f"usbhub:{place}", 2) as net:
        assert net.is_on()
        net.off()
        assert not net.is_on()
        assert hubs[which].powered == set(range(1, hubs[which].ports + 1)) - {2}
        net.cycle(0)
        assert net.is_on()
    assert all(other.powered == set(range(1, other.ports + 1)) for other in hubs)


@pytest.mark.parametrize("linked", ["2-1-port3", "usb2-port3"])
def test_a_port_that_two_hubs_share_loses_its_power_in_both(hubs: list[Hub], tmp_path: Path, linked: str) -> None:
    if linked.startswith("usb"):
        hubs[2] = Hub("2-0", version=0x0310)
    place = tmp_path / "1-1:1.0" / "1-1-port2"
    place.mkdir(parents=True)
    os.symlink(f"../../elsewhere/{linked}", place / "peer")
    with port("usbhub:1-1", 2) as net:
        net.off()
        assert (2 in hubs[0].powered, 3 in hubs[2].powered) == (False, False)
        hubs[2].powered.add(3)
        assert net.is_on()  # one hub alone is enough for it
        net.off()
        net.on()
        assert (2 in hubs[0].powered, 3 in hubs[2].powered) == (True, True)


@pytest.mark.parametrize(
    ("characteristics", "said"),
    [(0b00, "can only switch all ports together"), (0b10, "cannot switch the power"), (0b11, "cannot switch")],
)
def test_a_hub_that_cannot_switch_each_port_is_refused(hubs: list[Hub], characteristics: int, said: str) -> None:
    hubs[0].characteristics = characteristics
    with pytest.raises(InstrumentError, match=said):
        port("usbhub:1-1", 1)


def test_a_port_is_checked_in_one_exchange_and_the_last_one_is_there(hubs: list[Hub]) -> None:
    with port("usbhub:1-1", 4) as net:
        session = Uninterrupted(net)
        net.check()
        assert session.times == 1
        net.off()
    assert hubs[0].powered == {1, 2, 3}


def test_a_port_that_a_hub_does_not_have_is_refused(hubs: list[Hub]) -> None:
    with pytest.raises(InvalidArgument, match="has 4 ports, and no 5"):
        port("usbhub:1-1", 5)


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (usb.core.USBError("x", errno=errno.EACCES), InstrumentError, "You may not control"),
        (usb.core.USBError("No such device", errno=errno.ENODEV), InstrumentUnreachable, "No such device"),
        (usb.core.USBTimeoutError("x"), InstrumentTimeout, "did not answer"),
        (usb.core.NoBackendError("x"), InstrumentError, "needs libusb"),
    ],
)
def test_what_goes_wrong_on_usb_is_an_error_of_lager(
    hubs: list[Hub], error: Exception, raised: type[LagerError], said: str
) -> None:
    with port("usbhub:1-1", 1) as net:
        hubs[0].failing = error
        with pytest.raises(raised, match=said):
            net.off()
        hubs[0].failing = None
        net.off()
        hubs[0].short = True
        with pytest.raises(BadReply, match="expected 4 bytes"):
            net.state()


def test_a_hub_that_is_not_plugged_in_is_unreachable(hubs: list[Hub]) -> None:
    with pytest.raises(InstrumentUnreachable, match="there is no hub at 3-1"):
        port("usbhub:3-1", 1)


def test_a_hub_has_one_lease_however_its_address_is_spelt() -> None:
    assert resource.parse("USBHUB:1-1.4").key == resource.parse(" usbhub:1-1.4").key
    assert resource.parse("usbhub:1-1").key != resource.parse("usbhub:1-1.1").key
