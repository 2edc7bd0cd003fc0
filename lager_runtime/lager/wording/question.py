"""A question of a script: its kinds, and the conversion of input into an answer.

Three sides use it: the script asks, lagerd accepts or refuses an answer, and a terminal shows which answers are valid.
An answer is a bool ("yes-no"), a str ("text" and "choice") or a float ("number").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from lager.errors import InvalidArgument
from lager.wording.text import LABEL_LENGTH, amount_of, printable
from lager.wording.values import number
from lager.wording.values import shown as as_given

KINDS = ("yes-no", "text", "number", "choice")
TEXT_LENGTH = 4096
_MOST_CHOICES = 100
_UNIT_LENGTH = 20
_YES = frozenset(("y", "yes", "true", "on", "1"))
_NO = frozenset(("n", "no", "false", "off", "0"))

Answer = bool | str | float


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its valid answers; the bounds of a number are inclusive. `question` creates it."""

    text: str
    kind: str
    choices: tuple[str, ...] = ()
    unit: str = ""
    low: float | None = None
    high: float | None = None
    default: Answer | None = None

    def answer(self, given: object) -> Answer:
        """Convert a typed text, or a value of the right type, to an answer. Raises InvalidArgument, which says what is
        valid."""
        converted = self._converted(given)
        if converted is None:
            told = "An empty text" if isinstance(given, str) and not given.strip() else shown(given)
            longest = f", up to {TEXT_LENGTH} characters" if self.kind == "text" else ""
            point = self._with_point(given) if isinstance(given, str) else ""
            raise InvalidArgument(
                f"{told} is not a valid answer to {self.text!r}.", f"Give {self.wanted()}{longest}{point}."
            )
        return converted

    def wanted(self) -> str:
        """Return the valid answers, in words."""
        if self.kind == "yes-no":
            return "yes or no"
        if self.kind == "choice":
            return f"one of: {', '.join(self.choices)}"
        if self.kind == "text":
            return "a line of text"
        unit = f" {self.unit}" if self.unit else ""
        if self.low is not None and self.high is not None:
            return f"a number from {shown(self.low)} to {shown(self.high)}{unit}"
        if self.low is not None:
            return f"a number of at least {shown(self.low)}{unit}"
        if self.high is not None:
            return f"a number of at most {shown(self.high)}{unit}"
        return f"a number of {self.unit}" if self.unit else "a number"

    def details(self) -> dict[str, Any]:
        """Return the keys of the contract that a question adds to those of a pause."""
        return {
            "question": self.text,
            "kind": self.kind,
            "choices": list(self.choices),
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "default": self.default,
        }

    def _converted(self, given: object) -> Answer | None:
        if self.kind == "yes-no":
            return _yes_or_no(given)
        if self.kind == "number":
            value = amount_of(given, self.unit) if isinstance(given, str) else number(given)
            return value if value is not None and self._is_within(value) else None
        if not isinstance(given, str):
            return None
        if self.kind == "choice":
            return _one_of(self.choices, given)
        text = given.rstrip("\r\n")
        return text if len(text) <= TEXT_LENGTH and not any(end in text for end in "\0\r\n") else None

    def _with_point(self, given: str) -> str:
        """Return the correct form of a number that was given with a decimal comma."""
        better = given.strip().replace(",", ".")
        is_one = self.kind == "number" and "," in given and self._converted(better) is not None
        return f", with a decimal point: {better}" if is_one else ""

    def _is_within(self, value: float) -> bool:
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)


def question(
    text: object,
    kind: object = "yes-no",
    choices: object = None,
    unit: object = "",
    low: object = None,
    high: object = None,
    default: object = None,
) -> Question:
    """Return a checked question. Raises InvalidArgument if the arguments do not fit each other."""
    if kind not in KINDS:
        raise InvalidArgument(f"{shown(kind)} is not a kind of question.", f"Give one of {', '.join(KINDS)}.")
    said = printable(text, LABEL_LENGTH)
    if not said.strip():
        raise InvalidArgument("The question is empty.", "Give its text.")
    has_choices = choices is not None and choices != ()
    if has_choices != (kind == "choice"):
        needs = "takes no choices" if has_choices else "needs choices"
        raise InvalidArgument(f"A question of kind={kind!r} {needs}.", "Give choices=, and kind='choice'.")
    if kind != "number" and not (unit == "" and low is None and high is None):
        raise InvalidArgument(
            f"A question of kind={kind!r} has no unit and no bounds.", "Give them with kind='number'."
        )
    lowest, highest = _bound("low", low), _bound("high", high)
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidArgument(f"low={shown(lowest)} is greater than high={shown(highest)}.", "No number is in between.")
    possible = _choices(choices) if kind == "choice" else ()
    asked = Question(said, str(kind), possible, printable(unit, _UNIT_LENGTH).strip(), lowest, highest)
    return asked if default is None else replace(asked, default=asked.answer(default))


def from_details(details: Mapping[str, Any]) -> Question | None:
    """Return the question of a pause from its keys, None if it has none. Raises InvalidArgument."""
    if "question" not in details:
        return None
    names = ("kind", "choices", "unit", "low", "high", "default")
    given = {name: details[name] for name in names if details.get(name) is not None}
    if given.get("choices") == []:
        del given["choices"]
    return question(details["question"], **given)


def shown(answer: object) -> str:
    """Return an answer as people type it."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return f"{answer:.12g}" if isinstance(answer, float) else printable(answer, 60) or "an empty text"


def _bound(name: str, value: object) -> float | None:
    if value is None:
        return None
    bound = number(value)
    if bound is None:
        raise InvalidArgument(f"{name}={as_given(value)} is not a number.", "Give a number, or leave it out.")
    return bound


def _choices(given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidArgument(
            f"choices={shown(given)} is not a list of texts.", "Give a list, such as ['short', 'long']."
        )
    texts = tuple(islice(given, _MOST_CHOICES + 1))
    for text in texts:
        if type(text) is not str or not text.strip() or text != printable(text, LABEL_LENGTH) or text != text.strip():
            raise InvalidArgument(f"{shown(text)} cannot be a choice.", "Give texts of one line.")
    if not texts or len(texts) > _MOST_CHOICES:
        count = f"more than {_MOST_CHOICES}" if texts else "no"
        raise InvalidArgument(f"choices has {count} texts.", f"Give 1 to {_MOST_CHOICES} different ones.")
    seen: set[str] = set()
    for text in texts:
        if _folded(text) in seen:
            raise InvalidArgument(f"choices has {shown(text)!r} twice.", "Give different texts; case does not count.")
        seen.add(_folded(text))
    return texts


def _one_of(choices: tuple[str, ...], given: str) -> str | None:
    wanted = _folded(given.strip())
    return next((text for text in choices if _folded(text) == wanted), None)


def _folded(text: str) -> str:
    """Return the text as it is compared: without case, and with accents that are typed in one way."""
    from unicodedata import normalize

    return normalize("NFC", normalize("NFC", text).casefold())


def _yes_or_no(given: object) -> bool | None:
    if isinstance(given, bool):
        return given
    word = given.strip().casefold() if isinstance(given, str) else ""
    return True if word in _YES else False if word in _NO else None
