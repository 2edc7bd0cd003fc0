"""The details of the error at which a script is paused, for a debugger. It runs the `str` of errors, so call it in
`lager.inspection.side_thread`."""

import traceback
from typing import Any

from lager.inspection import display_paths
from lager.inspection.frames.location import Place
from lager.inspection.snapshot import is_hidden
from lager.wording.text import printable

_MOST_INNER = 20  # errors below one error
_MESSAGE = 10_000


def of_place(place: Place) -> dict[str, Any] | None:
    """Return `id` (the type), `message`, `stack` (lines, as in a traceback) and `inner` (the errors that led to it, or
    that are in it) of the error of a pause; None if there is none."""
    error = place.error
    if error is None:
        return None
    shown = [(frame, line) for frame, line in place.stack if not is_hidden(frame)]
    stack = traceback.StackSummary.extract(iter(shown), lookup_lines=True)
    return {**_told(error), "stack": _lines(stack.format()), "inner": _inner(error, {id(error)})}


def _inner(error: BaseException, seen: set[int]) -> list[dict[str, Any]]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    found = []
    for one in (cause, *(error.exceptions if isinstance(error, BaseExceptionGroup) else ())):
        if one is None or id(one) in seen or len(seen) > _MOST_INNER:
            continue
        seen.add(id(one))
        stack = _lines(traceback.format_tb(one.__traceback__))
        found.append({**_told(one), "stack": stack, "inner": _inner(one, seen)})
    return found


def _told(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {"id": printable(name), "type": printable(kind.__name__), "message": printable(error, _MESSAGE)}


def _lines(shown: list[str]) -> list[str]:
    return [display_paths.in_line(line) for entry in shown for line in entry.splitlines()]
