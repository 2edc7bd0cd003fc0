"""Where a thread stands, or stood when it raised: what a pause, its console and its stack are about."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any


@dataclass(frozen=True, eq=False)
class Place:
    """`stack` is frame by frame the line it is at, outermost first; the last is where the pause is."""

    stack: tuple[tuple[FrameType, int], ...]

    @classmethod
    def here(cls, frame: FrameType) -> "Place":
        """Where `frame`, which is running, stands now."""
        return cls(tuple(reversed([*_outwards(frame)])))

    @classmethod
    def of_error(cls, raised: TracebackType) -> "Place":
        """Where the error that has this traceback was raised, whether or not its frames are still running."""
        inner = [(raised.tb_frame, raised.tb_lineno)]
        while raised.tb_next is not None:
            raised = raised.tb_next
            inner.append((raised.tb_frame, raised.tb_lineno))
        outer = inner[0][0].f_back
        return cls((*reversed([*_outwards(outer)]), *inner))

    @property
    def frame(self) -> FrameType:
        return self.stack[-1][0]

    @property
    def line(self) -> int:
        return self.stack[-1][1]

    def namespace(self) -> dict[str, Any]:
        """A copy of all names that can be seen there."""
        return {**self.frame.f_globals, **self.frame.f_locals}


def _outwards(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    while frame is not None:
        yield frame, frame.f_lineno or 0
        frame = frame.f_back


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
