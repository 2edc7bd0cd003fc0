"""The breakpoints on lines that an editor has set, and the processes of the script that have them.

Each process gets them through a connection of its own, opened while it is paused. The connection stays when the script
resumes, and the breakpoints end with it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count
from typing import Any

from lager.errors import LagerError
from lager_cli.console.attach import connection
from lager_cli.console.client import Attached
from lager_cli.dap.messages import Editor
from lager_cli.dap.paths import Paths

_LATER = "The script gets it at its next pause."
_NO_ANSWER = "The script did not answer."


class LineBreakpoints:
    """To be used in one event loop. `printed` is called with "log" and each message of a breakpoint."""

    def __init__(self, editor: Editor, printed: Callable[[str, str], None]) -> None:
        self._editor = editor
        self._printed = printed
        self._numbers = count(1)
        self._set: dict[str, list[dict[str, Any]]] = {}  # by the path that the editor has given
        self._links: dict[int, Attached] = {}  # by process
        self._holding: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()
        self.gone = asyncio.Event()
        """Set when the last process that was given them has ended."""
        self.paths = Paths("", [])
        self.box: str | None = None

    def __bool__(self) -> bool:
        return any(self._set.values())

    async def set(self, path: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Set the breakpoints in a file, instead of those before. Return the Breakpoint of each."""
        self._set[path] = [{**one, "id": next(self._numbers)} for one in asked]
        told = [{"id": one["id"], "verified": False, "message": _LATER} for one in self._set[path]]
        for link in list(self._links.values()):
            told = await self._send(link, path)
        return told

    async def give(self, pause: str, process: int) -> None:
        """Pass the breakpoints to a process of the script, which is paused at `pause`. Report it if that fails."""
        async with self._opening:
            if process in self._links:
                return
            ready: asyncio.Future[Attached] = asyncio.get_running_loop().create_future()
            task = asyncio.ensure_future(self._hold(pause, process, ready))
            self._holding.add(task)
            task.add_done_callback(self._holding.discard)
            try:
                link = await ready
            except LagerError as problem:
                if self:
                    self._printed("err", f"There are no breakpoints: {problem}\n")
                return
            for path in [path for path, lines in self._set.items() if lines]:
                for breakpoint_ in await self._send(link, path):
                    self._editor.tell("breakpoint", reason="changed", breakpoint=breakpoint_)

    async def end(self) -> None:
        """Close the connections, so that the script has no breakpoints of this editor any more."""
        for task in list(self._holding):
            task.cancel()
        await asyncio.gather(*self._holding, return_exceptions=True)

    async def _hold(self, pause: str, process: int, ready: "asyncio.Future[Attached]") -> None:
        try:
            async with connection(pause, {"breakpoints": True}, self.box) as (socket, own):
                link = Attached(socket, self._printed, own=own)
                try:
                    await link.hello
                    self._links[process] = link
                    ready.set_result(link)
                    await link.closed
                    if self._links.keys() == {process}:
                        self.gone.set()
                finally:
                    self._links.pop(process, None)
                    link.close()
        except LagerError as problem:
            if not ready.done():
                ready.set_exception(problem)
        finally:
            if not ready.done():
                ready.cancel()

    async def _send(self, link: Attached, path: str) -> list[dict[str, Any]]:
        lines = self._set[path]
        rows = [
            {"line": one.get("line"), "condition": one.get("condition"), "hit": one.get("hitCondition"),
             "log": one.get("logMessage")}
            for one in lines
        ]  # fmt: skip
        answers = None
        with contextlib.suppress(LagerError):
            answers = await link.ask("breakpoints", {"paths": self.paths.names_there(path), "lines": rows})
        if not isinstance(answers, list) or len(answers) != len(lines):
            answers = [{"verified": False, "message": _NO_ANSWER}] * len(lines)
        return [{**answer, "id": one["id"]} for one, answer in zip(lines, answers, strict=True)]
