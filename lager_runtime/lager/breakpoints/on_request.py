"""A pause that somebody else asked for, with `lager python --pause`: the main thread stands where it just is."""

import os
import pwd
import sys
from types import FrameType

from lager import _pause
from lager.contract import TIMED_OUT


def pause(frame: FrameType) -> None:
    """Pause the calling thread, which was interrupted at `frame`; where it stands already, that is enough. Where the
    pause of another thread has asked for the end of the process, raise SystemExit."""
    deadline = sys.modules.get("lager.breakpoints.on_timeout")
    if deadline is not None and deadline.ending:
        raise SystemExit(TIMED_OUT)
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_globals.get("__name__") == "lager.breakpoints.pause":
            return
        outer = outer.f_back
    _pause(frame, f"asked by {_user()}", None, True, "resume")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
