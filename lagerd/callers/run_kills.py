"""Ends a run of any user. lagerd may not signal processes: it asks polkit about the caller, and lets systemd end the
run."""

import asyncio
import re
from collections.abc import Callable

from lager.bus.facade import Bus
from lager.bus.interfaces import Outcome
from lager.bus.received import Call, Signal
from lager.errors import AccessDenied, Failed, InvalidArgument, LagerError
from lager.wording.text import printable
from lagerd.callers import polkit
from lagerd.callers.clients import Client, Clients

ACTION = "com.lager.runs.kill"
_SYSTEMD, _SYSTEMD_PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
_MANAGER = f"{_SYSTEMD}.Manager"
_RUN = re.compile(r"[0-9a-f]{4}[0-9a-f-]{4,32}\Z")
_SECONDS = 20.0  # more than all the signals to a run take


class RunKills:
    """`admit` counts the calls of a client and may refuse one. `ended` is told who ended which run."""

    def __init__(
        self, bus: Bus, clients: Clients, admit: Callable[[Client], None], ended: Callable[[Client, str], None]
    ) -> None:
        self._bus = bus
        self._clients = clients
        self._admit = admit
        self._ended = ended
        self._waiting: list[tuple[str, asyncio.Future[str]]] = []
        self._listening = False

    async def kill(self, call: Call) -> Outcome:
        """End the run, and return when it has ended."""
        client = await self._clients.of(call.sender)
        self._admit(client)
        run = str(call.args[0]).lower()
        if not _RUN.match(run):
            raise InvalidArgument(f"'{printable(run, 40)}' is not a valid run id.", "See: lager breakpoints --json")
        if client.uid != 0 and not await polkit.allows(self._bus, client.sender, call.interactive, ACTION):
            raise AccessDenied(
                f"{client.user} may not end the run {run[:8]} of another user.",
                f"Ask its user, or ask the administrator for the action {ACTION}.",
            )
        if await self._start(f"lager-kill@{run}.service") != "done":
            raise Failed(f"Cannot end the run {run[:8]}.", f"See: journalctl -u 'lager-kill@{run}'")
        self._ended(client, run)
        return ()

    async def _start(self, unit: str) -> str:
        """Start a unit, wait until its job has finished, and return the result of the job."""
        if not self._listening:
            await self._ask("Subscribe")
            await self._bus.follow(_SYSTEMD, lambda _: None)
            self._bus.listen("JobRemoved", self._job_removed, of=_SYSTEMD)
            await self._bus.add_match(f"type='signal',sender='{_SYSTEMD}',interface='{_MANAGER}',member='JobRemoved'")
            self._listening = True
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, over))
        try:
            await self._ask("StartUnit", "ss", unit, "fail")
            async with asyncio.timeout(_SECONDS):
                return await over
        except TimeoutError:
            return "timeout"
        except LagerError as error:
            raise Failed(f"systemd cannot start {unit}: {error.what}", error.hint) from None
        finally:
            self._waiting.remove((unit, over))

    def _job_removed(self, signal: Signal) -> None:
        for unit, over in self._waiting:
            if unit == signal.args[2] and not over.done():
                over.set_result(signal.args[3])

    async def _ask(self, member: str, signature: str = "", *values: str) -> list[object]:
        return await self._bus.call(_SYSTEMD, _SYSTEMD_PATH, member, signature, *values, interface=_MANAGER)
