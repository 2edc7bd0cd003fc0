"""Threads, frames and values of a paused script by number, as a debugger asks for them, one level at a time.

Nothing here runs code of the script but the `repr` of objects, and a property that the user opens. So call its methods
in `lager.inspection.side_thread`. The numbers are those of one tree; they keep what they name alive until `forget`.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import FrameType, GetSetDescriptorType
from typing import Any, TypeVar

from lager.inspection import display_paths
from lager.inspection.frames import script_threads
from lager.inspection.frames.frame_stack import Stack, stack_of
from lager.inspection.frames.location import Place, file_of
from lager.inspection.objects import static
from lager.inspection.objects.safe_repr import WIDTH, plainly, shortened, type_name
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
_MORE = {"name": "…", "type": "", "value": f"only the first {_MEMBERS} are shown; evaluate an expression for others"}
Text = Callable[[object, int], str]
Row = dict[str, Any]
Rows = Callable[[int, int], Sequence[Callable[[Text], Row]]]  # those from the first number to before the second
_module_of: Callable[[type], str] = type.__dict__["__module__"].__get__


class Unshown(str):
    """Stands for the text of `value`, whose `repr` is not called yet."""

    value: object


def unshown(value: object, width: int = WIDTH) -> str:
    """Return what `text` may return below if no `repr` is to be called. A key is shown by its type then."""
    if width != WIDTH:
        return plainly(value, width)
    text = Unshown()
    text.value = value
    return text


class ObjectTree:
    """To be used by one thread at a time. `text` returns the text of a value with a width."""

    def __init__(self, place: Place, thread: str, idents: list[int] | None = None) -> None:
        """`thread` is the name of the paused thread. Trees with the same `idents` have the same numbers of threads."""
        self._place = place
        self._thread = thread
        self._idents = [] if idents is None else idents  # of the other threads, numbered from PAUSED + 1
        self._frames: list[FrameType] = []
        self._values: list[Rows] = []
        self._lazy: set[int] = set()

    def forget(self) -> None:
        """Forget all numbers and the objects that they name."""
        self._frames.clear()
        self._values.clear()
        self._lazy.clear()

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

    def members(self, reference: int, start: int = 0, count: int = 0, text: Text = shortened) -> list[Row]:
        """Return the content of a value: `name`, `type`, `value` and, if it has content itself, `reference`; `lazy` if
        reading it runs a property of the script. Without a `count`, a last row tells if there are more."""
        first, most = max(start, 0), min(count or _MEMBERS, _MEMBERS)
        rows = _numbered(self._values, reference)(first, first + most + 1)
        found = [row(text) for row in rows[:most]]
        return [*found, _MORE] if rows[most:] and not count else found

    def is_lazy(self, reference: int) -> bool:
        """Return whether `members` runs a property of the script."""
        return reference in self._lazy

    def resolve(self, path: str, frame: int | None, text: Text = shortened) -> Row | None:
        """Return the value at a path of names, attributes and items, found without running any code."""
        names = self._place.namespace() if frame is None else self.names(frame)
        found = static.value_of(static.resolve(path, names))
        return None if found is static.NOTHING else self.member(path, found, text)

    def member(self, name: str, value: object, text: Text = shortened) -> Row:
        """Return the row of one value."""
        row: Row = {"name": printable(name, _NAME), "type": type_name(value), "value": text(value, WIDTH)}
        below = _below(self, value)
        if below is not None:
            row["reference"] = self._number(below)
            if (length := _length(value)) is not None:
                row["items"] = length
        if is_definition(value):
            row["definition"] = True
        return row

    def lazy(self, name: str, read: Callable[[], Any]) -> Row:
        """Return the row of a property, which is read when it is opened."""
        reference = self._number(lambda *_: [lambda _: _read(self, name, read)])
        self._lazy.add(reference)
        return {"name": printable(name, _NAME), "type": "property", "value": "…", "lazy": True, "reference": reference}

    def _number(self, below: Rows) -> int:
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


def _read(tree: ObjectTree, name: str, read: Callable[[], Any]) -> Row:
    try:
        return tree.member(name, read())
    except Exception as error:
        return {"name": name, "type": type_name(error), "value": f"raises {shortened(error)}"}


def _variables(tree: ObjectTree, names: Mapping[str, Any]) -> Rows:
    def rows(first: int, last: int) -> Sequence[Callable[[Text], Row]]:
        shown = [(name, value) for name, value in dict(names).items() if type(name) is str and is_given(name)]
        shown.sort(key=lambda one: is_definition(one[1]))
        return [partial(tree.member, name, value) for name, value in shown[first:last]]

    return rows


def _length(value: Any) -> int | None:
    base = next((base for base in (*_SEQUENCES, dict, set, frozenset) if issubclass(type(value), base)), None)
    return None if base is None else int(base.__len__(value))


def _below(tree: ObjectTree, value: Any) -> Rows | None:
    """Return the function that finds the rows below a value, None if there are none."""
    kind = type(value)
    if issubclass(kind, dict):
        return lambda *page: [partial(_entry, tree, *one) for one in _page(dict.items(value), *page)]
    base: Any
    for base in (*_SEQUENCES, set, frozenset):
        if issubclass(kind, base):
            return partial(_items, tree, base, value)
    if _module_of(kind) == "builtins" or is_definition(value):
        return None
    return lambda first, last: _attributes(tree, value)[first:last]


def _entry(tree: ObjectTree, key: object, value: object, text: Text) -> Row:
    return tree.member(text(key, _NAME), value, text)


def _items(tree: ObjectTree, base: Any, value: Any, first: int, last: int) -> Sequence[Callable[[Text], Row]]:
    if base in (list, tuple):
        found = base.__getitem__(value, slice(first, last))
    else:
        found = _page(_Elements(base, value), first, last)
    return [partial(tree.member, str(at), item) for at, item in enumerate(found, first)]


class _Elements:
    """Iterates over a value as its base class does."""

    def __init__(self, base: Any, value: Any) -> None:
        self._base, self._value = base, value

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = self._base.__iter__(self._value)
        return found


def _page(items: Iterable[Any], first: int, last: int) -> list[Any]:
    try:
        return [*islice(items, first, last)]
    except RuntimeError:  # another thread has changed it meanwhile; a list copies it at once
        return [*items][first:last]


def _attributes(tree: ObjectTree, value: Any) -> Sequence[Callable[[Text], Row]]:
    """Return the attributes that an object has of its own, then its properties, which are read only when opened."""
    own = set(static.own(value)) | static.slots(value)
    attributes: list[Callable[[Text], Row]] = []
    properties: list[Callable[[Text], Row]] = []
    for name in sorted(static.attributes(value)):
        found = static.attribute(value, name)
        if not is_given(name) or found is static.NOTHING:
            continue
        if type(found) in (property, GetSetDescriptorType):
            properties.append(partial(_property, tree, value, name))
        elif name in own:
            attributes.append(partial(tree.member, name, found))
    return attributes + properties


def _property(tree: ObjectTree, value: object, name: str, _: Text) -> Row:
    return tree.lazy(name, partial(getattr, value, name))
