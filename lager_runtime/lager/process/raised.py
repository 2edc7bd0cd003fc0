"""Says who raised an exception that has come up in lager's code: lager's side, or a signal handler of the script.

A signal handler runs in the main thread, between any two instructions, so also between those of a pause. What it raises
belongs to the script, whatever its type: code that can run in a thread of the script catches nothing else than its own
errors. It catches them with `suppressed`, or with `except ...: if by_a_handler(error): raise`.

Imports only what Python has imported before any script. PYTEST_DONT_REWRITE: it is imported too early.
"""

import _signal  # type: ignore[import-not-found]  # signal's enumerations cost more than all of this
import sys

if hasattr(sys, "_lager_start"):  # the script may replace its own
    __builtins__ = sys._lager_start.builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any

_VARARGS = 4  # of co_flags; inspect.CO_VARARGS
_PYTHONS_OWN = (_signal.default_int_handler, _signal.SIG_DFL, _signal.SIG_IGN, None)


class suppressed:  # as contextlib.suppress
    """A context that ends at these exceptions, unless a signal handler has raised them."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        return isinstance(error, self._kinds) and not by_a_handler(error)


def by_a_handler(error: BaseException) -> bool:
    """Return whether a signal handler that ran meanwhile has raised `error`, or calling it has."""
    codes = None
    here = error.__traceback__
    while here is not None:
        frame, here = here.tb_frame, here.tb_next
        if is_of_lager(frame):
            continue
        if codes is None:
            codes = [_code(handler) for handler in _handlers()]
        if _is_called_as_one(frame) or frame.f_code in codes:
            return True
    if isinstance(error, KeyboardInterrupt):  # of Python's own handler, in C
        return True
    return isinstance(error, TypeError) and any(_fits_no_call(handler, str(error)) for handler in _handlers())


def behind(error: BaseException, handled: BaseException | None) -> BaseException:
    """Return what a signal handler has raised, if `error` was raised because of it; else `error`. `handled` is what
    the script was handling before."""
    here: BaseException | None = error
    while here is not None and here is not handled:
        if by_a_handler(here):
            return here
        here = here.__context__
    return error


def is_fault_of_ours(error: Exception) -> bool:
    """Return whether `error`, which has ended a pause, is a fault of lager's side, which is reported and not raised."""
    kind = type(error).__module__
    if kind == "lager.errors" or isinstance(error, RecursionError):
        return not by_a_handler(error)
    return kind == "builtins" and first_of_others(error.__traceback__) is None and not by_a_handler(error)


def first_of_others(raised: "TracebackType | None") -> "TracebackType | None":
    """Return the traceback from the first frame on that is not lager's side; None if there is none."""
    while raised is not None and is_of_lager(raised.tb_frame):
        raised = raised.tb_next
    return raised


def is_of_lager(frame: "FrameType") -> bool:
    """Return whether the frame runs code of lager, or of its own copy of a library."""
    names = frame.f_globals
    if str(names.get("__name__")).partition(".")[0] in ("lager", "lager_startup"):
        return True
    start = getattr(sys, "_lager_start", None)
    return start is not None and names.get("__builtins__") is start.world().builtins


def _is_called_as_one(frame: "FrameType") -> bool:
    """Return whether the arguments of the frame are those of a signal handler: a number, and the interrupted frame,
    which is its caller. The handler may have deleted it."""
    code, caller, names = frame.f_code, frame.f_back, frame.f_locals
    count = code.co_argcount + (code.co_kwonlyargcount + 1 if code.co_flags & _VARARGS else 0)
    told = [names.get(name) for name in code.co_varnames[:count]]
    told += [one for value in told if type(value) is tuple for one in value]
    is_known = caller is not None and any(value is caller for value in told)
    if is_known or all(name in names for name in code.co_varnames[:count]):
        return is_known
    return any(type(value) is int and value in _signal.valid_signals() for value in told)


def _handlers() -> "list[Any]":
    installed = map(_signal.getsignal, _signal.valid_signals())
    return [handler for handler in installed if not any(handler is own for own in _PYTHONS_OWN)]


def _code(handler: "Any") -> "CodeType | None":
    """Return the code that runs when Python calls the handler; None if C code does."""
    for _ in range(8):  # a functools.partial of a bound method, and the like
        code = getattr(handler, "__code__", None)
        if code is not None:
            return code if type(code) is type(_code.__code__) else None
        inner = getattr(handler, "__func__", None) or getattr(handler, "func", None)
        handler = inner if callable(inner) else getattr(type(handler), "__call__", None)  # noqa: B004
    return None


def _fits_no_call(handler: "Any", text: str) -> bool:
    """Return whether the TypeError with this text may come from the call of the handler itself, which has no frame."""
    code = _code(handler)
    return code is None or text.startswith(f"{code.co_qualname}() ")
