"""The table of pauses: which script is paused where, and until when. It does not use the bus; its clock is an
argument."""

import math
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from lager.contract import LONGEST, ON_TIMEOUT, PATH_LENGTH
from lager.errors import AmbiguousId, InvalidArgument, NoSuchBreakpoint, TooMany
from lager.wording.question import Question
from lager.wording.text import LABEL_LENGTH, duration, printable
from lagerd.breakpoints.table.changes import Change, Changes

_BANNER_LENGTH = 40
_LAST_LINE = 2**31 - 1
_ID = re.compile(r"[0-9a-f]{8}\Z")
_ENDED = 1000  # pauses that are remembered after their end
_MOST_RUNS = 20_000  # whose users are remembered
_PREFIX = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}\Z")


class Handle(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """The part of an event loop that the table uses; times are seconds of a monotonic clock."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Handle: ...


@dataclass(eq=False, slots=True)
class Pause:
    """One paused script. `owner` is its connection. `deadline` is None without a timeout. `since` is in seconds since
    the epoch, `began` is the same time by the monotonic clock."""

    id: str
    owner: str
    uid: int
    user: str
    pid: int
    label: str
    file: str
    line: int
    function: str
    thread: str
    run_id: str
    script: str
    since: float
    began: float
    timeout: float
    interactive: bool
    on_timeout: str = ON_TIMEOUT[0]
    banner: str = ""
    question: Question | None = None
    deadline: float | None = None
    timer: Handle | None = None
    consoles: dict[int, Any] = field(default_factory=dict)
    stepped_from: str = ""
    changed_before: int = 0  # the changes of the bench before it began, as `Changes` counts them


class Pauses:
    """All pauses, and the `changes` of the bench during them. `expired` is called with each pause that times out, while
    it is still in the table."""

    def __init__(
        self,
        clock: Clock,
        expired: Callable[[Pause], None],
        limit_per_user: int = 4096,
        changes: Changes | None = None,
    ) -> None:
        self.limit_per_user = limit_per_user
        self.changes = changes or Changes()
        self._clock = clock
        self._expired = expired
        self._pauses: dict[str, Pause] = {}
        self._per_user: dict[int, int] = {}
        self._per_owner: dict[str, list[Pause]] = {}
        self._runs: dict[str, int] = {}
        self._ended: deque[tuple[str, str]] = deque(maxlen=_ENDED)

    def __len__(self) -> int:
        return len(self._pauses)

    def __iter__(self) -> Any:
        return iter(list(self._pauses.values()))

    def add(self, pause: Pause, remaining: float | None = None, *, returns: bool = False) -> None:
        """Add `pause`, for its timeout, or for the `remaining` seconds if it began before this table.

        A pause that `returns` is accepted whatever the limits are.
        """
        if pause.id in self._pauses:
            raise InvalidArgument(f"The breakpoint id {pause.id} is in use.", "Generate a new one for each pause.")
        paused = self._per_user.get(pause.uid, 0)
        if paused >= self.limit_per_user and not returns:
            raise TooMany(f"{pause.user} already has {paused} paused scripts.", "Resume some of them first.")
        self.note_run(pause.run_id, pause.uid)
        self._pauses[pause.id] = pause
        pause.changed_before = self.changes.mark_at(pause.began) if returns else self.changes.total
        self._per_user[pause.uid] = paused + 1
        self._per_owner.setdefault(pause.owner, []).append(pause)
        left = pause.timeout if remaining is None else remaining
        if left > 0:
            self._arm(pause, self._clock.time() + left)

    def note_run(self, run_id: str, uid: int) -> None:
        """Remember the user of a run: the first one that uses its id, because others see the id only when lagerd shows
        it."""
        if run_id and run_id not in self._runs:
            self._runs[run_id] = uid
            if len(self._runs) > _MOST_RUNS:
                del self._runs[next(iter(self._runs))]

    def remove(self, pause: Pause) -> bool:
        """Remove `pause`; return False if it had been removed already."""
        if self._pauses.pop(pause.id, None) is None:
            return False
        self._disarm(pause)
        self._ended.append((pause.id, pause.owner))
        self._per_user[pause.uid] -= 1
        if not self._per_user[pause.uid]:
            del self._per_user[pause.uid]
        self._per_owner[pause.owner].remove(pause)
        if not self._per_owner[pause.owner]:
            del self._per_owner[pause.owner]
        return True

    def of(self, owner: str) -> list[Pause]:
        """Return the pauses of a connection."""
        return list(self._per_owner.get(owner, ()))

    def changes_of(self, pause: Pause) -> tuple[list[Change], int]:
        """Return the changes since `pause` began, and how many are left out."""
        return self.changes.since(pause.changed_before, len(self._pauses))

    def only_owner(self, many: str) -> str:
        """Return the only connection that has pauses; "" if there is none, `many` if there are several."""
        return many if len(self._per_owner) > 1 else next(iter(self._per_owner), "")

    def has_just_ended(self, id: object, owner: str) -> bool:
        """Return whether this id is one of the latest pauses of this connection that have ended."""
        return (id, owner) in self._ended

    def get(self, id: str) -> Pause | None:
        return self._pauses.get(id)

    def find(self, text: str, uid: int) -> list[Pause]:
        """Return the pause whose id is or begins with `text`, or all pauses of the run whose id does. Never empty.

        Those of `uid` take precedence, so that the ids of other users never change the meaning of a user's own. A run's
        id finds no pauses of another user than that of the run.
        """
        wanted = text.strip().lower()
        exact = self._pauses.get(wanted)
        if exact is not None and exact.uid == uid:
            return [exact]
        own = [pause for pause in self._pauses.values() if pause.uid == uid]
        others = [exact] if exact is not None else [pause for pause in self._pauses.values() if pause.uid != uid]
        of_runs = [pause for pause in others if self._runs.get(pause.run_id) == pause.uid]
        found = _meant(wanted, own, own) or _meant(wanted, others, of_runs)
        if not found:
            raise _unknown(wanted)
        return found

    def remaining(self, pause: Pause) -> float:
        """Return the seconds left, 0 for no timeout; never 0 while there is a timeout."""
        return 0.0 if pause.deadline is None else max(pause.deadline - self._clock.time(), 0.001)

    def extend(self, pause: Pause, seconds: float) -> float:
        """Add `seconds` to the time left of `pause`; 0 removes its timeout. Return the time left, 0 for no timeout."""
        if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST):
            raise InvalidArgument(
                f"{seconds:g} s is not a valid extension of a pause.",
                f"Give at most {duration(LONGEST)}, or 0 to hold it until it is resumed.",
            )
        if seconds == 0:
            self._disarm(pause)
        else:
            now = self._clock.time()
            self._arm(pause, min((pause.deadline or now) + seconds, now + LONGEST))
        return self.remaining(pause)

    def restart(self, pause: Pause) -> bool:
        """Restart the countdown of `pause`, unless this would shorten it. Return whether anything changed."""
        if pause.deadline is None:
            return False
        deadline = self._clock.time() + pause.timeout
        if deadline <= pause.deadline:
            return False
        self._arm(pause, deadline)
        return True

    def details(self, pause: Pause) -> dict[str, Any]:
        """Return the keys of the contract except `remaining`; times in seconds, `since` since the epoch."""
        return {
            "id": pause.id,
            "label": pause.label,
            "file": pause.file,
            "line": pause.line,
            "function": pause.function,
            "thread": pause.thread,
            "run_id": pause.run_id,
            "script": pause.script,
            "pid": pause.pid,
            "uid": pause.uid,
            "user": pause.user,
            "since": pause.since,
            "began": pause.began,
            "timeout": pause.timeout,
            "interactive": pause.interactive,
            "on_timeout": pause.on_timeout,
            "banner": pause.banner,
            "consoles": len(pause.consoles),
            **({"stepped_from": pause.stepped_from} if pause.stepped_from else {}),
        } | (pause.question.details() if pause.question else {})

    def _arm(self, pause: Pause, deadline: float) -> None:
        self._disarm(pause)
        pause.deadline = deadline
        pause.timer = self._clock.call_at(deadline, self._expired, pause)

    def _disarm(self, pause: Pause) -> None:
        if pause.timer is not None:
            pause.timer.cancel()
        pause.timer = None
        pause.deadline = None


def _meant(wanted: str, pauses: list[Pause], with_runs: list[Pause]) -> list[Pause]:
    """Return those of `pauses` that an id means. Raises AmbiguousId if it is a prefix of several ids.

    The id of a run means only pauses in `with_runs`.
    """
    whole = [pause for pause in with_runs if wanted and pause.run_id == wanted]
    begun, of_runs = [], whole
    if not whole and _PREFIX.match(wanted):
        begun = [pause for pause in pauses if pause.id.startswith(wanted)]
        of_runs = [pause for pause in with_runs if pause.run_id.startswith(wanted)]
    ids = [pause.id for pause in begun] + list(dict.fromkeys(pause.run_id for pause in of_runs))
    if len(ids) > 1:
        raise AmbiguousId(f"{wanted} matches {len(ids)} ids: {', '.join(ids[:5])}.", "Type more characters.")
    return begun or of_runs


def from_details(
    details: dict[str, Any],
    *,
    owner: str,
    uid: int,
    user: str,
    pid: int,
    default: float,
    question: Question | None = None,
) -> Pause:
    """Return a pause from the details that a script sent; the bus identifies the script. Raises InvalidArgument."""
    since, began = _begin(details)
    return Pause(
        id=_id(details),
        owner=owner,
        uid=uid,
        user=user,
        pid=pid,
        label=printable(_typed(details, "label", str, ""), LABEL_LENGTH),
        file=printable(_typed(details, "file", str, ""), PATH_LENGTH),
        line=_line(details),
        function=printable(_typed(details, "function", str, "")),
        thread=printable(_typed(details, "thread", str, "")),
        run_id=printable(_typed(details, "run_id", str, "").lower(), 64),
        script=printable(_typed(details, "script", str, ""), PATH_LENGTH),
        since=since,
        began=began,
        timeout=_seconds(details, "timeout", default),
        interactive=_typed(details, "interactive", bool, False),
        on_timeout=_on_timeout(details),
        banner=printable(_typed(details, "banner", str, ""), _BANNER_LENGTH),
        question=question,
        stepped_from=_id(details, "stepped_from") if "stepped_from" in details else "",
    )


def _id(details: dict[str, Any], key: str = "id") -> str:
    id: str = _typed(details, key, str, "")
    if not _ID.match(id):
        raise InvalidArgument(f"'{printable(id, 40)}' is not a valid breakpoint id.", "Give eight hexadecimal digits.")
    return id


def _line(details: dict[str, Any]) -> int:
    line: int = _typed(details, "line", int, 0)
    if not 0 <= line <= _LAST_LINE:
        raise InvalidArgument(f"{line} is not a valid line number.", f"Give 0 to {_LAST_LINE}.")
    return line


def _on_timeout(details: dict[str, Any]) -> str:
    on_timeout: str = _typed(details, "on_timeout", str, ON_TIMEOUT[0])
    if on_timeout not in ON_TIMEOUT:
        raise InvalidArgument(
            f"'{printable(on_timeout, 20)}' is not a valid on_timeout.", f"Give one of {', '.join(ON_TIMEOUT)}."
        )
    return on_timeout


def _begin(details: dict[str, Any]) -> tuple[float, float]:
    """Return when a pause began, by the wall clock and by the monotonic clock; neither is in the future."""
    now, passed = time.time(), time.monotonic()
    since = min(max(_typed(details, "since", float, now), now - LONGEST), now)
    began = min(max(_typed(details, "began", float, passed - (now - since)), passed - LONGEST), passed)
    return since, began


def remaining_of(details: dict[str, Any]) -> float | None:
    """Return the seconds left of a pause that began under an earlier lagerd, None for a new pause."""
    return _seconds(details, "remaining", 0.0) if "remaining" in details else None


def ended_of(details: dict[str, Any]) -> float:
    """Return when a pause ended that was resumed while lagerd was not running, by the monotonic clock."""
    ended: float = _typed(details, "ended", float, time.monotonic())
    return ended


def _typed(details: dict[str, Any], key: str, kind: type[Any], default: Any) -> Any:
    value = details.get(key, default)
    if type(value) is not kind:
        raise InvalidArgument(
            f"The key {key} of a pause is of type {type(value).__name__}.", f"Send a {kind.__name__}."
        )
    if kind is float and not math.isfinite(value):
        raise InvalidArgument(f"The key {key} of a pause is {value}.", "Send a finite number.")
    return value


def _seconds(details: dict[str, Any], key: str, default: float) -> float:
    value: float = _typed(details, key, float, default)
    if not 0 <= value <= LONGEST:
        raise InvalidArgument(f"The key {key} of a pause is {value:g} s.", f"Give 0 to {duration(LONGEST)}.")
    return value


def _unknown(wanted: str) -> NoSuchBreakpoint:
    shown = printable(wanted, 40)
    return NoSuchBreakpoint(f"No paused script has the id {shown!r}.", "List them with: lager breakpoints")
