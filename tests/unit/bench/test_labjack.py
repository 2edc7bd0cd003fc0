"""The T7 of the bench: registers, exceptions, lines; against frames written from the Modbus specification."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lagerd.bench.models.data_acquisition.labjack_t7 import T7, tie
from lagerd.bench.transports.modbus import frame, respond

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Without a deadline, because a busy machine is not a failure."""


def exchange(device: T7, request: str) -> str:
    return respond(device, bytes.fromhex(request)).hex(" ")


def floating(device: T7, address: int) -> float:
    value: float = struct.unpack(">f", struct.pack(">2H", *device.read(address, 2)))[0]
    return value


# Requests and responses as in MODBUS Application Protocol V1.1b3, sections 6.3, 6.6 and 6.12; registers of
# the T-Series Datasheet, 3.1 Modbus Map.
EXCHANGES = [
    ("03 d7 3c 00 02", "03 04 00 11 22 33"),  # TEST
    ("04 d7 3c 00 02", "04 04 00 11 22 33"),
    ("03 ea 60 00 02", "03 04 40 e0 00 00"),  # PRODUCT_ID is the float 7
    ("03 ea 7c 00 02", "03 04 1c 03 a1 81"),  # SERIAL_NUMBER 470000001
    ("03 a0 28 00 01", "03 02 00 c7"),  # AIN0_NEGATIVE_CH, 199 is single-ended
    ("03 9c 40 00 02", "03 04 41 20 00 00"),  # AIN0_RANGE is 10 V
    ("10 9c 42 00 02 04 3f 80 00 00", "10 9c 42 00 02"),  # AIN1_RANGE 1 V
    ("03 9c 42 00 02", "03 04 3f 80 00 00"),
    ("06 a2 1c 00 08", "06 a2 1c 00 08"),  # AIN0_RESOLUTION_INDEX 8
    ("10 03 e8 00 02 04 40 20 00 00", "10 03 e8 00 02"),  # DAC0 2.5 V
    ("03 03 e8 00 02", "03 04 40 20 00 00"),
    ("06 07 d2 00 00", "06 07 d2 00 00"),  # DIO2 low
    ("03 0b 22 00 02", "03 04 00 00 00 04"),  # DIO_DIRECTION: line 2 is an output
    ("03 0a f0 00 02", "03 04 00 7f ff fb"),  # DIO_STATE: all but line 2 are pulled up
    ("03 07 d2 00 01", "03 02 00 01"),  # reading DIO2 makes it an input again
    ("03 0b 22 00 02", "03 04 00 00 00 00"),
    ("03 d7 46 00 01", "03 02 00 11"),  # TEST_UINT16
    ("03 d7 50 00 02", "03 04 00 11 22 33"),  # TEST_UINT32
    ("03 d7 52 00 02", "03 04 80 11 22 33"),  # TEST_INT32
    ("03 d7 54 00 02", "03 04 c6 1c 3c 00"),  # TEST_FLOAT32, -9999
    ("03 ea 6a 00 02", "03 04 00 00 00 00"),  # HARDWARE_INSTALLED: no option
    ("03 ea 94 00 02", "03 04 43 95 13 33"),  # TEMPERATURE_DEVICE_K, 298.15
    ("03 00 1e 00 02", "03 04 00 00 00 00"),  # AIN15 is ground
    ("03 ab 7c 00 02", "03 04 c6 1c 3c 00"),  # AIN_ALL_RANGE: they differ, -9999
    ("10 ab 7c 00 02 04 3f 80 00 00", "10 ab 7c 00 02"),
    ("03 ab 7c 00 02", "03 04 3f 80 00 00"),
    ("03 9c 5c 00 02", "03 04 3f 80 00 00"),  # AIN14_RANGE, too, is 1 V
    ("03 ab 7f 00 01", "03 02 ff ff"),  # AIN_ALL_RESOLUTION_INDEX: they differ
    ("06 ab 7f 00 03", "06 ab 7f 00 03"),
    ("03 a2 1d 00 01", "03 02 00 03"),  # AIN1_RESOLUTION_INDEX
    ("03 ab 7e 00 01", "03 02 00 c7"),  # AIN_ALL_NEGATIVE_CH: single-ended
    ("06 ab 7e 00 01", "06 ab 7e 00 01"),
    ("03 a0 2a 00 01", "03 02 00 03"),  # AIN2 against AIN3
    ("03 a0 2b 00 01", "03 02 00 c7"),  # AIN3 is no positive end
    ("03 ab 7e 00 01", "03 02 00 01"),
    ("06 ab 7e 00 07", "86 04"),
    ("03 ab 80 00 02", "03 04 00 00 00 00"),  # AIN_ALL_SETTLING_US
    ("03 09 c4 00 01", "03 02 00 ff"),  # FIO_STATE: all are pulled up
    ("06 0a 28 fe 01", "06 0a 28 fe 01"),  # FIO_DIRECTION: FIO0 is an output, the others are held back
    ("06 09 c4 00 fe", "06 09 c4 00 fe"),  # FIO_STATE: low
    ("03 09 c4 00 01", "03 02 00 fe"),
    ("03 0a 28 00 01", "03 02 00 01"),  # and still an output: reading the state changes no direction
    ("03 09 c7 00 01", "03 02 00 07"),  # MIO_STATE
    ("03 ff ff 00 01", "83 02"),  # no such register
    ("03 00 01 00 01", "83 02"),  # half of AIN0
    ("03 00 00 00 01", "83 02"),
    ("06 00 00 00 01", "86 02"),  # AIN0 is read only
    ("03 00 00 00 00", "83 03"),
    ("03 00 00 00 7e", "83 03"),
    ("10 03 e8 00 02 04 40 20 00", "90 03"),
    ("2b 0e 01 00", "ab 01"),  # no such function
    ("06 a0 28 00 05", "86 04"),  # no differential pair
    ("06 a2 1c 00 0d", "86 04"),  # no such resolution
    ("10 9c 40 00 02 04 42 c8 00 00", "90 04"),  # 100 V
    ("10 03 e8 00 02 04 7f c0 00 00", "90 04"),  # NaN volts
]


def test_the_registers_are_those_of_the_map() -> None:
    device = T7()
    for request, response in EXCHANGES:
        assert (request, exchange(device, request)) == (request, response)


def test_the_temperature_sensor_is_an_input() -> None:
    assert 467.6 - 92.6 * floating(T7(), 28) == pytest.approx(298.15, abs=0.1)


def test_the_header_repeats_that_of_the_request() -> None:
    assert frame(0x1234, 1, b"\x03\x02\x00\x07").hex(" ") == "12 34 00 00 00 05 01 03 02 00 07"


def test_a_reading_is_quantised_and_clipped_beyond_its_range() -> None:
    device = T7()
    device.inputs[0].source = lambda: 3.3
    assert floating(device, 0) == pytest.approx(3.3, abs=1e-4)
    device.inputs[0].source = lambda: 60.0
    assert floating(device, 0) == pytest.approx(10.6)
    device.write(40000, list(struct.unpack(">2H", struct.pack(">f", 0.05))))
    assert floating(device, 40000) == pytest.approx(0.1)
    assert floating(device, 0) == pytest.approx(0.106)


def test_a_differential_input_is_the_difference() -> None:
    device = T7()
    device.inputs[2].source, device.inputs[3].source = lambda: 3.0, lambda: 1.0
    device.write(41002, [3])
    assert floating(device, 4) == pytest.approx(2.0, abs=1e-4)


def test_several_values_are_read_at_once() -> None:
    device = T7()
    device.inputs[1].source = lambda: 1.0
    words = device.read(0, 4)
    assert struct.unpack(">2f", struct.pack(">4H", *words)) == pytest.approx((0, 1.0), abs=1e-4)


@pytest.mark.parametrize(("asked", "given"), [(-1, 0), (7, 5), (1.23, 1.23)])
def test_a_dac_is_clipped_to_its_span(asked: float, given: float) -> None:
    device = T7()
    device.write(1000, list(struct.unpack(">2H", struct.pack(">f", asked))))
    assert floating(device, 1000) == pytest.approx(given, abs=0.002)


def test_a_line_drives_the_line_it_is_tied_to() -> None:
    device = T7()
    tie(device.lines[0], device.lines[1])
    assert device.read(2000, 1) == [1]
    device.write(2001, [0])
    assert device.read(2000, 1) == [0]
    device.write(2001, [1])
    assert device.read(2000, 1) == [1]
    device.write(2001, [0])
    device.read(2001, 1)
    assert device.read(2000, 1) == [1], "reading the output released it"


def test_the_inhibit_mask_protects_lines() -> None:
    device = T7()
    device.write(2900, [0x7F, 0xFFFE])
    device.write(2850, [0, 3])
    assert device.read(2850, 2) == [0, 1]


@calm
@given(st.binary(min_size=1, max_size=253))
def test_no_request_breaks_the_labjack(request: bytes) -> None:
    device = T7()
    response = respond(device, request)
    assert response[0] & 0x7F == request[0] & 0x7F
    assert len(response) <= 253
    assert exchange(device, "03 d7 3c 00 02") == "03 04 00 11 22 33"
