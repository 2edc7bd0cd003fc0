"""What a lagerd on a box is besides an answer on the bus: configured, recorded, under the administrator's policy."""

import asyncio
import contextlib
import logging
from pathlib import Path

from lager.bus import address
from lager.bus.facade import Bus, Call
from lager.errors import BusError, LagerError
from lagerd import config, polkit
from lagerd.breakpoints.interface import Breakpoints
from lagerd.breakpoints.pauses import Pause
from lagerd.call_limit import CallLimit
from lagerd.clients import Client
from lagerd.config import Config, ConfigError, ConsolePolicy
from lagerd.instruments.interface import Instruments
from lagerd.journal import audit
from lagerd.journal.audit import Kind
from lagerd.journal.events import lease_recorder, recorder
from lagerd.journal.repeats import Repeats

_log = logging.getLogger("lagerd")


def _without_journal() -> audit.Audit:
    """Of an embedded daemon, in a file where `lager history` finds it."""
    logger, records = logging.getLogger("lagerd.audit"), None
    with contextlib.suppress(BusError):  # no embedded one
        records = address.embedded_records()
    return audit.to_log(logger) if records is None else audit.to_file(logger, records)


class Service:
    """`path` is the configuration's file, None for an embedded daemon, which has neither that nor a journal.

    Raises ConfigError.
    """

    def __init__(self, bus: Bus, breakpoints: Breakpoints, instruments: Instruments, path: Path | None) -> None:
        self._bus = bus
        self._breakpoints = breakpoints
        self._instruments = instruments
        self._path = path
        self.audit = audit.to_journal() if path else _without_journal()
        clock = asyncio.get_running_loop().time
        self._call_limit = CallLimit(clock, Config().limits.calls, self._denied)
        self._apply(config.load(path) if path else Config())
        self._repeats = Repeats(recorder(self.audit, lambda: self.config.log_console_input))
        breakpoints.hooks.record = self._repeats
        instruments.hooks.record = lease_recorder(self.audit)
        breakpoints.hooks.killed = self._killed
        breakpoints.hooks.admit = instruments.hooks.admit = self._call_limit.admit
        breakpoints.hooks.may_open_console = self._may_open_console

    def reload(self) -> None:
        """Read the configuration again; a wrong one is said, and changes nothing."""
        try:
            self._apply(config.load(self._path) if self._path else Config())
        except ConfigError as error:
            _log.error("%s The previous configuration remains in effect.", error)
        else:
            _log.info("Reloaded the configuration.")

    def _apply(self, new: Config) -> None:
        self.config = new
        self._breakpoints.settings.default_timeout = new.default_timeout
        self._breakpoints.settings.max_run_timeout = new.max_run_timeout
        self._breakpoints.settings.consoles_per_user = new.limits.consoles
        self._breakpoints.pauses.limit_per_user = new.limits.pauses
        self._instruments.leases.limit_per_user = new.limits.claims
        self._call_limit.rate = new.limits.calls

    def close(self) -> None:
        """Record what was held back."""
        self._repeats.flush()

    async def refused(self, call: Call, error: LagerError) -> None:
        """Record a refusal; that of a console or a look is, with its pause, where the policy is asked."""
        if call.member in ("OpenConsole", "Inspect"):
            return
        with contextlib.suppress(LagerError):  # whoever asked has left, and nobody can say any more who it was
            client = await self._breakpoints.clients.of(call.sender)
            if self._call_limit.spend(client):  # else it is recorded that there were too many
                self._denied(client, f"{call.member}: {error.what}")

    def _killed(self, client: Client, run: str) -> None:
        self.audit.record(Kind.KILLED, by_uid=client.uid, by_user=client.user, run=run)

    def _denied(self, client: Client, reason: str) -> None:
        self.audit.record(Kind.DENIED, by_uid=client.uid, by_user=client.user, reason=reason)

    async def _may_open_console(self, client: Client, pause: Pause, interactive: bool) -> bool:
        asked = self.config.console is ConsolePolicy.POLKIT
        allowed = asked and await polkit.allows(self._bus, client.sender, interactive)
        if not allowed:
            why = f"{client.user} may not open a console in a script of {pause.user}"
            self._breakpoints.hooks.record("denied", pause, client, {"reason": why})
        return allowed
