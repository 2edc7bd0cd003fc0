"""Shared parts of the live views of many boxes: a function that threads may call, and lines until a signal."""

import asyncio
import os
import signal
import stat
from collections.abc import Callable, Sequence
from typing import Any

from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.several.answers import BoxAnswer
from lager_cli.boxes.several.streams import followed

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def from_thread(loop: asyncio.AbstractEventLoop, heard: Callable[[BoxAnswer], None]) -> Callable[[BoxAnswer], None]:
    """Return a function that other threads may call; `heard` is called in the loop."""

    def told(answer: BoxAnswer) -> None:
        loop.call_soon_threadsafe(heard, answer)

    return told


async def told_until_the_end(
    boxes: Sequence[Box],
    words: Sequence[str],
    read: Callable[[Any], Any],
    heard: Callable[[BoxAnswer], None],
    limit: float,
) -> int:
    """Follow `lager WORDS` on the boxes, and call `heard` in this loop with all that they say. Return the exit code,
    when interrupted.

    Raises BrokenPipeError when the reader of standard output closes the pipe, and what `heard` raises as OSError.
    """
    loop = asyncio.get_running_loop()
    end: asyncio.Future[int] = loop.create_future()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _settle, end, 128 + number)
    if stat.S_ISFIFO(os.fstat(1).st_mode):  # readable when the reader has gone, even while no box says anything
        loop.add_reader(1, _settle, end, BrokenPipeError())

    def taken(answer: BoxAnswer) -> None:
        try:
            heard(answer)
        except OSError as problem:
            _settle(end, problem)

    with followed(boxes, words, read, from_thread(loop, taken), limit):
        return await end


def _settle(end: "asyncio.Future[int]", outcome: int | OSError) -> None:
    if end.done():
        return
    if isinstance(outcome, int):
        end.set_result(outcome)
    else:
        end.set_exception(outcome)
