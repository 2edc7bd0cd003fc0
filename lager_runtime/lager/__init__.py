"""What a bench script imports: `from lager import pause, Net, NetType`.

Importing this costs next to nothing: what a pause or an instrument needs is imported when it is first used.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # what type checkers take for true; importing typing would cost more than all the rest
if TYPE_CHECKING:
    from types import FrameType

    from lager.net import Net, NetType

__all__ = ["Net", "NetType", "breakpointhook", "pause"]

_OFF = frozenset(("off", "0", "false", "no"))


def pause(label: object = None, *, timeout: float | None = None, interactive: bool = False) -> None:
    """Stand still here until somebody resumes the script or `timeout` seconds are over.

    `timeout` is in seconds: None for LAGER_BREAKPOINT_TIMEOUT, else 300; 0 waits until resumed. `interactive` opens a
    Python console into the paused process to the script's user. Blocks the calling thread only. Outside `lager python`,
    or with LAGER_BREAKPOINTS set to off, 0, false or no, it returns at once. Never raises; what is wrong with the
    arguments or the bus is said in one line on standard error. (Ctrl-C is not caught.)
    """
    _pause(sys._getframe(1), label, timeout, interactive)


def breakpointhook(label: object = None, *, timeout: float | None = None, interactive: bool = True) -> None:
    """What `breakpoint()` calls in a run of `lager python`: a pause with a console."""
    _pause(sys._getframe(1), label, timeout, interactive)


def _is_off() -> bool:
    environ = os.environ
    return "LAGER_PROCESS_ID" not in environ or environ.get("LAGER_BREAKPOINTS", "").strip().lower() in _OFF


def _pause(frame: FrameType, label: object, timeout: object, interactive: object) -> None:
    try:
        if _is_off():
            return
        from lager import pausing
        from lager.place import Place

        pausing.stand(Place.here(frame), label, timeout, bool(interactive))
    except Exception as error:
        _complain(error)


def _complain(error: Exception) -> None:
    try:
        from lager.text import printable

        what = printable(error, 500) if type(error).__module__ == "lager.errors" else printable(repr(error), 500)
        print(f"lager: cannot pause here, going on. {what}", file=sys.stderr, flush=True)
    except Exception:
        return  # standard error is closed: there is nobody to tell


def __getattr__(name: str) -> object:
    if name in ("Net", "NetType"):
        from lager import net

        return getattr(net, name)
    raise AttributeError(f"module 'lager' has no attribute {name!r}")
