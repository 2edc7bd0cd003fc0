"""A notice as a terminal is to get it: on a line of its own, and broken between words."""

import contextlib
import os
import sys
from typing import Any

from lager.text import wrapped

_FEWEST_COLUMNS = 20
_FIELD = 12  # columns of the name of a field in a banner


def fitted(stream: Any, text: str, *, begin_line: bool) -> str:
    """The text for the stream; as it is where that is no terminal of a known width.

    `begin_line`: the script may have left the cursor behind an unfinished line. So many spaces as there are columns end
    in the next row wherever in a row they began, and in the same one where it was empty.
    """
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return text
    if columns < _FEWEST_COLUMNS:
        return text
    lines = text.split("\n")
    shown = "\n".join("\n".join(wrapped(line, columns, _FIELD if line.startswith("  ") else 2)) for line in lines)
    if not begin_line:
        return shown
    with contextlib.suppress(Exception):
        if sys.__stdout__ is not None and sys.__stdout__.isatty():
            sys.__stdout__.flush()  # what was printed before the pause is seen before it
    return f"{' ' * columns}\r{shown}"
