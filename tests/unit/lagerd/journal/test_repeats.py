"""Repeated events that share a record."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lagerd.callers.clients import Client
from lagerd.events import Event
from lagerd.journal import repeats
from lagerd.journal.repeats import Repeats
from tests.unit.breakpoints.test_pauses import a_pause


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run what is given with a Repeats; what it recorded."""

    def run(work: Any, seconds: Any = 1000.0) -> list[tuple[Event, str, Client | int | None, dict[str, Any]]]:
        monkeypatch.setattr(repeats, "SECONDS", seconds)
        found = []

        async def inside() -> None:
            told = Repeats(
                lambda what, pause, client, more: found.append((what, pause.id, client and client.uid, more))
            )
            outcome = work(told)
            if outcome is not None:
                await outcome
            told.flush()

        asyncio.run(inside())
        return found

    return run


ANNA, BERT = (Client(":1.1", uid, "x", 7, ()) for uid in (1000, 1001))


def test_the_first_is_written_at_once_and_the_others_share_one_with_their_count(recorded: Callable[..., Any]) -> None:
    pause, other = a_pause(), a_pause("0000abcd")

    def work(tell: Any) -> None:
        for n in range(23_000):
            tell(Event.EXTENDED, pause, ANNA, {"remaining": float(n)})
        tell(Event.EXTENDED, other, ANNA, {"remaining": 5.0})
        tell(Event.EXTENDED, pause, BERT, {"remaining": 7.0})

    assert recorded(work) == [
        (Event.EXTENDED, pause.id, 1000, {"remaining": 0.0}),
        (Event.EXTENDED, other.id, 1000, {"remaining": 5.0}),
        (Event.EXTENDED, pause.id, 1001, {"remaining": 7.0}),
        (Event.EXTENDED, pause.id, 1000, {"remaining": 22999.0, "count": 22999}),
    ]


def test_held_back_records_are_written_before_the_end_of_the_pause(recorded: Callable[..., Any]) -> None:
    pause = a_pause()

    def work(tell: Any) -> None:
        for n in range(3):
            tell(Event.EXTENDED, pause, ANNA, {"remaining": float(n)})
        tell(Event.RESUMED, pause, BERT, {})

    assert [what for what, *_ in recorded(work)] == [Event.EXTENDED, Event.EXTENDED, Event.RESUMED]


@pytest.mark.parametrize(
    "event", [Event.PAUSED, Event.RESUMED, Event.CONSOLE_OPENED, Event.CONSOLE_CLOSED, Event.DENIED, Event.GONE]
)
def test_nothing_else_shares_a_record(recorded: Callable[..., Any], event: Any) -> None:
    pause = a_pause()

    def work(tell: Any) -> None:
        for _ in range(50):
            tell(event, pause, ANNA, {})

    assert len(recorded(work)) == 50


def test_inputs_that_share_a_record_are_all_in_it(recorded: Callable[..., Any]) -> None:
    pause = a_pause()

    def work(tell: Any) -> None:
        for line in ("a", "b", "c"):
            tell(Event.CONSOLE_INPUT, pause, ANNA, {"input": line})

    assert [more for *_, more in recorded(work)] == [{"input": "a"}, {"input": "b\nc", "count": 2}]


def test_one_record_a_second_is_written_while_repeats_continue(recorded: Callable[..., Any]) -> None:
    pause = a_pause()

    async def work(tell: Any) -> None:
        for n in range(3):
            tell(Event.EXTENDED, pause, ANNA, {"remaining": float(n)})
        while not told_of(tell):
            await asyncio.sleep(0)

    def told_of(tell: Any) -> Any:
        (window,) = tell._windows.values()
        return window.count == 0

    assert [more for *_, more in recorded(work, seconds=0.01)] == [{"remaining": 0.0}, {"remaining": 2.0, "count": 2}]
