"""Pauses a script before its first line, for the editor that starts it: by a breakpoint there, which is dropped as soon
as it is reached. The editor sets its own meanwhile; without any, nothing watches the script afterwards."""

import os
import sys
from types import FrameType

import lager
from lager.breakpoints import guarded, pause
from lager.breakpoints.triggers import at_line
from lager.inspection.frames import script_threads
from lager.inspection.frames.location import Place
from lager.stepping import engine
from lager.stepping.line_breaks import table

_LABEL = "before its first line"
_FIRST = object()  # represents the editor among the clients that set breakpoints


def watch(quiet: bool) -> None:
    """Pause the calling thread before the first line of the script. If `quiet`, the pause prints nothing."""
    if lager._is_off() or not os.path.isfile(sys.argv[0]):
        return
    at_line.ready()

    def reached(frame: FrameType, _: str) -> None:
        at_line.ready()
        table.drop(_FIRST)
        place = Place.here(frame, "entry")
        guarded.pause_here(lambda began: pause.pause_at(place, _LABEL, None, True, began=began, quiet=quiet))
        here = (table.lines_in(frame) or {}).get(frame.f_lineno)
        if here is not None and quiet:  # the editor has set one at this line, whose event has passed
            table.hit(frame, here)

    script_threads.prepare()  # its new threads are watched
    table.pause = reached
    table.replace(_FIRST, [os.path.abspath(sys.argv[0])], [{"line": 1}], lambda _: None)
    engine.resumes()  # with Python 3.11, only threads that call this are watched
