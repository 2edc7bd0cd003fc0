"""Looks up names, attributes and items of live objects without running their code: no property, `__getattr__`,
`__dir__` or `__eq__`. What cannot be found in this way is NOTHING."""

import ast
import builtins
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import islice
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

_KEYS = 10_000
_mro_of: Callable[[Any], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_dict_of: Callable[[Any], Any] = type.__dict__["__dict__"].__get__
_NAME = r"[^\W\d]\w*"
_ITEM = r"""\[\s*(?:-?\d+|'[^'\\\n]*'|"[^"\\\n]*")\s*\]"""
PATH = rf"{_NAME}(?:\s*\.\s*{_NAME}|{_ITEM})*"


class _Nothing:
    pass


NOTHING: Final = _Nothing()


def resolve(path: str, names: dict[str, Any]) -> Any:
    """Return the object at `path`, which PATH matches; or the property, method or slot with that name."""
    if not re.fullmatch(PATH, path):
        return NOTHING
    node: ast.expr = ast.parse(path, mode="eval").body
    return _resolved(node, names)


def _resolved(node: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return names.get(node.id, vars(builtins).get(node.id, NOTHING))
    if isinstance(node, ast.Attribute):
        owner = value_of(_resolved(node.value, names))
        return NOTHING if owner is NOTHING else attribute(owner, node.attr)
    if isinstance(node, ast.Subscript):
        owner = value_of(_resolved(node.value, names))
        return NOTHING if owner is NOTHING else _item(owner, ast.literal_eval(node.slice))
    return NOTHING


def attribute(owner: Any, name: str) -> Any:
    """Return the attribute of `owner`: a value of its own, the value of a slot, or what its class has."""
    found = inspect.getattr_static(owner, name, NOTHING)
    if type(found) is MemberDescriptorType and not issubclass(type(owner), type):
        try:
            return found.__get__(owner, type(owner))
        except (AttributeError, TypeError):
            return NOTHING
    return found.__func__ if type(found) in (staticmethod, classmethod) else found


def value_of(found: Any) -> Any:
    """Return where further lookups begin; NOTHING for a property, whose value is not known."""
    return NOTHING if type(found) in (property, GetSetDescriptorType, MemberDescriptorType) else found


def _item(owner: Any, key: object) -> Any:
    kind = type(owner)
    if issubclass(kind, dict):
        same = (item for known, item in islice(dict.items(owner), _KEYS) if type(known) is type(key) and known == key)
        return next(same, NOTHING)
    if issubclass(kind, list | tuple) and type(key) is int:
        base: Any = list if issubclass(kind, list) else tuple
        return base.__getitem__(owner, key) if -base.__len__(owner) <= key < base.__len__(owner) else NOTHING
    return NOTHING


def attributes(owner: Any) -> set[str]:
    """Return the names of all attributes that it or its classes have."""
    kind = type(owner)
    holders: list[Any] = [_dict_of(one) for one in _mro_of(kind)]
    if issubclass(kind, type):
        holders = [_dict_of(one) for one in _mro_of(owner)]
    elif not _shadows_dict(kind):
        holders.append(own(owner))
    return {name for holder in holders for name in list(holder) if type(name) is str}


def keys(owner: Any) -> Iterator[object]:
    """Yield the first keys of a dictionary that are plain text or numbers; nothing for other objects."""
    if issubclass(type(owner), dict):
        yield from (key for key in islice(dict.__iter__(owner), _KEYS) if type(key) in (str, int, bytes))


def own(owner: Any) -> dict[Any, Any]:
    """Return what the object itself has in its `__dict__`."""
    try:
        found = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def slots(owner: Any) -> set[str]:
    """Return the names of the slots of its classes."""
    kinds = _mro_of(type(owner))
    return {name for one in kinds for name, found in list(_dict_of(one).items()) if type(found) is MemberDescriptorType}


def _shadows_dict(kind: type) -> bool:
    """Return whether a class replaces `__dict__`."""
    found = [_dict_of(one)["__dict__"] for one in _mro_of(kind) if "__dict__" in _dict_of(one)]
    return any(type(one) is not GetSetDescriptorType for one in found)
