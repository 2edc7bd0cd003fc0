"""The place of a pause: where a thread is, or was when it raised. Its console and stack show this place.

A place is always in code of the script, never in frames of lager or of libraries that lager has called.
"""

import os
import sys
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

from lager.inspection.frames.code_owner import is_library, is_ours, is_standard
from lager.inspection.frames.frame_stack import Stack, stack_of
from lager.process.raised import by_a_handler

_HERE = "__lager_here__"


@dataclass(eq=False)
class Place:
    """`stack` has the frames with their lines, outermost first. The last one is where the pause is."""

    stack: Stack
    more: dict[str, Any] = field(default_factory=dict)
    """Names that are visible there besides those of the frame."""
    reason: str = "pause"
    """Why the thread is there: for a "pause" that it called, after a "step", at a "breakpoint", for an "exception",
    at the "entry" of the script."""
    error: BaseException | None = None
    """The error for which it is there."""

    @classmethod
    def here(cls, frame: FrameType, reason: str = "pause") -> "Place":
        """Return the present place of `frame`, which is running."""
        stack = stack_of(frame)
        return cls(_until_ours(stack) or stack, reason=reason)

    @classmethod
    def of_call(cls, frame: FrameType) -> "Place":
        """Return the place where `frame` called pause(); if Python did, where the script made Python do so."""
        stack = _of_the_script(stack_of(frame)) or _origin() or (_in_main(),)
        return cls(_in_doctest(stack) or stack)

    @classmethod
    def of_error(cls, raised: TracebackType) -> "Place":
        """Return where the error with this traceback was raised, even if its frames have ended; if lager raised it,
        where the script called lager, or made Python call it in a thread."""
        stack = _without_assertions(_stack_of_error(raised))
        if _until_ours(stack) is stack:
            return cls(stack)
        return cls(_of_the_script(stack) or _origin() or stack)

    @classmethod
    def of_group(cls, raised: TracebackType) -> "Place":
        """Return where the script made the group of tasks whose error has this traceback: for an error without a frame
        of the script, as of a function of lager that a task runs in a thread."""
        return cls(_of_the_script(_stack_of_error(raised)) or _stack_of_error(raised))

    @classmethod
    def of_doctest(cls, test: Any, example: Any) -> "Place":
        """Return the place of an example of a doctest.DocTest, with its names."""
        line = (test.lineno or 0) + example.lineno + 1
        return cls.of_definition(test.globs, test.filename or f"<doctest {test.name}>", line, test.name)

    @classmethod
    def of_definition(cls, names: dict[str, Any], file: str, line: int, function: str) -> "Place":
        """Return a place where no code runs, such as the first line of a test that could not begin."""
        return cls((_ended_frame(names, file, line, function),))

    def for_error(self, error: BaseException | None) -> "Place":
        """Return this place with `error` as the reason why the thread is there."""
        self.reason, self.error = "exception", error
        return self

    def forget(self) -> None:
        """Drop the frames and all references to their content."""
        self.stack = ()
        self.more = {}
        self.error = None

    @property
    def frame(self) -> FrameType:
        return self.stack[-1][0]

    @property
    def line(self) -> int:
        return self.stack[-1][1]

    def namespace(self) -> dict[str, Any]:
        """Return a copy of all names that are visible there."""
        return {**self.frame.f_globals, **self.frame.f_locals, **self.more}


def _stack_of_error(raised: TracebackType) -> Stack:
    """Return the frames that called the one that caught it, and those of the traceback."""
    inner = [(raised.tb_frame, raised.tb_lineno)]
    while raised.tb_next is not None:
        raised = raised.tb_next
        inner.append((raised.tb_frame, raised.tb_lineno))
    return (*stack_of(inner[0][0].f_back), *inner)


def _without_assertions(stack: Stack) -> Stack:
    """Return the stack without inner frames of unittest's assertions, which unittest hides too."""
    count = len(stack)
    while count > 1 and "__unittest" in stack[count - 1][0].f_globals:
        count -= 1
    return stack[:count] if count > 1 else stack


def _until_ours(stack: Stack) -> Stack:
    """Return the stack up to the frame that called lager, if lager did not call the script back; it may be empty."""
    ours = [at for at, (frame, _) in enumerate(stack) if is_ours(frame)]
    if not ours or any(not is_library(frame) for frame, _ in stack[ours[-1] + 1 :]):
        return stack
    end = ours[-1]
    while end and (is_ours(stack[end - 1][0]) or (end > ours[0] and is_library(stack[end - 1][0]))):
        end -= 1
    return stack[:end]


def _of_the_script(stack: Stack) -> Stack:
    """Return the stack up to the last frame that is neither lager's nor Python's own; empty without one."""
    stack = _until_ours(stack)
    while stack and is_standard(stack[-1][0]):
        stack = stack[:-1]
    return stack


def _in_doctest(stack: Stack) -> Stack:
    """Return the place in the file of an example that doctest runs; empty for all other code."""
    if not stack[-1][0].f_code.co_filename.startswith("<doctest "):
        return ()
    for at in reversed(range(len(stack))):
        running = stack[at][0]
        if is_standard(running) and running.f_code.co_name == "__run":  # of doctest.DocTestRunner
            names = running.f_locals
            return (*stack[:at], *Place.of_doctest(names["test"], names["example"]).stack)
    return ()


def _origin() -> Stack:
    """Return where the script started a thread that has no frame of the script: where it is waited for, or the main
    thread."""
    from lager.inspection.frames import thread_origin  # rarely needed

    try:
        found = [stack for stack in map(_of_the_script, thread_origin.stacks()) if stack]
    except Exception as error:  # the script has replaced threading or asyncio
        if by_a_handler(error):
            raise
        return ()
    for stack in found:
        own = [at for at, (frame, _) in enumerate(stack) if not is_library(frame) and not is_ours(frame)]
        if own:
            return stack[: own[-1] + 1]
    return found[0] if found else ()


def _in_main() -> tuple[FrameType, int]:
    """Return a place in the script without a line, for the time when none of its lines runs, as at exit."""
    names = vars(sys.modules["__main__"])
    file = names.get("__file__") or next(iter(sys.argv), "")  # Python drops __file__ when the script has ended
    return _ended_frame(names, file or "<script>", 0, "<module>")


def _ended_frame(names: dict[str, Any], file: str, line: int, function: str) -> tuple[FrameType, int]:
    code = compile(f"{_HERE}()", file, "eval").replace(co_name=function, co_qualname=function)
    names[_HERE] = lambda: sys._getframe(1)
    try:
        return eval(code, names), line
    finally:
        del names[_HERE]


def file_of(frame: FrameType) -> str:
    """Return the absolute path of its code, even if the script has changed or removed its working folder."""
    name = frame.f_code.co_filename
    if name.startswith("<"):
        return name
    known = frame.f_globals.get("__file__")
    if type(known) is str and os.path.isabs(known) and known.endswith(os.sep + name.removeprefix("./")):
        name = known
    try:
        return os.path.abspath(name)
    except OSError as error:
        if by_a_handler(error):
            raise
        return name
