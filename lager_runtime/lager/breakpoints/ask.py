"""A question: a pause that returns an answer. Without lagerd it is asked on the terminal of the process."""

import os
import select
import sys
import time
from types import FrameType
from typing import Any

import lager
from lager import variables
from lager.breakpoints import pause
from lager.breakpoints.terminal import banner, typeahead
from lager.breakpoints.terminal.notices import say
from lager.contract import DEFAULT_TIMEOUT
from lager.errors import InvalidArgument, LagerError, NoAnswer
from lager.inspection.frames.location import Place
from lager.process.raised import by_a_handler, suppressed
from lager.wording.question import Answer, Question


def ask(frame: FrameType, asked: Question, timeout: object, label: object) -> Answer:
    """Ask at `frame` and return the answer; see lager.ask. Blocks the calling thread."""
    place = Place.of_call(frame)
    del frame
    where = banner.where(pause.describe(place, None, None, False))  # now, because a place forgets its frames
    if lager.is_switched_off():
        return _without(asked, where)
    if lager.is_run():
        return _through_lagerd(place, asked, timeout, label, where)
    return _on_terminal(asked, timeout, where)


def _through_lagerd(place: Place, asked: Question, timeout: object, label: object, where: str) -> Answer:
    text = asked.text if label is None else f"{label}: {asked.text}"
    try:
        ended = pause.ask(place, text, timeout, asked)
    except LagerError as problem:
        if by_a_handler(problem):
            raise
        say(f"lager: cannot ask through lagerd. {problem}\n")
        return _on_terminal(asked, timeout, where)
    answer = ended.by.get("answer")
    with suppressed(InvalidArgument):
        if answer is not None:
            return asked.answer(answer)
    return _without(asked, where)


def _without(asked: Question, where: str) -> Answer:
    if asked.default is not None:
        return asked.default
    raise NoAnswer(
        f"The question {asked.text!r} at {where} got no answer.", "Give ask() a default, or catch lager.NoAnswer."
    )


def _on_terminal(asked: Question, timeout: object, where: str) -> Answer:
    """Ask on standard input if it is a terminal. Nothing else is ever read."""
    fd = _terminal()
    if fd is None:
        return _without(asked, where)
    limit = pause.timeout_of(timeout)
    seconds = DEFAULT_TIMEOUT if limit is None else limit
    ends = time.monotonic() + seconds if seconds else None
    typeahead.drop(os.ttyname(fd))
    while True:
        say(f"{banner.prompt(asked)} ", begin_line=True)
        line = _line(fd, ends)
        if line is None:
            say("\n")
            return _without(asked, where)
        if not line.strip() and asked.default is not None:
            return asked.default
        if line.strip():
            try:
                return asked.answer(line.rstrip("\n"))
            except InvalidArgument as wrong:
                if by_a_handler(wrong):
                    raise
                say(f"lager: {wrong}\n")


def _terminal() -> int | None:
    path = lager.at_start(variables.TERMINAL)
    with suppressed(Exception):
        stream: Any = sys.__stdin__
        fd = stream.fileno()
        if os.isatty(fd) and (not path or os.ttyname(fd) == path):
            return int(fd)
    return None


def _line(fd: int, ends: float | None) -> str | None:
    """Return the next line; None at the end of the input or at the timeout."""
    left = None if ends is None else max(ends - time.monotonic(), 0.0)
    if not select.select([fd], (), (), left)[0]:
        return None
    typed = os.read(fd, 4096)
    return typed.decode(errors="replace") if typed else None
