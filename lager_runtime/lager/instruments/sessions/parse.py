"""Parsers for the answers of instruments: lenient where nothing can be misread, strict otherwise.

Each raises ValueError with the reason; none falls back to a default.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PREFIXES = {"m": 1e-3, "u": 1e-6, "k": 1e3}
_FLAGS = {"ON": True, "YES": True, "TRUE": True, "OFF": False, "NO": False, "FALSE": False}
_OUTPUT_MODES = ("CV", "CC", "OFF")
_NOT_A_NUMBER = 9.9e37  # SCPI-99 volume 1, 7.2.1.4 and 7.2.1.5: infinity is 9.9E37, not-a-number 9.91E37


def number(text: str) -> float:
    """Return a finite decimal number."""
    if not re.fullmatch(_NUMBER, text.strip()):
        raise ValueError("not a number")
    return _finite(float(text))


def numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """Return a parser for exactly `count` comma-separated numbers."""

    def read(text: str) -> tuple[float, ...]:
        fields = text.split(",")
        if len(fields) != count:
            raise ValueError(f"expected {count} numbers")
        return tuple(number(field) for field in fields)

    return read


def quantity(unit: str) -> Callable[[str], float]:
    """Return a parser for a number with an optional unit; of several readings it returns the first with this unit.

    It accepts a reading without a unit only if there is one reading: otherwise it could be any of them. Case does not
    matter. Between the readings, the instrument may say in which mode it is.
    """

    def read(text: str) -> float:
        fields = [_field(part) for part in text.split(",") if part.strip().upper() not in _OUTPUT_MODES]
        matching = [value * scale for value, given in fields if (scale := _scale(given, unit)) is not None]
        if len(fields) == 1 and fields[0][1] == "":
            return fields[0][0]
        if not matching:
            raise ValueError(f"it contains no reading in {unit}")
        return matching[0]

    return read


def _scale(given: str, unit: str) -> float | None:
    """Return the factor for a reading in the unit `given`; None if that is another unit than `unit`.

    A capital M is not accepted as a prefix: it is milli in SCPI (IEEE 488.2, 7.7.3), but a reader takes it for mega.
    """
    if given.upper() == unit.upper():
        return 1.0
    return _PREFIXES.get(given[:1]) if given[1:].upper() == unit.upper() else None


def word(table: Mapping[str, T]) -> Callable[[str], T]:
    """Return a parser for the words of the table, which returns their values; case and quotes do not matter."""

    def read(text: str) -> T:
        try:
            return table[_unquoted(text).strip().upper()]
        except KeyError:
            raise ValueError(f"expected one of {', '.join(table)}") from None

    return read


def on_off(text: str) -> bool:
    """Return a boolean that is given as a word, or as the number 1 or 0."""
    try:
        return _FLAGS[_unquoted(text).strip().upper()]
    except KeyError:
        pass
    try:
        return {1.0: True, 0.0: False}[number(text)]
    except (KeyError, ValueError):
        raise ValueError("expected ON, OFF, YES, NO, 1 or 0") from None


def whole(text: str) -> int:
    """Return a whole number."""
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text.strip()):
        raise ValueError("not a whole number")
    return int(text)


def hexadecimal(text: str) -> int:
    """Return a whole number that is given as 0x0224."""
    if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}", text.strip()):
        raise ValueError("not a hexadecimal number")
    return int(text.strip(), 16)


def error(text: str) -> tuple[int, str]:
    """Return code and text of an error queue entry: `-222,"Data out of range"`; code 0 means that the queue is empty.

    The text may contain quotes, doubled as SCPI requires (SCPI-99 volume 1, 21.8.8) or not, and may itself be unquoted.
    """
    match = re.fullmatch(r"\s*([+-]?[0-9]{1,5})\s*,(.*)", text)
    if not match:
        raise ValueError("not an entry of an error queue")
    return int(match[1]), _unquoted(match[2]).strip()


def spaced_error(text: str) -> tuple[int, str]:
    """Return code and text of an entry without a comma, such as `0  No Error`."""
    match = re.fullmatch(r"\s*([+-]?[0-9]{1,5})(?:\s+(.*))?", text)
    if not match:
        raise ValueError("not an entry of an error queue")
    return int(match[1]), _unquoted(match[2] or "").strip()


def error_code(text: str) -> tuple[int, str]:
    """Return the code of an entry that has no text."""
    return whole(text), ""


ERRORS: Mapping[str, Callable[[str], tuple[int, str]]] = {
    "code,text": error,
    "code text": spaced_error,
    "code": error_code,
}
"""The parsers of the forms of an entry (lager.nets.talk)."""


def _unquoted(text: str) -> str:
    """Return the text without its surrounding quotes, and with doubled quotes made single."""
    stripped = text.strip()
    quote = stripped[:1]
    if quote not in ("'", '"'):
        return stripped
    # An instrument that truncates long entries loses the closing quote.
    inner = stripped[1:].removesuffix(quote)
    return inner.replace(quote * 2, quote)


def _field(text: str) -> tuple[float, str]:
    match = re.fullmatch(rf"\s*({_NUMBER})\s*([A-Za-z%]*)\s*", text)
    if not match:
        raise ValueError("not a reading")
    return _finite(float(match[1])), match[2]


def _finite(value: float) -> float:
    if not math.isfinite(value) or abs(value) >= _NOT_A_NUMBER:
        raise ValueError("the instrument has no valid reading (SCPI not-a-number or overflow)")
    return value
