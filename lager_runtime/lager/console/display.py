"""Shows the value of a line on a terminal: shortens large values, and stops a repr that takes too long."""

import threading
import time
from typing import Any

from lager.errors import Failed
from lager.inspection.objects.safe_repr import is_large, shortened, type_name
from lager.inspection.side_thread import SideThread
from lager.process import threads

_SECONDS = 5.0
_TURN = 0.05  # an interrupt is seen at the end of a wait
_WIDTH = 4000
_SIMPLE = (type(None), bool, int, float, complex)


def displayed(value: Any, enter: Any, leave: Any) -> str:
    """Return the repr of a value. It runs in a thread that calls `enter` first and `leave` last, which we leave behind
    if the repr takes too long or is interrupted."""
    if type(value) in _SIMPLE:
        return repr(value)
    result: list[Any] = [None, None]
    done = threading.Event()

    def work() -> str:
        enter()
        try:
            return _shortened(value) if is_large(value) else repr(value)
        finally:
            leave()

    def settle(*outcome: Any) -> None:
        result[:] = outcome
        done.set()

    thread = SideThread(work, settle)
    try:
        threads.start(thread)
    except Failed:  # here, where an interrupt ends it, too
        return _shortened(value) if is_large(value) else repr(value)
    try:
        ends = time.monotonic() + _SECONDS
        while not done.wait(_TURN):
            if time.monotonic() > ends:
                return f"<{type_name(value)} whose repr takes longer than {_SECONDS:g} s>"
    except KeyboardInterrupt as interrupt:
        raise interrupt.with_traceback(None) from None  # without the frames that wait here
    finally:
        if not done.is_set():
            thread.stop()
    text, error = result
    if error is not None:
        raise error
    return text  # type: ignore[no-any-return]


def _shortened(value: Any) -> str:
    return shortened(value, _WIDTH) + "  # shortened; print(_) shows all of it"
