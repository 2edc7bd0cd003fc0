"""Merges repeated extensions and inputs of a pause: the first is recorded at once; after that, one record a second
stands for all further ones, with their number."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers.clients import Client
from lagerd.events import Event
from lagerd.journal.recorder import Record

SECONDS = 1.0
_SHARING = (Event.EXTENDED, Event.CONSOLE_INPUT)
_INPUT_LENGTH = 4096
_Key = tuple[str, Event, int]


@dataclass
class _Window:
    pause: Pause
    client: Client | None
    timer: asyncio.TimerHandle
    count: int = 0
    more: dict[str, Any] = field(default_factory=dict)


class Repeats:
    """Wraps `record`. Before another event of a pause is recorded, the merged ones that are held back are written."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._windows: dict[_Key, _Window] = {}
        self._loop = asyncio.get_running_loop()

    def __call__(self, event: Event, pause: Pause, client: Client | None, more: dict[str, Any]) -> None:
        if event not in _SHARING:
            for key in [key for key in self._windows if key[0] == pause.id]:
                self._close(key)
            self._record(event, pause, client, more)
            return
        key = (pause.id, event, client.uid if client else -1)
        window = self._windows.get(key)
        if window is None:
            self._open(key, pause, client)
            self._record(event, pause, client, more)
            return
        if "input" in more and "input" in window.more:
            more = {**more, "input": f"{window.more['input']}\n{more['input']}"[:_INPUT_LENGTH]}
        window.count += 1
        window.more = more

    def flush(self) -> None:
        """Write the records that are held back."""
        for key in list(self._windows):
            self._close(key)

    def _open(self, key: _Key, pause: Pause, client: Client | None) -> None:
        self._windows[key] = _Window(pause, client, self._loop.call_later(SECONDS, self._pass, key))

    def _pass(self, key: _Key) -> None:
        window = self._close(key)
        if window.count:
            self._open(key, window.pause, window.client)

    def _close(self, key: _Key) -> _Window:
        window = self._windows.pop(key)
        window.timer.cancel()
        if window.count:
            self._record(key[1], window.pause, window.client, {**window.more, "count": window.count})
        return window
