"""The mistakes of a text file: each is named with its key, and no value of it is used."""

from typing import Any

import pytest

from lager.nets.checks.mistakes import Mistakes, number_between, option, suggestion, text


def test_a_mistake_is_one_printable_line_of_limited_length() -> None:
    mistakes = Mistakes()
    mistakes.add("nets.a\nb", "is missing")
    mistakes.add("k" * 5000, "is missing")
    assert len(mistakes) == 2
    assert mistakes[0].isprintable()
    assert mistakes[0].endswith("b: is missing")
    assert len(mistakes[1]) <= 1000


def test_each_unknown_key_is_named_with_what_was_probably_meant() -> None:
    mistakes = Mistakes()
    mistakes.unknown("nets.it.", ["type", "chanel", "zzz"], ["type", "channel", "change"])
    assert mistakes == [
        "nets.it.chanel: unknown key (did you mean 'channel'?)",
        "nets.it.zzz: unknown key (known: type, channel, change)",
    ]


def test_a_word_where_none_is_known_is_said_to_have_no_choice() -> None:
    assert suggestion("zzz", []) == " (known: none)"


@pytest.mark.parametrize(
    ("value", "read", "said"),
    [
        (" rack 1 ", "rack 1", []),
        (None, None, ["nets.it.model: is missing"]),
        (5, None, ["nets.it.model: should be text, not 5"]),
        ("", None, ["nets.it.model: should be text, not ''"]),
        ("  ", None, ["nets.it.model: should be text, not '  '"]),
        ("a\x00b", None, ["nets.it.model: should be text, not 'a\\x00b'"]),
    ],
)
def test_text_is_printable_and_not_empty(value: Any, read: str | None, said: list[str]) -> None:
    for key in ("nets.it.model", "model"):
        mistakes = Mistakes()
        assert text(key, {"model": value, "it": "x"}, mistakes) == read
        assert mistakes == [one.replace("nets.it.model", key) for one in said]


@pytest.mark.parametrize(
    ("value", "read", "said"),
    [
        (0.001, 0.001, ""),
        (10, 10.0, ""),
        (0, None, "timeout: should be above 0 and at most 10, not 0"),
        (10.5, None, "timeout: should be above 0 and at most 10, not 10.5"),
        ("5", None, "timeout: should be a number, not '5'"),
        (True, None, "timeout: should be a number, not True"),
        (float("nan"), None, "timeout: should be a number, not nan"),
    ],
)
def test_a_number_is_above_the_lowest_and_at_most_the_highest(value: Any, read: float | None, said: str) -> None:
    mistakes = Mistakes()
    assert number_between("timeout", value, mistakes, 0, 10) == read
    assert mistakes == ([said] if said else [])


def test_an_option_is_what_its_test_returns_or_a_mistake() -> None:
    def upper(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("should be a word")
        return value.upper()

    mistakes = Mistakes()
    assert option("kind", "k", upper, mistakes) == "K"
    assert mistakes == []
    assert option("kind", 5, upper, mistakes) is None
    assert mistakes == ["kind: should be a word"]
