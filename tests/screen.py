"""A terminal of a known size, and its screen: an emulator reads what the command writes."""

import re
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

from tests.processes import PATIENCE, Gone, Terminal

SIZES = ((80, 24), (200, 60))


class Screen(Terminal):
    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, columns: int, rows: int) -> None:
        super().__init__(command, {"TERM": "xterm-256color", **env}, cwd, (rows, columns))
        self.seen = pyte.Screen(columns, rows)
        self.seen.write_process_input = lambda data: self.type(data)  # type: ignore[method-assign]
        self._stream = pyte.ByteStream(self.seen)
        self.screen.taken = self._stream.feed  # type: ignore[method-assign]

    @property
    def lines(self) -> list[str]:
        """The rows without the spaces at their ends, and without the empty rows at the end."""
        rows = [_text(self.seen.buffer[row]) for row in range(self.seen.lines)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def shown(self) -> str:
        return "\n".join(self.lines)

    def until(self, accept: Callable[[str], object], patience: float = PATIENCE) -> str:
        """Wait until the screen shows what `accept` takes; the whole of it."""
        end = time.monotonic() + patience
        while not accept(self.shown):
            if not self.screen.more(end - time.monotonic()) and not accept(self.shown):
                raise Gone(f"the screen did not come to show it:\n{self.shown}")
        return self.shown

    def sees(self, text: str) -> str:
        """Wait until `text` is to be seen; the whole screen."""
        return self.until(lambda shown: text in shown)

    def matches(self, pattern: str) -> str:
        """Wait until the regular expression is found on the screen; the whole screen."""
        return self.until(lambda shown: re.search(pattern, shown))

    def resize(self, columns: int, rows: int) -> None:
        self.seen.resize(rows, columns)
        termios.tcsetwinsize(self._fd, (rows, columns))


def _text(row: Mapping[int, pyte.screens.Char]) -> str:
    """Return what is written in a row. Of a wide character, the second column is empty."""
    return "".join([row[column].data for column in range(max(row, default=-1) + 1)]).rstrip()
