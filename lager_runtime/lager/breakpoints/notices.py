"""What the script's side tells a person: on standard error as the script was started with it.

Whatever captures sys.stderr in the process (contextlib.redirect_stderr, unittest -b, pytest, behave) neither hides a
pause nor finds lines of ours among what it captured. Where the descriptor itself leads elsewhere, `lager python` shows
that there is a pause; `place` is what it goes by.
"""

import contextlib
import os
import signal
import sys
from types import FunctionType, MethodType
from typing import Any

from lager.breakpoints import terminal_line

NOWHERE = "-"


def say(text: str, *, begin_line: bool = False) -> None:
    """One write to standard error, which may be closed or gone. `begin_line` where the line there may be unfinished."""
    try:
        with _not_captured(begin_line):
            stream = _stream()
            stream.write(terminal_line.fitted(stream, text, begin_line=begin_line))
            stream.flush()
    except Exception as error:
        if _raised_by_a_handler(error):
            raise


def say_here(text: str) -> None:
    """One write to the standard error of the calling thread, which in a console is the console's own."""
    with contextlib.suppress(Exception):
        sys.stderr.write(text)
        sys.stderr.flush()


def place() -> str:
    """Which file `say` writes to: the numbers of its device and its inode, in hexadecimal."""
    try:
        with _not_captured():
            return identify(_stream().fileno())
    except Exception:
        return NOWHERE


def identify(file: int | str | os.PathLike[str]) -> str:
    """The same for whoever has the same file open. Raises OSError where there is no such file or descriptor."""
    found = os.stat(file)
    return f"{found.st_dev:x}:{found.st_ino:x}"


def _stream() -> Any:
    """sys.stderr, where it leads to the same file as the one that Python began with; else that one."""
    original, current = sys.__stderr__, sys.stderr
    if original is None or original is current:
        return current
    with contextlib.suppress(Exception):
        if current is not None and os.path.samestat(os.fstat(current.fileno()), os.fstat(original.fileno())):
            return current
    try:
        original.fileno()
    except (OSError, ValueError):  # closed
        return current
    return original


def _not_captured(begin_line: bool = False) -> contextlib.AbstractContextManager[None]:
    sessions = pytest_sessions()
    if not sessions:
        return contextlib.nullcontext()
    from lager.breakpoints import in_pytest

    return in_pytest.capture_lifted(sessions, begin_line)


def pytest_sessions() -> list[Any]:
    """The sessions of pytest that run in this process, each inside of the one before it."""
    plugin = sys.modules.get("lager.pytest_plugin")
    return list(getattr(plugin, "sessions", ()))


def _raised_by_a_handler(error: Exception) -> bool:
    """Whether a signal came meanwhile, and what the script does then raised `error`."""
    handlers = {_code(signal.getsignal(number)) for number in signal.valid_signals()}
    raised = error.__traceback__
    while raised is not None:
        if raised.tb_frame.f_code in handlers:
            return True
        raised = raised.tb_next
    return False


def _code(handler: Any) -> Any:
    if isinstance(handler, MethodType):
        handler = handler.__func__
    if not isinstance(handler, FunctionType):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004
    return getattr(handler, "__code__", 0)
