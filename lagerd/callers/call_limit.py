"""Limits the rate of calls of a user, so that all calls can be recorded and no user floods the journal."""

from collections.abc import Callable

from lager.errors import TooMany
from lagerd.callers.clients import Client

_BURST_SECONDS = 20.0
_TELL_SECONDS = 10.0


class CallLimit:
    """A token bucket for each user. It holds the calls of `_BURST_SECONDS` and refills with `rate` calls a second.

    `clock` counts seconds. `exceeded` is called when a user has emptied it, at most every `_TELL_SECONDS`.
    """

    def __init__(self, clock: Callable[[], float], rate: float, exceeded: Callable[[Client, str], None]) -> None:
        self.rate = rate
        self._clock = clock
        self._exceeded = exceeded
        self._left: dict[int, tuple[float, float]] = {}  # by uid: the tokens left, and when they were counted
        self._told: dict[int, float] = {}

    def admit(self, client: Client) -> None:
        """Count a call of `client`. Raises TooMany if the call must be refused."""
        if self.spend(client):
            return
        what = f"{client.user} makes more than {self.rate:g} calls a second."
        now = self._clock()
        if now - self._told.get(client.uid, -_TELL_SECONDS) >= _TELL_SECONDS:
            self._told[client.uid] = now
            self._exceeded(client, what)
        raise TooMany(what, "Wait a second, and try again.")

    def spend(self, client: Client) -> bool:
        """Count a call; return False if it is one too many."""
        now, most = self._clock(), self.rate * _BURST_SECONDS
        left, before = self._left.get(client.uid, (most, now))
        left = min(left + (now - before) * self.rate, most)
        self._left[client.uid] = (left - 1 if left >= 1 else left, now)
        return left >= 1
