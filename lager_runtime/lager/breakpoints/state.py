"""One pause of this process, as the link's thread knows it, and what it tells the paused thread."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from lager.breakpoints.banner import HELD_UP
from lager.daemon_client import no_answer
from lager.errors import BusError, LagerError
from lager.inspection.location import Place

_UNHEARD_SECONDS = 15.0  # until lagerd must have said that it knows of a pause
_HELD_UP = 0.5  # behind what was due, for a thread that was kept from running
_GRACE = 3.0  # beyond our own deadline, before we stop waiting for a lagerd that keeps silent
_HUNG = 1.5  # beyond that, before the paused thread stops waiting for the thread that does
_ONE_MOMENT = 0.5  # more, in which that thread, kept from running as long as this one was, hears what it was told
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Stood:
    remaining: float


@dataclass(frozen=True)
class Ended:
    reason: str
    by: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    error: LagerError


@dataclass(eq=False)
class Standing:
    """One pause of this process. `events` tells the paused thread: Stood when lagerd has it, then Ended or Failed."""

    details: dict[str, Any]
    place: Place
    events: "SimpleQueue[Stood | Ended | Failed]" = field(default_factory=SimpleQueue)
    deadline: float | None = None
    known: bool = False
    began: float = field(default_factory=time.monotonic)
    since: float = 0.0  # of the epoch, by the clock of lagerd
    told: dict[str, Any] = field(default_factory=dict)  # of its beginning, beside that
    interrupted: bool = False
    over: bool = False
    dropped: int | None = None
    by: dict[str, Any] = field(default_factory=dict)
    limit: asyncio.Timeout | None = None
    moment_until: float = 0.0  # by the monotonic clock; 0 where none was needed
    held_up: bool = False
    task: "asyncio.Task[None] | None" = None
    consoles: Any = None

    @property
    def id(self) -> str:
        return str(self.details["id"])

    @property
    def interactive(self) -> bool:
        return bool(self.details["interactive"])

    def set_remaining(self, seconds: float) -> None:
        """Seconds left, 0 for no limit."""
        self.deadline = time.monotonic() + seconds if seconds else None
        self.moment_until = 0.0
        if self.limit is not None:
            with contextlib.suppress(RuntimeError):  # it is just expiring
                self.limit.reschedule(self.last_moment())

    def as_asked(self) -> dict[str, Any]:
        """What to tell lagerd: everything, and the time that is left where it stood before."""
        if not self.known:
            return self.details
        left = 0.0 if self.deadline is None else max(self.deadline - time.monotonic(), 0.001)
        return {**self.details, "remaining": left, "since": self.since} | self.told

    def unheard(self, no_answer: LagerError) -> "Ended | Failed":
        """What becomes of a pause whose last moment has come without a word of lagerd: said of the silent side. Where
        this thread is far behind that moment it could not listen, and lagerd may well have spoken."""
        late = 0.0
        if self.limit is not None and (when := self.limit.when()) is not None:
            late = asyncio.get_running_loop().time() - when
        if late < _HELD_UP:
            return Ended("alone", {}) if self.known else Failed(no_answer)
        return Ended("held up", {}) if self.known else Failed(BusError(f"{HELD_UP}."))

    def patience(self) -> float | None:
        """For how many seconds the paused thread leaves it to the link's thread to end this."""
        due = self._due()
        return None if due is None else min(max(due - time.monotonic(), 0.0), _LONGEST_WAIT)

    def given_up(self) -> "Ended | Failed | None":
        """What the paused thread makes of it where the link's thread has not ended it in time; None if it is to wait
        on. That is given one more moment, and again one after each in which neither of the two could run."""
        due = self._due()
        late = -1.0 if due is None else time.monotonic() - due
        if late < 0:
            return None
        if not self.moment_until or late >= _HELD_UP:
            self.held_up = self.held_up or late >= _HELD_UP
            self.moment_until = time.monotonic() + _ONE_MOMENT
            return None
        if self.known:
            return Ended("held up" if self.held_up else "alone", {})
        return Failed(BusError(f"{HELD_UP}.") if self.held_up else no_answer())

    def last_moment(self) -> float | None:
        """When to stop waiting for lagerd, by the clock of the loop."""
        ends = self._ends()
        return None if ends is None else asyncio.get_running_loop().time() + ends - time.monotonic()

    def _due(self) -> float | None:
        ends = self._ends()
        return None if ends is None else max(ends + _HUNG, self.moment_until)

    def _ends(self) -> float | None:
        ends = [self.deadline + _GRACE] if self.deadline is not None else []
        if not self.known:
            ends.append(self.began + _UNHEARD_SECONDS)
        return min(ends, default=None)
