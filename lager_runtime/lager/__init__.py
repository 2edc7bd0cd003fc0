"""What a bench script imports: `from lager import pause, Net, NetType`.

Importing this costs next to nothing: what a pause or an instrument needs is imported when it is first used.

PYTEST_DONT_REWRITE, which would come too late: pytest warns of that.
"""

from __future__ import annotations

import os
import sys

from lager import fork_lock

TYPE_CHECKING = False  # what type checkers take for true; importing typing would cost more than all the rest
if TYPE_CHECKING:
    from types import FrameType

    from lager.errors import PauseTimeout
    from lager.instruments.net import Net, NetType

__all__ = ["Net", "NetType", "PauseTimeout", "breakpointhook", "pause"]

_OFF = frozenset(("off", "0", "false", "no"))


def pause(
    label: object = None, *, timeout: float | None = None, interactive: bool = False, on_timeout: str = "resume"
) -> None:
    """Stand still here until somebody resumes the script or `timeout` seconds are over.

    `timeout` is in seconds: None for LAGER_BREAKPOINT_TIMEOUT, else 300; 0 waits until resumed. `interactive` opens a
    Python console into the paused process to the script's user. `on_timeout` is what happens when nobody came in time:
    "resume" goes on; "raise" raises PauseTimeout here; "exit" ends the process with 124 through its `finally` blocks,
    the main thread's too. Blocks the calling thread only. Outside `lager python`, or with LAGER_BREAKPOINTS set to off,
    0, false or no, it returns at once. Never raises anything that was not asked for; what is wrong with the arguments
    or the bus is said in one line on standard error. (Ctrl-C is not caught.)
    """
    here = sys._getframe()
    _pause(here.f_back or here, label, timeout, interactive, on_timeout)  # itself where C calls it, as atexit does


def breakpointhook(
    label: object = None, *, timeout: float | None = None, interactive: bool = True, on_timeout: str = "resume"
) -> None:
    """What `breakpoint()` calls in a run of `lager python`: a pause with a console."""
    here = sys._getframe()
    _pause(here.f_back or here, label, timeout, interactive, on_timeout)


def _is_off() -> bool:
    environ = os.environ
    return "LAGER_PROCESS_ID" not in environ or environ.get("LAGER_BREAKPOINTS", "").strip().lower() in _OFF


def _pause(frame: FrameType, label: object, timeout: object, interactive: object, on_timeout: object) -> None:
    asked_for = None
    try:
        if _is_off():
            return
        with fork_lock.wait:
            from lager.breakpoints.pause import stand
            from lager.inspection.location import Place

        asked_for = stand(Place.of_call(frame), label, timeout, bool(interactive), on_timeout)
    except Exception as error:
        _complain(error)
    if asked_for is not None:
        raise asked_for


def _complain(error: Exception) -> None:
    try:
        from lager.text import printable

        what = printable(error, 500) if type(error).__module__ == "lager.errors" else printable(repr(error), 500)
        print(f"lager: cannot pause here, going on. {what}", file=sys.stderr, flush=True)
    except Exception:
        return  # standard error is closed: there is nobody to tell


def __getattr__(name: str) -> object:
    if name in ("Net", "NetType"):
        with fork_lock.wait:
            from lager.instruments import net

        return getattr(net, name)
    if name == "PauseTimeout":
        from lager import errors

        return errors.PauseTimeout
    raise AttributeError(f"module 'lager' has no attribute {name!r}")
