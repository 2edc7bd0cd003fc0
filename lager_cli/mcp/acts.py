"""The tools that change something; each must be allowed by name."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from lager.wording.text import printable
from lager_cli.console.meta_commands import is_meta_command
from lager_cli.mcp.arguments import Id, Net, Seconds, Text, Word, agent
from lager_cli.mcp.commands import Commands

_COMMANDS = {"supply": "supply", "battery": "battery", "eload": "eload", "dac": "dac", "gpio": "gpo"}


class Acts:
    """A tool for each public method; its docstring is what a client is told of it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def tools(self) -> dict[str, Callable[..., Any]]:
        """Return the tools by their names."""
        return {
            "extend": self.extend, "continue": self.continue_, "set": self.set, "evaluate": self.evaluate,
            "answer": self.answer,
        }  # fmt: skip

    async def extend(self, context: Context[Any], id: Id, seconds: Seconds) -> dict[str, Any]:
        """Give a paused script more time, an hour at most."""
        return await self._commands.act(agent(context), ["extend"], [id, f"{seconds:.3f}"])

    async def continue_(self, context: Context[Any], id: Id) -> dict[str, Any]:
        """Resume a paused script."""
        return await self._commands.act(agent(context), ["continue"], [id])

    async def set(self, context: Context[Any], net: Net, action: Word, value: float | None = None) -> dict[str, Any]:
        """Change a setting of a net within its limits, such as voltage 3.3, or enable and disable without a value."""
        found = await self._commands.whole(agent(context), ["nets"])
        kinds = {one.get("name"): one.get("type") for one in found if isinstance(one, dict)}
        kind = _COMMANDS.get(str(kinds.get(net)), "supply")
        words = [net, action, *([] if value is None else [f"{value:.12g}"])]
        return await self._commands.act(
            agent(context), [kind], words[:1] + words[2:] if kind in ("dac", "gpo") else words
        )

    async def evaluate(self, context: Context[Any], id: Id, expression: Text) -> dict[str, Any]:
        """Evaluate Python inside a paused script, as its console does."""
        for line in expression.split("\n"):
            if is_meta_command(line):  # it could resume the script, or extend it without a limit
                raise ToolError(f"'{printable(line, 40)}' is a command of the console. Give Python.")
        return await self._commands.act(agent(context), ["console"], [id], typed=f"{expression}\n")

    async def answer(self, context: Context[Any], id: Id, value: Text) -> dict[str, Any]:
        """Answer the question of a paused script."""
        return await self._commands.act(agent(context), ["answer"], [id, value])
