"""Describes an object without running its code: signature, docstring, and where it is defined."""

import functools
import inspect
import re
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType, ModuleType, WrapperDescriptorType
from typing import Any

from lager.inspection.objects.safe_repr import plainly, type_name
from lager.inspection.objects.static import NOTHING, PATH, attribute, resolve
from lager.wording.text import printable, similar

_WRAPPERS = 20
_LINES, _LINE = 200, 400
_BUILTIN = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType, type(object().__str__))


def document(path: str, names: dict[str, Any]) -> dict[str, Any] | None:
    """Return `type`, and if known `signature`, `doc` (lines), `value` and `file`; None if nothing is known.

    Of a name that does not exist, return `unknown` with it, and `doc` says so.
    """
    found = resolve(path, names)
    if found is NOTHING:
        return _unknown(path, names)
    name = path.rpartition(".")[2]
    function = function_of(found)
    shown: dict[str, Any] = {"type": type_name(found), "doc": _doc(found)}
    parameters = None if type(found) is property else parameters_of(found)
    if parameters is not None:
        shown["signature"] = f"{name}({', '.join(parameters)})"
    elif not issubclass(type(found), ModuleType | type | property):
        shown["value"] = plainly(found)
    if function is not None:
        shown["file"] = f"{printable(function.__code__.co_filename, 1000)}:{function.__code__.co_firstlineno}"
    return shown


def _unknown(path: str, names: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer for a path whose first name does not exist; None if it does, or the path is not readable."""
    first = re.split(r"[\s.\[]", path, maxsplit=1)[0]
    if not re.fullmatch(PATH, path) or resolve(first, names) is not NOTHING:
        return None
    close = similar(first, [name for name in names if type(name) is str])
    meant = f" Did you mean {printable(close[0], 60)}?" if close else ""
    return {"unknown": first, "doc": [f"There is no name {first!r} here.{meant}"]}


def parameters_of(found: Any) -> list[str] | None:
    """Return the parameters as in the source, with simple defaults; None if they are not known."""
    function = function_of(found)
    if function is not None:
        parameters = _written(function)
        is_bound = issubclass(type(found), type) or type(found) is MethodType
        return parameters[1:] if is_bound or parameters[:1] in (["self"], ["cls"]) else parameters
    text = found.__text_signature__ if type(found) in _BUILTIN else None
    if type(text) is not str:
        return None
    parts = [part.strip() for part in text.strip("()").split(",")]
    return [part for part in parts if part and not part.startswith("$")]


def function_of(found: Any) -> FunctionType | None:
    """Return the Python function that runs when `found` is called; None if there is none."""
    for _ in range(_WRAPPERS):
        kind = type(found)
        if kind is FunctionType:
            wrapped = found.__dict__.get("__wrapped__")
            if type(wrapped) is not FunctionType:
                return found  # type: ignore[no-any-return]
            found = wrapped
        elif kind is MethodType:
            found = found.__func__
        elif kind is functools.partial:
            found = found.func
        elif kind is property:
            found = found.fget
        elif issubclass(kind, type):
            found = attribute(found, "__init__")
        elif type(attribute(kind, "__call__")) is FunctionType:
            found = attribute(kind, "__call__")
        else:
            return None
    return None


def _written(function: FunctionType) -> list[str]:
    code = function.__code__
    names = list(code.co_varnames)
    count, only_named = code.co_argcount, code.co_kwonlyargcount
    positional, named, rest = names[:count], names[count : count + only_named], names[count + only_named :]
    defaults = function.__defaults__ or ()
    given: dict[str, Any] = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=False))
    written = [_with_default(name, given) for name in positional]
    if code.co_posonlyargcount:
        written.insert(code.co_posonlyargcount, "/")
    if code.co_flags & inspect.CO_VARARGS:
        written.append("*" + rest.pop(0))
    elif named:
        written.append("*")
    written += [_with_default(name, function.__kwdefaults__ or {}) for name in named]
    return written + (["**" + rest[0]] if code.co_flags & inspect.CO_VARKEYWORDS else [])


def _with_default(name: str, defaults: dict[str, Any]) -> str:
    return f"{name}={plainly(defaults[name], 40)}" if name in defaults else name


def _doc(found: Any) -> list[str]:
    kind = type(found)
    if kind in (FunctionType, MethodType, property, *_BUILTIN):
        doc = found.__doc__
    elif issubclass(kind, type | ModuleType):
        doc = attribute(found, "__doc__")
    else:
        doc = attribute(kind, "__doc__")
    lines = inspect.cleandoc(doc).splitlines() if type(doc) is str else []
    return [printable(line, _LINE) for line in lines[:_LINES]]
