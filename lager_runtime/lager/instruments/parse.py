"""Strict readers of what instruments answer. Each raises ValueError with the reason; none falls back to a default."""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NOT_A_NUMBER = 9.9e37  # SCPI-99 volume 1, 7.2.1.4 and 7.2.1.5: infinity is 9.9E37, not-a-number 9.91E37


def number(text: str) -> float:
    """A plain finite decimal number."""
    if not re.fullmatch(_NUMBER, text.strip()):
        raise ValueError("that is not a number")
    return _finite(float(text))


def numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """Exactly `count` numbers with commas between them."""

    def read(text: str) -> tuple[float, ...]:
        fields = text.split(",")
        if len(fields) != count:
            raise ValueError(f"{count} numbers were due")
        return tuple(number(field) for field in fields)

    return read


def quantity(unit: str) -> Callable[[str], float]:
    """A number with or without its unit; of several readings, the first that has the unit.

    A reading without units is taken only when it is the only one: nothing says which of several would be meant.
    """

    def read(text: str) -> float:
        fields = [_field(part) for part in text.split(",")]
        matching = [value for value, given in fields if given == unit]
        if len(fields) == 1 and fields[0][1] == "":
            return fields[0][0]
        if not matching:
            raise ValueError(f"it holds no reading in {unit}")
        return matching[0]

    return read


def word(table: Mapping[str, T]) -> Callable[[str], T]:
    """One of the words of the table, in any case; its value."""

    def read(text: str) -> T:
        try:
            return table[text.strip().upper()]
        except KeyError:
            raise ValueError(f"one of {', '.join(table)} was due") from None

    return read


def whole(text: str) -> int:
    """A whole number."""
    if not re.fullmatch(r"[+-]?\d{1,10}", text.strip()):
        raise ValueError("that is not a whole number")
    return int(text)


def error(text: str) -> tuple[int, str]:
    """An entry of the error queue: `-222,"Data out of range"`; code 0 is the empty queue."""
    match = re.fullmatch(r'\s*([+-]?\d{1,5})\s*,\s*"?([^"]*)"?\s*', text)
    if not match:
        raise ValueError("that is not an entry of an error queue")
    return int(match[1]), match[2].strip()


def _field(text: str) -> tuple[float, str]:
    match = re.fullmatch(rf"\s*({_NUMBER})\s*([A-Za-z%]*)\s*", text)
    if not match:
        raise ValueError("that is not a reading")
    return _finite(float(match[1])), match[2]


def _finite(value: float) -> float:
    if not math.isfinite(value) or abs(value) >= _NOT_A_NUMBER:
        raise ValueError("the instrument has no valid reading (SCPI not-a-number or overflow)")
    return value


on_off = word({"ON": True, "1": True, "OFF": False, "0": False})
yes_no = word({"YES": True, "NO": False})
