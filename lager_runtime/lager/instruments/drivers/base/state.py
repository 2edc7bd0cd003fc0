"""The state of a net: the fields that were read, and those that could not be read."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from lager.errors import BadReply, InstrumentError, InstrumentTimeout
from lager.instruments.sessions.session import Session
from lager.nets.quantities import table
from lager.process.raised import by_a_handler
from lager.wording.text import printable

T = TypeVar("T")

_MOST_TIMEOUTS = 3


@dataclass(frozen=True)
class State:
    """The base of all states. `unread` maps each field that could not be read to what happened; the field is None.

    A field that is None without an entry in `unread` is one that the model does not have or does not report.
    """

    net: str
    unread: dict[str, str] = field(default_factory=dict, kw_only=True)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the state in plain values from another process, perhaps of another version: a missing or invalid field
        is None. Raises ValueError, TypeError, KeyError or AttributeError if it is not a state."""
        values: dict[str, Any] = {one.name: _scalar(plain.get(one.name)) for one in fields(cls)}
        unread = {printable(key): printable(why) for key, why in plain.get("unread", {}).items()}
        return cls(**values | {"net": printable(plain["net"]), "unread": unread})

    def __getitem__(self, name: str) -> Any:
        """Return the field `name`, as in state["voltage"]. Raises KeyError if there is none."""
        if name not in (one.name for one in fields(self)):
            raise KeyError(name)
        return getattr(self, name)

    def read_or_raise(self, name: str) -> Any:
        """Return the field `name`. Raises BadReply if it could not be read."""
        if name in self.unread:
            raise BadReply(f"The {name} of {self.net} could not be read: {self.unread[name]}", "Try again.")
        return getattr(self, name)

    def table(self, title: str, rows: list[tuple[str, str]]) -> str:
        """Return aligned rows below a title, with a row for each error."""
        fields: dict[str, list[str]] = {}
        for name, reason in self.unread.items():
            fields.setdefault(reason, []).append(name)
        return table(title, [*rows, *(("not read", f"{', '.join(names)}: {why}") for why, names in fields.items())])


def _scalar(value: object) -> object:
    return printable(value) if isinstance(value, str) else value if isinstance(value, int | float) else None


class Readings:
    """Reads one field after another. A field that fails is None and listed in `unread`; the others are still read.

    Once the instrument cannot be reached, or has timed out three times, nothing more is read.
    """

    def __init__(self, session: Session) -> None:
        self.unread: dict[str, str] = {}
        self._session = session
        self._first: InstrumentError | None = None
        self._answered = False
        self._timeouts = 0
        self._given_up = ""

    def __call__(self, ask: Callable[[], T], *names: str) -> T | None:
        """Return the result of `ask`, or None if it fails; then the fields `names` are unread."""
        reason = self._given_up
        if not reason:
            try:
                value = ask()
                self._answered = True
                return value
            except InstrumentError as error:
                if by_a_handler(error):
                    raise
                reason = error.what
                self._failed(error)
        self.unread.update(dict.fromkeys(names, reason))
        return None

    def several(self, ask: Callable[[], tuple[Any, ...]], *names: str) -> tuple[Any, ...]:
        """Return one value per name; a single query answers all of them."""
        found = self(ask, *names)
        return (None,) * len(names) if found is None else found

    def finish(self) -> dict[str, str]:
        """Return the unread fields. Raises the first error if nothing could be read."""
        if self._first and not self._answered:
            raise self._first
        return self.unread

    def _failed(self, error: InstrumentError) -> None:
        self._first = self._first or error
        self._timeouts += isinstance(error, InstrumentTimeout)
        if self._timeouts == _MOST_TIMEOUTS:
            self._given_up = f"lager did not ask, because {_MOST_TIMEOUTS} queries got no answer."
        try:
            self._session.open()  # reconnects if the failure dropped the connection
        except InstrumentError as gone:
            self._given_up = gone.what
