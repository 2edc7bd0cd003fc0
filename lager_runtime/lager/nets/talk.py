"""The peculiarities of communication with a family of instruments, as a row of a table. Sessions read it; no family has
its own session class."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lager.wording.values import shown

LINE_ENDS = ("\n", "\r", "\r\n")
ERROR_FORMS = ("code,text", "code text", "code")


@dataclass(frozen=True)
class Talk:
    """How to communicate with the instruments of a family. The defaults are those of SCPI-99 and of most instruments.

    On a serial line, the nets file may override the line end and the baud rate.
    """

    line_end: str = "\n"
    """What ends each line, in both directions; "" if nothing does, and an answer ends when no more comes."""
    stray: str = ""
    """A character that some of the instruments send after the line that answers a query, by mistake."""
    error_queue: str = ":SYST:ERR?"
    """The query that takes an entry from the error queue; "" if there is no queue: a readback then shows a refusal."""
    error_form: str = "code,text"
    """The form of an entry, one of ERROR_FORMS."""
    clear: str = "*CLS"
    """The command that empties the error queue."""
    baudrate: int = 9600
    """The speed of a serial line as delivered."""
    pause: float = 0.0
    """How many seconds to leave between two messages, for an instrument that loses one that follows at once."""
    remote: str = ""
    """The command without which an instrument on a serial line does not take settings; sent after each connect."""
    module_query: bytes = b""
    """The query of an instrument that talks in bytes: it is answered with the number of its model, and another byte.
    Nothing else is then sent but what the driver says."""
    modules: Mapping[int, str] = field(default_factory=dict)
    """The models by that number."""
    harmless: str = "*IDN?"
    """A query that changes nothing, not even what another query answers: what a keepalive asks."""
    identity: str = "[^,]*,([^,]*)"
    """A pattern for the beginning of the answer to `*IDN?`; its group is the model."""

    def model_in(self, answer: str) -> str:
        """Return the model in an answer to `*IDN?`; "" if there is none."""
        match = re.match(self.identity, answer)
        return match[1] if match else ""


def read(table: Mapping[str, Any]) -> Talk:
    """Return the Talk that a table describes; its other keys are ignored. Raises ValueError with the mistake."""
    given = {name: table[name] for name in _TESTS if name in table}
    for name, value in given.items():
        is_right, wanted = _TESTS[name]
        if not is_right(value):
            raise ValueError(f'"{name}" of DRIVER should be {wanted}, not {shown(value)}')
    return Talk(**given)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _is_query(value: object) -> bool:
    return _is_line(value) and "?" in str(value)


def _is_pause(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_rate(value: object) -> bool:
    return type(value) is int and 50 <= value <= 4_000_000


_TESTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "line_end": (lambda value: value in LINE_ENDS, r'"\n", "\r" or "\r\n"'),
    "stray": (lambda value: _is_line(value) and len(value) <= 1, "one character"),
    "error_queue": (lambda value: value == "" or _is_query(value), 'a query, or "" if there is none'),
    "error_form": (lambda value: value in ERROR_FORMS, " or ".join(f'"{form}"' for form in ERROR_FORMS)),
    "clear": (lambda value: _is_line(value) and "?" not in value, "a command"),
    "baudrate": (_is_rate, "a whole number from 50 to 4000000"),
    "pause": (_is_pause, "a number of seconds from 0 to 1"),
    "remote": (lambda value: _is_line(value) and "?" not in value, "a command"),
    "harmless": (_is_query, "a query"),
}
KEYS = tuple(_TESTS)
