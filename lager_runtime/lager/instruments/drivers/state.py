"""The state of a net: what its instrument told of itself, and what it did not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lager.errors import BadReply, InstrumentError, InstrumentTimeout
from lager.instruments.quantities import table
from lager.instruments.session import Session

T = TypeVar("T")

_MOST_TIMEOUTS = 3


@dataclass(frozen=True)
class State:
    """What all states have. `unread` names the fields that could not be read, each with what happened: they are None.

    None without an entry in `unread` is what the model has not, or does not tell.
    """

    net: str
    unread: dict[str, str] = field(default_factory=dict, kw_only=True)

    def told(self, name: str) -> Any:
        """The field of this name. Raises BadReply if it could not be read."""
        if name in self.unread:
            raise BadReply(f"The {name} of {self.net} could not be read: {self.unread[name]}", "Try again.")
        return getattr(self, name)

    def table(self, title: str, rows: list[tuple[str, str]]) -> str:
        """Aligned rows below a title, and one for each thing that went wrong."""
        fields: dict[str, list[str]] = {}
        for name, reason in self.unread.items():
            fields.setdefault(reason, []).append(name)
        return table(title, [*rows, *(("not read", f"{', '.join(names)}: {why}") for why, names in fields.items())])


class Readings:
    """Asks for one field after another. One that fails is None and named in `unread`, and the others are still asked.

    Where the instrument does not come back, or is silent three times, nothing more is asked.
    """

    def __init__(self, session: Session) -> None:
        self.unread: dict[str, str] = {}
        self._session = session
        self._first: InstrumentError | None = None
        self._answered = False
        self._timeouts = 0
        self._given_up = ""

    def __call__(self, ask: Callable[[], T], *names: str) -> T | None:
        """What `ask` returns; None where that fails, which leaves these fields unread."""
        reason = self._given_up
        if not reason:
            try:
                value = ask()
                self._answered = True
                return value
            except InstrumentError as error:
                reason = error.what
                self._failed(error)
        self.unread.update(dict.fromkeys(names, reason))
        return None

    def several(self, ask: Callable[[], tuple[Any, ...]], *names: str) -> tuple[Any, ...]:
        """One value for each name, which one question answers together."""
        found = self(ask, *names)
        return (None,) * len(names) if found is None else found

    def told(self) -> dict[str, str]:
        """What could not be read. Raises the first error if nothing at all could."""
        if self._first and not self._answered:
            raise self._first
        return self.unread

    def _failed(self, error: InstrumentError) -> None:
        self._first = self._first or error
        self._timeouts += isinstance(error, InstrumentTimeout)
        if self._timeouts == _MOST_TIMEOUTS:
            self._given_up = f"lager did not ask, because {_MOST_TIMEOUTS} questions got no answer."
        try:
            self._session.open()  # connects anew, where the failure ended the connection
        except InstrumentError as gone:
            self._given_up = gone.what
