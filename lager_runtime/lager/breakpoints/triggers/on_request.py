"""A pause requested with `lager python --pause`: the main thread is paused at its next statement."""

import _thread
from types import FrameType

import lager
from lager.breakpoints import on_timeout
from lager.contract import TIMED_OUT
from lager.process import threads
from lager.process.system import user_name


def pause(frame: FrameType) -> None:
    """Pause the calling thread, which was interrupted at `frame`, unless it is paused already. Raises SystemExit if the
    pause of another thread ends the process, and what ends this one, as Ctrl-C does."""
    if on_timeout.ending:
        raise SystemExit(TIMED_OUT)
    outer: FrameType | None = frame
    if _thread.get_ident() in threads.paused:  # where a step has stopped, none of the frames below is on the stack
        return
    while outer is not None:
        if outer.f_code is lager._pause.__code__:
            return
        outer = outer.f_back
    to_raise = lager._pause(frame, f"requested by {user_name()}", None, True, "resume")
    if to_raise is not None:
        try:
            raise to_raise
        finally:
            del to_raise  # its traceback has this frame, and would keep it and its callers alive
