"""The parts of lagerd besides the bus: configuration, audit records and the policy of the administrator."""

import asyncio
import contextlib
import logging
from pathlib import Path

from lager.bus import address
from lager.bus.facade import Bus
from lager.bus.received import Call
from lager.contract import NETS_FILE
from lager.errors import BusError, LagerError
from lagerd import config
from lagerd.breakpoints.interface import Breakpoints
from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers import polkit
from lagerd.callers.bench_groups import BenchGroups
from lagerd.callers.call_limit import CallLimit
from lagerd.callers.clients import Client
from lagerd.config import Config, ConfigError, ConsolePolicy
from lagerd.events import Event
from lagerd.instruments.interface import Instruments
from lagerd.journal import audit
from lagerd.journal.recorder import lease_recorder, recorder, via_fields
from lagerd.journal.repeats import Repeats
from lagerd.metrics import Metrics

_CHANGES = 50.0  # of instruments, by one user in a second, that are listed and recorded; the others are counted

_log = logging.getLogger("lagerd")


def _without_journal() -> audit.Audit:
    """Return the audit of an embedded daemon, which writes to a file that `lager history` reads."""
    logger, records = logging.getLogger("lagerd.audit"), None
    with contextlib.suppress(BusError):  # this bus is not an embedded one
        records = address.embedded_records()
    return audit.to_log(logger) if records is None else audit.to_file(logger, records)


class Service:
    """`path` is the configuration file; None for an embedded daemon, which has neither a configuration nor a journal.

    Raises ConfigError.
    """

    def __init__(self, bus: Bus, breakpoints: Breakpoints, instruments: Instruments, path: Path | None) -> None:
        self._bus = bus
        self._breakpoints = breakpoints
        self._instruments = instruments
        self._path = path
        self.audit = audit.to_journal() if path else _without_journal()
        clock = asyncio.get_running_loop().time
        self._metrics = Metrics(asyncio.get_running_loop(), self._measured)
        self.audit.recorded = self._metrics.changed
        self._call_limit = CallLimit(clock, Config().limits.calls, self._denied)
        self._change_limit = CallLimit(clock, _CHANGES, lambda *_: None)
        self._apply(config.load(path) if path else Config())
        for error in self.config.rejected:
            _log.error("%s Without it, lagerd starts with the rest of the configuration.", error)
        self._repeats = Repeats(recorder(self.audit, lambda: self.config.log_console_input))
        breakpoints.hooks.record = self._repeats
        breakpoints.returning.record_lost()
        instruments.hooks.record = lease_recorder(self.audit)
        breakpoints.hooks.killed = self._killed
        breakpoints.hooks.admit = instruments.hooks.admit = self._call_limit.admit
        instruments.hooks.spend = self._change_limit.spend
        breakpoints.hooks.may_open_console = self._may_open_console
        instruments.hooks.settled = breakpoints.returning.settled
        instruments.hooks.away = breakpoints.returning.away
        instruments.hooks.may_set = self._may_set
        if path:
            instruments.hooks.may_use = BenchGroups(NETS_FILE).check

    def reload(self) -> None:
        """Read the configuration again. An invalid one is logged and changes nothing."""
        try:
            new = config.load(self._path) if self._path else Config()
            for error in new.rejected:
                raise error
            self._apply(new)
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
        self._instruments.leases.owners.limit_per_user = new.limits.claims
        self._call_limit.rate = new.limits.calls
        self._metrics.switch(new.metrics)

    def close(self) -> None:
        """Write the records that were held back."""
        self._repeats.flush()
        self._metrics.close()

    def changed(self) -> None:
        """Update status and metrics: the number of pauses, leases or waiting claims may have changed."""
        self._metrics.changed()

    def _measured(self) -> dict[str, float]:
        leases, pauses = self._instruments.leases, list(self._breakpoints.pauses)
        return {
            "pauses": len(pauses),
            "oldest_pause_timestamp_seconds": min((pause.since for pause in pauses), default=0.0),
            "waiting_claims": sum(leases.waiting(lease.instrument) for lease in leases),
            "leases": len(leases),
            "quarantined": sum(1 for _ in leases.quarantined),
            "auto_resumes": self.audit.counts[Event.AUTO_RESUMED],
            "denials": self.audit.counts[Event.DENIED],
        }

    async def refused(self, call: Call, error: LagerError) -> None:
        """Record a refused call. OpenConsole and Inspect are recorded where the policy is asked, with the pause."""
        if call.member in ("OpenConsole", "Inspect"):
            return
        with contextlib.suppress(LagerError):  # the caller has left the bus and can no longer be identified
            client = await self._breakpoints.clients.of(call.sender)
            if self._call_limit.spend(client):  # otherwise the call limit records that there were too many
                self._denied(client, f"{call.member}: {error.what}")

    def started_for(self, client: Client) -> None:
        """Record the user whose command started lagerd."""
        reason = "needed it while it was not running"
        self.audit.record(Event.STARTED, by_uid=client.uid, by_user=client.user, reason=reason)

    def _killed(self, client: Client, run: str) -> None:
        self.audit.record(Event.KILLED, by_uid=client.uid, by_user=client.user, run=run, **via_fields(client.via))

    def _denied(self, client: Client, reason: str) -> None:
        self.audit.record(Event.DENIED, by_uid=client.uid, by_user=client.user, reason=reason, **via_fields(client.via))

    async def _may_set(self, client: Client, _: Pause, interactive: bool) -> bool:
        return self._path is not None and await polkit.allows(self._bus, client.sender, interactive, polkit.SET)

    async def _may_open_console(self, client: Client, pause: Pause, interactive: bool) -> bool:
        asked = self.config.console is ConsolePolicy.POLKIT
        allowed = asked and await polkit.allows(self._bus, client.sender, interactive)
        if not allowed:
            why = f"{client.user} may not open a console in a script of {pause.user}"
            self._breakpoints.hooks.record(Event.DENIED, pause, client, {"reason": why})
        return allowed
