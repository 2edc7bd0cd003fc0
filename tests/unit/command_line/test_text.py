"""What is shown of anything, and times as people say them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.wording.text import duration, printable, similar, time_left

ANY_TEXT = st.text(st.characters())  # lone surrogates and control characters too


@given(ANY_TEXT, st.integers(1, 300))
def test_nothing_a_terminal_would_obey(text: Any, limit: Any) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=50))
def test_plain_text_stays_as_it_is(text: Any) -> None:
    if text.isprintable():
        assert printable(text) == text


@given(ANY_TEXT, st.integers(1, 300))
def test_shown_again_it_is_the_same(text: Any, limit: Any) -> None:
    """A label is made safe by the script and once more by lagerd."""
    once = printable(text, limit)
    assert printable(once, limit) == once


@given(st.binary(max_size=300))
def test_bytes_become_printable(data: Any) -> None:
    assert printable(data).isprintable()
    assert printable(bytearray(data)) == printable(data)


@given(st.recursive(st.none() | st.integers() | st.floats() | ANY_TEXT, st.lists))
def test_any_value_becomes_printable(value: Any) -> None:
    assert printable(value, 80).isprintable()


class Raises:
    def __str__(self) -> str:
        raise ZeroDivisionError


class Sub(str):
    def __getitem__(self, key: object) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Raises(), "<Raises that cannot be shown>"), (Sub("sub"), "sub"), ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\u202eevil", r"\u202eevil"), ("\ud800", r"\ud800"), ("x" * 201, "x" * 199 + "…"), ("x" * 200, "x" * 200),
        (b"\xff", r"\xff"), ("\u00a0", r"\xa0"),
    ],
)  # fmt: skip
def test_examples_of_printable_text(value: Any, shown: str) -> None:
    assert printable(value) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (0.9, "0s"), (59.99, "59s"), (60, "1m00s"), (245, "4m05s"), (3599.9, "59m59s"),
        (7200, "2h00m"), (47 * 3600 + 61, "47h01m"), (48 * 3600, "2d00h"), (10 * 365 * 86400, "3650d00h"),
    ],
)  # fmt: skip
def test_durations_are_formatted(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(300.0, "5m00s"), (299.999, "5m00s"), (0.01, "1s"), (1.0005, "1s")])
def test_times_left_are_rounded_up(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


@given(st.floats(0, 1e9))
def test_time_left_is_never_less_than_the_truth(seconds: Any) -> None:
    assert duration(seconds)
    if seconds > 0.001:
        assert time_left(seconds) != "0s"


@pytest.mark.parametrize(
    ("word", "found"),
    [("SUPPLY2", ["supply2", "supply1"]), (" Adc1 ", ["adc1"]), ("psu", ["PSU"]), ("voltmeter", []), (3, [])],
)
def test_a_similar_word_may_have_another_case(word: str | int, found: Any) -> None:
    assert similar(word, ["supply1", "supply2", "adc1", "PSU"], 2)[: len(found) or 2] == found


def test_of_two_words_that_differ_only_in_case_both_are_similar() -> None:
    assert similar("vdd", ["VDD", "Vdd", "gnd"], 3) == ["VDD", "Vdd"]
    assert similar("vdd", ["VDD", "Vdd", "gnd"]) == ["VDD"]
