"""Where a thread stands, or stood when it raised: what a pause, its console and its stack are about.

It is always code of the script. Frames of lager are no place, nor are those of libraries that lager has called.
"""

import os
import sys
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from lager.inspection.code_owner import is_library, is_ours, is_standard
from lager.inspection.frame_stack import Stack, stack_of

_HERE = "__lager_here__"


@dataclass(eq=False)
class Place:
    """`stack` is frame by frame the line it is at, outermost first; the last is where the pause is."""

    stack: Stack

    @classmethod
    def here(cls, frame: FrameType) -> "Place":
        """Where `frame`, which is running, stands now."""
        stack = stack_of(frame)
        return cls(_until_ours(stack) or stack)

    @classmethod
    def of_call(cls, frame: FrameType) -> "Place":
        """Where the script has `frame`, which called pause(), come from: Python may have called it for the script."""
        stack = _of_the_script(stack_of(frame)) or _origin() or (_in_main(),)
        return cls(_in_doctest(stack) or stack)

    @classmethod
    def of_error(cls, raised: TracebackType) -> "Place":
        """Where the error that has this traceback was raised, whether or not its frames are still running."""
        inner = [(raised.tb_frame, raised.tb_lineno)]
        while raised.tb_next is not None:
            raised = raised.tb_next
            inner.append((raised.tb_frame, raised.tb_lineno))
        outer = inner[0][0].f_back
        stack = (*stack_of(outer), *inner)
        return cls(_until_ours(stack) or stack)

    @classmethod
    def of_doctest(cls, test: Any, example: Any) -> "Place":
        """Where an example of a doctest.DocTest is, with the names of that."""
        line = (test.lineno or 0) + example.lineno + 1
        return cls((_ended_frame(test.globs, test.filename or f"<doctest {test.name}>", line, test.name),))

    def forget(self) -> None:
        """Let go of the frames, and of all that is in them."""
        self.stack = ()

    @property
    def frame(self) -> FrameType:
        return self.stack[-1][0]

    @property
    def line(self) -> int:
        return self.stack[-1][1]

    def namespace(self) -> dict[str, Any]:
        """A copy of all names that can be seen there."""
        return {**self.frame.f_globals, **self.frame.f_locals}


def _until_ours(stack: Stack) -> Stack:
    """Up to the last frame that is the script's, where lager was called from there and did not call back; may be
    empty."""
    ours = [at for at, (frame, _) in enumerate(stack) if is_ours(frame)]
    if not ours or any(not is_library(frame) for frame, _ in stack[ours[-1] + 1 :]):
        return stack
    end = ours[-1]
    while end and (is_ours(stack[end - 1][0]) or (end > ours[0] and is_library(stack[end - 1][0]))):
        end -= 1
    return stack[:end]


def _of_the_script(stack: Stack) -> Stack:
    """Up to the last frame that is neither lager's nor Python's own; empty where there is none."""
    stack = _until_ours(stack)
    while stack and is_standard(stack[-1][0]):
        stack = stack[:-1]
    return stack


def _in_doctest(stack: Stack) -> Stack:
    """The place in the file, of an example that Python runs for a doctest; empty for all else."""
    if not stack[-1][0].f_code.co_filename.startswith("<doctest "):
        return ()
    for at in reversed(range(len(stack))):
        running = stack[at][0]
        if is_standard(running) and running.f_code.co_name == "__run":  # of doctest.DocTestRunner
            names = running.f_locals
            return (*stack[:at], *Place.of_doctest(names["test"], names["example"]).stack)
    return ()


def _origin() -> Stack:
    """Where the script has this thread from, in which it has no frame itself: who waits for it, or the main thread."""
    from lager.inspection import thread_origin  # which hardly anybody needs

    try:
        found = [stack for stack in map(_of_the_script, thread_origin.stacks()) if stack]
    except Exception:  # the script has changed what threading or asyncio are
        return ()
    for stack in found:
        own = [at for at, (frame, _) in enumerate(stack) if not is_library(frame) and not is_ours(frame)]
        if own:
            return stack[: own[-1] + 1]
    return found[0] if found else ()


def _in_main() -> tuple[FrameType, int]:
    """Somewhere in the script, of which no thread runs a line any more, as at exit."""
    names = vars(sys.modules["__main__"])
    file = names.get("__file__") or next(iter(sys.argv), "")  # Python forgets the file where the script has ended
    return _ended_frame(names, file or "<script>", 0, "<module>")


def _ended_frame(names: dict[str, Any], file: str, line: int, function: str) -> tuple[FrameType, int]:
    code = compile(f"{_HERE}()", file, "eval").replace(co_name=function, co_qualname=function)
    names[_HERE] = lambda: sys._getframe(1)
    try:
        return eval(code, names), line
    finally:
        del names[_HERE]


def file_of(frame: FrameType) -> str:
    """The file of its code; also where the script has changed its folder, or where that is no more."""
    name = frame.f_code.co_filename
    if name.startswith("<"):
        return name
    known = frame.f_globals.get("__file__")
    if type(known) is str and os.path.isabs(known) and known.endswith(os.sep + name.removeprefix("./")):
        name = known
    try:
        return os.path.abspath(name)
    except OSError:
        return name
