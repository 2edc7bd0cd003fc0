"""Finds the reason why a step cannot begin at a pause. Every pause calls this, so it imports nothing, and uses `sys` as
it was before the script, which may have replaced it."""

import sys
from types import FrameType

_START = getattr(sys, "_lager_start", None)
_SYS = vars(sys) if _START is None else _START.sys


def at(frame: FrameType) -> str:
    """Return why the calling thread, which pauses at `frame`, cannot be stepped, as a sentence; empty if it can."""
    here: FrameType | None = _SYS["_getframe"](1)
    while here is not None and here is not frame:
        here = here.f_back
    if here is None:
        return "No line of the script runs here, so there is no next one."
    return "" if _SYS["version_info"] >= (3, 12) else tracer()


def tracer() -> str:
    """Return whose tracer the calling thread has, as a sentence why it cannot be stepped; empty if none but ours."""
    trace = _SYS["gettrace"]()
    module = str(getattr(trace, "__module__", None) or type(trace).__module__)
    if trace is None or module.startswith("lager."):  # --pause-on-error, which steps work with
        return ""
    version = "{}.{}".format(*_SYS["version_info"][:2])
    return f"{module.partition('.')[0]} traces this thread, and Python {version} allows only one tracer."
