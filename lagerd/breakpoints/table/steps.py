"""The pauses whose scripts run a step, and what the next pause takes over from them. It does not use the bus."""

from lager.errors import InvalidArgument
from lagerd.breakpoints.table.pauses import Pause

_MOST = 1000  # of one connection: each thread of a script has at most one


class Steps:
    def __init__(self) -> None:
        self._running: dict[str, Pause] = {}  # by the id of the pause that ended

    def __bool__(self) -> bool:
        return bool(self._running)

    def begin(self, pause: Pause) -> None:
        """Add a pause that ends with a step. Raises InvalidArgument if its script has begun too many."""
        if sum(one.owner == pause.owner for one in self._running.values()) >= _MOST:
            raise InvalidArgument(f"{_MOST} steps of this script are running.", "Wait until they have stopped.")
        self._running[pause.id] = pause

    def runs(self, pause: Pause) -> bool:
        return pause.id in self._running

    def of(self, id: str, owner: str) -> Pause | None:
        """Return the pause with this id if its script, which has this connection, runs a step."""
        pause = self._running.get(id)
        return pause if pause is not None and pause.owner == owner else None

    def stop_at(self, pause: Pause) -> None:
        """Let a pause in the table take over the consoles and the changes of the pause from which it was stepped."""
        before = self.of(pause.stepped_from, pause.owner)
        if before is not None:
            del self._running[before.id]
            pause.consoles = before.consoles
            pause.changed_before = before.changed_before

    def end(self, id: str, owner: str) -> Pause | None:
        """Remove and return the pause of a step that has ended without another pause; None if there is none."""
        pause = self.of(id, owner)
        if pause is not None:
            del self._running[id]
        return pause

    def end_all(self, owner: str) -> list[Pause]:
        """Remove and return the pauses of a connection."""
        return [pause for pause in list(self._running.values()) if self.end(pause.id, owner)]
