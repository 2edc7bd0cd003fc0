"""Answers a console's queries: completion, documentation, source, stack and variables, and those of a debugger.

They run in the client's thread; queries that may run code of the script run in a side thread.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from lager.console.selected_frame import SelectedFrame
from lager.inspection import error_details, snapshot
from lager.inspection.frames.location import Place
from lager.inspection.object_tree import ObjectTree, Row, Text, Unshown, unshown
from lager.inspection.objects.completion import complete
from lager.inspection.objects.docs import document
from lager.inspection.objects.safe_repr import shortened
from lager.inspection.side_thread import run_aside

_SECONDS, _QUICK_SECONDS = 1.0, 0.5

Names = Callable[[], dict[str, Any]]


class Queries:
    """The open queries of a client. Only the latest of each kind gets an answer."""

    def __init__(
        self,
        place: Place,
        about: dict[str, Any],
        names: Names,
        send: Callable[[dict[str, Any]], None],
        last: Callable[[], Any] | None = None,
        use: Callable[[dict[str, Any] | None], None] = lambda _: None,
        idents: list[int] | None = None,
    ) -> None:
        """`last` returns the value that this console showed last. Without it, as for a watcher, nothing that runs a
        property of the script is answered, and no frame can be selected. `use` gets the names of a frame that was.
        `idents` keeps the numbers of threads the same after a step."""
        self.tree = ObjectTree(place, str(about["thread"]), idents)
        self._place = place
        self._stack = place.stack
        self._selected = SelectedFrame(place, use)
        self._about = about
        self._names = names
        self._send = send
        self._open: dict[str, asyncio.Task[None]] = {}
        self._kinds: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "complete": self._complete,
            "doc": self._document,
            "look": self._look,
            "where": self._where,
            "vars": self._variables,
        }
        if last is not None:
            self._kinds |= self._of_a_console(last)

    def _of_a_console(self, last: Callable[[], Any]) -> dict[str, Callable[[Any], Awaitable[Any]]]:
        tree = self.tree
        return {
            "about": lambda _: _aside(lambda: self._about),
            "exception": lambda _: _aside(lambda: error_details.of_place(self._place)),
            "move": self._move,
            "threads": lambda _: _aside(tree.threads),
            "frames": lambda thread: _aside(lambda: tree.frames(int(thread))),
            "scopes": lambda frame: _aside(lambda: tree.scopes(int(frame))),
            "members": self._members,
            "hover": lambda what: _row(lambda text: tree.resolve(str(what["path"]), what.get("frame"), text)),
            "last": lambda _: _row(lambda text: tree.member("", last(), text)),
        }

    def ask(self, frame: dict[str, Any]) -> None:
        """Answer {"ask": number, kind: what} with {"answer": number, kind: the answer}; null if there is none."""
        kind = next((kind for kind in self._kinds if kind in frame), None)
        if kind is None or type(frame["ask"]) is not int:
            return
        if kind in self._open:
            self._open[kind].cancel()
        self._open[kind] = asyncio.get_running_loop().create_task(self._answer(frame["ask"], kind, frame[kind]))

    def close(self) -> None:
        for task in self._open.values():
            task.cancel()
        self.tree.forget()
        self._selected.forget()
        self._stack = ()

    async def _answer(self, number: int, kind: str, what: Any) -> None:
        try:
            answer = await self._kinds[kind](what)
        except Exception:  # an object of the script raised an error, or took too long
            answer = None
        self._send({"answer": number, kind: answer})

    async def _complete(self, text: Any) -> Any:
        return await run_aside(lambda: complete(str(text), self._names()), _SECONDS)

    async def _document(self, path: Any) -> Any:
        return await run_aside(lambda: document(str(path), self._names()), _SECONDS)

    async def _look(self, _: Any) -> Any:
        return {**self._about, **await snapshot.taken(self._selected.place)}

    async def _where(self, _: Any) -> Any:
        stack, left_out = await snapshot.where(Place(self._stack))
        inner = sum(not snapshot.is_hidden(frame) for frame, _ in self._stack[len(self._selected.place.stack) :])
        return {"stack": stack, "frames_left_out": left_out, "selected": len(stack) - 1 - inner}

    async def _variables(self, _: Any) -> Any:
        shown, left_out = await snapshot.variables(self._selected.place)
        return {"variables": shown, "variables_left_out": left_out}

    async def _members(self, page: Any) -> Any:
        reference, start, count = map(int, page)
        if not self.tree.is_lazy(reference):
            return await _rows(lambda text: self.tree.members(reference, start, count, text))
        try:
            return await _aside(lambda: self.tree.members(reference))
        except TimeoutError:
            return [{"name": "", "type": "property", "value": f"<no answer after {_SECONDS:g} s>"}]

    async def _move(self, steps: Any) -> Any:
        """Select another frame. Return its place and source, and whether the selection has changed."""
        moved = await _aside(lambda: self._selected.move(int(steps)))
        (frame,) = (await snapshot.where(Place(self._selected.place.stack)))[0][-1:]
        return {**frame, "moved": moved, "source": await snapshot.source(self._selected.place)}


async def _aside(work: Callable[[], Any]) -> Any:
    return await run_aside(work, _SECONDS)


async def _rows(work: Callable[[Text], list[Row]]) -> list[Row]:
    """Return the rows that `work` returns. If the `repr` of one value takes too long, the others are shown."""
    try:
        return await run_aside(lambda: work(shortened), _QUICK_SECONDS)
    except TimeoutError:
        rows = await run_aside(lambda: work(unshown), _SECONDS)
    late = [row for row in rows if isinstance(row["value"], Unshown)]
    for row, text in zip(late, await snapshot.texts(row["value"].value for row in late), strict=True):
        row["value"] = text
    return rows


async def _row(work: Callable[[Text], Row | None]) -> Row | None:
    def rows(text: Text) -> list[Row]:
        row = work(text)
        return [] if row is None else [row]

    return next(iter(await _rows(rows)), None)
