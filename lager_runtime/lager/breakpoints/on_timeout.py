"""Handles a timeout after which the script does not resume: raises PauseTimeout, or ends the run."""

import atexit
import os
import signal
import sys
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lager.contract import TIMED_OUT
from lager.errors import BenchChanged, PauseTimeout
from lager.inspection.frames import script_threads
from lager.process.raised import suppressed
from lager.wording.changes import line

if TYPE_CHECKING:
    from lager.contract import Change

_LAST_SECONDS = 3.0
_here = threading.local()
ending = False  # the main thread ends at the next SIGURG


class _Mark:
    pass


def outcome(details: dict[str, Any], changes: "Sequence[Change]" = ()) -> BaseException | None:
    """Return the exception that a pause with these details raises in its thread after its timeout; None if it
    resumes."""
    if details["on_timeout"] == "raise":
        what = f"The pause at {_place(details)} was not resumed in time."
        return PauseTimeout(what, "Catch lager.PauseTimeout, or set a longer timeout=.", changes)
    if details["on_timeout"] == "exit":
        if not script_threads.is_main():
            _end_main_thread()
        return SystemExit(TIMED_OUT)
    return None


def bench_changed(details: dict[str, Any], changes: "Sequence[Change]") -> BenchChanged:
    """Return the exception that a pause with on_change="raise" raises if the bench was changed meanwhile."""
    others = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
    what = f"The bench was changed during the pause at {_place(details)}: {line(changes[0])}{others}."
    return BenchChanged(what, "Catch lager.BenchChanged; its attribute changes lists all of them.", changes)


def _place(details: dict[str, Any]) -> str:
    label = f" ({details['label']})" if details["label"] else ""
    return f"{details['file']}:{details['line']}{label}"


def _end_main_thread() -> None:
    over = threading.Event()
    _here.until_its_end = _Mark()  # deleted with this thread, after its last `finally`
    weakref.finalize(_here.until_its_end, over.set).atexit = False
    # The main thread chooses the exit code of the process, and it may have ended already.
    atexit.register(_exit, over)
    if script_threads.main_is_alive():
        global ending
        ending = True
        listens = getattr(signal.getsignal(signal.SIGURG), "__module__", "") == "lager_startup"
        signal.pthread_kill(script_threads.main_ident(), signal.SIGURG if listens else signal.SIGINT)


def _exit(over: threading.Event) -> None:
    """End the process. Until Python 3.12, an interrupted join() takes the thread for ended, and so would we."""
    over.wait(_LAST_SECONDS)
    atexit.unregister(_exit)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppressed(Exception):
            stream.flush()
    os._exit(TIMED_OUT)
