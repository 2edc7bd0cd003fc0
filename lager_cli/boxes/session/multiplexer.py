"""One connection between the two ends of a session, and its byte streams. Both ends use this module.

Each stream has a window: the number of bytes that may be in flight. The receiver grants more as it consumes them. So
every buffer is bounded, a stream that is not read never blocks another one, and a signal never waits behind data.
An end that receives nothing for LOST_SECONDS considers the other end lost; so both send something every BEAT_SECONDS.
"""

import math
import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from lager.errors import BoxError
from lager_cli.boxes.session.protocol import LONGEST, LONGEST_FROM_A_BOX, FrameDecoder, FrameKind, decode, encode, head

WINDOW = 4 << 20
CHUNK = 1 << 18
BEAT_SECONDS = 3.0
LOST_SECONDS = 12.0
_QUEUED = 1 << 20
Bytes = bytes | bytearray | memoryview
_VECTORS = 64


class Lost(Exception):
    """The other end hung up or was silent for too long; `silent` says which."""

    def __init__(self, silent: bool) -> None:
        super().__init__(silent)
        self.silent = silent


class Party(Protocol):
    """Something to wait for: a descriptor and its events (POLLIN, POLLOUT), or None for now."""

    def interest(self) -> tuple[int, int] | None: ...

    def ready(self) -> None: ...


class Sink(Protocol):
    """Consumes the data of a stream, in any thread, and grants the multiplexer each byte that it has consumed."""

    def put(self, data: Bytes) -> None: ...

    def end(self) -> None: ...


class Origin(Party, Protocol):
    """The source of a stream. `end` is called when the receiver does not want it any more."""

    def end(self) -> None: ...


class Multiplexer:
    """One end of the connection.

    `take` is called with the kind and value of every frame that belongs to no stream. Unless `greeted`, a greeting must
    come first.
    """

    def __init__(self, incoming: int, outgoing: int, take: Callable[[FrameKind, Any], None], greeted: bool) -> None:
        self._incoming, self._outgoing, self._take = incoming, outgoing, take
        os.set_blocking(incoming, False)
        os.set_blocking(outgoing, False)
        self._decoder = FrameDecoder(greeted, LONGEST if greeted else LONGEST_FROM_A_BOX)
        self._queue: deque[Bytes] = deque()
        self._queued = 0
        self._windows: dict[int, int] = {}
        self._granted: dict[int, int] = {}
        self._may_come: dict[int, int] = {}
        self._sinks: dict[int, Sink] = {}
        self._early: dict[int, bytearray] = {}
        self._early_ends: set[int] = set()
        self._sources: dict[int, Origin] = {}
        self.parties: list[Party] = []
        self._alone = False
        self._heard = self._said = time.monotonic()

    def send(self, kind: FrameKind, value: Any = None, stream: int = 0) -> None:
        self._push(encode(kind, value, stream))

    def send_data(self, stream: int, data: bytes) -> None:
        self._windows[stream] = self.room(stream) - len(data)
        self._push(head(FrameKind.DATA, stream, len(data)), data)

    def room(self, stream: int) -> int:
        """Return how many bytes may be sent in a stream before the other end grants more."""
        return self._windows.get(stream, WINDOW)

    def congested(self) -> bool:
        return self._queued >= _QUEUED

    def deliver(self, stream: int, sink: Sink) -> None:
        """Give the data of a stream to a sink, including what has arrived already."""
        self._sinks[stream] = sink
        if early := self._early.pop(stream, None):
            sink.put(early)
        if stream in self._early_ends:
            sink.end()

    def draw(self, stream: int, source: Origin) -> None:
        """Let a source send in a stream until the receiver stops it."""
        self._sources[stream] = source
        self.parties.append(source)

    def grant(self, stream: int, count: int) -> None:
        """Grant the sender as many bytes of a stream as were consumed."""
        total = self._granted.get(stream, 0) + count
        if total >= WINDOW // 8:
            self.send(FrameKind.CREDIT, total, stream)
            self._may_come[stream] = self._may_come.get(stream, WINDOW) + total
            total = 0
        self._granted[stream] = total

    def hang_up(self) -> None:
        """Stop using the connection, since the other end is lost: from now on a turn only serves the local parties."""
        self._alone = True

    def turn(self, seconds: float = BEAT_SECONDS) -> None:
        """Wait for an event, at most this long, and let every party handle its events. Raises Lost."""
        poll, ready = select.poll(), {}
        if not self._alone:
            poll.register(self._incoming, select.POLLIN)
        if self._queue and not self._alone:
            poll.register(self._outgoing, select.POLLOUT)
        for party in self.parties:
            if (wanted := party.interest()) is not None:
                poll.register(*wanted)
                ready[wanted[0]] = party
        beat = math.inf if self._alone else self._said + BEAT_SECONDS - time.monotonic()
        happened = poll.poll(1000 * max(min(seconds, beat), 0))
        for fd, _ in happened:
            if fd == self._incoming:
                self._receive()
            elif fd in ready:
                ready[fd].ready()
        if not self._alone:
            self._flush()
            self._keep_alive()

    def _receive(self) -> None:
        for kind, stream, payload in self._decoder.feed(self._read()):
            if kind is FrameKind.DATA:
                self._arrived(stream, payload)
            else:
                self._frame(kind, stream, bytes(payload))

    def _read(self) -> bytes:
        try:
            data = os.read(self._incoming, CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            raise Lost(silent=False)
        self._heard = time.monotonic()
        return data

    def _arrived(self, stream: int, data: Bytes) -> None:
        """Deliver data, or keep it until there is a sink. The window bounds it, whatever the other end sends."""
        left = self._may_come[stream] = self._may_come.get(stream, WINDOW) - len(data)
        if left < 0:
            raise BoxError("The other end of the session sent more than it may.")
        if stream in self._sinks:
            self._sinks[stream].put(data)
        else:
            self._early.setdefault(stream, bytearray()).extend(data)

    def _ended(self, stream: int) -> None:
        if stream in self._sinks:
            self._sinks[stream].end()
        else:
            self._early_ends.add(stream)

    def _frame(self, kind: FrameKind, stream: int, payload: bytes) -> None:
        value = decode(kind, payload)
        if kind is FrameKind.CREDIT:
            self._windows[stream] = self.room(stream) + value
        elif kind is FrameKind.STOP:
            if stream in self._sources:
                self._sources[stream].end()
        elif kind is FrameKind.END:
            self._ended(stream)
        elif kind is not FrameKind.BEAT:
            self._take(kind, value)

    def _push(self, *pieces: bytes) -> None:
        self._queue += pieces
        self._queued += sum(map(len, pieces))

    def _flush(self) -> None:
        while self._queue:
            try:
                written = os.writev(self._outgoing, [self._queue[i] for i in range(min(len(self._queue), _VECTORS))])
            except BlockingIOError:
                return
            except OSError:
                raise Lost(silent=False) from None
            self._said = time.monotonic()
            self._queued -= written
            while written:
                first = self._queue.popleft()
                if len(first) > written:
                    self._queue.appendleft(memoryview(first)[written:])
                written -= min(len(first), written)

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if self._decoder.greeted and now - self._heard > LOST_SECONDS:  # before, ssh may be asking the user
            raise Lost(silent=True)
        if now - self._said >= BEAT_SECONDS:
            self._said = now
            if not self._queue:
                self.send(FrameKind.BEAT)
