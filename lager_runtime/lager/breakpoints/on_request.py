"""A pause that somebody else asked for, with `lager python --pause`: the main thread stands where it just is."""

from types import FrameType

import lager
from lager.breakpoints import on_timeout
from lager.breakpoints.enter_channel import user_name
from lager.contract import TIMED_OUT


def pause(frame: FrameType) -> None:
    """Pause the calling thread, which was interrupted at `frame`; where it stands already, that is enough. Where the
    pause of another thread has asked for the end of the process, raise SystemExit."""
    if on_timeout.ending:
        raise SystemExit(TIMED_OUT)
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_code is lager._pause.__code__:
            return
        outer = outer.f_back
    lager._pause(frame, f"asked by {user_name()}", None, True, "resume")
