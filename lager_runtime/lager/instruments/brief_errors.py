"""Errors of lager's with the frames of the script, and one of ours: what happened inside is in their message.

LAGER_DEBUG=1 and `python -X dev` leave in what they hide: all frames, and the errors behind the error.
"""

import functools
import os
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

from lager.errors import LagerError

_OFF = ("", "off", "0", "false", "no")
_Function = TypeVar("_Function", bound=Callable[..., Any])


def briefly(function: _Function) -> _Function:
    """`function`, which a script calls, with brief errors."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True  # pytest shows the line that called this
        handled = sys.exception()
        try:
            return function(*arguments, **options)
        except LagerError as error:
            if is_debugging():
                raise
            brief = _without_what_is_behind(error, handled)
        try:
            raise brief
        finally:
            del brief  # which would know this frame, and keep it and its callers'

    assert isinstance(call, FunctionType)
    call.__code__ = call.__code__.replace(co_name=function.__name__, co_qualname=function.__qualname__)
    return cast(_Function, call)


def briefly_in(driver: type) -> None:
    """The same for all methods that a class offers to scripts."""
    for name, method in list(vars(driver).items()):
        if isinstance(method, FunctionType) and not name.startswith("_"):
            setattr(driver, name, briefly(method))


def is_debugging() -> bool:
    """Whether whoever runs this wants to see all of it."""
    return sys.flags.dev_mode or os.environ.get("LAGER_DEBUG", "").strip().lower() not in _OFF


def _without_what_is_behind(error: LagerError, handled: BaseException | None) -> LagerError:
    """But for the error that the script was just handling when it called."""
    error.__cause__ = None
    error.__context__ = handled
    error.__suppress_context__ = False
    return error.with_traceback(None)
