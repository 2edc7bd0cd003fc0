"""OpenConsole and Inspect: checks who may call them, and forwards the calls to the paused script."""

import secrets
import socket
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

from lager.bus.facade import Bus
from lager.bus.interfaces import Outcome
from lager.bus.received import Call
from lager.errors import AccessDenied, AmbiguousId, NotInteractive, TooMany
from lagerd.breakpoints.hooks import PauseHooks, PauseSettings
from lagerd.breakpoints.scripts import Scripts
from lagerd.breakpoints.table.pauses import Pause, Pauses
from lagerd.callers.clients import Client, Clients


class ConsoleAccess:
    """`found` returns the pauses that an id stands for, for a user; it raises if there are none."""

    def __init__(
        self,
        bus: Bus,
        clients: Clients,
        pauses: Pauses,
        settings: PauseSettings,
        hooks: PauseHooks,
        found: Callable[[str, int], Coroutine[Any, Any, list[Pause]]],
    ) -> None:
        self._scripts = Scripts(bus)
        self._clients = clients
        self._pauses = pauses
        self._settings = settings
        self._hooks = hooks
        self._found = found
        # Consoles survive a restart of lagerd, so the next lagerd must not reuse their numbers.
        self._numbers = count(secrets.randbelow(1 << 31))

    async def open_console(self, call: Call) -> tuple[Pause, Client]:
        """Open a console for the caller; return the pause and the client."""
        client = await self._clients.of(call.sender)
        self._hooks.admit(client)
        pause = self._one_interactive(await self._found(call.args[0], client.uid))
        await self._check_console(client, pause, call.interactive)
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        with ours:
            details = {**_simple(call.args[1]), **client.details(), "id": pause.id, "console": number}
            # Added first: the console may be closed before the reply to Attach is read here.
            pause.consoles[number] = client
            try:
                await self._attach(pause, theirs.detach(), details)
            except BaseException:
                pause.consoles.pop(number, None)
                raise
            call.reply("h", 0, fds=[ours.detach()])
        return pause, client

    async def inspect(self, call: Call) -> Outcome:
        """Return what the paused script reports about its state."""
        client = await self._clients.of(call.sender)
        self._hooks.admit(client)
        pause = self._only(await self._found(call.args[0], client.uid), "pauses")
        await self._check_access(client, pause, call.interactive, "The variables of {id} belong to {owner}")
        details = {**_simple(call.args[1]), "id": pause.id}
        return tuple(
            await self._scripts.ask(pause, "Inspect", "a{sv}", details, refusal="cannot be inspected", gives="s")
        )

    def _one_interactive(self, found: list[Pause]) -> Pause:
        able = [pause for pause in found if pause.interactive]
        if not able:
            raise NotInteractive(
                f"The pause {found[0].id} has no console.", "It gets one with pause(interactive=True) or breakpoint()."
            )
        return self._only(able, "pauses with a console")

    def _only(self, found: list[Pause], what: str) -> Pause:
        if len(found) > 1:
            raise AmbiguousId(f"That run has {len(found)} {what}.", "Give the id of one of them.")
        return found[0]

    async def _check_console(self, client: Client, pause: Pause, interactive: bool) -> None:
        await self._check_access(client, pause, interactive, "The console of {id} runs code as {owner}")
        opened = sum(c.uid == client.uid for p in self._pauses for c in p.consoles.values())
        if opened >= self._settings.consoles_per_user:
            raise TooMany(f"{client.user} already has {opened} consoles open.", "Close one of them first.")

    async def _check_access(self, client: Client, pause: Pause, interactive: bool, what: str) -> None:
        """Raise AccessDenied unless `client` may act as the user of the script."""
        if client.uid in (0, pause.uid):
            return
        policy = self._hooks.may_open_console
        if policy is None or not await policy(client, pause, interactive):
            raise AccessDenied(
                f"{what.format(id=pause.id, owner=pause.user)}, and you are {client.user}.",
                f"Ask {pause.user}, or ask the administrator for the action com.lager.breakpoints.console.",
            )

    async def _attach(self, pause: Pause, fd: int, details: dict[str, Any]) -> None:
        await self._scripts.ask(pause, "Attach", "ha{sv}", 0, details, fds=[fd], refusal="cannot open a console")


def _simple(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a client may pass on to the script."""
    return {key: value for key, value in options.items() if isinstance(value, str | int | float | bool)}
