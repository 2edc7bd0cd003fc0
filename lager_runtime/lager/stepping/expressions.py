"""Parses the condition, hit count and message of a breakpoint, and evaluates them."""

import re
import threading
from collections.abc import Callable
from types import CodeType
from typing import Any

from lager.errors import InvalidArgument
from lager.wording.text import printable

_LONGEST = 4096
_HITS = re.compile(r"\s*(==|>=|<=|>|<|%)?\s*([0-9]{1,9})\s*")
_LONG = 200

Names = Callable[[], dict[str, Any]]


class Condition:
    """An expression. If it raises, it counts as true, so that a mistake in it cannot hide the line."""

    def __init__(self, source: str) -> None:
        """Raises InvalidArgument."""
        self._code = _compiled(source, "condition")

    def check(self, names: Names) -> tuple[bool, str]:
        """Return whether the condition is true, and the message if it raised. KeyboardInterrupt passes through."""
        try:
            return bool(eval(self._code, names())), ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return True, f"its condition raised {type(error).__name__}: {printable(error, _LONG)}"


class Hits:
    """How many times a line is passed: `5` or `== 5` stops at the fifth time, `>= 5`, `> 5`, `<= 5`, `< 5` as they say,
    `% 5` at each fifth time. May be used by several threads."""

    def __init__(self, text: str) -> None:
        """Raises InvalidArgument."""
        found = _HITS.fullmatch(text)
        if found is None or (found[1] == "%" and not int(found[2])):
            raise InvalidArgument("That is not a valid hit count.", "Write it like: 5, >= 5 or % 5")
        self._how, self._number = found[1] or "==", int(found[2])
        self._count = 0
        self._lock = threading.Lock()

    def counted(self) -> bool:
        """Count one hit. Return whether it stops."""
        with self._lock:
            self._count += 1
            count, number = self._count, self._number
        return {
            "==": count == number, ">=": count >= number, "<=": count <= number,
            ">": count > number, "<": count < number, "%": number > 0 and count % number == 0,
        }[self._how]  # fmt: skip


class Message:
    """A text with expressions in braces."""

    def __init__(self, text: str) -> None:
        """Raises InvalidArgument."""
        if len(text) > _LONGEST:
            raise InvalidArgument("The message is too long.", f"Write at most {_LONGEST} characters.")
        self._parts: list[str | tuple[str, CodeType]] = []
        while text:
            before, brace, rest = text.partition("{")
            self._parts.append(before)
            end = _closing(rest) if brace else -1
            if brace and end < 0:
                raise InvalidArgument("A brace of the message is not closed.", "Write it like: volts = {volts}")
            if brace:
                self._parts.append((rest[:end], _compiled(rest[:end], "message")))
            text = rest[end + 1 :] if brace else ""

    def text(self, names: Names) -> str:
        """Return the text with the values. An expression that raises is shown as its error."""
        space = names()
        return "".join(part if isinstance(part, str) else _value(*part, space) for part in self._parts)


def _value(source: str, code: CodeType, names: dict[str, Any]) -> str:
    try:
        return printable(eval(code, names), _LONGEST)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"{{{source}: {type(error).__name__}: {printable(error, _LONG)}}}"


def _closing(text: str) -> int:
    """Return where the brace closes that was opened before `text`; -1 if nowhere."""
    depth = 0
    for at, character in enumerate(text):
        if character == "}" and not depth:
            return at
        depth += {"{": 1, "}": -1}.get(character, 0)
    return -1


def _compiled(source: str, what: str) -> CodeType:
    if len(source) > _LONGEST:
        raise InvalidArgument(f"The {what} is too long.", f"Write at most {_LONGEST} characters.")
    try:
        return compile(source.strip(), "<breakpoint>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else error
        raise InvalidArgument(
            f"The {what} is not a Python expression: {printable(told, _LONG)}.", "Write one like: x > 3"
        ) from None
