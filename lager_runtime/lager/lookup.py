"""What a name or an attribute stands for, found without running any code of the script."""

import ast
import builtins
import inspect
import linecache
from types import CodeType, FrameType, FunctionType
from typing import Any

UNKNOWN: Any = object()


class Names:
    """The names that code sees, from the innermost scope outwards."""

    def __init__(self, code: CodeType, local: Any, outer: dict[str, Any]) -> None:
        self._code = code
        self._local = local
        self.globals = outer

    @classmethod
    def of_frame(cls, frame: FrameType) -> "Names":
        return cls(frame.f_code, frame.f_locals, frame.f_globals)

    @classmethod
    def of_function(cls, function: FunctionType) -> "Names":
        """Those of a function that is not running: its closure, and no locals."""
        closure = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                closure[name] = cell.cell_contents
            except ValueError:
                continue  # an empty cell
        return cls(function.__code__, closure, function.__globals__)

    def value(self, name: str) -> Any:
        code = self._code
        if name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars:
            return self._local.get(name, UNKNOWN)
        for scope in () if code.co_flags & inspect.CO_OPTIMIZED else (self._local,):
            if name in scope:
                return scope[name]
        return self.globals.get(name, getattr(builtins, name, UNKNOWN))

    def evaluate(self, expression: ast.expr) -> Any:
        """Names and attributes of them; UNKNOWN for everything else."""
        if isinstance(expression, ast.Name):
            return self.value(expression.id)
        if isinstance(expression, ast.Attribute):
            return attribute(self.evaluate(expression.value), expression.attr)
        return UNKNOWN


def attribute(owner: Any, name: str) -> Any:
    """The attribute of a value, or UNKNOWN where it takes a property or a __getattr__ to know it."""
    if owner is UNKNOWN:
        return UNKNOWN
    found = inspect.getattr_static(owner, name, UNKNOWN)
    if isinstance(found, staticmethod | classmethod):
        return found.__func__
    return UNKNOWN if inspect.isdatadescriptor(found) else found


def expression_at(code: CodeType, offset: int, names: Names) -> ast.expr | None:
    """The expression that the instruction there evaluates, from the source; None where that cannot be known."""
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
