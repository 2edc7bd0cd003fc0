"""Takes an instrument for work that is not the script's: the lock of its session, while the script is paused."""

import time
from collections.abc import Callable

from lager.errors import InstrumentBusy
from lager.instruments.sessions.session import Session
from lager.process import threads

_SECONDS = 2.0  # for another thread of the script to finish its call
_STEP_SECONDS = 0.05


def acquire(session: Session, check: Callable[[], None] = lambda: None, *, seconds: float = 0.0) -> None:
    """Take the lock of a session, within `seconds` (default: 2). Calls `check` meanwhile, which may raise.

    Raises InstrumentBusy if another thread keeps the lock, or at once if the paused thread has it.
    """
    seconds = seconds or _SECONDS
    until = time.monotonic() + seconds
    while not session.lock.acquire(timeout=_STEP_SECONDS):
        if threads.owner(session.lock) in threads.paused:
            what = f"The paused thread is in the middle of a call on {session.instrument}, so nothing else can use it."
            raise InstrumentBusy(what, "Resume the script first.")
        check()
        if time.monotonic() > until:
            what = f"Another thread of the script has been using {session.instrument} for {seconds:g} s."
            raise InstrumentBusy(what, "Try again.")
