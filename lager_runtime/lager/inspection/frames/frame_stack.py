"""A stack: frames with their lines, outermost first."""

from collections.abc import Iterator
from types import FrameType

Stack = tuple[tuple[FrameType, int], ...]


def stack_of(frame: FrameType | None) -> Stack:
    """Return the stack of `frame`, which is running."""
    return tuple(reversed([*outwards(frame)]))


def outwards(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    while frame is not None:
        yield frame, frame.f_lineno or 0
        frame = frame.f_back
