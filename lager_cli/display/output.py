"""All that the commands print. Results go to standard output, everything else to standard error."""

import contextlib
import json
import os
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import click

from lager.breakpoints.banner import box_option
from lager.errors import LagerError
from lager.text import printable, wrapped
from lager_cli.display.tables import aligned, cell, fitted

_MOST_LINES = 1000
_WIDEST = 1_000_000
_ADVISES = re.compile(r": lager (?!boxes)[\w -]+$")


def say(text: str) -> None:
    click.echo(text)


def line(text: str, width: int) -> None:
    """A line of at most `width` columns, with nothing in it that a terminal takes for a command."""
    click.echo(_cut(text, width))


def python(lines: Sequence[str], width: int) -> None:
    """Lines of Python, each cut at `width` columns, with its colours where there are any."""
    text = "\n".join(_cut(line, width) for line in lines)
    if text and colours():
        from pygments import highlight
        from pygments.formatters.terminal import TerminalFormatter
        from pygments.lexers.python import PythonLexer

        text = highlight(text, PythonLexer(stripnl=False), TerminalFormatter()).rstrip("\n")
    if text:
        click.echo(text)


def _cut(text: str, width: int) -> str:
    """Printable, in at most `width` columns, of which a wide character takes two."""
    shown = printable(text, width)
    columns = list(accumulate(1 + (unicodedata.east_asian_width(c) in "WF") for c in shown))
    if not columns or columns[-1] <= width:
        return shown
    return shown[: sum(column < width for column in columns)] + "…"


def raw(data: bytes, *, error: bool = False) -> None:
    """Bytes as a device or a script wrote them, on standard output or standard error."""
    stream = sys.stderr if error else sys.stdout
    if stream is not None:  # closed before we began
        stream.buffer.write(data)
        stream.buffer.flush()


def confirm(question: str) -> bool:
    """Ask on the terminal; no where the answer is not yes."""
    return click.confirm(question, default=False, err=True)


def note(text: str) -> None:
    """A line beside the result: what was started, capped, passed over."""
    _aside(_lines(f"lager: {text}"))


def _lines(text: str) -> str:
    """Printable, line by line, and on a terminal broken between words. All lines but the first are indented: what a
    message quotes can begin none that looks like one of ours."""
    width = _width_of_errors()
    shown: list[str] = []
    for number, one in enumerate(text.rstrip().split("\n")[:_MOST_LINES]):
        safe = printable(one.expandtabs(2), 2000)
        shown += wrapped(f"  {safe.strip()}" if number else safe, width, 4 if number else 2) if safe.strip() else []
    return "\n".join(shown)


def _width_of_errors() -> int:
    """Columns of the terminal that standard error is; where it is none, more than any line has."""
    try:
        return os.get_terminal_size(2).columns or _WIDEST
    except OSError:
        return _WIDEST


def note_on_terminal(text: str) -> None:
    """A note where the user sees it, whatever standard error leads to: on the first terminal of the three streams."""
    for fd in (2, 0, 1):
        if os.isatty(fd):
            with contextlib.suppress(OSError), open(os.ttyname(fd), "w", encoding="utf-8", errors="replace") as file:
                file.write(f"lager: {text}\n")
            return


def _aside(text: str) -> None:
    """On standard error, which may be full or read by nobody: what cannot be told there stops nothing."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Call what it gives with each number of bytes that is done. A terminal shows them from the second second on."""
    done, drawn, again = 0, False, time.monotonic() + 1

    def advance(count: int) -> None:
        nonlocal done, drawn, again
        done += count
        if os.isatty(2) and (now := time.monotonic()) >= again:
            drawn, again = True, now + 0.1
            percent = min(100 * done // max(total, 1), 100)
            bar = ("#" * (percent // 4)).ljust(25, "-")
            click.echo(f"\rlager: {what} {bar} {percent:3}% of {total / 1e6:.0f} MB", err=True, nl=False)

    try:
        yield advance
    finally:
        if drawn:
            click.echo("\r\x1b[K", err=True, nl=False)


def error(problem: LagerError) -> None:
    """On a box, a command that it ends with is one for the user's own desk, as all others that are shown."""
    box = box_option() if _ADVISES.search(problem.hint) else ""
    _aside(_lines(f"lager: {_from_here(str(problem)).rstrip()}{box}"))


def _from_here(text: str) -> str:
    """Paths below the present folder as somebody in it would type them."""
    try:
        here = os.getcwd()
    except OSError:
        return text
    return text.replace(f" {here}{os.sep}", " ") if here != os.sep else text


def misuse(problem: click.ClickException, command: str | None = None) -> None:
    """What click says of a command line that is wrong, with nothing in it that a terminal takes for a command.
    `command` is the one that was typed."""
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    if context is not None:
        _aside(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n")
    helpful = " ".join(filter(None, ("lager", command, "--help")))
    hint = f" Try: {helpful}" if isinstance(problem, click.UsageError) and context is None else ""
    _aside(_lines(f"Error: {problem.format_message()}{hint}"))


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def print_json_line(value: Any) -> None:
    """A JSON object on a line of its own."""
    click.echo(json.dumps(value))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], longest: int = 200) -> None:
    """Columns as wide as their longest cell; nothing in a cell reaches the terminal as a command."""
    lines = [list(headers), *([cell(value, longest) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    fitted_table([aligned(line, widths) for line in lines])


def fitting_table(headers: Sequence[str], rows: Sequence[Sequence[object]], longest: int = 200) -> None:
    """A table of which on a terminal no line is wider than that."""
    if on_terminal():
        fitted_table(fitted(headers, rows, shutil.get_terminal_size().columns))
    else:
        table(headers, rows, longest)


class GrowingTable:
    """A table whose rows are shown as they come: its columns become wider where a later row needs that."""

    def __init__(self, headers: Sequence[str]) -> None:
        self._headers = headers
        self._rows: list[list[str]] = []

    @property
    def is_empty(self) -> bool:
        return not self._rows

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        missing = len(self._headers)
        self._rows += [[*map(cell, row), *[""] * (missing - len(row))] for row in rows]
        columns = shutil.get_terminal_size().columns if on_terminal() else _WIDEST
        first, *lines = fitted(self._headers, self._rows, columns)
        if len(rows) == len(self._rows):
            click.echo(click.style(first, bold=True) if colours() else first)
        for line in lines[-len(rows) :]:
            click.echo(line)
        sys.stdout.flush()


def fitted_table(lines: Sequence[str]) -> None:
    """Lines that are aligned already; the first is the headers."""
    for number, text in enumerate(lines):
        click.echo(click.style(text, bold=True) if number == 0 and colours() else text)


def cells(row: Iterable[object], widths: Sequence[int]) -> None:
    """One row of a table whose other rows are not yet known; what is wider than its column moves the rest."""
    click.echo(aligned([cell(value) for value in row], widths))


def colours() -> bool:
    """Whether standard output is a terminal, and wants them."""
    return on_terminal() and not os.environ.get("NO_COLOR")


def on_terminal() -> bool:
    """Whether standard output is a terminal; it may have been closed before we began."""
    return sys.stdout is not None and sys.stdout.isatty()
