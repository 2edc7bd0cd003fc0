"""What may be sent to a net: numbers of every kind, converted once, and nothing above a limit."""

import numbers
from decimal import Decimal
from fractions import Fraction
from unittest.mock import MagicMock

import pytest

from lager.errors import InvalidArgument, LimitExceeded
from lager.instruments.quantities import amount, decimal
from lager.nets.model import NetConfig
from tests.unit.exchanges import rigol_dp800 as dp800
from tests.unit.scriptedbench import bench, playing

LIMITED = "type = 'supply'\nchannel = 1\nmax_voltage = 5"


def limited(volts: float = 5) -> NetConfig:
    return bench("DP821", "TCPIP::192.0.2.1::INSTR", it=LIMITED.replace("5", f"{volts}")).net("it")


class Changing(float):
    """Within the limit when it is looked at first, far over it afterwards."""

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
    """What has a conversion, but is not a real number: an array of one element."""

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
    script = [*dp800.OPEN, (":SOUR1:VOLT?", "3.30000019"), *dp800.ENABLE[2:]]
    with playing(script, "DP821", LIMITED.replace("5", "3.3")) as supply:
        supply.enable()
