"""The error queue and the IEEE 488.2 status registers (chapter 11) of an instrument."""

from collections import deque

from lagerd.bench.scpi.language import ScpiError

PON, CME, EXE, DDE, QYE, OPC = 128, 32, 16, 8, 4, 1
EAV, MAV, ESB, MSS = 4, 16, 32, 64


class ErrorQueue:
    """A first-in, first-out queue; when it is full, the last entry becomes -350 and later errors are lost."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._entries: deque[ScpiError] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, error: ScpiError) -> None:
        if len(self._entries) < self._depth:
            self._entries.append(error)
        else:
            self._entries[-1] = ScpiError(-350)

    def pop(self) -> ScpiError | None:
        return self._entries.popleft() if self._entries else None

    def clear(self) -> None:
        self._entries.clear()

    def fill(self) -> None:
        """Fill the queue until it overflows: a fault that a test injects."""
        while len(self._entries) < self._depth:
            self.push(ScpiError(-200))
        self.push(ScpiError(-200))


class Status:
    """The standard event register, its enable mask, and the status byte that sums them up."""

    def __init__(self, errors: ErrorQueue) -> None:
        self.errors = errors
        self.event_enable = 0
        self.service_enable = 0
        self._events = PON

    def record(self, error: ScpiError) -> None:
        self.errors.push(error)
        self._events |= _event_of(error.code)

    def complete(self) -> None:
        self._events |= OPC

    def take_events(self) -> int:
        events, self._events = self._events, 0
        return events

    def clear(self) -> None:
        self._events = 0
        self.errors.clear()

    def byte(self, answer_waits: bool) -> int:
        value = (EAV if len(self.errors) else 0) | (MAV if answer_waits else 0)
        value |= ESB if self._events & self.event_enable else 0
        return value | (MSS if value & self.service_enable & ~MSS else 0)


def _event_of(code: int) -> int:
    if -200 < code <= -100 or 100 <= code < 200:
        return CME
    if -300 < code <= -200:
        return EXE
    return QYE if -500 < code <= -400 else DDE
