"""The events of steps by `sys.monitoring`, for Python 3.12 and later, beside any other tracer.

Invariants

- Without a step and without breakpoints, lager has no tool and no events: no code is instrumented.
- With breakpoints, Python tells of each code when it first begins, and of the lines of code that has one. Each place
  without one is disabled when it is first passed, unless a step runs.
- Events of lines are set for the code of a step only: that of its frame, and of the frames that it may stop in. Other
  threads that run the same code pass through `_mine`, which finds no step for them.
- Only a step that may stop in any frame sets events for all code, until it has stopped.
- A generator that is dropped at a yield outside of any `try` ends without an event (Python 3.13 and later, gen_close of
  genobject.c). While the generator of a step is suspended, the lines of the script's frames outwards look for that.
"""

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from lager.errors import InvalidArgument
from lager.stepping.course import Course
from lager.stepping.line_breaks import stacks, table

assert sys.version_info >= (3, 12)  # type checkers pass over the rest on an older Python

_M = sys.monitoring
_E = sys.monitoring.events
_LINES = _E.LINE | _E.PY_RETURN
_ALWAYS = _E.PY_UNWIND
_SUSPENDS = 0x20 | 0x80 | 0x200  # flags of code: generators, coroutines and asynchronous generators (inspect)
_EVERYWHERE = _E.PY_START | _E.PY_RESUME | _E.PY_THROW
_TOOLS = (3, 4, 0, 2)  # the first two have no meaning of their own (PEP 669); a debugger and a profiler come last

Stopped = Callable[[FrameType, Any], None]


class Tool:
    """The tool of this process, and its events: the union of what each step wants."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number: int | None = None
        self.steps: dict[int, Monitoring] = {}
        self._set: dict[CodeType, int] = {}
        self._broken: dict[CodeType, int] = {}  # code with breakpoints

    def break_lines(self) -> None:
        """Watch the lines with breakpoints, as they are now. Raises InvalidArgument if other tools have taken all
        numbers."""
        with self._lock:
            self._broken = {frame.f_code: _E.LINE for frame in stacks() if table.lines_in(frame)}
            if table.active:
                self._take()
            self._apply()
            if table.active:
                _M.restart_events()

    def breaks_in(self, code: CodeType) -> None:
        """Watch the lines of code that has breakpoints, when the code begins to run."""
        if code not in self._broken:
            with self._lock:
                self._broken[code] = _E.LINE
                self._apply()

    def add(self, ident: int, step: "Monitoring") -> None:
        """Raises InvalidArgument if other tools have taken all numbers."""
        with self._lock:
            self._take()
            self.steps[ident] = step
            self._apply()
            if table.active:
                _M.restart_events()  # of lines that are disabled

    def discard(self, ident: int) -> None:
        with self._lock:
            if self.steps.pop(ident, None) is not None:
                self._apply()

    def apply(self) -> None:
        """Set the events that the current steps need."""
        with self._lock:
            self._apply()

    def _take(self) -> None:
        if self._number is not None:
            return
        for number in _TOOLS:
            if _M.get_tool(number) is None:
                _M.use_tool_id(number, "lager-steps")
                self._number = number
                break
        else:
            raise InvalidArgument(
                "Other tools already watch this script, and Python allows no more.", "Resume it instead."
            )
        for event, callback in (
            (_E.LINE, _line), (_E.PY_RETURN, _return), (_E.PY_UNWIND, _unwind), (_E.PY_YIELD, _yield),
            (_E.PY_START, _start), (_E.PY_RESUME, _start), (_E.PY_THROW, _throw),
        ):  # fmt: skip
            _M.register_callback(self._number, event, callback)

    def _apply(self) -> None:
        number = self._number
        if number is None:
            return
        wanted = dict(self._broken)
        for step in list(self.steps.values()):
            for code, events in step.wanted.items():
                wanted[code] = wanted.get(code, 0) | events
        for code in [code for code in self._set if code not in wanted]:
            _M.set_local_events(number, code, 0)
            del self._set[code]
        for code, events in wanted.items():
            if self._set.get(code) != events:
                _M.set_local_events(number, code, events)
                self._set[code] = events
        everywhere = any(step.course.everywhere for step in self.steps.values())
        _M.set_events(number, (_ALWAYS if self.steps else 0) | (_EVERYWHERE if everywhere or table.active else 0))
        if not self.steps and not table.active:
            for event in (_E.LINE, _E.PY_RETURN, _E.PY_UNWIND, _E.PY_YIELD, _E.PY_START, _E.PY_RESUME, _E.PY_THROW):
                _M.register_callback(number, event, None)
            _M.free_tool_id(number)
            self._number = None

    def after_fork(self) -> None:
        """Drop the steps of the parent."""
        self._lock = threading.Lock()
        self.steps.clear()
        self._broken.clear()
        table.clear()
        self._apply()


class Monitoring:
    """Make it, begin and end it in the thread of the step; the arguments are those of `tracing.Tracing`."""

    def __init__(self, course: Course, stopped: Stopped, over: Callable[[], None]) -> None:
        self.course = course
        self.stopped = stopped
        self.over = over
        self.wanted: dict[CodeType, int] = {}
        self._ident = threading.get_ident()
        self._suspended = False  # the step's frame, which may end without an event

    def begin(self) -> None:
        """Raises InvalidArgument if no tool is free."""
        self._want(self.course.frame)
        tool.add(self._ident, self)

    def end(self) -> None:
        tool.discard(self._ident)

    def line(self, frame: FrameType, line: int) -> None:
        if self._suspended:
            self._look_for_end(frame)
        if self.course.at_line(frame, line):
            self.end()
            self.stopped(frame, None)

    def returns(self, frame: FrameType, value: Any) -> None:
        before = self.course.frame
        if self.course.at_return(frame):
            self.end()
            self.stopped(frame, (value,))
        else:
            self._moved(before, frame)

    def unwinds(self, frame: FrameType) -> None:
        before = self.course.frame
        self.course.left(frame)
        self._moved(before, frame)

    def yields(self, frame: FrameType) -> None:
        if frame is self.course.frame and sys.version_info >= (3, 13):
            self._suspended = True
            self._want_outwards(frame.f_back)
            tool.apply()

    def _look_for_end(self, here: FrameType) -> None:
        """Note whether the step's frame, which was suspended, has ended without an event."""
        frame = self.course.frame
        if frame is None or frame is here:
            self._suspended = False
        elif _has_ended(frame):
            self._suspended = False
            self.course.dropped(here)

    def starts(self, frame: FrameType) -> None:
        if self.course.everywhere and frame.f_code not in self.wanted and self.course.may_stop_in(frame):
            self.wanted[frame.f_code] = _LINES
            tool.apply()

    def _moved(self, before: FrameType | None, left: FrameType) -> None:
        if self.course.over:
            self.end()
            self.over()
        elif self.course.frame is not before:
            self._want(self.course.frame or left.f_back)
            tool.apply()

    def _want(self, here: FrameType | None) -> None:
        """Want the lines of the step's frame; of all frames outwards of `here`, if it may stop in any."""
        course = self.course
        self.wanted = {course.bottom.f_code: _E.PY_RETURN}
        if course.frame is not None:
            code = course.frame.f_code
            self.wanted[code] = _LINES | (_E.PY_YIELD if code.co_flags & _SUSPENDS else 0)
        if course.everywhere:
            self._want_outwards(here)

    def _want_outwards(self, here: FrameType | None) -> None:
        while here is not None:
            if self.course.may_stop_in(here):
                self.wanted[here.f_code] = self.wanted.get(here.f_code, 0) | _LINES
            here = here.f_back


def _has_ended(frame: FrameType) -> bool:
    """Return whether the frame of a generator has ended. Python clears no other one."""
    try:
        frame.clear()
    except RuntimeError:
        return False
    return True


tool = Tool()
after_fork = tool.after_fork
break_lines = tool.break_lines


def _mine() -> Monitoring | None:
    return tool.steps.get(threading.get_ident())


def _line(code: CodeType, line: int) -> object:
    frame = sys._getframe(1)
    here = (table.lines_in(frame) or {}).get(line)
    if here is not None and table.hit(frame, here):
        return None  # a step that began at this pause begins behind this event
    if (step := _mine()) is not None:
        step.line(frame, line)
    return _M.DISABLE if here is None and not tool.steps else None


def _return(code: CodeType, offset: int, value: Any) -> None:
    if (step := _mine()) is not None:
        step.returns(sys._getframe(1), value)


def _unwind(code: CodeType, offset: int, error: BaseException) -> None:
    if (step := _mine()) is not None:
        step.unwinds(sys._getframe(1))


def _yield(code: CodeType, offset: int, value: Any) -> None:
    if (step := _mine()) is not None:
        step.yields(sys._getframe(1))


def _start(code: CodeType, offset: int) -> object:
    frame = sys._getframe(1)
    if table.lines_in(frame):
        tool.breaks_in(code)
    if (step := _mine()) is not None:
        step.starts(frame)
    return None if tool.steps else _M.DISABLE


def _throw(code: CodeType, offset: int, error: BaseException) -> None:
    frame = sys._getframe(1)
    if table.lines_in(frame):
        tool.breaks_in(code)
    if (step := _mine()) is not None:
        step.starts(frame)
