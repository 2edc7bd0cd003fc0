"""Calls functions at the end of the process, after the exit handlers of the script, which may still use nets and
pauses."""

import atexit
import sys

if hasattr(sys, "_lager_start"):  # the script may replace its own
    __builtins__ = sys._lager_start.builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_calls: "list[Callable[[], object]]" = []  # of a process that is not part of a run


def call(what: "Callable[[], object]") -> None:
    """Call `what` once at the end of the process, before functions that were registered earlier."""
    start = getattr(sys, "_lager_start", None)  # registered before the script began: lager_startup
    calls = _calls if start is None else start.at_end
    if what in calls:
        calls.remove(what)
    calls.append(what)


def _end() -> None:
    for what in reversed(_calls):
        what()


if not hasattr(sys, "_lager_start"):
    atexit.register(_end)
