"""Whose turn it is: of all consoles of a process one evaluates at a time, first come, first served."""

import math
import os
import threading
import time
from collections import deque

_STEP_SECONDS = 0.2
_STALLED_SECONDS = 1.0  # for a client to take what was printed, before the others go on


class Turn:
    """The place of one statement in the queue; `who` is whose, as others are told. To be used in any thread."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._over = False
        self._writes_since = math.inf
        self._moved = threading.Lock()
        self._moved.acquire()

    def ask(self) -> None:
        """Take a place at the end of the queue, unless there is one, or it is over."""
        with _queue.lock:
            if not self._over and self not in _queue.turns:
                _queue.turns.append(self)

    def waits_for(self) -> str | None:
        """Whose statement runs now; None where it is our turn. One that cannot print, since its client does not read,
        is passed over."""
        with _queue.lock:
            turns = _queue.turns
            if turns and turns[0] is not self and time.monotonic() - turns[0]._writes_since > _STALLED_SECONDS:
                turns.popleft()
            return turns[0].who if self in turns and turns[0] is not self else None

    def wait(self) -> None:
        """Block until the queue has changed, but not for long."""
        self._moved.acquire(timeout=_STEP_SECONDS)

    def begin_write(self) -> None:
        """The statement may now be held up by its client."""
        self._writes_since = time.monotonic()

    def end_write(self) -> bool:
        """False where it was passed over meanwhile."""
        with _queue.lock:
            self._writes_since = math.inf
            return self._over or self in _queue.turns

    def end(self) -> None:
        """Give the place up, wherever it is, for good. A second time it does nothing."""
        with _queue.lock:
            self._over = True
            if self in _queue.turns:
                _queue.turns.remove(self)
            for turn in _queue.turns:
                if turn._moved.locked():
                    turn._moved.release()


class _Queue:
    def __init__(self) -> None:
        self.lock = threading.Lock()  # of C, which an interrupt never leaves locked
        self.turns: deque[Turn] = deque()


_queue = _Queue()


def _after_fork() -> None:
    """A child has none of the threads that queue, and one of them may have held the lock."""
    global _queue
    _queue = _Queue()


os.register_at_fork(after_in_child=_after_fork)
