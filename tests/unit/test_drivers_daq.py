"""The LabJack T7 against frames recorded from its Modbus map, through real sockets."""

import struct
import sys

import pytest

from lager.errors import (
    BadReply,
    InstrumentError,
    InstrumentTimeout,
    InstrumentUnreachable,
    InvalidArgument,
    LimitExceeded,
    Rejected,
    WrongModel,
)
from lager.instruments.net import Net
from lager.nets.model import NetType
from tests.unit.exchanges import labjack_t7 as t7
from tests.unit.scriptedbench import Leases, bench, playing
from tests.unit.scriptedinstrument import CUT, ScriptedInstrument

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


def test_a_digital_line() -> None:
    with playing(t7.READ_GPIO, "T7", GPIO) as gpio:
        assert gpio.input() == 1
    with playing(t7.SET_GPIO, "T7", GPIO) as gpio:
        assert gpio.output(1) == 1
    with playing(t7.SET_GPIO_IN_VAIN, "T7", GPIO) as gpio, pytest.raises(Rejected, match="stands at 0"):
        gpio.output(1)
    with playing(t7.OPEN, "T7", GPIO) as gpio, pytest.raises(InvalidArgument):
        gpio.output(2)


def test_waiting_for_a_level_ends_when_it_comes_or_when_the_time_is_over() -> None:
    with playing(t7.WAIT_FOR_HIGH, "T7", GPIO) as gpio:
        assert 0 <= gpio.wait_for_level(1) < 5
    script = [*t7.OPEN, t7.read(2, 2004, "H", 0)]
    with playing(script, "T7", GPIO) as gpio, pytest.raises(InstrumentTimeout, match=r"did not go to 1 within 0 s"):
        gpio.wait_for_level(1, timeout=0)


def test_a_refused_register_is_an_error() -> None:
    with playing(t7.REFUSED, "T7", GPIO) as gpio, pytest.raises(Rejected, match="Modbus exception 2"):
        gpio.input()


def test_another_product_is_refused() -> None:
    with pytest.raises(WrongModel, match="product 4 and not a T7"), playing(t7.WRONG_PRODUCT, "T7", GPIO):
        pass


READ = t7.read(2, 2004, "H", 1)
LATE = t7.read(1, 2004, "H", 0)[1]


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (None, InstrumentTimeout, "did not answer 'read 2004' within 1 s"),
        (READ[1][:5], InstrumentTimeout, "did not answer"),
        (LATE, InstrumentTimeout, "did not answer"),
        (CUT, InstrumentUnreachable, "closed the connection"),
        ([READ[1][:5], CUT], InstrumentUnreachable, "closed the connection"),
        (READ[1][:7] + b"\x55\x01\x02\x03", BadReply, "not Modbus"),
        (struct.pack(">HHHBBB", 2, 0, 3, 1, 3, 0), BadReply, "1 registers were due"),
    ],
)
def test_a_fault_of_the_transport_is_a_clear_error_and_then_forgotten(reply: object, error: type, said: str) -> None:
    script = [*t7.OPEN, (READ[0], reply), t7.read(1, 60000, "f", 7.0), READ]
    with playing(script, "T7", GPIO) as gpio:
        with pytest.raises(error, match=said):
            gpio.input()
        assert gpio.input() == 1


def test_the_nets_of_one_daq_share_one_connection_and_one_lease() -> None:
    leases = Leases()
    script = [*t7.OPEN, t7.read(2, 2004, "H", 0), t7.read(3, 2004, "H", 1)]
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
