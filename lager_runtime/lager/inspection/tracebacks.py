"""Tracebacks of a run with the names of files that the user typed: of errors that nobody caught, and of the others."""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from lager.inspection.display_paths import in_line


def show_typed_names() -> None:
    """From here on. What is shown changes, and nothing else: the code's own file names stay what they are."""
    frame, only = traceback.StackSummary.format_frame_summary, traceback.TracebackException.format_exception_only

    def format_frame_summary(self: traceback.StackSummary, *arguments: Any, **more: Any) -> str:
        return in_line(frame(self, *arguments, **more))

    def format_exception_only(self: traceback.TracebackException, *arguments: Any, **more: Any) -> Iterator[str]:
        return map(in_line, only(self, *arguments, **more))

    traceback.StackSummary.format_frame_summary = format_frame_summary  # type: ignore[method-assign]
    traceback.TracebackException.format_exception_only = format_exception_only  # type: ignore
    # What nobody caught is written by the interpreter itself, before Python 3.13 all of it.
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
    """Standard error for as long as the interpreter writes a traceback, a line at a time."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        return self._stream.write(in_line(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
