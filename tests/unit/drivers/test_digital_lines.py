"""The digital lines of a T7: read without being driven, driven and released on request."""

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import (
    InstrumentError,
    InstrumentTimeout,
    InvalidArgument,
    LimitExceeded,
    Rejected,
)
from lager.instruments.net import Net
from lager.nets.model import NetType
from tests.unit.drivers.exchanges import labjack_t7 as t7
from tests.unit.drivers.families import Uninterrupted
from tests.unit.drivers.test_daq import GPIO

INPUT = f'{GPIO}\ndirection = "in"'


def test_a_digital_line() -> None:
    with playing(t7.READ_GPIO, "T7", GPIO) as gpio:
        assert gpio.input() == 1
    with playing(t7.SET_GPIO, "T7", GPIO) as gpio:
        assert gpio.output(1) == 1
    with playing(t7.SET_GPIO_IN_VAIN, "T7", GPIO) as gpio, pytest.raises(Rejected, match="was driven to 1 but reads 0"):
        gpio.output(1)
    with playing(t7.OPEN, "T7", GPIO) as gpio, pytest.raises(InvalidArgument):
        gpio.output(2)


def test_reading_a_driven_line_returns_its_level_and_leaves_it_driven() -> None:
    # The frames hold no register that would make the line an input.
    script = [*t7.SET_GPIO, t7.read(4, 2800, "I", 0b1_0000), t7.read(5, 2800, "I", 0b1_0000)]
    with playing(script, "T7", GPIO) as gpio:
        gpio.output(1)
        assert gpio.input() == 1
        assert gpio.wait_for_level(1) < 5


def test_a_line_is_released_only_on_request() -> None:
    with playing(t7.RELEASE_GPIO, "T7", GPIO) as gpio:
        assert gpio.release() == 1
    still = [*t7.OPEN, t7.read(2, 2004, "H", 1), t7.read(3, 2850, "I", 0b1_0000)]
    with playing(still, "T7", GPIO) as gpio, pytest.raises(Rejected, match="still an output"):
        gpio.release()


def test_a_net_that_is_an_input_is_never_driven() -> None:
    with playing(t7.OPEN, "T7", INPUT) as gpio:
        for level in (0, 1, True):
            with pytest.raises(LimitExceeded, match="it is an input and is never driven"):
                gpio.output(level)


def test_a_net_that_is_an_input_says_when_its_line_is_driven() -> None:
    script = [*t7.OPEN, t7.read(2, 2850, "I", 0b10_0000), t7.read(3, 2800, "I", 0b1_0000)]
    with playing(script, "T7", INPUT) as gpio:
        assert gpio.input() == 1
    script = [*t7.OPEN, t7.read(2, 2850, "I", 0b1_0000), t7.read(3, 2800, "I", 0)]
    with playing(script, "T7", INPUT) as gpio, pytest.raises(InstrumentError, match="is driven to 0 by its own T7"):
        gpio.input()


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1, "soon", "inf"])
def test_waiting_for_a_level_needs_a_valid_timeout(timeout: object) -> None:
    with playing(t7.OPEN, "T7", GPIO) as gpio, pytest.raises(InvalidArgument, match="is not a valid timeout"):
        gpio.wait_for_level(1, timeout=timeout)


def test_waiting_for_a_level_ends_at_the_level_or_at_the_timeout() -> None:
    with playing(t7.WAIT_FOR_HIGH, "T7", GPIO) as gpio:
        assert 0 <= gpio.wait_for_level(1, timeout=60) < 5
    script = [*t7.OPEN, t7.read(2, 2800, "I", 0)]
    with playing(script, "T7", GPIO) as gpio, pytest.raises(InstrumentTimeout, match=r"did not change to 1 within 0 s"):
        gpio.wait_for_level(1, timeout=0)
    with playing(script, "T7", GPIO) as gpio, pytest.raises(TimeoutError) as caught:
        gpio.wait_for_level("high", timeout="0")
    assert str(caught.value).startswith("it did not change to 1 within 0 s. Check what")


@pytest.mark.parametrize("level", [1, "1", "high", "ON", " true ", True])
def test_a_level_is_a_number_or_a_word(level: object) -> None:
    with playing(t7.WAIT_FOR_HIGH, "T7", GPIO) as gpio:
        gpio.wait_for_level(level)
    with playing(t7.SET_GPIO, "T7", GPIO) as gpio:
        assert gpio.output(level) == 1


@pytest.mark.parametrize("level", ["hihg", "", 2, None, b"high", "1.0"])
def test_another_word_is_no_level(level: object) -> None:
    with playing(t7.OPEN, "T7", GPIO) as gpio, pytest.raises(InvalidArgument, match="is not a level"):
        gpio.output(level)


def test_a_digital_line_is_driven_and_released_in_one_exchange_each() -> None:
    released = [t7.read(4, 2004, "H", 1), t7.read(5, 2850, "I", 0), t7.read(6, 2800, "I", 0b1_0000)]
    with playing([*t7.SET_GPIO, *released], "T7", GPIO) as gpio:
        session = Uninterrupted(gpio)
        assert gpio.output(1) == 1
        assert session.times == 1
        assert gpio.release() == 1
        assert session.times == 2


DRIVEN = 0b1_0000
OPEN_LINE = 0b10_0000
RELEASED = [t7.read(2, 2004, "H", 1), t7.read(3, 2850, "I", 0), t7.read(4, 2800, "I", DRIVEN)]
LOWERED = [t7.read(2, 2850, "I", DRIVEN), t7.write(3, 2004, "H", 0), t7.read(4, 2800, "I", 0)]


def test_a_line_is_set_back_but_never_switched_on() -> None:
    for direction, level, said in ((DRIVEN, DRIVEN, "1"), (DRIVEN, OPEN_LINE, "0"), (OPEN_LINE, DRIVEN, "not driven")):
        levels = [t7.read(3, 2800, "I", level)] if direction == DRIVEN else []
        with playing([*t7.OPEN, t7.read(2, 2850, "I", direction), *levels], "T7", GPIO) as gpio:
            session = Uninterrupted(gpio)
            (setting,) = gpio.settings()
            assert (setting.name, setting.read()) == ("output", said)
            assert session.times == 1
    for value, script in (("0", LOWERED), ("not driven", RELEASED)):
        with playing([*t7.OPEN, *script], "T7", GPIO) as gpio:
            gpio.settings()[0].write(value)
    with playing(t7.OPEN, "T7", GPIO) as gpio, pytest.raises(InstrumentError, match="the line was at 1"):
        gpio.settings()[0].write("1")
    undriven = [*t7.OPEN, t7.read(2, 2850, "I", OPEN_LINE)]
    with playing(undriven, "T7", GPIO) as gpio, pytest.raises(InstrumentError, match="the line was driven"):
        gpio.settings()[0].write("0")


def test_a_line_is_toggled_in_one_exchange() -> None:
    for before, after in ((0, 1), (1, 0)):
        script = [*t7.OPEN, t7.read(2, 2800, "I", before << 4), t7.write(3, 2004, "H", after),
                  t7.read(4, 2800, "I", after << 4)]  # fmt: skip
        with playing(script, "T7", GPIO) as gpio:
            session = Uninterrupted(gpio)
            assert gpio.toggle() == after
            assert session.times == 1


def test_an_input_is_checked_and_read_in_one_exchange() -> None:
    script = [*t7.OPEN, t7.read(2, 2850, "I", 0), t7.read(3, 2800, "I", DRIVEN)]
    with playing(script, "T7", INPUT) as gpio:
        session = Uninterrupted(gpio)
        assert gpio.input() == 1
        assert session.times == 1


@pytest.mark.parametrize("level", [0, "0", "low", "OFF", "false", False])
def test_a_low_level_is_a_number_or_a_word(level: object) -> None:
    script = [*t7.OPEN, t7.write(2, 2004, "H", 0), t7.read(3, 2800, "I", 0)]
    with playing(script, "T7", GPIO) as gpio:
        assert gpio.output(level) == 0


def test_the_refusal_to_drive_a_line_names_the_net_that_says_so() -> None:
    with ScriptedInstrument(*t7.OPEN) as daq:
        nets = bench("T7", daq.address, one=GPIO, other=INPUT)
        with (
            Net.get("one", NetType.GPIO, nets=nets, claim=Leases()) as one,
            pytest.raises(LimitExceeded) as caught,
        ):
            one.output(1)
        assert caught.value.hint == 'The nets file says direction = "in" in [nets.other].'
