"""The events of a step by `sys.settrace`, for Python 3.11. Only the thread of the step is traced, and only meanwhile.

What traced the thread before is lager itself (`--pause-on-error`), which still hears of exceptions; another tracer
makes the step be refused.

While there are breakpoints on lines, `_entered` traces the threads that `watch_here` was called in, and those that
began since; a step takes its place, and gives it back.
"""

import opcode
import sys
from _thread import get_ident
from collections.abc import Callable
from types import FrameType
from typing import Any

from lager.inspection.frames import script_threads
from lager.inspection.frames.code_owner import is_ours
from lager.process import threads
from lager.stepping import obstacle
from lager.stepping.course import Course
from lager.stepping.line_breaks import table

_RETURNS = (opcode.opmap["RETURN_VALUE"],)
_YIELDS = opcode.opmap["YIELD_VALUE"]

Stopped = Callable[[FrameType, Any], None]


class Tracing:
    """Make it, begin and end it in the thread of the step. `stopped` is called at the stop, with the frame and the
    value that it returns, if it does, in a tuple. `over` is called if the thread ends before."""

    def __init__(self, course: Course, stopped: Stopped, over: Callable[[], None]) -> None:
        self.course = course
        self._stopped = stopped
        self._over = over
        self._previous: Any = None
        self._touched: list[tuple[FrameType, Any, bool]] = []
        self._raised = False

    def begin(self) -> None:
        self._previous = sys.gettrace()
        frame = self.course.frame
        while frame is not None:
            if frame in (self.course.frame, self.course.bottom) or self.course.may_stop_in(frame):
                self._touch(frame)
            frame = frame.f_back
        sys.settrace(self._called)

    def end(self) -> None:
        """End the step and its tracing. A second call does nothing."""
        if sys.gettrace() == self._called:
            sys.settrace(self._previous)
        touched, self._touched = self._touched, []
        for frame, trace, lines in touched:
            frame.f_trace, frame.f_trace_lines = trace, lines

    def _touch(self, frame: FrameType) -> None:
        if not any(frame is one for one, _, _ in self._touched):
            self._touched.append((frame, frame.f_trace, frame.f_trace_lines))
        frame.f_trace, frame.f_trace_lines = self._local, True

    # Python keeps the trace function of a frame if these return None, so it is set here.

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        if frame is self.course.frame or (self.course.everywhere and self.course.may_stop_in(frame)):
            self._touch(frame)
        elif self._previous is not None and frame.f_trace is None:
            frame.f_trace = self._previous(frame, event, argument)

    def _local(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "line":
            self._raised = False
            if _hit(frame):
                return
            if self.course.at_line(frame, frame.f_lineno):
                self._stop(frame, None)
        elif event == "exception":
            self._raised = True
            if self._previous is not None:
                self._previous(frame, event, argument)
                frame.f_trace_lines = True
        elif event == "return":
            self._returns(frame, argument)

    def _returns(self, frame: FrameType, value: Any) -> None:
        operation = frame.f_code.co_code[frame.f_lasti] if frame.f_lasti >= 0 else 0
        if operation == _YIELDS and not self._raised:
            return  # suspended
        self._touched = [one for one in self._touched if one[0] is not frame]  # it may end now
        if operation in _RETURNS and not self._raised:
            if self.course.at_return(frame):
                self._stop(frame, (value,))
        else:
            self.course.left(frame)
        if self.course.over:
            self.end()
            self._over()

    def _stop(self, frame: FrameType, value: Any) -> None:
        self.end()
        self._stopped(frame, value)


_before: dict[int, Any] = {}  # what traced a thread before `_entered`, by thread
_hook: Any = None  # what traced new threads before


def break_lines() -> None:
    """Watch new threads while there are breakpoints. Threads that run already are watched when they call
    `watch_here`."""
    global _hook
    threading = script_threads.theirs()
    if table.active and threading._trace_hook is not _thread_begins:
        _hook = threading._trace_hook
        threading.settrace(_thread_begins)
    elif not table.active and threading._trace_hook is _thread_begins:
        threading.settrace(_hook)


def watch_here() -> None:
    """Watch the calling thread, and its frames, while there are breakpoints."""
    frame: FrameType | None = sys._getframe(1)
    if not table.active or obstacle.tracer():
        return
    if sys.gettrace() is not _entered:
        _before[get_ident()] = sys.gettrace()
        sys.settrace(_entered)
    while frame is not None:
        if table.lines_in(frame):
            frame.f_trace, frame.f_trace_lines = _inside, True
        frame = frame.f_back


def _thread_begins(frame: FrameType, event: str, argument: Any) -> Any:
    found = None if _hook is None else _hook(frame, event, argument)
    if get_ident() in threads.ours or not table.active or is_ours(frame):
        return found
    _before[get_ident()] = found
    sys.settrace(_entered)
    return _entered(frame, event, argument)


def _entered(frame: FrameType, event: str, argument: Any) -> Any:
    before = _before.get(get_ident())
    if not table.active:
        if sys.gettrace() is _entered:
            sys.settrace(_before.pop(get_ident(), None))
    elif event == "call" and table.lines_in(frame):
        frame.f_trace_lines = True
        return _inside
    return None if before is None else before(frame, event, argument)


def _inside(frame: FrameType, event: str, argument: Any) -> None:
    if event == "exception":
        before = _before.get(get_ident())
        if before is not None:
            before(frame, event, argument)
            frame.f_trace_lines = True
    elif event == "line" and not _hit(frame) and not table.active:
        frame.f_trace = _before.get(get_ident())
        frame.f_trace_lines = False
        if sys.gettrace() is _entered:
            sys.settrace(_before.pop(get_ident(), None))


def _hit(frame: FrameType) -> bool:
    here = (table.lines_in(frame) or {}).get(frame.f_lineno)
    return here is not None and table.hit(frame, here)
