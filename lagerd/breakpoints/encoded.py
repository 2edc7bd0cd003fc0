"""Cache the encoded details of each pause until anything but the time left changes."""

from collections.abc import Callable
from typing import Any

from lager.bus.transport.wire import details, dicts
from lagerd.breakpoints.pauses import Pause, Pauses

_Changing = tuple[list[str], list[str], int, int]


class EncodedPauses:
    """`instruments` returns the names of the instruments that the process of a pause holds."""

    def __init__(self, pauses: Pauses, instruments: Callable[[Pause], list[str]]) -> None:
        self._pauses = pauses
        self._instruments = instruments
        self._known: dict[str, tuple[_Changing, dict[str, Any]]] = {}

    def of(self, pause: Pause) -> dict[str, Any]:
        """Return all keys of the contract, as the value of an a{sv}."""
        attached = [client.user for client in pause.consoles.values()]
        changed = self._pauses.changes.total - pause.changed_before
        changing = self._instruments(pause), attached, changed, len(self._pauses) if changed else 0
        before, known = self._known.get(pause.id, (None, {}))
        if changing != before:
            known = self._entries(pause, *changing[:2])
            self._known[pause.id] = changing, known
        return {**known, "remaining": self._pauses.remaining(pause)}

    def forget(self, pause: Pause) -> None:
        """Drop what is cached of `pause`."""
        self._known.pop(pause.id, None)

    def _entries(self, pause: Pause, instruments: list[str], attached: list[str]) -> dict[str, Any]:
        changes, left_out = self._pauses.changes_of(pause)
        return details(
            {
                **self._pauses.details(pause),
                "instruments": instruments,
                "attached": attached,
                "changes": dicts(changes),
                "changes_left_out": left_out,
            }
        )
