"""The queue of the consoles of a process: one evaluates at a time, first come, first served."""

import math
import os
import threading
import time
from collections import deque

_STEP_SECONDS = 0.2
_STALLED_SECONDS = 1.0  # for a client to read what was printed, before the next console runs


class Turn:
    """The place of one statement in the queue. `who` describes its console to the others. Use it in any thread."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._over = False
        self._writes_since = math.inf
        self._moved = threading.Lock()
        self._moved.acquire()

    def ask(self) -> None:
        """Join the end of the queue, unless the statement is in the queue already or has ended."""
        with _queue.lock:
            if not self._over and self not in _queue.turns:
                _queue.turns.append(self)

    def waits_for(self) -> str | None:
        """Return whose statement runs now; None if it is our turn. A statement that cannot print, because its client
        does not read, loses its turn."""
        with _queue.lock:
            turns = _queue.turns
            if turns and turns[0] is not self and time.monotonic() - turns[0]._writes_since > _STALLED_SECONDS:
                turns.popleft()
            return turns[0].who if self in turns and turns[0] is not self else None

    def wait(self) -> None:
        """Block until the queue has changed, a fifth of a second at most."""
        self._moved.acquire(timeout=_STEP_SECONDS)

    def begin_write(self) -> None:
        """Note that the statement writes, so its client may block it from now on."""
        self._writes_since = time.monotonic()

    def end_write(self) -> bool:
        """Note that the write has ended. Return False if the statement lost its turn meanwhile."""
        with _queue.lock:
            self._writes_since = math.inf
            return self._over or self in _queue.turns

    def end(self) -> None:
        """Leave the queue for good. A second call does nothing."""
        with _queue.lock:
            self._over = True
            if self in _queue.turns:
                _queue.turns.remove(self)
            for turn in _queue.turns:
                if turn._moved.locked():
                    turn._moved.release()


class _Queue:
    def __init__(self) -> None:
        self.lock = threading.Lock()  # a C lock, which an interrupt never leaves locked
        self.turns: deque[Turn] = deque()


_queue = _Queue()


def _after_fork() -> None:
    """Start with an empty queue: a child has none of the threads, and one of them may have held the lock."""
    global _queue
    _queue = _Queue()


os.register_at_fork(after_in_child=_after_fork)
