"""Answers the requests of an editor about the paused script: its content, and how to resume it."""

from collections.abc import Awaitable, Callable
from typing import Any

from lager_cli.dap.paused_script import PausedScript

_STEPS = {"next": "next", "stepIn": "step", "stepOut": "out"}  # as lager.stepping.course names them
RESUMING = frozenset(("continue", *_STEPS))

Arguments = dict[str, Any]
Requests = dict[str, Callable[[Arguments], Awaitable[Any]]]


class ScriptRequests:
    """`paused` returns the script, and raises Refusal while it runs. `by_name` has the method of each request."""

    def __init__(self, paused: Callable[[], PausedScript]) -> None:
        self._paused = paused
        names = ("stackTrace", "scopes", "variables", "evaluate", "completions", "continue", "exceptionInfo")
        self.by_name: Requests = {name: getattr(self, f"_{name.lower()}") for name in names}
        for name, kind in _STEPS.items():
            self.by_name[name] = self._stepping(kind)

    def _stepping(self, kind: str) -> Callable[[Arguments], Awaitable[None]]:
        async def step(_: Arguments) -> None:
            await self._paused().step(kind)

        return step

    async def _continue(self, _: Arguments) -> Any:
        await self._paused().resume()
        return {"allThreadsContinued": True}

    async def _stacktrace(self, arguments: Arguments) -> Any:
        first, count = int(arguments.get("startFrame") or 0), int(arguments.get("levels") or 0)
        return await self._paused().stack(int(arguments["threadId"]), first, count)

    async def _scopes(self, arguments: Arguments) -> Any:
        return {"scopes": await self._paused().scopes(int(arguments["frameId"]))}

    async def _variables(self, arguments: Arguments) -> Any:
        first, count = int(arguments.get("start") or 0), int(arguments.get("count") or 0)
        reference = int(arguments["variablesReference"])
        return {"variables": await self._paused().variables(reference, first, count)}

    async def _evaluate(self, arguments: Arguments) -> Any:
        source, frame = str(arguments["expression"]), arguments.get("frameId")
        if arguments.get("context") == "hover":
            return await self._paused().hover(source, frame)
        return await self._paused().evaluate(source, frame)

    async def _completions(self, arguments: Arguments) -> Any:
        lines = str(arguments["text"]).split("\n")
        line = lines[int(arguments.get("line") or 1) - 1]
        return {"targets": await self._paused().completions(line[: int(arguments["column"]) - 1])}

    async def _exceptioninfo(self, _: Arguments) -> Any:
        return await self._paused().exception()
