"""Finds the values of names and attributes without running code of the script."""

import ast
import builtins
import inspect
import linecache
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType, UnionType
from typing import Any

UNKNOWN: Any = object()


class Names:
    """The names that code sees, from the innermost scope outwards."""

    def __init__(self, code: CodeType, local: Callable[[], Any], outer: dict[str, Any]) -> None:
        self._code = code
        self._local = local
        self.globals = outer

    @classmethod
    def of_frame(cls, frame: FrameType) -> "Names":
        # Only on demand: until Python 3.13, reading the locals of a frame keeps them alive as long as the frame.
        return cls(frame.f_code, lambda: frame.f_locals, frame.f_globals)

    @classmethod
    def of_function(cls, function: FunctionType) -> "Names":
        """Return the names of a function that is not running: its closure, and no locals."""
        closure = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                closure[name] = cell.cell_contents
            except ValueError:
                continue  # an empty cell
        return cls(function.__code__, lambda: closure, function.__globals__)

    def value(self, name: str) -> Any:
        code = self._code
        if name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars:
            return self._local().get(name, UNKNOWN)
        if not code.co_flags & inspect.CO_OPTIMIZED and name in self._local():
            return self._local()[name]
        return self.globals.get(name, getattr(builtins, name, UNKNOWN))

    def evaluate(self, expression: ast.expr) -> Any:
        """Return the value of a name or attribute; UNKNOWN for all other expressions."""
        if isinstance(expression, ast.Name):
            return self.value(expression.id)
        if isinstance(expression, ast.Attribute):
            return attribute(self.evaluate(expression.value), expression.attr)
        return UNKNOWN


def attribute(owner: Any, name: str) -> Any:
    """Return the attribute of a value; UNKNOWN if only a property or a __getattr__ knows it."""
    if owner is UNKNOWN:
        return UNKNOWN
    found = inspect.getattr_static(owner, name, UNKNOWN)
    if is_a(found, staticmethod | classmethod):
        return found.__func__
    is_data = any(name in vars(base) for base in type(found).__mro__ for name in ("__set__", "__delete__"))
    return UNKNOWN if is_data else found


def is_a(value: Any, kind: type | UnionType) -> bool:
    """Return what isinstance returns, without reading `__class__` of the value."""
    return issubclass(type(value), kind)


def expression_at(code: CodeType, offset: int, names: Names) -> ast.expr | None:
    """Return the expression that the instruction there evaluates, from the source; None if it is not known."""
    line, end_line, column, end_column = [*code.co_positions()][offset // 2]
    if line is None or end_line is None or column is None or end_column is None:
        return None
    source = _lines(code, names)[line - 1 : end_line]
    if not source:
        return None
    encoded = [text.encode() for text in source]
    encoded[-1] = encoded[-1][:end_column]
    encoded[0] = encoded[0][column:]
    try:
        return ast.parse(b"(" + b"".join(encoded) + b"\n)", mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _lines(code: CodeType, names: Names) -> list[str]:
    name = code.co_filename
    if name.startswith("<frozen "):
        name = str(names.globals.get("__file__", name))
    return linecache.getlines(name, names.globals)
