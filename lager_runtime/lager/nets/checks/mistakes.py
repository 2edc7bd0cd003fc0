"""Collects the mistakes of a nets file: the functions that read a value add a mistake instead of raising."""

from collections.abc import Callable, Iterable
from typing import Any

from lager.wording.text import printable, similar
from lager.wording.values import number, shown

Test = Callable[[Any], Any]
"""Returns a value as it is used; raises ValueError, with what it should be, for an invalid one."""


class Mistakes(list[str]):
    def add(self, key: str, reason: str) -> None:
        self.append(printable(f"{key}: {reason}", 1000))  # keys are user input

    def unknown(self, prefix: str, given: Iterable[str], known: Iterable[str]) -> None:
        names = list(known)
        for key in (key for key in given if key not in names):
            self.add(f"{prefix}{key}", f"unknown key{suggestion(key, names)}")


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return the name that was probably meant, or all known names, in parentheses."""
    names = list(known)
    close = similar(word, names)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names) or 'none'})"


def text(key: str, table: dict[str, Any], mistakes: Mistakes) -> str | None:
    value = table.get(key.rpartition(".")[2])
    if value is None:
        mistakes.add(key, "is missing")
    elif not isinstance(value, str) or not value.strip() or not value.isprintable():
        mistakes.add(key, f"should be text, not {shown(value)}")
    else:
        return value.strip()
    return None


def number_between(key: str, value: Any, mistakes: Mistakes, low: float, high: float) -> float | None:
    given = number(value)
    if given is None:
        mistakes.add(key, f"should be a number, not {shown(value)}")
    elif not low < given <= high:
        mistakes.add(key, f"should be above {low:g} and at most {high:g}, not {given:g}")
    else:
        return given
    return None


def option(key: str, value: object, test: Test, mistakes: Mistakes) -> Any:
    try:
        return test(value)
    except ValueError as error:
        mistakes.add(key, str(error))
        return None
