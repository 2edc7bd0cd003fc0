"""Everything that the commands print. Results go to standard output, all else to standard error."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lager.errors import LagerError
from lager.wording import commands, palette
from lager.wording.text import columns, cut, printable, wrapped
from lager_cli.display.tables import aligned, cell, fitted

if TYPE_CHECKING:
    import click  # takes longer than a command that is done without it

_MOST_LINES = 1000
_WIDEST = 1_000_000
_ADVISES = r": lager (?!boxes)[\w -]+$"


def _put(text: str, *, error: bool = False, end: str = "\n") -> None:
    """Write at once. Output to a stream that was closed at the start is dropped."""
    stream = sys.stderr if error else sys.stdout
    if stream is not None:
        stream.write(text + end)
        stream.flush()


def say(text: str) -> None:
    _put(text)


def advise(text: str) -> None:
    """Print a line of lager's own, with its commands in the form in which the user can type them."""
    _put(commands.as_typed(text))


def say_now(text: str) -> None:
    """Print a line for a program that waits for it."""
    _put(text)
    sys.stdout.flush()


def redraw(lines: Sequence[str], before: int) -> None:
    """Draw lines on the terminal in the place of the `before` lines above the cursor."""
    up = f"\x1b[{before}A" if before else ""
    # Clear each line to its end, and everything below the last.
    _put(up + "".join(f"\r{line}\x1b[K\n" for line in lines) + "\x1b[J", end="")
    sys.stdout.flush()


def line(text: str, width: int) -> None:
    """Print a line, cut at `width` columns, without characters that control the terminal."""
    _put(_cut(text, width))


def python(lines: Sequence[str], width: int) -> None:
    """Print lines of Python, each cut at `width` columns, coloured if the terminal supports it."""
    text = "\n".join(_cut(line, width) for line in lines)
    if text and colours():
        from pygments import highlight
        from pygments.formatters.terminal import TerminalFormatter
        from pygments.lexers.python import PythonLexer

        text = highlight(text, PythonLexer(stripnl=False), TerminalFormatter()).rstrip("\n")
    if text:
        _put(text)


def _cut(text: str, width: int) -> str:
    """Return printable text of at most `width` columns."""
    return cut(printable(text, width), width)


def styled(text: str, style: str) -> None:
    """Print a line in a style of lager.wording.palette, or "" for none, if the terminal supports it."""
    _put(palette.styled(text, style) if colours() else text)


def raw(data: bytes, *, error: bool = False) -> None:
    """Write bytes unchanged to standard output or standard error."""
    stream = sys.stderr if error else sys.stdout
    if stream is not None:  # closed before we began
        stream.buffer.write(data)
        stream.buffer.flush()


def confirm(question: str) -> bool:
    """Ask on the terminal. Return True only if the answer is yes."""
    import click

    return click.confirm(question, default=False, err=True)


def note(text: str) -> None:
    """Print a line on standard error beside the result: what was started, capped or skipped."""
    _aside(_lines(f"lager: {commands.as_typed(text)}"))


def _lines(text: str) -> str:
    """Return printable lines, wrapped on a terminal.

    All lines but the first are indented, so that no quoted text can begin a line that looks like one of lager's.
    """
    width = _width_of_errors()
    shown: list[str] = []
    for number, one in enumerate(text.rstrip().split("\n")[:_MOST_LINES]):
        safe = printable(one.expandtabs(2), 2000)
        shown += wrapped(f"  {safe.strip()}" if number else safe, width, 4 if number else 2) if safe.strip() else []
    return "\n".join(shown)


def _width_of_errors() -> int:
    """Return the columns of the terminal on standard error; without a terminal, more than any line has."""
    try:
        return os.get_terminal_size(2).columns or _WIDEST
    except OSError:
        return _WIDEST


def note_on_terminal(text: str) -> None:
    """Write a note to the first terminal of the three standard streams, so that a redirection does not hide it."""
    told = f"lager: {commands.as_typed(text)}"
    for fd in (2, 0, 1):
        if os.isatty(fd):
            with contextlib.suppress(OSError), open(os.ttyname(fd), "w", encoding="utf-8", errors="replace") as file:
                file.write("\n".join(wrapped(told, os.get_terminal_size(fd).columns or _WIDEST, 2)) + "\n")
            return


def _aside(text: str) -> None:
    """Write to standard error. It may be full or closed; that must not stop the command."""
    with contextlib.suppress(OSError):
        _put(text, error=True)


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with each number of bytes done. A terminal shows a bar after one second."""
    done, drawn, again = 0, False, time.monotonic() + 1

    def advance(count: int) -> None:
        nonlocal done, drawn, again
        done += count
        if os.isatty(2) and (now := time.monotonic()) >= again:
            drawn, again = True, now + 0.1
            percent = min(100 * done // max(total, 1), 100)
            bar = ("#" * (percent // 4)).ljust(25, "-")
            _put(f"\rlager: {what} {bar} {percent:3}% of {total / 1e6:.0f} MB", error=True, end="")

    try:
        yield advance
    finally:
        if drawn:
            _put("\r\x1b[K", error=True, end="")


def error(problem: LagerError) -> None:
    """Print an error. On a box, add --box to a command in its hint, so that it works on the user's own machine."""
    # An error of lagerd has its hint in its text.
    box = commands.box_option() if re.search(_ADVISES, str(problem).rstrip()) else ""
    _aside(_lines(f"lager: {_from_here(commands.as_typed(str(problem))).rstrip()}{box}"))


def _from_here(text: str) -> str:
    """Shorten paths below the current folder to relative ones."""
    try:
        here = os.getcwd()
    except OSError:
        return text
    return text.replace(f" {here}{os.sep}", " ") if here != os.sep else text


def misuse(problem: "click.ClickException", command: str | None = None) -> None:
    """Print what click says about an invalid command line, without characters that control the terminal.

    `command` is the one that was typed.
    """
    import click

    context = problem.ctx if isinstance(problem, click.UsageError) else None
    if context is not None:
        _aside(f"{context.get_usage()}\n" + commands.as_typed(f"Try '{context.command_path} --help' for help.\n"))
    helpful = " ".join(filter(None, ("lager", command, "--help")))
    hint = f" Try: {helpful}" if isinstance(problem, click.UsageError) and context is None else ""
    _aside(_lines(commands.as_typed(f"Error: {problem.format_message()}{hint}")))


def print_json(value: Any) -> None:
    import json

    _put(json.dumps(value, indent=2))


def print_json_line(value: Any) -> None:
    """Print a JSON object on one line."""
    import json

    _put(json.dumps(value))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], longest: int = 200) -> None:
    """Print a table with columns as wide as their longest cell. No cell can control the terminal."""
    lines = [list(headers), *([cell(value, longest) for value in row] for row in rows)]
    widths = [max(columns(line[column]) for line in lines) for column in range(len(headers))]
    fitted_table([aligned(line, widths) for line in lines])


def fitting_table(headers: Sequence[str], rows: Sequence[Sequence[object]], longest: int = 200) -> None:
    """Print a table; on a terminal no line is wider than the terminal."""
    if on_terminal():
        fitted_table(fitted(headers, rows, _columns()))
    else:
        table(headers, rows, longest)


def marked_table(headers: Sequence[str], rows: Sequence[Sequence[object]], styles: Sequence[str]) -> None:
    """Print a table as `fitting_table` does, each row in its style of lager.wording.palette."""
    width = _columns() if on_terminal() else _WIDEST
    head, *lines = fitted(headers, rows, width)
    styled(head, "bold")
    for line, style in _by_row(lines, styles):
        styled(line, style)


def _by_row(lines: Sequence[str], styles: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each line with the style of its row; the further lines of a row begin with spaces."""
    row = -1
    for text in lines:
        row += not text.startswith(" ")
        yield text, styles[min(max(row, 0), len(styles) - 1)]


class GrowingTable:
    """A table that shows rows as they come. Its columns grow if a later row needs it."""

    def __init__(self, headers: Sequence[str]) -> None:
        self._headers = headers
        self._rows: list[list[str]] = []
        self._is_headed = False
        self._longest_name = columns(headers[0])

    @property
    def is_empty(self) -> bool:
        return not self._is_headed

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        missing = len(self._headers)
        self._rows += [[*map(cell, row), *[""] * (missing - len(row))] for row in rows]
        for line in self._fitted()[-len(rows) :]:
            _put(line)
        sys.stdout.flush()

    def add_sentence(self, name: str, sentence: str) -> None:
        """Show a row whose second cell extends over all other columns."""
        self._longest_name = max(self._longest_name, columns(cell(name)))
        self._fitted()
        width = _columns() if on_terminal() else _WIDEST
        _put(cut(aligned([cell(name), cell(sentence)], [self._longest_name, 0]), width))
        sys.stdout.flush()

    def _fitted(self) -> list[str]:
        """Return the lines of all rows. Show the headers before the first one."""
        first, *lines = fitted(self._headers, self._rows, _columns() if on_terminal() else _WIDEST)
        if not self._is_headed:
            fitted_table([first])
        self._is_headed = True
        self._longest_name = max([self._longest_name, *(columns(row[0]) for row in self._rows)])
        return lines


def fitted_table(lines: Sequence[str]) -> None:
    """Print aligned lines; the first one has the headers."""
    for number, text in enumerate(lines):
        styled(text, "bold" if number == 0 else "")


def cells(row: Iterable[object], widths: Sequence[int]) -> None:
    """Print one row of a table whose other rows are not known yet. A cell wider than its column shifts the rest."""
    _put(aligned([cell(value) for value in row], widths))


def colours() -> bool:
    """Return whether standard output is a terminal that shows colours."""
    return on_terminal() and palette.allowed()


def on_terminal() -> bool:
    """Return whether standard output is a terminal. It may have been closed before we started."""
    return sys.stdout is not None and sys.stdout.isatty()


def _columns() -> int:
    import shutil  # takes as long as the rest of this module

    return shutil.get_terminal_size().columns
