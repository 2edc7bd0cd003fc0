"""Addresses of instruments: what each is read as, and what each wrong one is told."""

import pytest

from lager.nets.resource import Reach, parse


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "cannot be empty"),
        ("TCPIP::a\x1bb::INSTR", "cannot be printed"),
        ("VXI0::1::INSTR", "is no VISA interface"),
        ("GPIB0::", "not a complete VISA resource"),
        ("TCPIP::host::SOCKET", "TCPIP::HOST::PORT::SOCKET"),
        ("USB::0x1AB1::INSTR", "USB::VENDOR::PRODUCT::SERIAL::INSTR"),
        ("USB::vendor::1::S::INSTR", "should be numbers"),
        ("ASRL::INSTR", "ASRL/dev/NAME::INSTR"),
        ("ASRL/dev/ttyS0::SOCKET", "ASRL/dev/NAME::INSTR"),
        ("two words", "neither a VISA resource, nor a path"),
    ],
)
def test_a_wrong_address_is_told_why(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_a_labjack_is_reached_by_its_own_library_whichever_way_it_is_written():
    assert parse("USB::0x0CD5::7::470010::INSTR").reach is Reach.LJM
    assert parse("USB::0x0CD5::7::470010::INSTR").key == parse("usb:470010").key
    assert parse("usb").key != parse("usb:470010").key
