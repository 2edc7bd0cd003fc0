"""Addresses of instruments: how each is read, and the error for each invalid one."""

import pytest
from pyvisa.rname import ResourceName

from lager.drivers.replay import Leases, bench
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.instruments.net import Net
from lager.nets.model import NetType
from lager.nets.resource import Reach, parse
from tests.unit.bench.transports.vxi11instrument import Vxi11Instrument
from tests.unit.drivers.exchanges import labjack_t7 as t7
from tests.unit.drivers.exchanges import rigol_dp800 as dp800


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "cannot be empty"),
        ("TCPIP::a\x1bb::INSTR", "unprintable characters"),
        ("VXI0::1::INSTR", "is not a VISA interface"),
        ("ASRL3", "'ASRL3' should read ASRL/dev/NAME::INSTR"),
        ("COM3", "a serial port of Windows; give its path"),
        ("GPIB0::", "not a complete VISA resource"),
        ("TCPIP::host::SOCKET", "TCPIP::HOST::PORT::SOCKET"),
        ("USB::0x1AB1::INSTR", "USB::VENDOR::PRODUCT::SERIAL::INSTR"),
        ("USB::vendor::1::S::INSTR", "should be numbers"),
        ("ASRL::INSTR", "ASRL/dev/NAME::INSTR"),
        ("ASRL/dev/ttyS0::SOCKET", "ASRL/dev/NAME::INSTR"),
        ("ASRL1::INSTR", "ASRL/dev/NAME::INSTR"),
        ("asrl/dev/ttyS0::raw", "ASRL/dev/NAME::INSTR"),
        ("two words", "neither a VISA resource, nor a path"),
        ("TCPIP::two words::INSTR", "not a valid host name or IPv4 address"),
        ("TCPIP::host:5025::SOCKET", "TCPIP::HOST::PORT::SOCKET"),
        ("TCPIP::host:5025::INSTR", "not a valid host name or IPv4 address"),
        ("TCPIP::host,x::INSTR", "'x' is not a TCP port"),
        ("TCPIP::host::inst0,1024::INSTR", "give the port after the host"),
        ("TCPIP::host::hislip0,0::INSTR", "'0' is not a TCP port"),
        ("TCPIP::host::inst0::more::INSTR", "TCPIP::HOST::DEVICE::INSTR"),
        ("TCPIP::host:::", "':' is not a LAN device name"),
        ("USB::1::2:::S::INSTR", "':S' is not a serial number"),
        ("TCPIP0::INSTR", "not a complete VISA resource"),
        ("TCPIP::fe80::1::INSTR", "names an IPv6 address"),
        ("TCPIP::[2001:db8::7]::INSTR", "names an IPv6 address"),
        ("tcpip::::1::5025::socket", "names an IPv6 address"),
        ("[2001:db8::xyz]:502", "not an IPv6 address"),
        ("USB::0x1AB1::0x0E11::INSTR", "USB::VENDOR::PRODUCT::SERIAL::INSTR"),
        ("USB::0x1AB1::0x0E11::DP8*::INSTR", "a pattern may match more than one instrument"),
        ("USB::0x11AB1::0x0E11::DP8::INSTR", "from 0 to 0xFFFF"),
        ("USB0::0x1AB1::0x0E11::DP8A1::RAW", "does not carry SCPI; end it with INSTR"),
        ("GPIB::31::INSTR", "from 0 to 30"),
        ("GPIB0::five::INSTR", "from 0 to 30"),
        ("GPIB0::INTFC", "does not carry SCPI; end it with INSTR"),
        ("TCPIP::192.168.001.020::INSTR", "'192.168.001.020' is not an IPv4 address"),
        ("192.168.1.030:502", "without leading zeros"),
        ("TCPIP::127.1::5025::SOCKET", "is not an IPv4 address"),
        ("TCPIP::0x7f.0.0.1::INSTR", "is not an IPv4 address"),
        ("TCPIP::2130706433::INSTR", "is not an IPv4 address"),
        ("TCPIP::192.168.1.256::INSTR", "is not an IPv4 address"),
        ("TCPIP::192.168.1.20::5025", "a raw TCP port needs ::SOCKET at the end"),
        ("tcpip::psu.lan::5555::instr", "a raw TCP port needs ::SOCKET at the end"),
    ],
)
def test_a_wrong_address_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_a_labjack_is_reached_by_its_own_library_whichever_way_it_is_written() -> None:
    assert parse("USB::0x0CD5::7::470010::INSTR").reach is Reach.LJM
    assert parse("USB::0x0CD5::7::470010::INSTR").key == parse("usb:470010").key
    assert parse("usb").key != parse("usb:470010").key


@pytest.mark.parametrize(
    ("text", "visa"),
    [
        ("tcpip::192.168.1.20::instr", "TCPIP0::192.168.1.20::inst0::INSTR"),
        ("Tcpip1::Psu.Lan.", "TCPIP1::psu.lan::inst0::INSTR"),
        ("TCPIP::psu.lan,1024::INSTR", "TCPIP0::psu.lan,1024::inst0::INSTR"),
        ("tcpip0::psu.lan::HiSLIP0::instr", "TCPIP0::psu.lan::hislip0::INSTR"),
        ("TCPIP::psu.lan::hislip0,4880", "TCPIP0::psu.lan::hislip0,4880::INSTR"),
        ("tcpip::psu.lan::5555::socket", "TCPIP0::psu.lan::5555::SOCKET"),
        ("usb::0x1ab1::0x0e11::dp8a1::instr", "USB0::0x1AB1::0x0E11::dp8a1::0::INSTR"),
        ("USB0::6833::3601::DP8A1", "USB0::0x1AB1::0x0E11::DP8A1::0::INSTR"),
        ("gpib::05::instr", "GPIB0::5::INSTR"),
        ("asrl/dev/ttyS7", "ASRL/dev/ttyS7::INSTR"),
        ("ASRL/dev/ttyS7::instr", "ASRL/dev/ttyS7::INSTR"),
    ],
)
def test_pyvisa_gets_every_spelling_as_it_wants_it(text: str, visa: str) -> None:
    assert parse(text).visa == visa
    assert str(ResourceName.from_string(visa)) == visa
    assert parse(visa).key == parse(text).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TCPIP::psu.lan::hislip0::INSTR", "tcpip0::psu.lan::hislip0,4880::instr"),
        ("TCPIP::psu.lan,1024::INSTR", "TCPIP::psu.lan::INSTR"),
        ("ASRL/dev/ttyS7", "/dev/ttyS7"),
        ("[::1]:1502", "[0:0:0:0:0:0:0:1]:1502"),
        ("2001:DB8::7", "[2001:db8:0::7]:502"),
        ("[::ffff:192.168.1.30]", "192.168.1.30:502"),
        ("GPIB::05::INSTR", "gpib0::5"),
        ("usb", "USB:any"),
        ("192.168.1.30", "192.168.1.30.:502"),
    ],
)
def test_two_spellings_of_one_instrument_are_one_lease(one: str, other: str) -> None:
    assert parse(one).key == parse(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TCPIP::h::hislip0::INSTR", "TCPIP::h::hislip1::INSTR"),
        ("TCPIP::h::hislip0::INSTR", "TCPIP::h::hislip0,4881::INSTR"),
        ("TCPIP::127.0.0.1,1024::INSTR", "TCPIP::127.0.0.1,1025::INSTR"),
        ("GPIB0::5::INSTR", "GPIB1::5::INSTR"),
        ("[fe80::1]", "[fe80::2]"),
    ],
)
def test_two_instruments_are_two_leases(one: str, other: str) -> None:
    assert parse(one).key != parse(other).key


def test_a_t7_is_reached_over_ipv6() -> None:
    with ScriptedInstrument(*t7.READ_GPIO, host="::1") as daq:
        config = bench("T7", daq.address, it="type = 'gpio'\nchannel = 'FIO4'")
        with Net.get("it", NetType.GPIO, nets=config, claim=Leases()) as line:
            assert line.input() == 1


@pytest.mark.parametrize("spelled", ["tcpip::127.0.0.1::{port}::socket", "TCPIP::LOCALHOST::{port}::SOCKET"])
def test_an_instrument_is_opened_by_whatever_spelling_the_file_has(spelled: str) -> None:
    with ScriptedInstrument(*dp800.MEASURE) as psu:
        config = bench("DP821", spelled.format(port=psu.port), it="type = 'supply'\nchannel = 1")
        with Net.get("it", NetType.PowerSupply, nets=config, claim=Leases()) as supply:
            assert supply.voltage() == 3.3001


def test_a_lower_case_address_of_vxi11_is_opened() -> None:
    with Vxi11Instrument(lambda message: dp800.IDN[1].encode() if message == b"*IDN?\n" else None) as psu:
        config = bench("DP821", psu.visa.lower(), it="type = 'supply'\nchannel = 1")
        with Net.get("it", NetType.PowerSupply, nets=config, claim=Leases()) as supply:
            assert supply.session.identity() == dp800.IDN[1]
