"""Whose message is next: everybody has a turn, so that one who floods us holds up nobody else.

The first messages of each sender stand in one line, in the order in which they came. What a sender has beyond waits
aside: one of these has its turn when the line is empty, or was served without them the last time.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_IN_LINE = 2  # messages of one sender: an answer, and the signal that explains it
_MOST_WAITING = 4096
_MOST_BYTES = 1 << 20


class _Waiting(Generic[Item]):
    __slots__ = ("aside", "count", "size")

    def __init__(self) -> None:
        self.aside: deque[tuple[int, Item]] = deque()
        self.count = 0
        self.size = 0


class Turns(Generic[Item]):
    """`favoured` is the sender whose messages never wait aside."""

    def __init__(self, favoured: str) -> None:
        self._favoured = favoured
        self._line: deque[tuple[str, int, Item]] = deque()
        self._senders: dict[str, _Waiting[Item]] = {}
        self._passed_over = False

    def __bool__(self) -> bool:
        return bool(self._senders)

    def has_room(self, sender: str, size: int) -> bool:
        """Whether `sender` may have `size` bytes more waiting; one message always may."""
        waiting = self._senders.get(sender)
        return waiting is None or (waiting.count < _MOST_WAITING and waiting.size + size <= _MOST_BYTES)

    def put(self, sender: str, size: int, item: Item) -> None:
        waiting = self._senders.setdefault(sender, _Waiting())
        waiting.count += 1
        waiting.size += size
        if sender == self._favoured or (waiting.count <= _IN_LINE and not waiting.aside):
            self._line.append((sender, size, item))
        else:
            waiting.aside.append((size, item))

    def take(self, must_wait: Callable[[str], bool] = lambda _: False, *, spare: bool = True) -> list[Item]:
        """Those whose turn it is now: a few of each sender. Nobody who `must_wait` is among them, nor is anybody from
        aside where there is nothing to `spare`."""
        waiting = {sender for sender in self._senders if sender != self._favoured and must_wait(sender)}
        turn = [one for one in self._line if one[0] not in waiting]
        self._line = deque(one for one in self._line if one[0] in waiting)
        if spare and (not turn or self._passed_over):
            turn += [
                (sender, *one.aside.popleft())
                for sender, one in self._senders.items()
                if one.aside and sender not in waiting
            ]
            self._passed_over = False
        else:
            self._passed_over = True
        for sender, size, _ in turn:
            self._leave(sender, size)
        return [item for _, _, item in turn]

    def _leave(self, sender: str, size: int) -> None:
        waiting = self._senders[sender]
        waiting.count -= 1
        waiting.size -= size
        if not waiting.count:
            del self._senders[sender]
