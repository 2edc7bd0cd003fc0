"""How rows of readings are shown: as lines of a table, as CSV, or as sparklines that are redrawn in place."""

import shutil
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from lager.nets.quantities import si
from lager.recording.rows import Column, CsvLines, Row
from lager.wording import palette
from lager.wording.text import cut, padded
from lager_cli.display import output
from lager_cli.display.sparkline import sparkline

_KEPT = 400  # values of each column, more than a terminal is wide
_WIDTH = 14  # of a column of the plain table


class View(Protocol):
    def add(self, row: Row) -> None:
        """Show a row."""

    def end(self) -> None:
        """Show what comes after the last row."""


class PlainTable:
    """A line for each row, for pipes and terminals that support only lines."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._begun = False

    def add(self, row: Row) -> None:
        if not self._begun:
            self._begun = True
            self._line(["TIME", *(f"{one.net} {one.name}" for one in self._columns), "PROBLEM"])
        told = time.strftime("%H:%M:%S", time.localtime(row.time)) + f".{int(row.time % 1 * 1000):03}"
        self._line([told, *map(_amount, self._columns, row.values), row.problem])

    def end(self) -> None:
        pass

    def _line(self, cells: Sequence[str]) -> None:
        widths = [12, *(max(_WIDTH, len(f"{one.net} {one.name}")) for one in self._columns)]
        text = "  ".join([*map(padded, cells, widths), cells[-1]]).rstrip()
        output.say_now(text)


class CsvView:
    """CSV on standard output."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._lines = CsvLines(sys.stdout, columns)

    def add(self, row: Row) -> None:
        self._lines.add(row)
        sys.stdout.flush()

    def end(self) -> None:
        pass


class Sparklines:
    """A line for each column: its latest value, and a sparkline; redrawn in place. The last line has the problem."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._values: list[deque[float | None]] = [deque(maxlen=_KEPT) for _ in columns]
        self._names = max(len(f"{one.net} {one.name}") for one in columns)
        self._drawn = 0
        self._unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")

    def add(self, row: Row) -> None:
        for values, value in zip(self._values, row.values, strict=True):
            values.append(value)
        width, height = shutil.get_terminal_size()
        lines = [self._line(number, width) for number in range(len(self._columns))][: max(height - 2, 1)]
        problem = cut(row.problem, width - 1)
        lines.append(palette.styled(problem, "bad" if problem and output.colours() else ""))
        output.redraw(lines, self._drawn)
        self._drawn = len(lines)

    def end(self) -> None:
        pass

    def _line(self, number: int, width: int) -> str:
        column, values = self._columns[number], self._values[number]
        start = f"{padded(f'{column.net} {column.name}', self._names)}  {_amount(column, values[-1]):>12}  "
        return cut(start, width - 1) + sparkline(list(values), width - 1 - len(start), unicode=self._unicode)


def _amount(column: Column, value: float | None) -> str:
    if value is None:
        return "-"
    return si(value, column.unit) if column.unit else f"{value:g}"
