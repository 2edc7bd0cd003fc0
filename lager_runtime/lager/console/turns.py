"""Whose turn it is: of all consoles of a process one evaluates at a time, first come, first served."""

import os
import threading
from collections import deque

_STEP_SECONDS = 0.2


class Turn:
    """The place of one statement in the queue; `who` is whose, as others are told. To be used in any thread."""

    def __init__(self, who: str) -> None:
        self.who = who

    def ask(self) -> None:
        """Take a place at the end of the queue."""
        with _queue.changed:
            _queue.turns.append(self)

    def waits_for(self) -> str | None:
        """Whose statement runs now; None where it is our turn."""
        with _queue.changed:
            first = _queue.turns[0] if _queue.turns else self
            return None if first is self else first.who

    def wait(self) -> None:
        """Block until the queue has changed, but not for long."""
        with _queue.changed:
            if _queue.turns and _queue.turns[0] is not self:
                _queue.changed.wait(_STEP_SECONDS)

    def end(self) -> None:
        """Give the place up, wherever it is. A second time it does nothing."""
        with _queue.changed:
            if self in _queue.turns:
                _queue.turns.remove(self)
                _queue.changed.notify_all()


class _Queue:
    def __init__(self) -> None:
        self.changed = threading.Condition(threading.Lock())
        self.turns: deque[Turn] = deque()


_queue = _Queue()


def _after_fork() -> None:
    """A child has none of the threads that queue, and one of them may have held the lock."""
    global _queue
    _queue = _Queue()


os.register_at_fork(after_in_child=_after_fork)
