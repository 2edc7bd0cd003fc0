"""The events of a step by `sys.settrace`, for Python 3.11. Only the thread of the step is traced, and only meanwhile.

What traced the thread before is lager itself (`--pause-on-error`), which still hears of exceptions; another tracer
makes the step be refused.
"""

import opcode
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from lager.stepping.course import Course

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
        """Leave no trace of the step. A second call does nothing."""
        if sys.gettrace() == self._called:
            sys.settrace(self._previous)
        touched, self._touched = self._touched, []
        for frame, trace, lines in touched:
            frame.f_trace, frame.f_trace_lines = trace, lines

    def _touch(self, frame: FrameType) -> None:
        if not any(frame is one for one, _, _ in self._touched):
            self._touched.append((frame, frame.f_trace, frame.f_trace_lines))
        frame.f_trace, frame.f_trace_lines = self._local, True

    # Python keeps the trace function of a frame if these return None; we set it ourselves.

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        if frame is self.course.frame or (self.course.everywhere and self.course.may_stop_in(frame)):
            self._touch(frame)
        elif self._previous is not None and frame.f_trace is None:
            frame.f_trace, frame.f_trace_lines = self._previous, False

    def _local(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "line":
            self._raised = False
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
