"""Lays out a notice for a terminal: on a line of its own, wrapped between words."""

import fcntl
import os
import select
import stat
import sys
from typing import Any

from lager import variables
from lager.process.raised import by_a_handler, suppressed
from lager.wording import palette
from lager.wording.text import wrapped

_FEWEST_COLUMNS = 20
_ROW_TRIES, _ROW_SECONDS = 60, 0.005
_FIELD = 12  # columns of the name of a field in a banner


def fitted(stream: Any, text: str, *, begin_line: bool, heading: int | None = None) -> str:
    """Return the text, wrapped if the stream is a terminal of a known width.

    `begin_line`: the script may have left the cursor after an unfinished line. A full row of spaces moves to the next
    row from any column but the first, where it stays in the empty row. `heading` is the number of the line that is
    highlighted, if the terminal is to show colours.
    """
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError) as error:
        if by_a_handler(error):
            raise
        return text
    if columns < _FEWEST_COLUMNS:
        return text
    lines = text.split("\n")
    rows = [wrapped(line, columns, _FIELD if line.startswith("  ") else 2) for line in lines]
    if heading is not None and palette.allowed():
        rows[heading] = [palette.styled(row, "alert") for row in rows[heading]]
    shown = "\n".join("\n".join(row) for row in rows)
    if not begin_line:
        return shown
    with suppressed(Exception):
        if sys.__stdout__ is not None and sys.__stdout__.isatty():
            sys.__stdout__.flush()  # so that output from before the pause appears before it
    return f"{' ' * columns}\r{shown}"


def await_row_gone() -> None:
    """Wait until `lager python` has removed its row below the banner, at most a third of a second.

    It keeps the file LAGER_COUNTDOWN locked while it shows the row. The next output of the script takes the place of
    the row.
    """
    path = os.environ.get(variables.COUNTDOWN, "")
    if not path:
        return
    with suppressed(OSError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            for _ in range(_ROW_TRIES if stat.S_ISREG(os.fstat(file).st_mode) else 0):
                with suppressed(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return
                select.select((), (), (), _ROW_SECONDS)
        finally:
            os.close(file)
