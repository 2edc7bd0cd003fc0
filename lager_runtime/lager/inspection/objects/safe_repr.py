"""Shows any value on one line, at a cost that does not grow with the value."""

import math
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from lager.wording.text import printable

WIDTH = 200
_ITEMS, _DEPTH = 12, 3
_BITS = 1000
_SMALL = 1000
_LONG_TEXT = 100_000
_EXACT = (float, bool, complex, type(None), type(...), range)
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})"),
    dict: ("{", "}"), deque: ("deque([", "])"), array: ("array([", "])"),
}  # fmt: skip
_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__
_asking: dict[int, tuple[type, threading.Thread]] = {}


def shortened(value: object, width: int = WIDTH) -> str:
    """Return the repr of `value` on one line, shortened to `width` characters.

    Builtins of any size cost as much as what is shown of them. Other objects compute their own repr, which may take any
    time: call this in `lager.inspection.side_thread`. The repr of a type that hangs there is not called again.
    """
    return printable(_shown(value, width, _DEPTH), width)


def plainly(value: object, width: int = WIDTH) -> str:
    """Return the same without calling any method of the script: only the type of what is not a builtin."""
    return printable(_shown(value, width, _DEPTH, ask=False), width)


def is_large(value: object) -> bool:
    """Return whether it is a builtin that is too large to be shown whole."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return len(value) > _LONG_TEXT  # type: ignore[arg-type]
    return any(issubclass(kind, base) and base.__len__(value) > _SMALL for base in _BRACKETS)  # type: ignore[attr-defined]


def is_builtin(value: object) -> bool:
    """Return whether its own repr is not called, at most that of its items."""
    return type(value) in (int, str, bytes, bytearray, *_EXACT, *_BRACKETS)


def type_name(value: object) -> str:
    """Return the name of its type, without calling code of it or its metaclass."""
    return printable(_name_of(type(value)), 60)


def _shown(value: Any, width: int, depth: int, ask: bool = True) -> str:
    kind = type(value)
    if kind is int and value.bit_length() > _BITS:
        return f"<int of about {math.ceil(value.bit_length() * math.log10(2))} digits>"
    if kind in (str, bytes, bytearray):
        return repr(value[: width + 1])
    if kind is int or kind in _EXACT:
        return repr(value)
    for base, brackets in _BRACKETS.items():
        if issubclass(kind, base) and (kind is base or base.__len__(value) > _SMALL):  # type: ignore[attr-defined]
            text = _contents(value, base, brackets, width, depth - 1, ask)
            return text if kind is base else f"{_name_of(kind)}({text})"
    return _asked(value, kind, width) if ask else f"<{_name_of(kind)}>"


def _contents(value: Any, base: Any, brackets: tuple[str, str], width: int, depth: int, ask: bool) -> str:
    count = base.__len__(value)
    if not count:
        return repr(base()) if base is not array else "array([])"
    if depth < 0:
        return "…".join(brackets)
    shown = ", ".join(islice(_items(value, base, width, depth, ask), _ITEMS))
    if count > _ITEMS:
        shown += f", … {count} in all"
    elif count == 1 and base is tuple:
        shown += ","
    return shown.join(brackets)


def _items(value: Any, base: Any, width: int, depth: int, ask: bool) -> Iterator[str]:
    if base is dict:
        for key, item in dict.items(value):
            yield f"{_shown(key, width, depth, ask)}: {_shown(item, width, depth, ask)}"
    else:
        for item in base.__iter__(value):
            yield _shown(item, width, depth, ask)


def _asked(value: object, kind: Any, width: int) -> str:
    thread = _asking[id(kind)][1] if id(kind) in _asking else None
    if getattr(thread, "abandoned", False) and thread is not threading.current_thread():
        return f"<{_name_of(kind)} whose repr hangs>"
    _asking[id(kind)] = (kind, threading.current_thread())
    try:
        return str.__str__(repr(value))[: width + 1]
    except Exception as error:
        return f"<{_name_of(kind)} whose repr raises {_name_of(type(error))}>"
    finally:
        _asking.pop(id(kind), None)
