"""Completion and documentation by living objects, none of whose code may run."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from lager.inspection.objects.completion import complete
from lager.inspection.objects.docs import document


class Touchy:
    """Counts whatever is done with it."""

    touched = 0
    __slots__ = ("__dict__", "slot")

    def __init__(self) -> None:
        self.plain = {"volts": 1.5, 3: "three", 'a"b': 0}
        self.slot = [1, "two"]

    @property
    def live(self) -> None:
        "Measured now."
        Touchy.touched += 1

    def __getattr__(self, name: Any) -> None:
        Touchy.touched += 1
        raise AttributeError(name)

    def __dir__(self) -> list[Any]:
        Touchy.touched += 1
        return ["made_up"]

    def __eq__(self, other: Any) -> bool:
        Touchy.touched += 1
        return True

    def __hash__(self) -> int:
        return hash("volts")

    def __repr__(self) -> str:
        Touchy.touched += 1
        return ""

    def move(self, to: Any, *, at: Any = 1.5, by: Any = None) -> None:
        "Move it."

    @staticmethod
    def still(where: Any) -> None:
        pass


@functools.wraps(Touchy.move)
def wrapped(*arguments: Any) -> None:
    pass


NAMES = {
    "touchy": Touchy(),
    "touching": {"touchy": Touchy(), Touchy(): 1},
    "Touchy": Touchy,
    "wrapped": wrapped,
    "n": 5,
    "d": {"a.b": 1},
}


def texts(typed: str) -> list[str]:
    return [one["text"] for one in complete(typed, NAMES)]


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    Touchy.touched = 0
    yield
    assert Touchy.touched == 0


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("touchy.pl", ["plain"]),
        ("touchy.", ["live", "move", "plain", "slot", "still", "touched"]),
        ("touchy.live.", []),
        ("touchy.slot.app", ["append"]),
        ("touchy.slot[0].bit_l", ["bit_length"]),
        ("touchy.plain['volts'].is_i", ["is_integer"]),
        ("touchy.plain[", ["'volts']", "3]", "'a\"b']"]),
        ('touchy.plain["v', ['"volts"]']),
        ("touching[", ["'touchy']"]),
        ("touching['touchy'].mo", ["move"]),
        ("x = touchy.mo", ["move"]),
        ("Touchy.mo", ["move"]),
        ("tou", ["touching", "touchy"]),
        ("touchy.move(", ["to=", "at=", "by="]),
        ("touchy.move(1, b", ["by="]),
        ("touchy.still(", ["where="]),
        ("wrapped(", ["to=", "at=", "by="]),
        ("missing.x", []),
        ("touchy.missing.x", []),
        ("n.real.x", []),
        ("1", []),
        ("d['a.", ["'a.b']"]),
        ("wrapped['to", []),
        ("print('to", []),
        ("print('touchy.", []),
        ("'it\\'s to", []),
        ("""'''first 'line'\nto""", []),
        ("rb'to", []),
        ("f'{to", ["touching", "touchy"]),
        ("f'{touchy.mo", ["move"]),
        ("f'{n} to", []),
        ("'a' + to", ["touching", "touchy"]),
        ("# it's\nto", ["touching", "touchy"]),
    ],
)
def test_completion(typed: str, found: Any) -> None:
    got = texts(typed)
    assert got[: len(found)] == found
    if "(" not in typed:
        assert got == found


def test_names_of_python_come_behind_those_of_the_script() -> None:
    assert texts("Tou") == ["Touchy"]
    assert "print" in texts("pri")
    assert "while" in texts("whi")
    assert texts("touchy.__cl") == ["__class__"]


def documented(expression: str) -> dict[str, Any]:
    found = document(expression, NAMES)
    assert found is not None
    return found


def test_documentation() -> None:
    assert documented("touchy.move")["signature"] == "move(to, *, at=1.5, by=None)"
    assert documented("touchy.live")["doc"] == ["Measured now."]
    assert documented("wrapped")["signature"] == "wrapped(to, *, at=1.5, by=None)"
    assert document("touchy", NAMES) == {
        "type": "Touchy",
        "doc": ["Counts whatever is done with it."],
        "value": "<Touchy>",
    }
    assert documented("len")["signature"] == "len(obj, /)"
    assert documented("missing")["doc"] == ["There is no name 'missing' here."]
    for unknown in ("touchy.missing", "touchy.live.x", "touchy()", "1 +", ""):
        assert document(unknown, NAMES) is None
