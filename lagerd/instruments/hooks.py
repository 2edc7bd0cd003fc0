"""The callbacks through which the rooms of the instruments reach the journal and the policy of the administrator."""

from collections.abc import Awaitable, Callable
from typing import Any

from lagerd.breakpoints.pauses import Pause
from lagerd.callers.clients import Client
from lagerd.events import Event
from lagerd.instruments.leases.lease import Lease

# Records an event of a lease. The client is who asked for it, None if it happened without a request.
LeaseRecord = Callable[[Event, Lease, Client | None, dict[str, Any]], None]
# Returns whether a client may change what the script of a pause holds; the flag: may polkit ask the user?
Policy = Callable[[Client, Pause, bool], Awaitable[bool]]
