"""The state of one pause of this process, shared by the daemon client's thread and the paused thread."""

import asyncio
import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lager.breakpoints.terminal.banner import HELD_UP
from lager.breakpoints.terminal.enter_channel import Pressed
from lager.contract import ON_CHANGE
from lager.daemon.daemon_client import no_answer
from lager.errors import BusError, LagerError
from lager.inspection.frames.location import Place
from lager.process import threads
from lager.wording.question import Question

if TYPE_CHECKING:
    from lager.contract import Change, PauseKeys
    from lager.stepping.course import Request

_UNHEARD_SECONDS = 15.0  # seconds within which lagerd must accept a pause
_HELD_UP = 0.5  # seconds: a thread that is later than this could not run
_GRACE = 3.0  # seconds after the timeout, until lager stops waiting for a lagerd that does not answer
_HUNG = 1.5  # seconds after that, until the paused thread stops waiting for the client's thread
_ONE_MOMENT = 0.5  # seconds in which the client's thread, if it could not run either, can read its messages
_LONGEST_WAIT = 3600.0
STEP = "step"  # `how` a pause was resumed, if it was by a step


class Accepted(NamedTuple):
    remaining: float


class Signalled(NamedTuple):
    """A signal has come: the paused thread wakes up, and Python runs its handler there."""


class Ended(NamedTuple):
    reason: str
    by: dict[str, Any]


class CannotPause(NamedTuple):
    error: LagerError


@dataclass(eq=False)
class PauseState:
    """One pause of this process. `events` is for the paused thread: Accepted by lagerd, then Ended or CannotPause."""

    details: dict[str, Any]
    place: Place
    question: Question | None = None
    on_change: str = ON_CHANGE[0]
    changes: "list[Change]" = field(default_factory=list)  # of the bench; known at its end
    events: "SimpleQueue[Accepted | Signalled | Ended | CannotPause]" = field(default_factory=SimpleQueue)
    deadline: float | None = None
    known: bool = False
    began: float = field(default_factory=time.monotonic)
    since: float = 0.0  # seconds since the epoch, by lagerd's clock
    told: dict[str, Any] = field(default_factory=dict)  # further details of lagerd about its beginning
    interrupted: bool = False
    pressed: Pressed | None = None  # an Enter that arrived directly, while lagerd or the bus did not answer
    over: bool = False
    dropped: int | None = None
    by: dict[str, Any] = field(default_factory=dict)
    limit: asyncio.Timeout | None = None
    moment_until: float = 0.0  # by the monotonic clock; 0: not needed so far
    held_up: bool = False
    task: "asyncio.Task[None] | None" = None
    consoles: Any = None
    comparison: Any = None  # of the settings of its nets
    requests: Any = None  # through its instruments; created by the first one
    resumes: bool = False  # the paused thread knows that the pause ends; the client's thread may not know it yet
    no_steps: str = ""  # why it cannot be stepped
    step: "Request | None" = None  # how it resumes, once lagerd has agreed
    frame: FrameType | None = None  # where the step begins; only until it has begun
    returning: bool = False  # the frame returns here
    quiet: bool = False  # it prints nothing

    def is_step(self, outcome: "Ended | CannotPause") -> bool:
        """Return whether the pause ends with a step, so that it continues at the end of the step."""
        return self.step is not None and isinstance(outcome, Ended) and outcome.by.get("how") == STEP

    def follow(self, before: "PauseState") -> None:
        """Take over the lasting state of the pause `before`, whose step has ended here."""
        self.consoles, self.comparison = before.consoles, before.comparison
        self.details |= {"stepped_from": before.id, "interactive": True}

    def wake(self) -> None:
        """Wake the paused thread, so that Python runs the handler of a signal."""
        self.events.put(Signalled())

    def end_requests(self) -> None:
        """End all requests of others to the script's instruments; blocks for the query under way."""
        self.resumes = True
        if self.requests is not None:
            self.requests.end()

    @property
    def id(self) -> str:
        return str(self.details["id"])

    @property
    def keys(self) -> "PauseKeys":
        """Return `details` as a mapping."""
        return cast("PauseKeys", self.details)

    @property
    def interactive(self) -> bool:
        return bool(self.details["interactive"])

    def set_remaining(self, seconds: float) -> None:
        """Set the time left in seconds; 0 means no timeout."""
        self.deadline = time.monotonic() + seconds if seconds else None
        self.moment_until = 0.0
        if self.limit is not None:
            with contextlib.suppress(RuntimeError):  # it expires at this moment
                self.limit.reschedule(self.last_moment())

    def as_asked(self) -> dict[str, Any]:
        """Return the argument of the call Pause. After a lagerd has accepted the pause, it includes the time left."""
        if not self.known:
            return self.details
        left = 0.0 if self.deadline is None else max(self.deadline - time.monotonic(), 0.001)
        return {**self.details, "remaining": left, "since": self.since} | self.told

    def unheard(self, no_answer: LagerError) -> "Ended | CannotPause":
        """Return the end of a pause about which lagerd did not answer until the last moment.

        If the client's thread is far behind that moment, it could not read, and lagerd may have replied.
        """
        late = 0.0
        if self.limit is not None and (when := self.limit.when()) is not None:
            late = asyncio.get_running_loop().time() - when
        if late < _HELD_UP:
            return Ended("alone", {}) if self.known else CannotPause(no_answer)
        return Ended("held up", {}) if self.known else CannotPause(BusError(f"{HELD_UP}."))

    def patience(self) -> float | None:
        """Return how many seconds the paused thread waits for the client's thread to end the pause."""
        due = self._due()
        return None if due is None else min(max(due - time.monotonic(), 0.0), _LONGEST_WAIT)

    def given_up(self) -> "Ended | CannotPause | None":
        """Return the end with which the paused thread ends the pause if the client's thread has not; None to keep
        waiting.

        The client's thread gets one more moment, and another one after each in which neither thread could run.
        """
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
        return CannotPause(BusError(f"{HELD_UP}.") if self.held_up else no_answer())

    def last_moment(self) -> float | None:
        """Return when to stop waiting for lagerd, by the clock of the event loop."""
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


_stepping: dict[int, PauseState] = {}  # by thread


def step_begins(pause: PauseState) -> None:
    """Note that the step of `pause` runs in the calling thread."""
    me = threading.get_ident()
    _stepping[me] = pause
    threads.stepping.add(me)


def step_ended() -> PauseState | None:
    """Return the pause whose step ran in the calling thread until now; None if there is none."""
    me = threading.get_ident()
    threads.stepping.discard(me)
    return _stepping.pop(me, None)


os.register_at_fork(after_in_child=_stepping.clear)
