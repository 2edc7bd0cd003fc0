"""Shortens the traceback of a lager error to the frames of the script and one frame of lager: the message is
sufficient.

LAGER_DEBUG=1 and `python -X dev` show all frames and the causes of the error.
"""

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

import lager
from lager.errors import LagerError
from lager.process import raised
from lager.wording import commands

_Function = TypeVar("_Function", bound=Callable[..., Any])


def briefly(function: _Function) -> _Function:
    """Return `function`, which scripts call, with short tracebacks."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True  # pytest shows the line that called this
        handled = sys.exception()
        try:
            return function(*arguments, **options)
        except LagerError as error:
            brief = raised.behind(error, handled)
            if brief is not error:
                brief = brief.with_traceback(raised.first_of_others(brief.__traceback__))
            elif lager.is_debugging():
                del brief
                raise
            else:
                brief = _without_causes(error, handled)
        try:
            raise brief
        finally:
            del brief  # its traceback has this frame, and would keep it and its callers alive

    assert isinstance(call, FunctionType)
    call.__code__ = call.__code__.replace(co_name=function.__name__, co_qualname=function.__qualname__)
    return cast(_Function, call)


def briefly_in(driver: type) -> None:
    """Shorten the tracebacks of all public methods of a class."""
    for name, method in list(vars(driver).items()):
        if isinstance(method, FunctionType) and not name.startswith("_"):
            setattr(driver, name, briefly(method))


def _without_causes(error: LagerError, handled: BaseException | None) -> LagerError:
    """Return the error without its causes, except the one that the script was handling when it called. The commands in
    its text have the form in which the user can type them."""
    error.what, error.hint = commands.as_typed(error.what), commands.as_typed(error.hint)
    error.args = tuple(commands.as_typed(one) if type(one) is str else one for one in error.args)
    error.__cause__ = None
    error.__context__ = handled
    error.__suppress_context__ = False
    return error.with_traceback(None)
