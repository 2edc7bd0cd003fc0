"""What a script asked for at the deadline of a pause: to raise, or to end. The other thing is to go on."""

import atexit
import contextlib
import os
import signal
import sys
import threading
import weakref
from typing import Any

from lager.breakpoints import script_threads
from lager.contract import TIMED_OUT
from lager.errors import PauseTimeout

_LAST_SECONDS = 3.0
_here = threading.local()
ending = False  # the main thread is to end when a SIGURG comes


class _Mark:
    pass


def outcome(details: dict[str, Any]) -> BaseException | None:
    """What the pause with these details, whose time is over, has to raise in its thread."""
    if details["on_timeout"] == "raise":
        label = f" ({details['label']})" if details["label"] else ""
        what = f"Nobody resumed the pause at {details['file']}:{details['line']}{label} in time."
        return PauseTimeout(what, "Catch lager.PauseTimeout, or give it more time with timeout=.")
    if details["on_timeout"] == "exit":
        if not script_threads.is_main():
            _end_main_thread()
        return SystemExit(TIMED_OUT)
    return None


def _end_main_thread() -> None:
    over = threading.Event()
    _here.until_its_end = _Mark()  # which goes with this thread, behind its last `finally`
    weakref.finalize(_here.until_its_end, over.set).atexit = False
    # The code of the process is the main thread's to choose, and it may have run out already.
    atexit.register(_exit, over)
    if script_threads.main_is_alive():
        global ending
        ending = True
        listens = getattr(signal.getsignal(signal.SIGURG), "__module__", "") == "lager_startup"
        signal.pthread_kill(script_threads.main_ident(), signal.SIGURG if listens else signal.SIGINT)


def _exit(over: threading.Event) -> None:
    """The last of the process. Until 3.12 a join() that was interrupted takes the thread for ended, and so would we."""
    over.wait(_LAST_SECONDS)
    atexit.unregister(_exit)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(TIMED_OUT)
