"""The read-only clients of a pause, who follow what others type into its consoles. They never block a writer."""

import socket
from collections.abc import Callable
from typing import Any

from lager.console.clients.queued_client import QueuedClient
from lager.console.queries import Queries
from lager.inspection.frames.location import Place


class Watchers:
    """All watchers of one pause. Use it in the client's thread."""

    def __init__(self) -> None:
        self._all: tuple[Watcher, ...] = ()

    def of(self, who: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
        """Return the function that passes frames of the console `who` to all watchers, from any thread."""

        def tell(frame: dict[str, Any]) -> None:
            for watcher in self._all:
                watcher.tell({**frame, "of": who})

        return tell

    def add(self, watcher: "Watcher") -> None:
        self._all = (*self._all, watcher)

    def discard(self, watcher: "Watcher") -> None:
        self._all = tuple(other for other in self._all if other is not watcher)


class Watcher(QueuedClient):
    """One read-only client. `at` returns the place of the pause and what is told about it."""

    def __init__(
        self,
        connection: socket.socket,
        hello: dict[str, Any],
        at: Callable[[], tuple[Place, dict[str, Any]]],
        left: Callable[[], None],
    ) -> None:
        super().__init__(connection, hello, left)
        self._at = at
        self._queries = self._queries_at()

    def _queries_at(self) -> Queries:
        place, about = self._at()
        return Queries(place, about, place.namespace, self.tell)

    def take(self, frame: dict[str, Any]) -> None:
        if "ask" in frame:
            self._queries.ask(frame)

    def run(self, news: dict[str, Any]) -> None:
        """Send `news`, that a step runs, and drop all references to the frames."""
        self._queries.close()
        self.tell(news)

    def stopped(self, news: dict[str, Any]) -> None:
        """Send `news`, that the script is paused again."""
        self._queries = self._queries_at()
        self.tell(news)

    def end(self, last: dict[str, Any] | None = None) -> None:
        """Send `last` if there is space for it, and close."""
        super().end(last)
        self._queries.close()
