"""Parses typed numbers, with or without a unit, and levels."""

import re
from typing import Any

import click

from lager.wording.text import amount_of, printable, similar

_LEVELS = {"0": 0, "low": 0, "off": 0, "false": 0, "1": 1, "high": 1, "on": 1, "true": 1}
# A negative number, or what a user may mean as one. No option of lager begins like that.
_NEGATIVE = r"-\.?(\d|inf|nan)"
_MARK = "\0"  # cannot occur in a word of a command line


def number(text: str, unit: str) -> float:
    """Return a finite decimal number. It may have a unit, and the unit a prefix: 3.3, 3.3V, 500 mV.

    Raises ValueError, whose message says what to give.
    """
    value = amount_of(text, unit)
    if value is None:
        example = f"80 or 80{unit}" if unit == "%" else f"3.3, 3.3{unit} or 500m{unit}"
        raise ValueError(f"Give a decimal number in {unit}, such as {example}.")
    return value


def level(text: str) -> int:
    """Return 0 or 1. Raises ValueError, whose message says what to give."""
    found = _LEVELS.get(text.strip().lower())
    if found is None:
        raise ValueError("Give 0, 1, low, high, off or on.")
    return found


class Word(click.Choice[str]):
    """The type of an argument that takes one of several words. Suggests the nearest for another one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        words = ", ".join(self.choices)
        meant = [f" Did you mean {one}?" for one in similar(str(value).lower(), self.choices)]
        return f"'{printable(value, 40)}' is not one of {words}.{''.join(meant)}"


class Whole(click.IntRange):
    """The type of an option that takes a whole number in decimal digits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+", value.strip()):
            self.fail(f"'{printable(value, 40)}' is not a whole number.", param, ctx)
        return super().convert(value, param, ctx)


class TakesNumbers(click.Command):
    """A command that reads a negative number as a value, not as an option."""

    def make_parser(self, ctx: click.Context) -> Any:
        parser: Any = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_args(args: list[str]) -> tuple[Any, ...]:
            marked = [_MARK + word if re.match(_NEGATIVE, word, re.IGNORECASE) else word for word in args]
            options, rest, order = parse(args=marked)
            return {name: _unmarked(value) for name, value in options.items()}, _unmarked(rest), order

        parser.parse_args = parse_args
        return parser


def _unmarked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_unmarked(one) for one in value)
    return value.removeprefix(_MARK) if isinstance(value, str) else value
