"""The tools that only look."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from lager_cli.mcp.arguments import Id, Net, Time, agent
from lager_cli.mcp.commands import Commands, answer


class Looks:
    """A tool for each public method; its docstring is what a client is told of it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def tools(self) -> tuple[Callable[..., Any], ...]:
        return (
            self.boxes, self.pauses, self.pause, self.runs, self.nets, self.status, self.reading, self.instruments,
            self.history, self.report,
        )  # fmt: skip

    async def boxes(self, context: Context[Any]) -> dict[str, Any]:
        """List the boxes that this user has configured."""
        return await Commands(None).look(agent(context), ["boxes", "list"])

    async def pauses(self, context: Context[Any]) -> dict[str, Any]:
        """List the paused scripts: where, why, since when, and the time left."""
        return await self._commands.look(agent(context), ["breakpoints"])

    async def pause(self, context: Context[Any], id: Id) -> dict[str, Any]:
        """Show one paused script: source, stack, variables, changes of the bench, readings of its nets."""
        return await self._commands.look(agent(context), ["breakpoints", "show"], [id])

    async def runs(self, context: Context[Any]) -> dict[str, Any]:
        """List the active and recent runs of this user."""
        return await self._commands.look(agent(context), ["runs"])

    async def nets(self, context: Context[Any]) -> dict[str, Any]:
        """List the nets of the bench, with their instruments and limits."""
        return await self._commands.look(agent(context), ["nets"])

    async def status(self, context: Context[Any]) -> dict[str, Any]:
        """Show the whole bench: pauses, runs, and every net with its reading and who holds it."""
        return await self._commands.look(agent(context), ["status"])

    async def reading(self, context: Context[Any], net: Net) -> dict[str, Any]:
        """Read one net, without changing it."""
        data = await self._commands.whole(agent(context), ["status"])
        rows = data.get("nets", []) if isinstance(data, dict) else []
        found = [one for one in rows if isinstance(one, dict) and one.get("name") == net]
        if not found:
            raise ToolError(f"There is no net {net!r} on the bench. The tool `nets` lists them.")
        return answer(found)

    async def instruments(self, context: Context[Any]) -> dict[str, Any]:
        """List the instruments that are held, and by whom."""
        return await self._commands.look(agent(context), ["instruments"])

    async def history(self, context: Context[Any], since: Time = "1 hour ago") -> dict[str, Any]:
        """List what happened on the box since then: pauses, who resumed them, claims, changes, refusals."""
        return await self._commands.look(agent(context), ["history", f"--since={since}"])

    async def report(self, context: Context[Any], run: Id) -> dict[str, Any]:
        """Show the evidence of a run: output, pauses, answers, readings, changes, instruments, versions."""
        return await self._commands.look(agent(context), ["report"], [run])
