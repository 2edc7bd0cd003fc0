"""What a user types for a number or a level."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.wording.text import number_of, seconds_of
from lager_cli.options.typed_values import level, number

NO_NUMBERS = [
    "",
    " ",
    "abc",
    "1_0",
    "٣",
    "\uff13.\uff13",
    "1,5",
    "0x10",
    "1 000",
    "nan",
    "-inf",
    "1e400",
    "1e",
    "..",
    "\u22121",
    "1²",
]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3.3", "V", 3.3), ("3.3V", "V", 3.3), (" 3.3 V ", "V", 3.3), ("3300mV", "V", 3.3), ("-1v", "V", -1.0),
        ("500mA", "A", 0.5), ("10uA", "A", 1e-5), ("10 µA", "A", 1e-5), ("0.1mA", "A", 1e-4), ("+.5", "A", 0.5),
        ("5.", "V", 5.0), ("1e-3", "A", 1e-3), ("1E1mV", "V", 0.01), ("4.7kΩ", "Ω", 4700.0), ("1MOhm", "Ω", 1e6),
        ("10mohm", "Ω", 0.01), ("10\u2126", "Ω", 10.0), ("80%", "%", 80.0), ("2000mAh", "Ah", 2.0), ("5 w", "W", 5.0),
    ],
)  # fmt: skip
def test_a_number_may_have_its_unit(text: str, unit: str, value: float) -> None:
    assert number(text, unit) == value


@pytest.mark.parametrize("text", [*NO_NUMBERS, "3.3A", "3.3m", "3.3VV", "5MV", "3.3V3", "5 %", "V", "1e400mV", "3 3"])
def test_nothing_else_is_a_number_of_volts(text: Any) -> None:
    with pytest.raises(ValueError, match=r"^Give a decimal number in V, such as 3\.3, 3\.3V or 500mV\.$"):
        number(text, "V")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_prints_of_a_number_is_that_number(value: Any) -> None:
    assert number(repr(value), "V") == number(f"{value!r}V", "V") == value


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_decimal_digits_alone_make_a_number_or_a_time(text: str) -> None:
    assert number_of(text) is None
    assert seconds_of(text) is None


def test_times_may_have_milliseconds() -> None:
    assert [seconds_of(text) for text in ("100ms", "1s500ms", "1m2s3ms", "0ms")] == pytest.approx([0.1, 1.5, 62.003, 0])
    assert [seconds_of(text) for text in ("ms", "1ms2s", "100 ms")] == [None, None, None]


@pytest.mark.parametrize("text", ["1h30", "1_0m", "٣m", "9" * 400 + "d"])
def test_times_are_decimal_and_finite(text: str) -> None:
    assert seconds_of(text) == (5400 - 1770 if text == "1h30" else None)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("LOW", 0), ("off", 0), ("False", 0), ("1", 1), ("high", 1), (" on", 1)]
)
def test_a_level_may_be_a_word(text: str, value: int) -> None:
    assert level(text) == value


@pytest.mark.parametrize("text", ["", "2", "hihg", "1.0", "-1", "00", "\u0661"])
def test_nothing_else_is_a_level(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Give 0, 1, low, high, off or on\.$"):
        level(text)
