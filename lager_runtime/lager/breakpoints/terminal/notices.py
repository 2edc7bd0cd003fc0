"""Messages of the script's side to a person: on the standard error that the script was started with.

Code that captures sys.stderr in the process (contextlib.redirect_stderr, unittest -b, pytest, behave) neither hides a
pause nor captures lines of ours. If the descriptor itself leads elsewhere, `lager python` announces the pause; it
compares `place` with its own.
"""

import contextlib
import os
import sys
from typing import Any

from lager.breakpoints.terminal import terminal_line
from lager.process.raised import by_a_handler, suppressed

NOWHERE = "-"


def say(text: str, *, begin_line: bool = False, heading: int | None = None) -> None:
    """Write once to standard error, which may be closed. `begin_line`: the line there may be unfinished. `heading` is
    the number of the line that is highlighted on a terminal."""
    try:
        with _not_captured(begin_line):
            stream = _stream()
            stream.write(terminal_line.fitted(stream, text, begin_line=begin_line, heading=heading))
            stream.flush()
    except Exception as error:
        if by_a_handler(error):
            raise


def say_here(text: str) -> None:
    """Write once to the standard error of the calling thread; in a console, that is the console's own."""
    with suppressed(Exception):
        sys.stderr.write(text)
        sys.stderr.flush()


def place() -> str:
    """Return which file `say` writes to: the numbers of its device and its inode, in hexadecimal."""
    try:
        with _not_captured():
            return identify(_stream().fileno())
    except Exception as error:
        if by_a_handler(error):
            raise
        return NOWHERE


def identify(file: int | str | os.PathLike[str]) -> str:
    """Return the device and inode of a file or descriptor. Raises OSError if it does not exist."""
    found = os.stat(file)
    return f"{found.st_dev:x}:{found.st_ino:x}"


def _stream() -> Any:
    """Return sys.stderr if it leads to the same file as the one that Python began with; else that one."""
    original, current = sys.__stderr__, sys.stderr
    if original is None or original is current:
        return current
    with suppressed(Exception):
        if current is not None and os.path.samestat(os.fstat(current.fileno()), os.fstat(original.fileno())):
            return current
    try:
        original.fileno()
    except (OSError, ValueError) as error:  # closed
        if by_a_handler(error):
            raise
        return current
    return original


def _not_captured(begin_line: bool = False) -> contextlib.AbstractContextManager[None]:
    sessions = pytest_sessions()
    if not sessions:
        return contextlib.nullcontext()
    from lager.breakpoints.terminal import in_pytest

    return in_pytest.capture_lifted(sessions, begin_line)


def pytest_sessions() -> list[Any]:
    """Return the pytest sessions that run in this process, each inside the one before it."""
    plugin = sys.modules.get("lager.pytest_plugin")
    return list(getattr(plugin, "sessions", ()))
