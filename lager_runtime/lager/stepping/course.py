"""The course of one step: decides which event in its thread ends it. It knows frames and lines, but does not trace.

Invariants

- A step stops in a frame that is neither lager's nor the import machinery's.
- In frames of the standard library and of packages it stops only if the step began there, or has gone into them from
  the line where it began.
- When the frame where the step began ends, its caller takes its place. If that is a library, such as an event loop,
  the step stops at the next line of the script in this thread, wherever that is.
- A generator or coroutine that is suspended has not ended: the step waits until it continues.
- At the end of the outermost frame the step is `over`.
"""

from types import FrameType

from lager.errors import InvalidArgument
from lager.inspection.frames.code_owner import is_inside_ours, is_library, is_ours

NEXT, STEP, FINISH, UNTIL, OUT = KINDS = ("next", "step", "finish", "until", "out")
_LAST_LINE = 2**31 - 1


class Request:
    """The requested step: one of KINDS, and the line of `until`. `out` stops in the caller, where `finish` stops at
    the return itself."""

    def __init__(self, kind: object, line: object = None) -> None:
        """Raises InvalidArgument."""
        if kind not in KINDS:
            raise InvalidArgument("That is not a kind of step.", f"Give one of {', '.join(KINDS)}.")
        if kind == UNTIL and not (type(line) is int and 0 < line <= _LAST_LINE):
            raise InvalidArgument("That is not a line number.", "Type it like: :until 42")
        self.kind = str(kind)
        self.line = line if type(line) is int else 0


class Course:
    """A step that begins in `frame`, which is on the stack of its thread, and `returning` if the last step stopped at
    its return. The attribute `frame` is None while the step waits for any line of the script."""

    def __init__(self, request: Request, frame: FrameType, *, returning: bool = False) -> None:
        self.kind = request.kind
        self.frame: FrameType | None = frame
        self.everywhere = request.kind == STEP
        self.over = False
        self.bottom = frame
        while self.bottom.f_back is not None:
            self.bottom = self.bottom.f_back
        self._line = request.line
        self._forwards = request.line > frame.f_lineno
        self._in_library = is_library(frame)
        if returning:
            self.left(frame)

    def at_line(self, frame: FrameType, line: int) -> bool:
        """Return whether the step stops at this line, which `frame` is about to run."""
        if frame is not self.frame:
            return self.everywhere and self.may_stop_in(frame)
        if self.kind == UNTIL:
            return line >= self._line if self._forwards else line == self._line
        return self.kind in (NEXT, STEP)

    def at_return(self, frame: FrameType) -> bool:
        """Return whether the step stops here, where `frame` returns. Else it continues in the caller."""
        if frame is self.frame and self.kind in (FINISH, UNTIL) and not is_ours(frame):
            return True
        self.left(frame)
        return False

    def left(self, frame: FrameType) -> None:
        """Note that `frame` returns, or that an exception leaves it."""
        if frame is self.bottom:
            self.over = True
        elif frame is self.frame:
            self._goes_on_in(frame.f_back)

    def dropped(self, here: FrameType) -> None:
        """Note that the generator of the step was dropped where it was suspended; `here` runs next."""
        self._goes_on_in(here)

    def _goes_on_in(self, caller: FrameType | None) -> None:
        if self.kind != STEP:
            self.kind = NEXT
        self.frame = caller if caller is not None and self._may_land_in(caller) else None
        self.everywhere = self.everywhere or self.frame is None

    def may_stop_in(self, frame: FrameType) -> bool:
        """Return whether a line of `frame` can be the stop of a step that goes into calls."""
        if not is_library(frame):
            return not is_ours(frame)
        entered = self._in_library or (self.frame is not None and frame.f_back is self.frame)
        return entered and not _is_import(frame) and not is_inside_ours(frame)

    def _may_land_in(self, caller: FrameType) -> bool:
        return not is_ours(caller) and not _is_import(caller) and (self._in_library or not is_library(caller))


def _is_import(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith("<frozen ")
