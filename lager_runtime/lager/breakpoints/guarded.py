"""Pauses a thread from an event of Python, with the same precautions as `lager._pause`."""

import sys
from collections.abc import Callable

import lager


def pause_here(pause: Callable[[float], BaseException | None]) -> None:
    """Call `pause` with the time of now, with room on the stack, and raise what it returns. A fault of ours is
    reported."""
    to_raise = _paused(pause)
    if to_raise is not None:
        try:
            raise to_raise
        finally:
            del to_raise  # its traceback has this frame, and would keep it and its callers alive


def _paused(pause: Callable[[float], BaseException | None]) -> BaseException | None:
    limit, handled = None, sys.exception()
    try:
        began = lager._monotonic()
        limit = lager._make_room()
        return pause(began)
    except BaseException as error:
        return lager._reported(error, handled)
    finally:
        del pause, handled
        if limit and sys.getrecursionlimit() == limit + lager._ROOM:
            sys.setrecursionlimit(limit)
