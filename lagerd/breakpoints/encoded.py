"""The details of pauses, encoded for the bus. What List sends of a pause is kept until a detail other than the time
left changes."""

from collections.abc import Callable
from typing import Any

from lager.bus.transport.marshalled import Number, entries, listed
from lager.bus.transport.wire import Marshalled, details, dicts
from lagerd.breakpoints.table.pauses import Pause, Pauses

_Changing = tuple[tuple[str, ...], tuple[str, ...], int, int]
_remaining = Number("remaining")


class EncodedPauses:
    """`instruments` returns the names of the instruments that the process of a pause holds."""

    def __init__(self, pauses: Pauses, instruments: Callable[[Pause], list[str]]) -> None:
        self._pauses = pauses
        self._instruments = instruments
        self._known: dict[str, tuple[_Changing, bytes]] = {}

    def of(self, pause: Pause) -> dict[str, Any]:
        """Return all keys of the contract, as the value of an a{sv}."""
        found = self._details(pause, *self._changing(pause)[:2])
        return details({**found, "remaining": self._pauses.remaining(pause)})

    def all(self) -> Marshalled:
        """Return all keys of all pauses, as an aa{sv}."""
        return listed(self._entries(pause) + _remaining(self._pauses.remaining(pause)) for pause in self._pauses)

    def forget(self, pause: Pause) -> None:
        """Drop the encoded details of `pause`."""
        self._known.pop(pause.id, None)

    def _changing(self, pause: Pause) -> _Changing:
        attached = tuple(client.user for client in pause.consoles.values())
        changed = self._pauses.changes.total - pause.changed_before
        return tuple(self._instruments(pause)), attached, changed, len(self._pauses) if changed else 0

    def _entries(self, pause: Pause) -> bytes:
        changing = self._changing(pause)
        before, known = self._known.get(pause.id, (None, b""))
        if changing != before:
            known = entries(self._details(pause, *changing[:2]))
            self._known[pause.id] = changing, known
        return known

    def _details(self, pause: Pause, instruments: tuple[str, ...], attached: tuple[str, ...]) -> dict[str, Any]:
        changes, left_out = self._pauses.changes_of(pause)
        return {
            **self._pauses.details(pause),
            "instruments": list(instruments),
            "attached": list(attached),
            "changes": dicts(changes),
            "changes_left_out": left_out,
        }
