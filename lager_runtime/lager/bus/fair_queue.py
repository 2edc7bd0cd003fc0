"""Whose message is next: everybody has a turn, so that one who floods us holds up nobody else.

The first messages of each sender stand in one line, in the order in which they came. What a sender has beyond waits
aside: one of these has its turn when the line is empty, or was served without them the last time. Who took long goes
behind the others, and no turn is long: what has come meanwhile may go first.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_IN_LINE = 2  # messages of one sender: an answer, and the signal that explains it
_MOST_WAITING = 4096
_MOST_BYTES = 1 << 20
_SLOW = 0.002  # seconds that one message took
_LONG = 0.005  # seconds, after which a turn ends


class _Waiting(Generic[Item]):
    __slots__ = ("aside", "count", "size", "slow")

    def __init__(self) -> None:
        self.aside: deque[tuple[int, Item]] = deque()
        self.count = 0
        self.size = 0
        self.slow = False


class Turns(Generic[Item]):
    """`favoured` is the sender whose messages never wait aside; `clock` counts seconds."""

    def __init__(self, favoured: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._favoured = favoured
        self._clock = clock
        self._line: deque[tuple[str, int, Item]] = deque()
        self._senders: dict[str, _Waiting[Item]] = {}
        self._passed_over = False

    def __bool__(self) -> bool:
        return bool(self._senders)

    def waiting(self, sender: str) -> int:
        """How many messages of `sender` wait."""
        return self._senders[sender].count if sender in self._senders else 0

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

    def serve(
        self,
        hand_over: Callable[[Item], None],
        must_wait: Callable[[str], bool] = lambda _: False,
        *,
        spare: bool = True,
    ) -> bool:
        """Hand over those whose turn it is: a few of each sender. Nobody who `must_wait` is among them, nor is anybody
        from aside where there is nothing to `spare`. Whether it was anybody's turn."""
        count = self._line_up(must_wait, spare)
        began = now = self._clock()
        for _ in range(count):
            if now - began >= _LONG or not self._line:
                break
            sender, size, item = self._line.popleft()
            self._leave(sender, size)
            before = now
            hand_over(item)
            now = self._clock()
            if sender in self._senders:
                self._senders[sender].slow = now - before >= _SLOW
        return count > 0

    def _line_up(self, must_wait: Callable[[str], bool], spare: bool) -> int:
        """Put those whose turn it is at the front of the line; how many they are."""
        waiting = {sender for sender in self._senders if sender != self._favoured and must_wait(sender)}
        turn = [one for one in self._line if one[0] not in waiting]
        others = [one for one in self._line if one[0] in waiting]
        self._passed_over = not (spare and (not turn or self._passed_over))
        if not self._passed_over:
            turn += [
                (sender, *one.aside.popleft())
                for sender, one in self._senders.items()
                if one.aside and sender not in waiting
            ]
        turn.sort(key=lambda one: self._senders[one[0]].slow)
        self._line = deque(turn + others)
        return len(turn)

    def _leave(self, sender: str, size: int) -> None:
        waiting = self._senders[sender]
        waiting.count -= 1
        waiting.size -= size
        if not waiting.count:
            del self._senders[sender]
