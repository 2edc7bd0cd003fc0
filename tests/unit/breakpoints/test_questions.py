"""Which typed or sent values answer a question, and which questions are refused."""

from itertools import count
from typing import Any

import pytest

from lager.errors import InvalidArgument
from lager.wording.question import question

GAP: dict[str, Any] = {"kind": "number", "unit": "mm", "low": 0, "high": 20}
CABLE: dict[str, Any] = {"kind": "choice", "choices": ["Straße", "caf\u00e9"]}


@pytest.mark.parametrize(
    ("asked", "given", "answer"),
    [
        (GAP, "0", 0.0), (GAP, "20 MM", 20.0), (GAP, " +5mm\n", 5.0), (GAP, "1e1", 10.0), (GAP, 7, 7.0),
        ({"kind": "number", "unit": "cm2"}, "5 cm2", 5.0), ({"kind": "number", "unit": "1/min"}, "60 1/min", 60.0),
        ({"kind": "number", "unit": " Ω "}, "5 kohm", 5000.0), ({"kind": "number", "unit": "\u2126"}, "5 Ω", 5.0),
        ({}, " YES\n", True), ({}, "0", False), ({}, False, False),
        (CABLE, "STRASSE", "Straße"), (CABLE, "CAFE\u0301 ", "caf\u00e9"),
        ({"kind": "text"}, "  SN 42\r\n", "  SN 42"), ({"kind": "text"}, "", ""),
        ({"kind": "text"}, "x" * 4096, "x" * 4096),
    ],
)  # fmt: skip
def test_what_fits_is_converted(asked: Any, given: Any, answer: Any) -> None:
    found = question("what?", **asked).answer(given)
    assert (type(found), found) == (type(answer), answer)


@pytest.mark.parametrize(
    ("asked", "given", "told"),
    [
        *((GAP, one, "Give a number from 0 to 20 mm.") for one in (
            "20.001", "-1e-9", "nan", "inf", "1e400", "\u0665", "\uff15", "5 V", "5m", "21,5", "0x5", "1_0", "", b"5",
            True, 2**70, None, [5], {"a": 5}, 10**400, float("nan"))),
        *(({}, one, "Give yes or no.") for one in ("t", "yep", "", "\uff39", 1, 0.0, None, ["y"])),
        *((CABLE, one, "Give one of: Straße, caf\u00e9.") for one in ("", "stra", "cafe", 0, ["Straße"])),
        *(({"kind": "text"}, one, "Give a line of text, up to 4096 characters.") for one in (
            "x" * 4097, "a\nb", "a\rb\n", "a\0", 5, None, b"a")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_does(asked: Any, given: Any, told: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        question("what?", **asked).answer(given)
    assert refused.value.hint == told
    assert 0 < refused.value.what.index(" is not a valid answer to 'what?'.") < 100


def test_a_decimal_comma_is_refused_with_the_form_with_a_point() -> None:
    with pytest.raises(InvalidArgument, match=r"from 0 to 20 mm, with a decimal point: 0\.0\.$"):
        question("what?", **GAP).answer(" 0,0 ")


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (["a", "b", "A"], "choices has 'A' twice. Give different texts; case does not count."),
        (iter(int, 1), "0 cannot be a choice. Give texts of one line."),
        (map(str, count()), "choices has more than 100 texts. Give 1 to 100 different ones."),
    ],
)
def test_choices_without_an_end_are_refused_as_equal_ones_are(choices: Any, told: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        question("what?", kind="choice", choices=choices)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    "arguments",
    [
        *({"kind": "number", key: value} for key in ("low", "high", "default") for value in (
            float("nan"), float("inf"), -float("inf"), True, "3 V", 10**400, [1], object())),
        {"kind": "number", "low": 2, "high": 1}, {"kind": "number", "high": 1, "default": 1.001},
        {"kind": "choice", "choices": [str(number) for number in range(101)]},
        *({"kind": "choice", "choices": choices} for choices in (
            [], "ab", b"ab", 5, [1, 2], ["a", "A"], ["ß", "SS"], ["caf\u00e9", "cafe\u0301"], ["a\nb"], [" a"],
            ["x" * 300])),
        {"kind": "choice", "choices": ["a"], "default": "b"}, {"choices": ["a"]}, {"unit": "V"}, {"low": 1},
        {"kind": "maybe"}, {"kind": ["text"]}, {"default": 2}, {"kind": "text", "default": 5},
    ],
)  # fmt: skip
def test_a_question_that_nothing_or_too_much_could_answer_is_refused(arguments: Any) -> None:
    with pytest.raises(InvalidArgument):
        question("what?", **arguments)
