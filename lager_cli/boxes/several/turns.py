"""Decides when each of many boxes is connected to, so that each has an honest chance to answer within its limit."""

import math
import os
import threading
import time
from collections.abc import Callable, Hashable

_MOST = 32  # connections: each needs descriptors of this process
_FIRST, _EACH_CORE = 4, 2  # connections at first: so many, or more with more processors
_FASTER, _SLOWER = 2, 1  # how much one answer may change
_SHARE = 3  # of the limit: an answer that takes longer than one part of it lets fewer begin
_QUIET_SECONDS = 1.0


class Turns:
    """How many connections are begun at a time. All methods may be called from any thread.

    At first few, as fits the processors of this machine. All may share one bottleneck, where N of them take N times as
    long as one. So each answer tells how many could have begun and still have had a third of the limit, and the number
    moves there. A box that is silent for much longer than others took costs no processor time: it is counted no longer.
    """

    def __init__(self, limit: float, cores: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        cores = len(os.sched_getaffinity(0)) if cores is None else cores
        self._bound = max(_FIRST, min(_EACH_CORE * cores, _MOST))
        self._began: dict[Hashable, float] = {}
        self._beside: dict[Hashable, int] = {}  # how many were waited for when it began, with it
        self._longest = 0.0  # seconds of an answer
        self._due = clock() + limit
        self._closed = False
        self._changed = threading.Condition()

    @property
    def due(self) -> float:
        """The time by which all that have begun until now must have answered."""
        return self._due

    def take(self, box: Hashable, seconds: float = math.inf) -> bool:
        """Wait at most so long until it is the box's turn to be connected to; return whether it is. Then call `end`."""
        ends = self._clock() + seconds
        with self._changed:
            while (wait := self._wait()) > 0 or self._closed:
                if self._closed or (left := ends - self._clock()) <= 0:
                    return False
                self._changed.wait(None if math.isinf(min(wait, left)) else min(wait, left))
            self._began[box] = self._clock()
            self._beside[box] = len(self._counted())
            self._due = self._began[box] + self._limit
            return True

    def end(self, box: Hashable, *, answered: bool) -> None:
        """Let the next begin. `answered`: lager on the box has answered, so that its time tells how quick all are."""
        with self._changed:
            beside = max(self._beside.pop(box), len(self._counted()))
            seconds = self._clock() - self._began.pop(box)
            if answered:
                self._learn(seconds, beside)
            elif not self._longest and seconds > self._limit / 2:  # all that were asked are dead
                self._bound = min(self._bound + _FIRST, _MOST)
            self._changed.notify_all()

    def close(self) -> None:
        """Let no more begin."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _learn(self, seconds: float, beside: int) -> None:
        """Learn from an answer that took so long while so many were waited for."""
        self._longest = max(self._longest, seconds)
        fair = int(beside * self._limit / _SHARE / max(seconds, 0.001))
        self._bound = max(1, min(max(fair, self._bound - _SLOWER), self._bound + _FASTER, _MOST))

    def _counted(self) -> list[float]:
        """Return how long each that is not silent has been waited for, the oldest last."""
        now = self._clock()
        return sorted(age for began in self._began.values() if (age := now - began) < self._quiet())

    def _quiet(self) -> float:
        return max(2 * self._longest, _QUIET_SECONDS) if self._longest else self._limit / 2

    def _wait(self) -> float:
        """Return after how many seconds the next may begin unless something changes before; 0 means now."""
        if len(self._began) >= _MOST:
            return math.inf
        counted = self._counted()
        return self._quiet() - counted[self._bound - len(counted) - 1] if len(counted) >= self._bound else 0.0
