"""Pauses a thread that reaches a line with a breakpoint of an attached editor."""

import os
from types import FrameType

import lager
from lager.breakpoints import guarded, pause
from lager.inspection.frames.location import Place, file_of
from lager.process import threads
from lager.stepping import engine
from lager.stepping.line_breaks import table


def _pause(frame: FrameType, why: str) -> None:
    if lager._is_off():
        return
    label = f"breakpoint at {os.path.basename(file_of(frame))}:{frame.f_lineno}{': ' if why else ''}{why}"
    guarded.pause_here(lambda began: pause.pause_at(Place.here(frame, "breakpoint"), label, None, True, began=began))


def ready() -> None:
    """Enable pauses at the breakpoints of this process."""
    table.pause = _pause
    threads.at_resume[:] = [engine.resumes]
