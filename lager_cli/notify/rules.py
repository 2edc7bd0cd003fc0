"""Decides which events send a message. It does not use the bus: it gets the changes of pauses, and a clock.

A pause with a console attached sends no messages, because a person is working on it. When the last console is closed,
its times restart.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lager_cli.notify.config import NotifyConfig
from lager_cli.notify.notices import Notice, Words

if TYPE_CHECKING:
    from lager.contract import PauseDetails
    from lager_cli.follower import PauseEvent

_BEGINS = ("standing", "paused")
_OVER_WITH_PAUSE = frozenset(("paused", "question", "resumes-soon", "waiting"))


class Clock(Protocol):
    """The monotonic clock of an event loop, in seconds."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle: ...


@dataclass
class _Open:
    """An open pause: when it times out (None: never), since when no console is attached, which notices were sent, and
    its timers."""

    pause: "PauseDetails"
    ends: float | None
    alone_since: float
    told: set[str] = field(default_factory=set)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Rules:
    """Calls `tell` with each notice, once for each pause and event. Use it in one event loop."""

    def __init__(self, config: NotifyConfig, clock: Clock, tell: Callable[[Notice], None]) -> None:
        self._config = config
        self._clock = clock
        self._tell = tell
        self._words = Words(config.box)
        self._open: dict[str, _Open] = {}
        self._quarantined: set[str] = set()

    def close(self) -> None:
        """Stop all timers."""
        for one in self._open.values():
            _stop(one)
        self._open.clear()

    def changed(self, change: "PauseEvent") -> None:
        """Handle one change of a pause."""
        pause = change.pause
        one = self._open.get(pause["id"])
        if change.event in _BEGINS:
            if one is None:
                self._begin(pause)
        elif one is not None and change.event in ("extended", "console", "attached", "detached"):
            self._update(one, pause)
        elif one is not None:
            _stop(one)
            del self._open[pause["id"]]
            if change.event == "timeout" and not one.pause["consoles"]:
                self._say(one, "auto-resumed", lambda: self._words.auto_resumed(pause, change.by))

    def quarantined(self, lease: dict[str, Any]) -> None:
        """Handle the quarantine of an instrument."""
        notice = self._words.quarantined(lease)
        if "quarantined" in self._config.events and notice.key not in self._quarantined:
            self._quarantined.add(notice.key)
            self._tell(notice)

    def still_true(self, notice: Notice) -> bool:
        """Return whether the notice is still valid: the pause is open, and no console is attached."""
        if notice.event not in _OVER_WITH_PAUSE:
            return True
        one = self._open.get(notice.pause)
        return one is not None and not one.pause["consoles"]

    def _begin(self, pause: "PauseDetails") -> None:
        now = self._clock.time()
        one = self._open[pause["id"]] = _Open(pause, self._ends(pause), min(pause["began"], now))
        self._say(one, event := "question" if "question" in pause else "paused")
        if one.ends is not None and one.ends - self._config.resumes_soon <= now and event in one.told:
            one.told.add("resumes-soon")  # the message about the pause already says so
        self._set_timers(one)

    def _update(self, one: _Open, pause: "PauseDetails") -> None:
        if one.pause["consoles"] and not pause["consoles"]:
            one.alone_since = self._clock.time()
        one.pause, one.ends = pause, self._ends(pause)
        self._set_timers(one)

    def _ends(self, pause: "PauseDetails") -> float | None:
        return self._clock.time() + pause["remaining"] if pause["remaining"] else None

    def _set_timers(self, one: _Open) -> None:
        _stop(one)
        if one.pause["consoles"]:
            return
        if one.ends is not None:
            self._at(one.ends - self._config.resumes_soon, one, "resumes-soon")
        self._at(one.alone_since + self._config.waiting, one, "waiting")

    def _at(self, when: float, one: _Open, event: str) -> None:
        if event in self._config.events and event not in one.told:
            one.timers.append(self._clock.call_at(when, self._say, one, event))

    def _say(self, one: _Open, event: str, words: Callable[[], Notice] | None = None) -> None:
        if event not in self._config.events or event in one.told or one.pause["consoles"]:
            return
        one.told.add(event)
        self._tell(words() if words is not None else self._words.paused(event, *self._now(one)))

    def _now(self, one: _Open) -> "tuple[PauseDetails, float]":
        """Return the pause with the time left now, and the seconds since it began."""
        now = self._clock.time()
        left = max(one.ends - now, 0.001) if one.ends is not None else 0.0
        return {**one.pause, "remaining": left}, now - one.pause["began"]


def _stop(one: _Open) -> None:
    for timer in one.timers:
        timer.cancel()
    one.timers.clear()
