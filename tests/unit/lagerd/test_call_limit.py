"""The limit of calls a second for each user, with a clock that only the test moves."""

from typing import Any

import pytest

from lager.errors import TooMany
from lagerd.callers.call_limit import CallLimit
from lagerd.callers.clients import Client


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


def a_client(uid: Any = 1000) -> Client:
    return Client(":1.1", uid, f"u{uid}", 7, ())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def limit(clock: Clock, told: list[Any]) -> CallLimit:
    return CallLimit(clock, 100.0, lambda client, what: told.append((client.uid, what)))


def test_a_user_at_the_allowed_rate_is_never_refused(limit: CallLimit, clock: Clock) -> None:
    for _ in range(60 * 100):
        limit.admit(a_client())
        clock.now += 0.01


def test_a_flood_is_refused_and_reported_once_and_other_users_are_not_affected(
    limit: CallLimit, clock: Clock, told: list[Any]
) -> None:
    admitted = sum(limit.spend(a_client()) for _ in range(23_000))
    assert admitted == 2000
    for _ in range(5):
        with pytest.raises(TooMany, match="u1000 makes more than 100 calls a second"):
            limit.admit(a_client())
        limit.admit(a_client(uid=1001))
    assert told == [(1000, "u1000 makes more than 100 calls a second.")]
    clock.now += 1.0
    for _ in range(100):
        limit.admit(a_client())
    with pytest.raises(TooMany):
        limit.admit(a_client())


def test_a_flood_that_continues_is_reported_again(limit: CallLimit, clock: Clock, told: list[Any]) -> None:
    for _ in range(3):
        while limit.spend(a_client()):
            pass
        with pytest.raises(TooMany):
            limit.admit(a_client())
        clock.now += 10.0
    assert len(told) == 3
