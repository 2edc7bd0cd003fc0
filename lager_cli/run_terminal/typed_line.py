"""Parses a line that a user types on the terminal of a paused run.

A pause accepts Enter, `e`, `o` and `s`. A question accepts an answer, and the same words with a colon before them.
"""

from dataclasses import dataclass
from enum import Enum, auto

from lager.contract import EXTENSION
from lager.wording.question import Question
from lager.wording.text import seconds_of

HELP = "press Enter on an empty line to resume, or type e (5 more minutes), o (console) or s (show)"


class Wish(Enum):
    """What a typed line asks for."""

    RESUME = auto()
    ANSWER = auto()
    EXTEND = auto()
    CONSOLE = auto()
    SHOW = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class TypedLine:
    """A typed line. `seconds` is for EXTEND, `text` for ANSWER."""

    wish: Wish
    text: str = ""
    seconds: float = 0.0


def line(typed: bytes, question: Question | None) -> TypedLine:
    """Return the meaning of `typed`, one line with its end."""
    text = typed.decode(errors="replace").rstrip("\r\n")
    word, _, rest = text.strip().partition(" ")
    if not word:
        return TypedLine(Wish.RESUME)
    if question is not None and not word.startswith(":"):
        return TypedLine(Wish.ANSWER, text)
    command = word.removeprefix(":")
    if command == "e":
        seconds = seconds_of(rest) if rest else EXTENSION
        return TypedLine(Wish.UNKNOWN) if seconds is None else TypedLine(Wish.EXTEND, seconds=seconds)
    known = {"o": Wish.CONSOLE, "s": Wish.SHOW}
    if command in known and not rest:
        return TypedLine(known[command])
    return TypedLine(Wish.UNKNOWN) if question is None else TypedLine(Wish.ANSWER, text)
