"""Threads, frames and values of a paused script by number, as a debugger asks for them, one level at a time.

Nothing here runs code of the script but the `repr` of objects, and a property that the user opens. So call its methods
in `lager.inspection.side_thread`. The numbers are those of one tree; they keep what they name alive until `forget`.
"""

import functools
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import FrameType, GetSetDescriptorType
from typing import Any, TypeVar

from lager.inspection import display_paths
from lager.inspection.frames import script_threads
from lager.inspection.frames.frame_stack import Stack, stack_of
from lager.inspection.frames.location import Place, file_of
from lager.inspection.objects import static
from lager.inspection.objects.safe_repr import shortened, type_name
from lager.inspection.snapshot import is_definition, is_given, is_hidden
from lager.process import threads
from lager.wording.text import printable

Item = TypeVar("Item")

PAUSED = 1  # the number of the paused thread
_FRAMES = 200
_MEMBERS = 1000
_MOST = 100_000  # numbers of one tree
_NAME = 100
_SEQUENCES = (list, tuple, deque)
_module_of: Callable[[type], str] = type.__dict__["__module__"].__get__


class ObjectTree:
    """To be used by one thread at a time."""

    def __init__(self, place: Place, thread: str, idents: list[int] | None = None) -> None:
        """`thread` is the name of the paused thread. Trees with the same `idents` have the same numbers of threads."""
        self._place = place
        self._thread = thread
        self._idents = [] if idents is None else idents  # of the other threads, numbered from PAUSED + 1
        self._frames: list[FrameType] = []
        self._values: list[Callable[[], Iterator[dict[str, Any]]]] = []

    def forget(self) -> None:
        """Forget all numbers, and what they name."""
        self._frames.clear()
        self._values.clear()

    def threads(self) -> list[dict[str, Any]]:
        """Return `id`, `name` and `paused` of the script's threads, the paused one first."""
        names = script_threads.names()
        found = [{"id": PAUSED, "name": printable(self._thread, _NAME), "paused": True}]
        for ident, frame in sys._current_frames().items():
            if ident in threads.ours or ident not in names or self._is_paused_here(frame):
                continue
            if ident not in self._idents:
                self._idents.append(ident)
            number = PAUSED + 1 + self._idents.index(ident)
            found.append({"id": number, "name": printable(names[ident], _NAME), "paused": ident in threads.paused})
        return found

    def frames(self, thread: int) -> dict[str, Any]:
        """Return the stack of a thread, innermost frame first: `frames`, each with `frame`, `function`, `path` as it is
        shown and `line`; and how many outer ones were `left_out`. Of a running thread it is the stack of a moment."""
        stack = [(frame, line) for frame, line in reversed(self._stack(thread)) if not is_hidden(frame)]
        return {
            "frames": [self._frame(frame, line) for frame, line in stack[:_FRAMES]],
            "left_out": max(len(stack) - _FRAMES, 0),
        }

    def scopes(self, frame: int) -> list[dict[str, Any]]:
        """Return `name` and `reference` of the local and global variables of a frame."""
        found = _numbered(self._frames, frame)
        scopes = [("Locals", found.f_locals)]
        if found.f_locals is not found.f_globals:
            scopes.append(("Globals", found.f_globals))
        return [{"name": name, "reference": self._number(_variables(self, names))} for name, names in scopes]

    def names(self, frame: int) -> dict[str, Any]:
        """Return a copy of all names that are visible in a frame."""
        found = _numbered(self._frames, frame)
        return {**found.f_globals, **found.f_locals}

    def members(self, reference: int, start: int = 0, count: int = 0) -> list[dict[str, Any]]:
        """Return what is in a value: `name`, `type`, `value` and, where there is more below, `reference`; `lazy` where
        that runs a property of the script."""
        return [*islice(_numbered(self._values, reference)(), start, start + min(count or _MEMBERS, _MEMBERS))]

    def resolve(self, path: str, frame: int | None) -> dict[str, Any] | None:
        """Return the value at a path of names, attributes and items, found without running any code."""
        names = self._place.namespace() if frame is None else self.names(frame)
        found = static.value_of(static.resolve(path, names))
        return None if found is static.NOTHING else self.member(path, found)

    def member(self, name: str, value: object) -> dict[str, Any]:
        """Return the row of one value."""
        row: dict[str, Any] = {"name": printable(name, _NAME), "type": type_name(value), "value": shortened(value)}
        below = _below(self, value)
        if below is not None:
            row["reference"] = self._number(below)
            if (length := _length(value)) is not None:
                row["items"] = length
        if is_definition(value):
            row["definition"] = True
        return row

    def lazy(self, name: str, read: Callable[[], Any]) -> dict[str, Any]:
        """Return the row of a property, which is read when it is opened."""
        return {
            "name": printable(name, _NAME),
            "type": "property",
            "value": "…",
            "lazy": True,
            "reference": self._number(lambda: iter((_read(self, name, read),))),
        }

    def _number(self, below: Callable[[], Iterator[dict[str, Any]]]) -> int:
        if len(self._values) >= _MOST:
            raise OverflowError(f"more than {_MOST} values were opened; attach again")
        self._values.append(below)
        return len(self._values)

    def _stack(self, thread: int) -> Stack:
        if thread == PAUSED:
            return self._place.stack
        return stack_of(sys._current_frames().get(_numbered(self._idents, thread - PAUSED)))

    def _frame(self, frame: FrameType, line: int) -> dict[str, Any]:
        self._frames.append(frame)
        return {
            "frame": len(self._frames),
            "function": printable(frame.f_code.co_qualname),
            "path": printable(display_paths.shown(file_of(frame)), 1000),
            "line": line,
        }

    def _is_paused_here(self, frame: FrameType) -> bool:
        stack = self._place.stack
        return bool(stack) and any(one is stack[0][0] for one, _ in stack_of(frame))


def _numbered(found: Sequence[Item], number: int) -> Item:
    if number < 1:
        raise IndexError("list index out of range")
    return found[number - 1]


def _read(tree: ObjectTree, name: str, read: Callable[[], Any]) -> dict[str, Any]:
    try:
        return tree.member(name, read())
    except Exception as error:
        return {"name": name, "type": type_name(error), "value": f"raises {shortened(error)}"}


def _variables(tree: ObjectTree, names: Mapping[str, Any]) -> Callable[[], Iterator[dict[str, Any]]]:
    def rows() -> Iterator[dict[str, Any]]:
        shown = [(name, value) for name, value in dict(names).items() if type(name) is str and is_given(name)]
        for name, value in sorted(shown, key=lambda one: is_definition(one[1])):
            yield tree.member(name, value)

    return rows


def _length(value: Any) -> int | None:
    base = next((base for base in (*_SEQUENCES, dict, set, frozenset) if issubclass(type(value), base)), None)
    return None if base is None else int(base.__len__(value))


def _below(tree: ObjectTree, value: Any) -> Callable[[], Iterator[dict[str, Any]]] | None:
    """Return what yields the rows below a value, None if there is nothing below."""
    kind = type(value)
    if issubclass(kind, dict):
        return lambda: (tree.member(shortened(key, _NAME), item) for key, item in list(dict.items(value)))
    for base in _SEQUENCES:
        if issubclass(kind, base):
            return lambda: (tree.member(str(at), item) for at, item in enumerate(list(base.__iter__(value))))
    if issubclass(kind, set | frozenset):
        return lambda: (tree.member(str(at), item) for at, item in enumerate(list(value)))
    if _module_of(kind) == "builtins" or is_definition(value):
        return None
    return lambda: _attributes(tree, value)


def _attributes(tree: ObjectTree, value: Any) -> Iterator[dict[str, Any]]:
    """Yield the attributes that an object has of its own, then its properties, which are read only when opened."""
    own = set(static.own(value)) | static.slots(value)
    properties = []
    for name in sorted(static.attributes(value)):
        found = static.attribute(value, name)
        if not is_given(name) or found is static.NOTHING:
            continue
        if type(found) in (property, GetSetDescriptorType):
            properties.append(name)
        elif name in own:
            yield tree.member(name, found)
    for name in properties:
        yield tree.lazy(name, functools.partial(getattr, value, name))
