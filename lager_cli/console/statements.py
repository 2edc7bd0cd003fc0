"""Splits lines, as they arrive, into Python statements."""

import codeop
import re
import warnings

_COMPOUND = re.compile(r"(@|(async|class|def|for|if|match|try|while|with)\b)")
_CONTINUES = re.compile(r"(else|elif|except|finally)\b")
_MAY_CLOSE = re.compile(r"""[)\]}'"][^,]*$""")
_LONG = 200
NOT_PYTHON = (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError)  # what the compiler raises


class Statements:
    """Collects lines and returns whole statements. A compound statement ends where the next one begins.

    It may also end with an empty line; the caller decides, since it knows whether more lines follow.

    An indented statement, as pasted from a block, loses the indentation of its first line on all lines.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._margin = ""
        self._may_go_on = False  # whether an indented line may continue the statement that an empty line ended

    def __bool__(self) -> bool:
        """Return whether a statement is incomplete."""
        return bool(self._lines)

    def feed(self, line: str) -> list[str]:
        """Return the statements that `line` completes, including invalid ones, so that their error is reported."""
        done = []
        line = self._outdented(line)
        if self._lines and _begins_anew(line) and self._is_worth_a_look(self._lines[-1]) and _is_whole(self._source()):
            done.append(self.rest())
        if not self._lines and _is_empty(line):
            return done
        self._lines.append(line)
        if self._is_complete(line):
            done.append(self.rest())
        return done

    def may_end(self) -> bool:
        """Return whether the last line was empty and the text before it is a statement or can never become one."""
        return bool(self._lines) and not self._lines[-1].strip() and self._needs_no_more()

    def ends_here(self) -> str:
        """Return the rest, which an empty line has ended; an indented line may still continue it."""
        self._may_go_on = True
        return self.rest()

    def is_whole(self) -> bool:
        """Return whether the lines so far are a complete statement."""
        return _is_whole(self._source())

    def rest(self) -> str:
        """Return the lines that were fed and not returned yet."""
        source = self._source()
        self._lines = []
        return source

    def _outdented(self, line: str) -> str:
        if not line.strip():
            return line
        if not self._lines:
            self._margin = "" if self._may_go_on else _margin(line)
        self._may_go_on = False
        return line.removeprefix(self._margin)

    def _source(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _is_complete(self, line: str) -> bool:
        if self._is_compound() and (_is_empty(line) or len(self._lines) > _LONG):
            return False
        return self._is_worth_a_look(line) and self._needs_no_more()

    def _needs_no_more(self) -> bool:
        """Return whether the lines are a whole statement, or can never become one."""
        return is_complete(self._source()[:-1], "single") is not False

    def _is_compound(self) -> bool:
        return bool(_COMPOUND.match(self._lines[0]))

    def _is_worth_a_look(self, last: str) -> bool:
        """Return whether to compile the lines, which takes time proportional to their number."""
        return len(self._lines) <= _LONG or self._is_compound() or bool(_MAY_CLOSE.search(last))


def outdented(text: str) -> str:
    """Return the text with the indentation of its first line removed from all lines."""
    lines = text.split("\n")
    margin = _margin(next((line for line in lines if line.strip()), ""))
    return "\n".join(line.removeprefix(margin) for line in lines)


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _is_empty(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _begins_anew(line: str) -> bool:
    return not (_is_empty(line) or line[0].isspace() or _CONTINUES.match(line))


def is_complete(source: str, mode: str = "exec") -> bool | None:
    """Return whether `source` is complete, or needs more lines; None if it is invalid and no line can change that."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return codeop.compile_command(source, "<console>", mode) is not None
    except NOT_PYTHON:
        return None


def _is_whole(source: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, "<console>", "exec", dont_inherit=True)
    except NOT_PYTHON:
        return False
    return True
