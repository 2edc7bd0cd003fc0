"""The LabJack T7 against frames recorded from its Modbus map, through real sockets."""

import struct
import sys

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import CUT, ScriptedInstrument
from lager.errors import (
    BadReply,
    InstrumentError,
    InstrumentTimeout,
    InstrumentUnreachable,
    InvalidArgument,
    LimitExceeded,
    OtherRole,
    Rejected,
    WrongModel,
)
from lager.instruments.net import Net
from lager.nets.model import NetType
from tests.unit.drivers.exchanges import labjack_t7 as t7
from tests.unit.drivers.families import Uninterrupted

ADC = "type = 'adc'\nchannel = 'AIN3'"
DAC = "type = 'dac'\nchannel = 0"
GPIO = "type = 'gpio'\nchannel = 'FIO4'"


def test_an_analog_input_is_read_in_volts() -> None:
    with playing(t7.READ_ADC, "T7", ADC) as adc:
        assert adc.input() == pytest.approx(3.2987)


def test_an_analog_input_is_configured_as_the_nets_file_says() -> None:
    script = [
        *t7.OPEN,
        t7.write(2, 40006, "f", 1.0),
        t7.write(3, 41003, "H", 4),
        t7.write(4, 41503, "H", 8),
    ]
    with playing(script, "T7", f"{ADC}\nrange = 1\nnegative_channel = 4\nresolution = 8"):
        pass


@pytest.mark.parametrize(
    ("script", "said"), [(t7.READ_ADC_OVERLOAD, "no valid reading"), (t7.READ_ADC_NAN, "not a number")]
)
def test_an_input_without_a_reading_is_an_error(script: list[t7.Exchange], said: str) -> None:
    with playing(script, "T7", ADC) as adc, pytest.raises(BadReply, match=said):
        adc.input()


@pytest.mark.parametrize(
    ("range", "volts"), [("10", 10.1), ("10", -10.6), ("1", 1.0), ("1", 1.06), ("0.1", -0.1), ("0.01", 0.0101)]
)
def test_a_reading_at_the_end_of_its_range_is_an_error_that_says_so(range: str, volts: float) -> None:
    script = [*t7.OPEN, t7.write(2, 40006, "f", float(range)), *t7.OPEN_ADC[2:], t7.read(5, 6, "f", volts)]
    with (
        playing(script, "T7", f"{ADC}\nrange = {range}") as adc,
        pytest.raises(BadReply, match="end of its range") as e,
    ):
        adc.input()
    assert ("wider range" in e.value.hint) == (range != "10")


def test_two_nets_on_one_input_each_read_with_their_own_range() -> None:
    leases = Leases()
    script = [
        *t7.OPEN_ADC,
        t7.write(5, 40006, "f", 0.1),
        t7.write(6, 41003, "H", 199),
        t7.write(7, 41503, "H", 0),
        t7.read(8, 6, "f", 0.05),
        t7.write(9, 40006, "f", 10.0),
        t7.write(10, 41003, "H", 199),
        t7.write(11, 41503, "H", 0),
        t7.read(12, 6, "f", 5.0),
        t7.read(13, 6, "f", 5.1),
    ]
    with ScriptedInstrument(*script) as daq:
        nets = bench("T7", daq.address, wide=ADC, narrow=f"{ADC}\nrange = 0.1")
        with (
            Net.get("wide", NetType.ADC, nets=nets, claim=leases) as wide,
            Net.get("narrow", NetType.ADC, nets=nets, claim=leases) as narrow,
        ):
            assert narrow.input() == pytest.approx(0.05)
            assert wide.input() == pytest.approx(5.0)
            assert wide.input() == pytest.approx(5.1)


def test_an_input_is_set_up_again_after_a_reconnect() -> None:
    def set_up(first: int) -> list[t7.Exchange]:
        return [
            t7.write(first, 40006, "f", 1.0),
            t7.write(first + 1, 41003, "H", 2),
            t7.write(first + 2, 41503, "H", 0),
        ]

    script = [*t7.OPEN, *set_up(2), (t7.read(5, 6, "f", 0.0)[0], CUT), *t7.OPEN, *set_up(2), t7.read(5, 6, "f", 0.3)]
    with playing(script, "T7", f"{ADC}\nrange = 1\nnegative_channel = 2") as adc:
        with pytest.raises(InstrumentUnreachable):
            adc.input()
        assert adc.input() == pytest.approx(0.3)


def test_a_reconnect_sets_up_the_nets_that_are_open_and_no_closed_one() -> None:
    leases = Leases()
    other = "type = 'adc'\nchannel = 'AIN5'\nrange = 1"
    script = [
        *t7.OPEN_ADC,
        t7.write(5, 40010, "f", 1.0),
        t7.write(6, 41005, "H", 199),
        t7.write(7, 41505, "H", 0),
        (t7.read(8, 6, "f", 1.0)[0], CUT),
        *t7.READ_ADC,
    ]
    with ScriptedInstrument(*script) as daq:
        nets = bench("T7", daq.address, one=ADC, two=other)
        with Net.get("one", NetType.ADC, nets=nets, claim=leases) as one:
            Net.get("two", NetType.ADC, nets=nets, claim=leases).close()
            with pytest.raises(InstrumentUnreachable):
                one.input()
            assert one.input() == pytest.approx(3.2987)


def test_a_set_up_that_fails_is_tried_again_before_anything_is_read() -> None:
    cut = t7.write(2, 40006, "f", 10.0)[0]
    script = [*t7.OPEN_ADC, (t7.read(5, 6, "f", 1.0)[0], CUT), *t7.OPEN, (cut, CUT), *t7.READ_ADC]
    with playing(script, "T7", ADC) as adc:
        for _ in range(2):
            with pytest.raises(InstrumentUnreachable):
                adc.input()
        assert adc.input() == pytest.approx(3.2987)


def test_an_analog_output_is_set_and_read_back() -> None:
    with playing(t7.SET_DAC, "T7", DAC) as dac:
        assert dac.output(2.5) == 2.5


def test_an_analog_output_keeps_its_limits() -> None:
    with playing(t7.OPEN, "T7", f"{DAC}\nmax_voltage = 3.3") as dac:
        with pytest.raises(LimitExceeded):
            dac.output(3.4)
        for value in (5.1, -0.1, float("nan")):
            with pytest.raises(InvalidArgument):
                dac.output(value)


def test_an_analog_output_is_never_rounded_over_its_limit() -> None:
    step = 5 / 4096
    script = [
        *t7.OPEN,
        t7.write(2, 1000, "f", 3.3),
        t7.read(3, 1000, "f", 2704 * step),
        t7.write(4, 1000, "f", 3.298),
        t7.read(5, 1000, "f", 2702 * step),
    ]
    assert 2704 * step > 3.3
    with playing(script, "T7", f"{DAC}\nmax_voltage = 3.3") as dac:
        assert dac.output(3.3) == pytest.approx(2702 * step)
    above = [*script[:-1], t7.read(5, 1000, "f", 4.9), t7.write(6, 1000, "f", 0.0)]
    with playing(above, "T7", f"{DAC}\nmax_voltage = 3.3") as dac, pytest.raises(LimitExceeded):
        dac.output(3.3)


def test_a_dac_returns_its_setpoint_under_each_of_its_names() -> None:
    for name in ("output", "get_voltage", "input"):
        with playing([*t7.OPEN, t7.read(2, 1000, "f", 1.25)], "T7", "type = 'dac'\nchannel = 0") as dac:
            assert getattr(dac, name)() == 1.25


def test_a_refused_register_is_an_error() -> None:
    with playing(t7.REFUSED, "T7", GPIO) as gpio, pytest.raises(Rejected, match="Modbus exception 2"):
        gpio.input()


def test_another_product_is_refused() -> None:
    with pytest.raises(WrongModel, match="product 4, not a T7"), playing(t7.WRONG_PRODUCT, "T7", GPIO):
        pass


READ = t7.read(2, 2800, "I", 0b1_0000)
LATE = t7.read(1, 2800, "I", 0)[1]


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (None, InstrumentTimeout, "did not answer 'read 2800' within 1 s"),
        (READ[1][:5], InstrumentTimeout, "did not answer"),
        (LATE, InstrumentTimeout, "did not answer"),
        (CUT, InstrumentUnreachable, "the instrument closed it"),
        ([READ[1][:5], CUT], InstrumentUnreachable, "the instrument closed it"),
        (READ[1][:7] + b"\x55\x01\x02\x03\x04\x05", BadReply, "not valid Modbus"),
        (struct.pack(">HHHBBB", 2, 0, 3, 1, 3, 0), BadReply, "expected 2 registers"),
    ],
)
def test_a_transport_fault_is_a_clear_error_and_the_next_reading_is_right(
    reply: object, error: type, said: str
) -> None:
    script = [*t7.OPEN, (READ[0], reply), t7.read(1, 60000, "f", 7.0), READ]
    with playing(script, "T7", GPIO) as gpio:
        with pytest.raises(error, match=said):
            gpio.input()
        assert gpio.input() == 1


def test_the_nets_of_one_daq_share_one_connection_and_one_lease() -> None:
    leases = Leases()
    script = [*t7.OPEN, t7.read(2, 2800, "I", 0b10_0000), t7.read(3, 2800, "I", 0b1_0000)]
    with ScriptedInstrument(*script) as daq:
        nets = bench("T7", daq.address, one=GPIO, two=GPIO.replace("FIO4", "FIO5"))
        one = Net.get("one", NetType.GPIO, nets=nets, claim=leases)
        two = Net.get("two", NetType.GPIO, nets=nets, claim=leases)
        assert one.input() == 0
        two.close()
        assert leases.happened == [("claim", "one")]
        with pytest.raises(InstrumentError, match="two is closed"):
            two.input()
        assert one.input() == 1
        one.close()
    assert leases.happened == [("claim", "one"), ("release", "one")]


def test_a_t7_on_usb_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "labjack.ljm", None)
    leases = Leases()
    with pytest.raises(InstrumentError, match="needs labjack-ljm") as caught:
        Net.get("it", NetType.ADC, nets=bench("T7", "usb:470012345", it=ADC), claim=leases)
    assert "lager-box[ljm]" in caught.value.hint
    assert leases.held == []


def test_dac1_is_the_register_behind_dac0() -> None:
    script = [*t7.OPEN, t7.write(2, 1002, "f", 1.5), t7.read(3, 1002, "f", 1.5), t7.read(4, 1002, "f", 1.5)]
    with playing(script, "T7", "type = 'dac'\nchannel = 'DAC1'") as dac:
        assert dac.output(1.5) == 1.5
        assert dac.output() == 1.5


@pytest.mark.parametrize(("taken", "fits"), [(2.5015, True), (2.4985, True), (2.503, False), (2.497, False)])
def test_an_analog_output_that_takes_another_value_says_so(taken: float, fits: bool) -> None:
    with playing([*t7.OPEN, t7.write(2, 1000, "f", 2.5), t7.read(3, 1000, "f", taken)], "T7", DAC) as dac:
        session = Uninterrupted(dac)
        if fits:
            assert dac.output(2.5) == pytest.approx(taken)
        else:
            with pytest.raises(Rejected, match=r"DAC0.*2\.5 V"):
                dac.output(2.5)
        assert session.times == 1


def test_an_input_that_is_left_as_it_is_has_ten_volts_by_default() -> None:
    for span, volts, fits in ((0.0, 9.99, True), (0.0, 10.1, False), (1.0, 0.9, True), (1.0, 1.0, False)):
        script = [*t7.OPEN_ADC, t7.read(5, 40006, "f", span), t7.read(6, 6, "f", volts)]
        with playing(script, "T7", ADC) as adc:
            adc.as_it_is = True
            if fits:
                assert adc.input() == pytest.approx(volts)
            else:
                with pytest.raises(BadReply, match="end of its range"):
                    adc.input()


THERMOCOUPLE = "type = 'thermocouple'\nchannel = 'AIN4'"


@pytest.mark.parametrize(
    ("kind", "index"), [("E", 20), ("J", 21), ("K", 22), ("R", 23), ("T", 24), ("S", 25), ("", 22)]
)
def test_a_thermocouple_is_set_up_by_the_registers_of_its_kind(kind: str, index: int) -> None:
    script = [
        *t7.OPEN,
        t7.write(2, 40008, "f", 1.0 if kind else 0.1),
        t7.write(3, 41004, "H", 5 if kind else 199),
        t7.write(4, 41504, "H", 8 if kind else 0),
        t7.write(5, 9008, "I", index),
        t7.write(6, 9308, "I", 1),
        t7.write(7, 9608, "I", 60052),
        t7.read(8, 7008, "f", 24.75),
    ]
    lines = f"kind = '{kind}'\nrange = 1\nnegative_channel = 5\nresolution = 8" if kind else ""
    with playing(script, "T7", f"{THERMOCOUPLE}\n{lines}") as net:
        assert net.temperature() == 24.75
    asked = [*script[:-1], t7.read(8, 9008, "I", index), t7.read(9, 9308, "I", 1), t7.read(10, 7008, "f", -9998.0)]
    with playing(asked, "T7", f"{THERMOCOUPLE}\n{lines}") as net:
        net.as_it_is = True
        assert net.temperature() == -9998.0
    for found, unit in ((index + 1, 1), (index, 0)):
        other = [*script[:-1], t7.read(8, 9008, "I", found), t7.read(9, 9308, "I", unit)]
        with playing(other, "T7", f"{THERMOCOUPLE}\n{lines}") as net:
            net.as_it_is = True
            with pytest.raises(OtherRole, match=f"not set up for a thermocouple of type {kind or 'K'}"):
                net.temperature()


def test_a_dac_is_set_back_but_never_switched_on() -> None:
    script = [*t7.OPEN, t7.read(2, 1000, "f", 0.02), t7.write(3, 1000, "f", 2.5), t7.read(4, 1000, "f", 2.5)]
    with playing(script, "T7", DAC) as dac:
        (setting,) = dac.settings()
        assert (setting.name, setting.unit, setting.step) == ("voltage", "V", 0.002)
        setting.write(2.5)
    with playing([*t7.OPEN, t7.read(2, 1000, "f", 0.01)], "T7", DAC) as dac:
        (setting,) = dac.settings()
        with pytest.raises(InstrumentError, match=r"its output is at 0 V\. lager switches no output on"):
            setting.write(2.5)
    low = [*t7.OPEN, t7.read(2, 1000, "f", 0.0), t7.write(3, 1000, "f", 0.005), t7.read(4, 1000, "f", 0.005)]
    with playing(low, "T7", DAC) as dac:
        dac.settings()[0].write(0.005)


def test_each_method_of_a_line_and_of_a_dac_names_the_setting_that_it_changes() -> None:
    with playing(t7.OPEN, "T7", GPIO) as gpio:
        assert [gpio.sets(name) for name in ("output", "release")] == [("output",), ("output",)]
    with playing(t7.OPEN, "T7", DAC) as dac:
        assert dac.sets("output") == ("voltage",)
