"""Which events people are told of, by a clock that the test moves."""

import heapq
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lager_cli.follower import PauseEvent
from lager_cli.notify.config import NotifyConfig
from lager_cli.notify.rules import Rules

if TYPE_CHECKING:
    from lager.contract import PauseDetails

CONFIG = NotifyConfig(resumes_soon=60.0, waiting=600.0)


class Clock:
    """A clock of which the test decides what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: Any, callback: Any, *args: Any) -> Any:
        timer = Timer(callback, args)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def wait(self, seconds: Any) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            self.now = max(when, self.now)
            timer.fire()
        self.now = end


class Timer:
    def __init__(self, callback: Any, args: Any) -> None:
        self._callback, self._args, self._cancelled = callback, args, False

    def cancel(self) -> None:
        self._cancelled = True

    def fire(self) -> None:
        if not self._cancelled:
            self._callback(*self._args)


class Bench:
    def __init__(self, config: Any = CONFIG) -> None:
        self.clock = Clock()
        self.told: list[str] = []
        self.rules = Rules(config, self.clock, self._tell)
        self.pause: dict[str, Any] = {}

    def _tell(self, notice: Any) -> None:
        self.told.append(notice.event)
        self.last = notice

    def paused(
        self, event: Any = "paused", *, timeout: Any = 0.0, consoles: Any = 0, id: Any = "7f3a19e2", **more: Any
    ) -> None:
        self.pause = {
            "id": id, "label": "x", "file": "/a/b.py", "line": 3, "function": "f", "thread": "t", "run_id": "r",
            "script": "b.py", "interactive": True, "banner": "-", "on_timeout": "resume", "pid": 1, "uid": 1,
            "user": "anna", "since": 0.0, "began": self.clock.now, "timeout": timeout, "remaining": timeout,
            "consoles": consoles, "attached": [], "instruments": [], **more,
        }  # fmt: skip
        self.change(event)

    def change(self, event: Any, *, by: Any = None, **news: Any) -> None:
        self.pause = {**self.pause, **news}
        self.rules.changed(PauseEvent(event, cast("PauseDetails", self.pause), by or {}))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_pause_sends_one_message_at_once(bench: Bench) -> None:
    bench.paused()
    bench.change("standing")
    bench.change("paused")
    assert bench.told == ["paused"]


def test_a_question_sends_the_event_question(bench: Bench) -> None:
    bench.paused(question="How?", kind="text", timeout=300.0)
    bench.clock.wait(300)
    bench.change("timeout")
    assert bench.told == ["question", "resumes-soon", "auto-resumed"]
    assert "raised NoAnswer" in bench.last.title


def test_a_timeout_is_announced_a_minute_before(bench: Bench) -> None:
    bench.paused(timeout=300.0)
    bench.clock.wait(239)
    assert bench.told == ["paused"]
    bench.clock.wait(1)
    assert bench.told == ["paused", "resumes-soon"]
    assert bench.last.title.startswith("lager: resumes in 1m00s")


def test_a_short_pause_has_its_timeout_in_the_first_message(bench: Bench) -> None:
    bench.paused(timeout=30.0)
    bench.clock.wait(30)
    assert bench.told == ["paused"]


def test_a_short_pause_sends_resumes_soon_at_once_if_paused_is_off() -> None:
    bench = Bench(replace(CONFIG, events=frozenset(["resumes-soon"])))
    bench.paused(timeout=30.0)
    bench.clock.wait(0)
    assert bench.told == ["resumes-soon"]


def test_an_extension_postpones_the_message(bench: Bench) -> None:
    bench.paused(timeout=300.0)
    bench.clock.wait(200)
    bench.change("extended", remaining=400.0)
    bench.clock.wait(339)
    assert bench.told == ["paused"]
    bench.clock.wait(1)
    assert bench.told == ["paused", "resumes-soon"]
    bench.change("extended", remaining=600.0)
    bench.clock.wait(599)
    assert bench.told.count("resumes-soon") == 1


def test_a_pause_without_a_timeout_sends_waiting_later(bench: Bench) -> None:
    bench.paused()
    bench.clock.wait(599)
    assert bench.told == ["paused"]
    bench.clock.wait(100_000)
    assert bench.told == ["paused", "waiting"]
    assert bench.last.title.startswith("lager: paused for 10m00s")


def test_a_waiting_pause_is_sent_when_the_notifier_starts() -> None:
    bench = Bench(replace(CONFIG, events=frozenset(["waiting"])))
    bench.paused("standing", began=0.0)
    bench.clock.wait(0)
    assert bench.told == ["waiting"]


@pytest.mark.parametrize("end", ["continued", "answered", "interrupted", "gone", "lost"])
def test_an_ended_pause_sends_nothing(bench: Bench, end: str) -> None:
    bench.paused(timeout=300.0)
    bench.change(end)
    bench.clock.wait(1000)
    assert bench.told == ["paused"]
    assert not bench.rules.still_true(bench.last)


def test_an_attached_console_suppresses_messages(bench: Bench) -> None:
    bench.paused(timeout=300.0)
    bench.change("attached", consoles=1, remaining=300.0)
    bench.clock.wait(250)
    bench.change("console", consoles=1, remaining=300.0)
    bench.clock.wait(300)
    assert not bench.rules.still_true(bench.last)
    bench.change("timeout")
    assert bench.told == ["paused"]


def test_a_pause_with_a_console_is_not_sent_when_the_notifier_starts(bench: Bench) -> None:
    bench.paused("standing", consoles=1)
    assert bench.told == []


def test_the_times_restart_when_the_last_console_closes(bench: Bench) -> None:
    bench.paused()
    bench.change("attached", consoles=2)
    bench.clock.wait(500)
    bench.change("detached", consoles=1)
    bench.clock.wait(500)
    bench.change("detached", consoles=0)
    assert bench.rules.still_true(bench.last)
    bench.clock.wait(599)
    assert bench.told == ["paused"]
    bench.clock.wait(1)
    assert bench.told == ["paused", "waiting"]


@pytest.mark.parametrize(
    ("on_timeout", "said"), [("resume", "resumed automatically"), ("raise", "raised"), ("exit", "ended the run")]
)
def test_a_timeout_says_what_the_script_did(bench: Bench, on_timeout: str, said: str) -> None:
    bench.paused(on_timeout=on_timeout)
    bench.change("timeout", by={} if on_timeout == "resume" else {"on_timeout": on_timeout})
    assert bench.told == ["paused", "auto-resumed"]
    assert said in bench.last.title


def test_a_quarantine_sends_one_message_for_each_crash(bench: Bench) -> None:
    lease = {"instrument": "psu", "name": "psu1", "run_id": "r", "since": 1.0, "net": "supply2", "reason": "x"}
    bench.rules.quarantined(lease)
    bench.rules.quarantined(lease)
    bench.rules.quarantined({**lease, "since": 2.0})
    assert bench.told == ["quarantined", "quarantined"]
    assert bench.rules.still_true(bench.last)


def test_only_the_chosen_events_send_messages() -> None:
    bench = Bench(replace(CONFIG, events=frozenset(["auto-resumed"])))
    bench.paused(timeout=300.0)
    bench.rules.quarantined({"instrument": "psu", "name": "psu1"})
    bench.clock.wait(1000)
    bench.change("timeout")
    assert bench.told == ["auto-resumed"]
