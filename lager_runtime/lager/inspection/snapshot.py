"""Takes a snapshot of a place: source, stack and variables, whatever the script's objects do in their methods.

Runs in an event loop. What may run the script's own code runs in a side thread, for a limited time.
"""

import contextlib
import linecache
import os
import time
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

from lager.errors import Failed
from lager.inspection import display_paths
from lager.inspection.frames.location import Place, file_of
from lager.inspection.objects.safe_repr import WIDTH, is_builtin, plainly, shortened, type_name
from lager.inspection.side_thread import run_aside
from lager.wording.text import printable

CONTEXT = 5
_FRAMES = 100
_VARIABLES = 200
_LINE = 240
_VALUE_SECONDS, _ALL_SECONDS = 0.25, 2.0
_READ_SECONDS = 1.0
_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_DEFINITIONS = (ModuleType, FunctionType, BuiltinFunctionType, type)


async def taken(place: Place, *, context: int = CONTEXT, width: int = WIDTH) -> dict[str, Any]:
    """Return the snapshot, in at most 4 s: `source`, `stack` and `variables` as the functions below return them, and
    how many frames and variables were left out (`frames_left_out`, `variables_left_out`). It has JSON types only."""
    stack, frames_left_out = await where(place)
    shown, left_out = await variables(place, width)
    return {
        "source": await source(place, context),
        "stack": stack,
        "frames_left_out": frames_left_out,
        "variables": shown,
        "variables_left_out": left_out,
    }


async def source(place: Place, context: int = CONTEXT) -> list[dict[str, Any]]:
    """Return the lines around the pause, up to `context` before and after it: `line`, `text`, and `here` for its own.
    Empty if the source cannot be read."""

    def read() -> list[dict[str, Any]]:
        lines = _lines(place.frame)
        first = max(place.line - context, 1)
        return [
            {"line": number, "text": printable(text.rstrip(), _LINE), "here": number == place.line}
            for number, text in enumerate(lines[first - 1 : place.line + context], first)
        ]

    lines: list[dict[str, Any]] = await _tried(read, [])
    return lines


async def where(place: Place) -> tuple[list[dict[str, Any]], int]:
    """Return the stack, outermost frame first (`file`, `line`, `function`, `text`), without the frames of lager and of
    Python's own start; and how many of the outermost were left out because there are too many."""
    stack = [(frame, line) for frame, line in place.stack if not is_hidden(frame)]
    shown = stack[-_FRAMES:]

    def read() -> list[dict[str, Any]]:
        return [_frame(frame, line, _text(frame, line)) for frame, line in shown]

    unread = [_frame(frame, line, "") for frame, line in shown]
    return await _tried(read, unread), len(stack) - len(shown)


async def variables(place: Place, width: int = WIDTH) -> tuple[list[dict[str, Any]], int]:
    """Return the local variables: `name`, `type`, `value` on one line, and `kind`: "variable", or "definition" for
    modules, functions and classes, which come last; and how many were left out."""
    named = await _tried(lambda: _named(place.frame.f_locals), [])
    given = named[:_VARIABLES]
    shown = [
        {
            "name": printable(name, 100),
            "type": type_name(value),
            "value": text,
            "kind": "definition" if is_definition(value) else "variable",
        }
        for (name, value), text in zip(given, await texts([value for _, value in given], width), strict=True)
    ]
    return shown, len(named) - len(shown)


async def texts(values: Iterable[object], width: int = WIDTH) -> list[str]:
    """Return the text of each value on one line, in about 2 s at most: what takes too long is shown by its type."""
    ends = time.monotonic() + _ALL_SECONDS
    return [await _value(value, width, min(_VALUE_SECONDS, ends - time.monotonic())) for value in values]


async def _value(value: object, width: int, seconds: float) -> str:
    try:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                return await run_aside(lambda: shortened(value, width), seconds)
        if is_builtin(value):  # some code in it hangs, or this machine is busy
            return plainly(value, width)
    except Failed as problem:  # no thread can be started for it
        return plainly(value, width) if is_builtin(value) else f"<{type_name(value)}, not asked: {problem.what}>"
    except Exception as error:
        return f"<{type_name(value)} whose repr raises {type_name(error)}>"
    return f"<{type_name(value)}{' whose repr hangs' if seconds > 0 else ', not asked: others took too long'}>"


async def _tried(work: Any, otherwise: Any) -> Any:
    try:
        return await run_aside(work, _READ_SECONDS)
    except Exception:  # a loader, a proxy or a disk may raise anything
        return otherwise


def _named(names: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """Return the names that the script has set, without those that Python and pytest add."""
    items = [(name, value) for name, value in dict(names).items() if type(name) is str and is_given(name)]
    return sorted(items, key=lambda item: is_definition(item[1]))


def is_given(name: str) -> bool:
    """Return whether the script may have given the name, and not Python or pytest."""
    return name.isidentifier() and not (name.startswith("__") and name.endswith("__"))


def is_definition(value: object) -> bool:
    """Return whether it is a module, a function or a class."""
    return issubclass(type(value), _DEFINITIONS)


def is_hidden(frame: FrameType) -> bool:
    """Return whether the frame is lager's or of Python's own start."""
    return frame.f_code.co_filename.startswith((_HERE, "<frozen "))


def _frame(frame: FrameType, line: int, text: str) -> dict[str, Any]:
    code = frame.f_code
    return {
        "file": printable(display_paths.shown(code.co_filename), 1000),
        "line": line,
        "function": printable(code.co_qualname),
        "text": printable(text.strip(), _LINE),
    }


def _text(frame: FrameType, line: int) -> str:
    lines = _lines(frame)
    return lines[line - 1] if 0 < line <= len(lines) else ""


def _lines(frame: FrameType) -> list[str]:
    name = frame.f_code.co_filename
    return linecache.getlines(name, frame.f_globals) or linecache.getlines(file_of(frame))
