"""Decides when to connect to each of many boxes, so that each box has a fair chance to answer within its limit."""

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
    """Limits how many connections are made at a time. All methods may be called from any thread.

    At first there are few, by the number of processors of this machine. All may share one bottleneck, where N
    connections take N times as long as one. Therefore each answer shows how many could have been made within a third of
    the limit, and the number moves towards that. A box that is silent for much longer than others costs no processor
    time, so it is no longer counted.
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
        """Wait at most this many seconds for the turn of a box; return whether it has come. If so, call `end` later."""
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
        """Let the next box begin. `answered` means that lager on the box has answered, so that its time counts for the
        estimate."""
        with self._changed:
            beside = max(self._beside.pop(box), len(self._counted()))
            seconds = self._clock() - self._began.pop(box)
            if answered:
                self._learn(seconds, beside)
            elif not self._longest and seconds > self._limit / 2:  # no box that was asked has answered
                self._bound = min(self._bound + _FIRST, _MOST)
            self._changed.notify_all()

    def close(self) -> None:
        """Let no further box begin."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _learn(self, seconds: float, beside: int) -> None:
        """Adapt the number of connections after an answer, by its time and the number of boxes that were waited for."""
        self._longest = max(self._longest, seconds)
        fair = int(beside * self._limit / _SHARE / max(seconds, 0.001))
        self._bound = max(1, min(max(fair, self._bound - _SLOWER), self._bound + _FASTER, _MOST))

    def _counted(self) -> list[float]:
        """Return how long each box that is not silent has been waited for, the oldest last."""
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
