"""How many acts one user may do, so that all of them can be recorded and nobody pushes others out of the journal."""

from collections.abc import Callable

from lager.errors import TooMany
from lagerd.clients import Client

_BURST_SECONDS = 20.0
_TELL_SECONDS = 10.0


class CallLimit:
    """A bucket for each user: it holds the acts of some seconds, and is filled again with `rate` of them a second.

    `clock` counts seconds. `exceeded` is told, from time to time, who has emptied it.
    """

    def __init__(self, clock: Callable[[], float], rate: float, exceeded: Callable[[Client, str], None]) -> None:
        self.rate = rate
        self._clock = clock
        self._exceeded = exceeded
        self._left: dict[int, tuple[float, float]] = {}  # of a uid: how many, and when that was so
        self._told: dict[int, float] = {}

    def admit(self, client: Client) -> None:
        """Count an act of `client`. Raises TooMany, and nothing must be done then."""
        if self.spend(client):
            return
        what = f"{client.user} makes more than {self.rate:g} calls a second."
        now = self._clock()
        if now - self._told.get(client.uid, -_TELL_SECONDS) >= _TELL_SECONDS:
            self._told[client.uid] = now
            self._exceeded(client, what)
        raise TooMany(what, "Wait a second, and try again.")

    def spend(self, client: Client) -> bool:
        """Count an act; False where it is one too many."""
        now, most = self._clock(), self.rate * _BURST_SECONDS
        left, before = self._left.get(client.uid, (most, now))
        left = min(left + (now - before) * self.rate, most)
        self._left[client.uid] = (left - 1 if left >= 1 else left, now)
        return left >= 1
