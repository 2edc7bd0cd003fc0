"""The check of values for a net: numbers of every kind, converted once, and nothing above a limit."""

import numbers
import re
from decimal import Decimal
from fractions import Fraction
from unittest.mock import MagicMock

import pytest

from lager.drivers.replay import bench, playing
from lager.errors import InvalidArgument, LimitExceeded
from lager.nets.model import NetConfig
from lager.nets.quantities import amount, decimal, exceeds, keep_limit, si, table
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

LIMITED = "type = 'supply'\nchannel = 1\nmax_voltage = 5"


def limited(volts: float = 5) -> NetConfig:
    return bench("DP821", "TCPIP::192.0.2.1::INSTR", it=LIMITED.replace("5", f"{volts}")).net("it")


class Changing(float):
    """A number that is within the limit at its first conversion and far over it afterwards."""

    def __new__(cls, *answers: float) -> "Changing":
        made = super().__new__(cls, answers[0])
        made.answers = list(answers)
        return made

    answers: list[float]

    def __float__(self) -> float:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def __abs__(self) -> float:
        return 0.0

    def __gt__(self, other: object) -> bool:
        return False

    __lt__ = __gt__


class Scalar:
    """A real number of another library: numpy registers its scalars like this."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


numbers.Real.register(Scalar)


class Array:
    """An object that converts to a float but is not a real number: an array of one element."""

    def __float__(self) -> float:
        return 3.3


class Failing(float):
    def __float__(self) -> float:
        raise RuntimeError("no value yet")

    def __repr__(self) -> str:
        raise RuntimeError("no text either")


def test_a_number_that_changes_is_converted_once_and_sent_as_it_was_checked() -> None:
    script = [*dp800.OPEN, (":SOUR1:VOLT 3.3", None), dp800.NO_ERROR, (":SOUR1:VOLT?", "3.300")]
    with playing(script, "DP821", LIMITED) as supply:
        assert supply.set_voltage(Changing(3.3, 60.0)) == 3.3


def test_a_number_that_is_not_what_it_looks_like_is_refused_over_the_limit() -> None:
    with playing(dp800.OPEN, "DP821", LIMITED) as supply, pytest.raises(LimitExceeded, match="60 V"):
        supply.set_voltage(Changing(60.0))
    with pytest.raises(LimitExceeded):
        amount(limited(), "voltage", Scalar(5.01))
    with pytest.raises(LimitExceeded):
        amount(limited(), "voltage", Decimal("5.00001"))


@pytest.mark.parametrize("value", [Decimal("3.3"), Fraction(33, 10), Scalar(3.3), 3.3])
def test_every_kind_of_real_number_is_a_number(value: object) -> None:
    taken = amount(limited(), "voltage", value)
    assert (type(taken), taken) == (float, 3.3)


@pytest.mark.parametrize(
    "value",
    [
        True,
        "3.3",
        b"3",
        None,
        3 + 0j,
        [3.3],
        Array(),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Scalar(float("nan")),
        Fraction(10**400),
        10**400,
        Failing(3.0),
        MagicMock(),
        MagicMock(spec=float),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_a_real_number_is_refused_in_one_sentence(value: object) -> None:
    with pytest.raises(InvalidArgument, match=r"it: .* is not a valid voltage\."):
        amount(limited(), "voltage", value)


def test_the_error_of_a_binary_fraction_is_not_over_a_limit() -> None:
    assert amount(limited(0.3), "voltage", 0.1 + 0.2)
    with pytest.raises(LimitExceeded, match=r"5\.00001 V is over its limit of 5 V"):
        amount(limited(), "voltage", 5.00001)


def test_a_negative_zero_is_zero() -> None:
    assert decimal(amount(limited(), "voltage", -0.0)) == "0"
    assert decimal(amount(limited(), "voltage", 1e-9)) == "0"


def test_a_setpoint_that_the_instrument_rounds_over_the_limit_is_set_a_step_lower() -> None:
    script = [
        *dp800.OPEN,
        (":SOUR1:VOLT 3.3333", None),
        dp800.NO_ERROR,
        (":SOUR1:VOLT?", "3.340"),
        (":SOUR1:VOLT 3.3233", None),
        dp800.NO_ERROR,
        (":SOUR1:VOLT?", "3.330"),
    ]
    with playing(script, "DP821", LIMITED.replace("5", "3.3333")) as supply:
        assert supply.set_voltage(3.3333) == 3.33


def test_an_output_within_the_error_of_its_readback_is_turned_on() -> None:
    # 3.3 V as 32 bits hold it.
    script = [*dp800.OPEN, (":SOUR1:VOLT?", "3.30000019"), *dp800.ENABLE[1:]]
    with playing(script, "DP821", LIMITED.replace("5", "3.3")) as supply:
        supply.enable()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "V", "-"), (0, "V", "0.000 V"), (3.3, "V", "3.300 V"), (1, "V", "1.000 V"), (0.999, "A", "999.000 mA"),
        (0.001, "A", "1.000 mA"), (0.000999, "A", "999.000 µA"), (1e-9, "A", "0.001 µA"), (-0.5, "A", "-500.000 mA"),
        (1500, "W", "1500.000 W"), (0.5, "Ω", "0.500 Ω"), (0.5, "%", "0.500 %"), (0.5, "Ah", "0.500 Ah"),
    ],
)  # fmt: skip
def test_a_value_is_shown_in_a_unit_of_its_size(value: float | None, unit: str, text: str) -> None:
    assert si(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.3, "3.3"), (100, "100"), (0.000001, "0.000001"), (1.0000004, "1"), (1e6, "1000000")]
)
def test_a_number_is_sent_with_six_decimals_at_most(value: float, text: str) -> None:
    assert decimal(value) == text


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [("voltage", "V"), ("current", "A"), ("power", "W"), ("resistance", "Ω"), ("capacity", "Ah"), ("soc", "%")],
)
def test_a_value_outside_its_range_is_refused_with_the_range_in_its_unit(quantity: str, unit: str) -> None:
    net = bench("DP821", "TCPIP::192.0.2.1::INSTR", it="type = 'supply'\nchannel = 1").net("it")
    assert amount(net, quantity, 0) == 0
    assert amount(net, quantity, 1e9) == 1e9
    assert (amount(net, quantity, 2, low=2, high=5), amount(net, quantity, 5, low=2, high=5)) == (2, 5)
    for value in (1.999, 5.001):
        with pytest.raises(InvalidArgument, match=f"{value:g} {unit} ") as caught:
            amount(net, quantity, value, low=2, high=5)
        assert re.search(rf"2( {unit})? to 5 {unit}", caught.value.hint)
    with pytest.raises(InvalidArgument) as caught:
        amount(net, quantity, -0.001)
    assert f" 0 {unit}" in caught.value.hint
    assert "None" not in caught.value.hint
    with pytest.raises(InvalidArgument) as caught:
        amount(net, quantity, "x")
    assert {"soc": "charge"}.get(quantity, quantity) in caught.value.what
    assert unit in caught.value.hint


@pytest.mark.parametrize(("quantity", "unit"), [("voltage", "V"), ("current", "A"), ("power", "W")])
def test_each_limit_is_kept_on_both_sides_of_zero_and_named(quantity: str, unit: str) -> None:
    lines = f"type = 'supply'\nchannel = 1\nmax_{quantity} = 5"
    net = bench("DP821", "TCPIP::192.0.2.1::INSTR", it=lines).net("it")
    for value in (5, -5, 5.0000009, 0):
        keep_limit(net, quantity, value)
    for value in (5.00001, -5.00001):
        with pytest.raises(LimitExceeded, match=rf"it: {value:.7g} {unit} is over its limit of 5 {unit}") as caught:
            keep_limit(net, quantity, value)
        assert f"max_{quantity} of [nets.it]" in caught.value.hint
        assert "same terminal" not in caught.value.hint
    for other in {"voltage", "current", "power"} - {quantity}:
        keep_limit(net, other, 1e9)


def test_a_limit_of_another_net_on_the_same_terminal_is_named_with_that_net() -> None:
    nets = bench("DP821", "TCPIP::192.0.2.1::INSTR", it=LIMITED, other="type = 'supply'\nchannel = 1")
    with pytest.raises(LimitExceeded, match=r"other: 6 V is over its limit of 5 V") as caught:
        keep_limit(nets.net("other"), "voltage", 6)
    assert "max_voltage of [nets.it]" in caught.value.hint
    assert "which is the same terminal" in caught.value.hint


def test_a_limit_is_exceeded_by_more_than_two_in_ten_million() -> None:
    assert not exceeds(5 * (1 + 1.9e-7), 5)
    assert exceeds(5 * (1 + 2.1e-7), 5)


def test_a_table_is_aligned_below_its_title() -> None:
    assert table("it", [("a", "1"), ("long", "2")]) == "it\n  a     1\n  long  2"
