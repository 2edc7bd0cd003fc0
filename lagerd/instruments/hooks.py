"""The callbacks through which the rooms of the instruments reach the journal and the policy of the administrator."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers.clients import Client
from lagerd.events import Event
from lagerd.instruments.leases.lease import Lease

# Records an event of a lease. The client is who asked for it, None if it happened without a request.
LeaseRecord = Callable[[Event, Lease, Client | None, dict[str, Any]], None]
# Returns whether a client may change what the script of a pause holds; the flag: may polkit ask the user?
Policy = Callable[[Client, Pause, bool], Awaitable[bool]]


async def _at_once() -> None:
    pass


async def _nobody(client: Client, pause: Pause, interactive: bool) -> bool:
    return False


@dataclass
class LeaseHooks:
    """Callbacks to the rest of lagerd: `record` to the audit (event, lease, client, more), `changed` to the status,
    `spend` counts a change of a user and returns whether it is listed, `settled` returns when the pauses of before a
    restart are back, `away` are the ids of those that are not, `may_set` asks the policy, `may_use` raises AccessDenied
    for what is not the client's bench."""

    record: LeaseRecord = lambda *_: None
    changed: Callable[[int], None] = lambda _: None
    spend: Callable[[Client], bool] = lambda _: True
    admit: Callable[[Client], None] = lambda _: None
    settled: Callable[[], Awaitable[None]] = _at_once
    away: Callable[[], list[str]] = list
    may_set: Policy = _nobody
    may_use: Callable[[Client, str], None] = lambda *_: None
