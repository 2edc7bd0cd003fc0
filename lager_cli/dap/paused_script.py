"""A paused script as an editor sees it, through a console: threads, frames, variables, and evaluation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from lager.errors import Failed, Refusal
from lager_cli.console.client import Attached, Outcome
from lager_cli.dap.paths import Paths

_GONE = "The script is not paused any more."
_NOT_FOUND = "The paused script does not know that."


class PausedScript:
    """To be used in one event loop. `printed` is called with "out" or "err" and what an evaluation prints.
    `before_resume` is awaited before this editor resumes the script."""

    def __init__(self, console: Attached, paths: Paths, printed: Callable[[str, str], None]) -> None:
        self.console = console
        self._paths = paths
        self._printed = printed
        self._asking = asyncio.Lock()  # the script answers the latest question of a kind
        self._evaluating = asyncio.Lock()
        self.before_resume: Callable[[], Awaitable[None]] = _nothing
        self._changes: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        console.show = self._show
        console.stepped = self._stepped
        console.closed.add_done_callback(lambda _: self._changes.put_nowait(None))
        self._errors: list[str] | None = None

    async def about(self) -> dict[str, Any]:
        """Return the id, label, place and run of the pause."""
        return {"run_id": "", "label": "", **await self._ask("about", True)}

    def _stepped(self) -> None:
        self._changes.put_nowait({} if self.console.running else self.console.place)

    async def next_change(self) -> dict[str, Any] | None:
        """Return the keys of the pause at the end of a step, no keys when a step begins; None if the console was
        closed."""
        return await self._changes.get()

    async def step(self, kind: str) -> None:
        """Resume the script with a step (lager.stepping). Raises LagerError if that is refused."""
        await self.before_resume()
        async with self._asking:
            stepped = await self.console.ask("step", {"kind": kind})
        if stepped is None and not (self.console.running or self.console.closed.done()):
            raise Failed("The script did not answer.", "Try again.")

    async def resume(self) -> None:
        """Resume the script. Return when its console is closed."""
        await self.before_resume()
        await self.console.ask("continue", True)
        await self.console.closed

    async def exception(self) -> dict[str, Any]:
        """Return the body of the answer to exceptionInfo. Raises Refusal if the script is not paused at an error."""
        found = await self._ask("exception", True)
        return {
            "exceptionId": found["id"],
            "description": found["message"],
            "breakMode": "unhandled",
            "details": _error(found),
        }

    async def threads(self) -> list[dict[str, Any]]:
        return [{"id": one["id"], "name": one["name"]} for one in await self._ask("threads", True)]

    async def stack(self, thread: int, first: int, count: int) -> dict[str, Any]:
        """Return the body of the answer to stackTrace."""
        found = await self._ask("frames", thread)
        frames = [
            {
                "id": frame["frame"],
                "name": frame["function"],
                "line": frame["line"],
                "column": 1,
                "source": self._paths.source(frame["path"]),
            }
            for frame in found["frames"]
        ]
        return {"stackFrames": frames[first : first + (count or len(frames))], "totalFrames": len(frames)}

    async def scopes(self, frame: int) -> list[dict[str, Any]]:
        return [
            {
                "name": scope["name"],
                "variablesReference": scope["reference"],
                "expensive": scope["name"] == "Globals",
                "presentationHint": "locals" if scope["name"] == "Locals" else "globals",
            }
            for scope in await self._ask("scopes", frame)
        ]

    async def variables(self, reference: int, first: int, count: int) -> list[dict[str, Any]]:
        return [_variable(row) for row in await self._ask("members", [reference, first, count])]

    async def hover(self, path: str, frame: int | None) -> dict[str, Any]:
        """Return the value at a path of names, attributes and items. Runs no code."""
        return _result(await self._ask("hover", {"path": path, "frame": frame}))

    async def evaluate(self, source: str, frame: int | None) -> dict[str, Any]:
        """Run `source` in a copy of the frame's names. Raises Failed with the traceback's last line if it raises."""
        async with self._evaluating:
            self._errors = []
            try:
                outcome = await self.console.evaluate(source, frame)
                if outcome is Outcome.RAISED:
                    raise Failed("".join(self._errors).strip() or "It failed.")
            finally:
                self._errors = None
            if outcome is not Outcome.DONE:
                raise Refusal(_GONE)
            return _result(await self._ask("last", True))

    async def interrupt(self) -> None:
        await self.console.send({"interrupt": True})

    async def completions(self, text: str) -> list[dict[str, Any]]:
        """Return the targets for the text before the cursor."""
        found = await self._ask("complete", text)
        return [{"label": one["text"], "start": len(text) - one["length"], "length": one["length"]} for one in found]

    async def _ask(self, kind: str, what: Any) -> Any:
        async with self._asking:
            answer = await self.console.ask(kind, what)
        if answer is None:
            raise Refusal(_GONE if self.console.closed.done() else _NOT_FOUND)
        return answer

    def _show(self, stream: str, text: str) -> None:
        if stream == "err" and self._errors is not None:
            self._errors.append(text)
        else:
            self._printed(stream, text)


async def _nothing() -> None:
    pass


def _error(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "message": found["message"],
        "typeName": found["type"],
        "fullTypeName": found["id"],
        "stackTrace": "\n".join(found["stack"]),
        "innerException": [_error(inner) for inner in found["inner"]],
    }


def _variable(row: dict[str, Any]) -> dict[str, Any]:
    found = {
        "name": row["name"],
        "value": row["value"],
        "type": row["type"],
        "variablesReference": row.get("reference", 0),
    }
    if "items" in row:
        found["indexedVariables" if row["type"] != "dict" else "namedVariables"] = row["items"]
    if row.get("lazy"):
        found["presentationHint"] = {"lazy": True}
    return found


def _result(row: dict[str, Any]) -> dict[str, Any]:
    row = _variable({"name": "", **row})
    return {"result": row.pop("value"), **{key: row[key] for key in row if key != "name"}}
