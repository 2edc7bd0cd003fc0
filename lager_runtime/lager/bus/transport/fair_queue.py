"""A queue in which senders take turns, so that a sender that floods lagerd does not delay the others.

`FairQueue` belongs to one event loop and takes no lock. Its messages are in one of two places:

- the line: the first `_IN_LINE` messages of each sender, in the order in which they came;
- aside: the rest of what a sender has, one deque for each sender.

A round is one call of `serve`. It serves the line, and in every second round (or when the line is empty) one message
of each sender from aside.

Invariants

- A sender is in `_senders` if and only if at least one of its messages waits. `count` and `size` cover both places.
- Messages of one sender are served in the order in which they came. `put` adds to the line only while nothing of the
  sender is aside, so that everything aside is younger than everything of it in the line. `_line_up` moves the oldest
  one behind the line. Its sort is stable, and its key is the same for all messages of a sender.
- In one round a sender either has to wait or does not: `must_wait` is asked once for each sender, before the first
  message is handed over. All its messages in the line are then in `turn`, or all in `others`.
- No sender starves. Messages aside are left out of one round at most (`_passed_over`), as long as the caller has
  something to `spare`. A slow sender goes behind the others of its round and is still part of it.
- A round is short: it ends after `_LONG` seconds, but serves at least one message. The rest of the round keeps its
  place at the front of the line, and what has come meanwhile is sorted in: a sender that is not slow overtakes slow
  ones.
- Memory is bounded by `has_room` and not by `put`. The caller asks before it reads a body. One message always has
  room, whatever its size.
- The favoured sender is never aside and never waits, so that answers and signals do not queue behind calls.

Races

- `hand_over` may close the connection, which empties this queue by a nested `serve`. So a message is taken out and
  uncounted before it is handed over, and the loop looks at the line again after each one.
- A sender without further messages has no entry to mark as slow when its slow message is done. That is correct: its
  next message begins a new entry.
- `serve` returns False if no message had its turn. It does not call itself again: code that changes the answer of
  `must_wait`, or `spare`, must see to it that `serve` is called again (`Connection.turn_soon`), or messages wait for
  ever.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_IN_LINE = 2  # messages of one sender: an answer and the signal that explains it
_MOST_WAITING = 4096
_MOST_BYTES = 1 << 20
_SLOW = 0.002  # seconds for one message, after which its sender is slow
_LONG = 0.005  # seconds after which a round ends


class _Waiting(Generic[Item]):
    """The waiting messages of one sender: `count` and `size` of all of them, and those that are aside."""

    __slots__ = ("aside", "count", "size", "slow")

    def __init__(self) -> None:
        self.aside: deque[tuple[int, Item]] = deque()
        self.count = 0
        self.size = 0
        self.slow = False


class FairQueue(Generic[Item]):
    """Messages of many senders, served in turns. Messages of `favoured` are never aside; `clock` counts seconds."""

    def __init__(self, favoured: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._favoured = favoured
        self._clock = clock
        self._line: deque[tuple[str, int, Item]] = deque()
        self._senders: dict[str, _Waiting[Item]] = {}
        self._passed_over = False

    def __bool__(self) -> bool:
        return bool(self._senders)

    def waiting(self, sender: str) -> int:
        """Return the number of messages of `sender` that wait."""
        return self._senders[sender].count if sender in self._senders else 0

    def has_room(self, sender: str, size: int) -> bool:
        """Return whether `sender` may queue `size` more bytes. True if none of its messages waits."""
        waiting = self._senders.get(sender)
        return waiting is None or (waiting.count < _MOST_WAITING and waiting.size + size <= _MOST_BYTES)

    def put(self, sender: str, size: int, item: Item) -> None:
        """Queue a message of `size` bytes. Call `has_room` first: `put` never refuses."""
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
        """Serve one round: hand over a few messages of each sender. Returns whether any message had its turn.

        Senders that `must_wait` are left out, and so are messages aside if there is nothing to `spare`.
        """
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
        """Put the messages of this round at the front of the line, and return their number."""
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
