"""Decides whether a `with` may swallow an error, from its manager's class or its generator function."""

import ast
import contextlib
import tempfile
import threading
from types import FunctionType, MethodDescriptorType, MethodType
from typing import Any

from lager.uncaught import tests
from lager.uncaught.bytecode import Listing, ProtectedRange, Unwinding, listing, stored_name
from lager.uncaught.names import UNKNOWN, Names, attribute, expression_at, is_a

_OF_GENERATOR = contextlib.contextmanager(lambda: iter(())).__code__  # its wrapper
_HARMLESS = (threading.Condition, tempfile._TemporaryFileWrapper, tempfile.SpooledTemporaryFile)
_NOTHING = (None, False)


def unwinding(code: Any, names: Names, kind: type[BaseException]) -> Unwinding:
    """Return the unwinding of `code` by an error of type `kind`, including its `with` statements."""

    def swallows(all_of_it: Listing, guard: ProtectedRange) -> bool:
        start = min(one.start for one in all_of_it.guards if one.target == guard.target)
        entered = all_of_it.index(start)
        before = entered - 1
        if all_of_it.instructions[before].opname == "BEFORE_WITH":
            before -= 1
        elif all_of_it.instructions[before].opname != "CALL":  # it calls __enter__ since 3.14
            return True  # an `async with`
        expression = expression_at(code, all_of_it.offsets[before], names)
        bound = names.value(name) if (name := stored_name(all_of_it.instructions[entered])) else UNKNOWN
        return _swallows(expression, bound, names, kind)

    return Unwinding(code, names, kind, swallows)


def _swallows(expression: ast.expr | None, bound: Any, names: Names, kind: type[BaseException]) -> bool:
    """Return whether the manager swallows an error. `bound` is the value after `as`, often the manager itself."""
    if isinstance(expression, ast.Call):
        made_by = names.evaluate(expression.func)
        if tests.is_subtest(made_by):
            return False  # its error fails the test, as one outside of it
        if made_by is contextlib.suppress:
            return _names_kind(expression, names, kind)
        if is_a(made_by, FunctionType) and made_by.__code__ is _OF_GENERATOR:
            return not _generator_passes(attribute(made_by, "__wrapped__"), kind)
        if is_a(made_by, type) and made_by is not contextlib.ExitStack:
            return _class_swallows(made_by)
    elif expression is not None and (manager := names.evaluate(expression)) is not UNKNOWN:
        return _manager_swallows(manager, kind)
    return bound is UNKNOWN or _manager_swallows(bound, kind)


def _names_kind(call: ast.Call, names: Names, kind: type[BaseException]) -> bool:
    """Return whether an argument is, or may be, a class of `kind` or of an error in a group of that kind."""
    if issubclass(kind, BaseExceptionGroup):
        return True
    kinds = [names.evaluate(argument) for argument in call.args]
    return any(one is UNKNOWN or not is_a(one, type) or one in kind.__mro__ for one in kinds)


def _generator_passes(function: Any, kind: type[BaseException]) -> bool:
    """Return whether an error that is raised at any `yield` of a generator function leaves it again."""
    if not is_a(function, FunctionType):
        return False
    inside = unwinding(function.__code__, Names.of_function(function), kind)
    yields = [one.offset for one in listing(function.__code__).instructions if one.opname == "YIELD_VALUE"]
    return all(inside.leaves(offset) for offset in yields)


def _manager_swallows(manager: Any, kind: type[BaseException]) -> bool:
    if type(manager) is contextlib.ExitStack:
        return any(_callback_swallows(callback, kind) for _, callback in [*manager._exit_callbacks])  # type: ignore[attr-defined]
    if type(manager) is contextlib._GeneratorContextManager:
        frame = manager.gen.gi_frame  # type: ignore[attr-defined]
        return frame is None or not unwinding(frame.f_code, Names.of_frame(frame), kind).leaves(frame.f_lasti)
    return _class_swallows(type(manager))


def _callback_swallows(callback: Any, kind: type[BaseException]) -> bool:
    if is_a(callback, MethodType):
        return _manager_swallows(callback.__self__, kind)
    return not (is_a(callback, FunctionType) and callback.__name__ == "_exit_wrapper")


def _class_swallows(manager: type) -> bool:
    """Return whether its __exit__ may return anything but None or False. Those written in C do not."""
    if issubclass(manager, _HARMLESS):
        return False
    leave = attribute(manager, "__exit__")
    if is_a(leave, FunctionType):
        return not _returns_nothing(leave)
    return not is_a(leave, MethodDescriptorType)


def _returns_nothing(function: FunctionType) -> bool:
    before = None
    for one in listing(function.__code__).instructions:
        if one.opname == "RETURN_CONST" and one.argval not in _NOTHING:
            return False
        if one.opname == "RETURN_VALUE" and (
            one.is_jump_target or before is None or before.opname != "LOAD_CONST" or before.argval not in _NOTHING
        ):
            return False
        before = one
    return True
