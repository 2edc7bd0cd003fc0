"""The read-only clients of a pause, who follow what others type into its consoles. They never block a writer."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from lager.console.protocol import MessageDecoder, encode
from lager.console.queries import Queries
from lager.inspection.frames.location import Place

_WAITING = 1000


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


class Watcher:
    """One read-only client. `at` returns the place of the pause and what is told about it. `left` is called once, at
    its end."""

    def __init__(
        self,
        connection: socket.socket,
        hello: dict[str, Any],
        at: Callable[[], tuple[Place, dict[str, Any]]],
        left: Callable[[], None],
    ) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._decoder = MessageDecoder()
        self._at = at
        self._queries = self._queries_at()
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[dict[str, Any]] = deque([{"hello": hello}])
        self._lost = 0
        self._unsent = b""
        self._writing = False

    def _queries_at(self) -> Queries:
        place, about = self._at()
        return Queries(place, about, place.namespace, self.tell)

    def begin(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._read)
        self._flush()

    def tell(self, frame: dict[str, Any]) -> None:
        """Queue a frame, or count it as lost if too many wait. From any thread, which may be interrupted at any moment:
        so without a lock."""
        if len(self._waiting) >= _WAITING:
            self._lost += 1
            return
        self._waiting.append(frame)
        if len(self._waiting) == 1 or "done" in frame:
            with contextlib.suppress(RuntimeError):  # the process is ending
                self._loop.call_soon_threadsafe(self._flush)

    def run(self, news: dict[str, Any]) -> None:
        """Send `news`, that a step runs, and drop all that is in the frames."""
        self._queries.close()
        self.tell(news)

    def stopped(self, news: dict[str, Any]) -> None:
        """Send `news`, that the script is paused again."""
        self._queries = self._queries_at()
        self.tell(news)

    def end(self, last: dict[str, Any] | None = None) -> None:
        """Send `last` if there is room for it, and close."""
        if self._connection.fileno() < 0:
            return
        if last is not None:
            self._waiting.append(last)
            self._flush()
        if self._connection.fileno() < 0:
            return
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())
        self._connection.close()
        self._queries.close()
        self._left()

    def _read(self) -> None:
        frames = self._decoder.receive(self._connection)
        if frames is None:
            self.end()
            return
        for frame in frames:
            if "ask" in frame:
                self._queries.ask(frame)

    def _flush(self) -> None:
        fd = self._connection.fileno()
        if fd < 0:
            return
        try:
            while self._unsent or self._next():
                sent = self._connection.send(self._unsent, socket.MSG_NOSIGNAL)
                self._unsent = self._unsent[sent:]
        except BlockingIOError:
            if not self._writing:
                self._loop.add_writer(fd, self._flush)
                self._writing = True
            return
        except OSError:
            self.end()
            return
        if self._writing:
            self._loop.remove_writer(fd)
            self._writing = False

    def _next(self) -> bool:
        """Take what is sent next. Return False if there is nothing."""
        if self._waiting:
            self._unsent = encode(self._waiting.popleft())
        elif self._lost:
            lost, self._lost = self._lost, 0
            self._unsent = encode({"lost": lost})
        return bool(self._unsent)
