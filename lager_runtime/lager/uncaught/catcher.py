"""Decides whether an error that was just raised will end its thread, while all frames still exist.

A wrong decision would pause a healthy script, so everything unknown counts as caught: handlers of unknown types,
unreadable `with` managers, and calls between Python functions through C code, which may swallow any error.
"""

import ast
import inspect
import sys
import threading
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodDescriptorType, MethodType
from typing import Any

from lager.errors import PauseTimeout
from lager.uncaught.bytecode import listing
from lager.uncaught.context_managers import unwinding
from lager.uncaught.names import UNKNOWN, Names, attribute, expression_at, is_a

# Errors that C code swallows in its normal work: the end of an iteration, a missing attribute or item.
_SWALLOWED = (AttributeError, LookupError, StopIteration, StopAsyncIteration, TypeError, NotImplementedError)
_KNOWN = frozenset(("builtins", "functools", "itertools", "_functools", "_contextvars", "_operator"))
_NEVER = (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, StopAsyncIteration, PauseTimeout)


def catcher(kind: type[BaseException], raising: FrameType) -> FrameType | None:
    """Return the first frame, from `raising` outwards, that may catch an error of this type; None if there is none."""
    if issubclass(kind, _NEVER) or _is_importlib(raising.f_code):
        return raising  # errors of an import are examined where the script imports
    inner, frame = None, raising
    while True:
        if inner is not None and not _passes(frame, inner, kind):
            return frame
        if _is_bootstrap(frame):
            return None
        if not unwinding(frame.f_code, Names.of_frame(frame), kind).leaves(frame.f_lasti):
            return frame
        if frame.f_back is None:
            return None if _is_main(frame) else frame
        inner, frame = frame, frame.f_back


def _is_importlib(code: CodeType) -> bool:
    return code.co_filename.startswith("<frozen importlib")


def _is_bootstrap(frame: FrameType) -> bool:
    """Return whether threading runs a thread in this frame, which passes all errors to threading.excepthook."""
    return frame.f_code is threading.Thread._bootstrap_inner.__code__  # type: ignore[attr-defined]


def _is_main(outermost: FrameType) -> bool:
    """Return whether this is the script, or the frame in which `python -m` runs it."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if outermost.f_code.co_name == "<module>":
        return outermost.f_globals is vars(sys.modules["__main__"])
    return outermost.f_code.co_name == "_run_module_as_main" and outermost.f_globals.get("__name__") == "runpy"


def _passes(outer: FrameType, inner: FrameType, kind: type[BaseException]) -> bool:
    """Return whether an error of `inner` surely arrives in `outer`, its caller."""
    code = inner.f_code
    if code.co_name == "__del__":
        return False
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return True  # the body of a module or a class
    instruction = listing(outer.f_code).instructions[listing(outer.f_code).index(outer.f_lasti)]
    if instruction.opname.startswith(("CALL", "PRECALL")):
        return _call_passes(outer, code, kind)
    if instruction.opname == "IMPORT_NAME" and _is_importlib(code):
        return True
    if issubclass(kind, _SWALLOWED):
        return False
    if instruction.opname in ("FOR_ITER", "SEND"):
        return bool(code.co_flags & inspect.CO_GENERATOR) or code.co_name == "__next__"
    return code.co_name == instruction.argval or _is_special(code.co_name)


def _is_special(name: str) -> bool:
    """Return whether an instruction that is not a call may run a method of this name and pass on its errors."""
    return name.startswith("__") and name.endswith("__") and name != "__call__"


def _call_passes(outer: FrameType, code: CodeType, kind: type[BaseException]) -> bool:
    names = Names.of_frame(outer)
    call = expression_at(outer.f_code, outer.f_lasti, names)
    if not isinstance(call, ast.Call):
        return not issubclass(kind, _SWALLOWED)
    if code.co_name == getattr(call.func, "id", getattr(call.func, "attr", None)):
        return True
    called = names.evaluate(call.func)
    if _runs(called, code):
        return True
    return not issubclass(kind, _SWALLOWED) and (called is UNKNOWN or _is_known(called))


def _is_known(called: Any) -> bool:
    """Return whether this is C code that passes on the errors of what it calls."""
    if is_a(called, FunctionType | MethodType):
        return False  # it runs other code: a callback of an object that was just deleted has raised
    if is_a(called, MethodDescriptorType):
        called = called.__objclass__
    return (called if is_a(called, type | BuiltinFunctionType) else type(called)).__module__ in _KNOWN


def _runs(called: Any, code: CodeType) -> bool:
    """Return whether a call of `called` begins with this code."""
    if is_a(called, MethodType):
        called = called.__func__
    if is_a(called, FunctionType):
        return called.__code__ is code
    if is_a(called, type):
        starters = [attribute(called, "__init__"), attribute(called, "__new__"), attribute(type(called), "__call__")]
    else:
        starters = [attribute(type(called), "__call__"), attribute(called, "func")]
    return any(is_a(one, FunctionType) and one.__code__ is code for one in starters)
