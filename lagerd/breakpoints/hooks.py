"""Settings and callbacks that the breakpoints get from the configuration and from other parts of lagerd."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lager.contract import DEFAULT_TIMEOUT, LONGEST_RUN
from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers.clients import Client
from lagerd.events import Event


@dataclass
class PauseSettings:
    """What the configuration sets. Times are in seconds."""

    default_timeout: float = DEFAULT_TIMEOUT
    max_run_timeout: float = LONGEST_RUN
    consoles_per_user: int = 64


@dataclass
class PauseHooks:
    """Callbacks: the audit, the instruments of a pause, the status line, pauses
    that began or ended, what is lent at a pause, ended runs, the call limit, the policy."""

    record: Callable[[Event, Pause, Client | None, dict[str, Any]], None] = lambda *_: None
    instruments: Callable[[Pause], list[str]] = lambda _: []
    changed: Callable[[int], None] = lambda _: None
    counted: Callable[[], None] = lambda: None
    ended: Callable[[Pause], None] = lambda _: None
    lent: Callable[[Pause], list[str]] = lambda _: []
    killed: Callable[[Client, str], None] = lambda *_: None
    admit: Callable[[Client], None] = lambda _: None
    may_open_console: Callable[[Client, Pause, bool], Any] | None = None
