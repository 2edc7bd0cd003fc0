"""What neither scripts nor callers wait for: signals to all listeners, records, and forgetting the pauses that ended.

Invariants

- Signals are sent, and records are written, in the order in which they were given.
- What has begun is announced in the next turn of the loop: `lager python` and people wait for it. What has ended, and
  records, come `_SCRIPT_FIRST` later. A pause that begins meanwhile takes them along.
- The script resumes before its end is announced. The broker has the message for it, and on a small machine it may share
  a processor with lagerd: it runs there when lagerd waits.
- A pause that was reported again before its end was announced is not forgotten.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lagerd.breakpoints.hooks import PauseHooks
from lagerd.breakpoints.table.kept_pauses import KeptPauses
from lagerd.breakpoints.table.pauses import Pause, Pauses
from lagerd.breakpoints.table.steps import Steps
from lagerd.callers.clients import Client
from lagerd.events import ENDS, Event

_SCRIPT_FIRST = 0.001  # seconds


class Announcements:
    def __init__(self, bus: Bus, pauses: Pauses, kept: KeptPauses, steps: Steps, hooks: PauseHooks) -> None:
        self._bus = bus
        self._pauses = pauses
        self._kept = kept
        self._steps = steps
        self._hooks = hooks
        self._ended: list[Pause] = []
        self._news: list[Callable[[], None]] = []
        self._records: list[Callable[[], None]] = []
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.Handle | None = None
        self._counted = 0

    def tell(self, member: str, signature: str, *values: Any) -> None:
        """Send a signal to all listeners in the next turn of the loop."""
        self._news.append(partial(self._bus.emit, BREAKPOINTS_PATH, BREAKPOINTS, member, signature, *values))
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self.flush)

    def ended(self, pause: Pause, reply: Callable[[], None] | None, *values: Any) -> None:
        """Send `reply` and the signal Resumed with these values, then forget `pause`."""
        if reply is not None:
            self._news.append(reply)
        self._news.append(
            partial(self._bus.emit, BREAKPOINTS_PATH, BREAKPOINTS, "Resumed", "ssa{sv}", pause.id, *values)
        )
        self._ended.append(pause)
        self._flush_later()

    def record(self, event: Event, pause: Pause, client: Client | None, more: dict[str, Any]) -> None:
        self._records.append(partial(self._hooks.record, event, pause, client, more))
        self._flush_later()

    def record_end(self, reason: str, pause: Pause, client: Client | None, more: dict[str, Any]) -> None:
        self.record(ENDS[reason], pause, client, {"reason": reason, **more})

    def flush(self) -> None:
        """Do now all that waits."""
        for handle in (self._soon, self._later):
            if handle is not None:
                handle.cancel()
        self._soon = self._later = None
        ended, self._ended = self._ended, []
        news, self._news = self._news, []
        records, self._records = self._records, []
        for pause in ended:
            if self._pauses.get(pause.id) is None:
                self._kept.drop(pause)
        with self._bus.together():
            for tell in news:
                tell()
            self._tell_count()
        for record in records:
            record()
        self._hooks.counted()

    def _flush_later(self) -> None:
        if self._soon is None and self._later is None:
            self._later = asyncio.get_running_loop().call_later(_SCRIPT_FIRST, self.flush)

    def _tell_count(self) -> None:
        total = len(self._pauses)
        if total == self._counted:
            return
        self._counted = total
        self._bus.emit(
            BREAKPOINTS_PATH,
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
            "sa{sv}as",
            BREAKPOINTS,
            {"Count": total},
            [],
        )
        self._hooks.changed(total)
        if not total and not self._steps:
            self._pauses.changes.forget()
