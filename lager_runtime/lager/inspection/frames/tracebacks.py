"""Shows, in all tracebacks of a run, the file names that the user typed."""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from lager.inspection.display_paths import in_line


def show_typed_names() -> None:
    """Start to show typed names. This changes only what is shown; the file names of the code stay the same."""
    frame, only = traceback.StackSummary.format_frame_summary, traceback.TracebackException.format_exception_only

    def format_frame_summary(self: traceback.StackSummary, *arguments: Any, **more: Any) -> str:
        return in_line(frame(self, *arguments, **more))

    def format_exception_only(self: traceback.TracebackException, *arguments: Any, **more: Any) -> Iterator[str]:
        return map(in_line, only(self, *arguments, **more))

    traceback.StackSummary.format_frame_summary = format_frame_summary  # type: ignore[method-assign]
    traceback.TracebackException.format_exception_only = format_exception_only  # type: ignore
    # The interpreter itself writes uncaught errors, before Python 3.13 all of their text.
    sys.excepthook = _mapping(sys.excepthook)
    sys.unraisablehook = _mapping(sys.unraisablehook)
    threading.excepthook = _mapping(threading.excepthook)


def _mapping(hook: Callable[..., Any]) -> Callable[..., Any]:
    def mapped(*arguments: Any) -> None:
        real = sys.stderr
        if real is not None:
            sys.stderr = _Lines(real)
        try:
            hook(*arguments)
        finally:
            sys.stderr = real

    return mapped


class _Lines:
    """Replaces standard error while the interpreter writes a traceback, line by line."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        return self._stream.write(in_line(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
