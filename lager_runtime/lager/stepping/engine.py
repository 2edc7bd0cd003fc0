"""Runs one step in the calling thread, with the events of this Python.

    step = engine.begin(Course(request, frame), stopped, over)

`stopped(frame, value)` is called in the same thread when the step has stopped, before the line runs; `value` is None,
or a tuple of what the frame returns. It may block, and what it raises is raised in the script at that line. `over()` is
called instead if the thread ends. Nothing watches the thread any more when either is called, nor after `cancel`.
"""

import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from lager.stepping.course import Course
from lager.stepping.line_breaks import table

if sys.version_info >= (3, 12):
    from lager.stepping.monitoring import Monitoring as Events
    from lager.stepping.monitoring import after_fork, break_lines
else:
    from lager.stepping.tracing import Tracing as Events
    from lager.stepping.tracing import break_lines, watch_here

_running: dict[int, "Step"] = {}  # by thread


class Step:
    def __init__(self, course: Course, stopped: Callable[[FrameType, Any], None], over: Callable[[], None]) -> None:
        self._told = stopped, over
        self._events = Events(course, self._stopped, self._over)

    def begin(self) -> None:
        """Raises InvalidArgument if this thread cannot be watched."""
        self._events.begin()
        _running[threading.get_ident()] = self

    def cancel(self) -> None:
        """Cancel the step, so that it does not stop. A second call does nothing."""
        self._events.end()
        self._drop()

    def _stopped(self, frame: FrameType, value: Any) -> None:
        self._drop()
        self._told[0](frame, value)

    def _over(self) -> None:
        self._drop()
        self._told[1]()

    def _drop(self) -> None:
        ident = threading.get_ident()
        if _running.get(ident) is self:
            del _running[ident]


def begin(course: Course, stopped: Callable[[FrameType, Any], None], over: Callable[[], None]) -> Step:
    """Begin a step in the calling thread. Raises InvalidArgument if it cannot be watched."""
    step = Step(course, stopped, over)
    if course.over:
        over()
    else:
        step.begin()
    return step


def cancel_here() -> None:
    """Cancel the step of the calling thread, if there is one."""
    step = _running.get(threading.get_ident())
    if step is not None:
        step.cancel()


def resumes() -> None:
    """Watch the lines with breakpoints in the calling thread, which was paused."""
    if sys.version_info < (3, 12):
        watch_here()


table.watch = break_lines


def _after_fork() -> None:
    """The child has the one thread, and goes on by itself."""
    for step in list(_running.values()):
        if sys.version_info < (3, 12):
            step.cancel()
    _running.clear()
    table.clear()
    if sys.version_info >= (3, 12):
        after_fork()


os.register_at_fork(after_in_child=_after_fork)
