"""The messages that wait to be sent. Destinations take turns, so that long replies to one do not delay those to others.

Messages for one destination are sent in the order in which they were queued. Across destinations, this order is kept
while none of them has more than `_IN_LINE` bytes waiting.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile

_IN_LINE = 1 << 14  # bytes for one destination, after which its next messages wait aside
_PIECES = 64  # messages sent with one sendmsg()


class SendQueue:
    """Bytes and descriptors by destination. `size` is the number of bytes that wait."""

    def __init__(self) -> None:
        self._line: deque[tuple[str, memoryview, Sequence[int]]] = deque()
        self._aside: dict[str, deque[tuple[memoryview, Sequence[int]]]] = {}
        self._owed: dict[str, int] = {}
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._line)

    def owed(self, to: str) -> int:
        """Return the number of bytes that wait for a destination."""
        return self._owed.get(to, 0)

    def put(self, to: str, data: bytes, fds: Sequence[int]) -> None:
        owed = self._owed.get(to, 0)
        if owed < _IN_LINE and to not in self._aside:
            self._line.append((to, memoryview(data), fds))
        else:
            self._aside.setdefault(to, deque()).append((memoryview(data), fds))
        self._owed[to] = owed + len(data)
        self.size += len(data)

    def next(self) -> tuple[list[memoryview], Sequence[int]]:
        """Return the bytes to send now, and the descriptors to send with the first byte."""
        _, data, fds = self._line[0]
        if fds:
            return [data], fds
        return [data for _, data, _ in takewhile(lambda one: not one[2], islice(self._line, _PIECES))], ()

    def sent(self, count: int) -> None:
        """Remove `count` bytes that were sent, and the descriptors that went with them."""
        while count:
            to, data, _ = self._line.popleft()
            gone = min(count, len(data))
            count -= gone
            self._pay(to, gone)
            if gone < len(data):
                self._line.appendleft((to, data[gone:], ()))
            elif to in self._aside:
                self._line_up(to)

    def drop(self) -> list[int]:
        """Empty the queue and return the descriptors that were not sent."""
        fds = [fd for _, _, several in self._line for fd in several]
        fds += [fd for queue in self._aside.values() for _, several in queue for fd in several]
        self._line.clear()
        self._aside.clear()
        self._owed.clear()
        self.size = 0
        return fds

    def _pay(self, to: str, count: int) -> None:
        self.size -= count
        self._owed[to] -= count
        if not self._owed[to]:
            del self._owed[to]

    def _line_up(self, to: str) -> None:
        self._line.append((to, *self._aside[to].popleft()))
        if not self._aside[to]:
            del self._aside[to]
