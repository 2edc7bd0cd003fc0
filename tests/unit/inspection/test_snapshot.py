"""A snapshot of a place: what it shows, and what no object in it can do to the reader."""

import array
import asyncio
import sys
import threading
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lager.inspection import snapshot
from lager.inspection.frames.location import Place
from lager.inspection.objects.safe_repr import shortened, type_name
from lager.inspection.side_thread import run_aside

Point = namedtuple("Point", "x y")


class Sleeps:
    """Hangs until `go`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = 0

    def __repr__(self) -> str:
        self.asked += 1
        self.go.wait()
        return "awake"


class Spins:
    def __repr__(self) -> str:
        while True:
            pass


class Raises:
    def __repr__(self) -> str:
        raise ValueError("no")


class Exits:
    def __repr__(self) -> str:
        raise SystemExit


class NoText:
    def __repr__(self) -> Any:
        return 5


class Long:
    def __repr__(self) -> str:
        return "x" * 50_000_000


class OddText(str):
    __slots__ = ()

    def __getitem__(self, _: Any) -> str:
        raise ValueError

    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__


class GivesOddText:
    def __repr__(self) -> str:
        return OddText("odd")


class Meta(type):
    def __getattribute__(cls, name: Any) -> None:
        raise AttributeError("touched")


class Untouchable(metaclass=Meta):
    pass


def looked(**names: Any) -> tuple[dict[str, Any], float]:
    """A look at a function with these names; and how many seconds it took."""
    source = "def f({}):\n    return sys._getframe()\nframe = f(**names)".format(", ".join(names))
    namespace: dict[str, Any] = {"names": names, "sys": sys}
    exec(compile(source, "<nowhere>", "exec"), namespace)
    began = time.monotonic()
    look = asyncio.run(snapshot.taken(Place(((namespace["frame"], 2),))))
    return look, time.monotonic() - began


def values(**names: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in looked(**names)[0]["variables"]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.25, "1.25"),
        (None, "None"),
        ("a\nb\x1b[2J", r"'a\nb\x1b[2J'"),
        (b"\xff", r"b'\xff'"),
        ([], "[]"),
        ((), "()"),
        (set(), "set()"),
        (frozenset(), "frozenset()"),
        ({}, "{}"),
        ((1,), "(1,)"),
        ([1, "a", (2, 3)], "[1, 'a', (2, 3)]"),
        ({"adc1": 1.25, 2: [None]}, "{'adc1': 1.25, 2: [None]}"),
        ({3}, "{3}"),
        (frozenset((3,)), "frozenset({3})"),
        ([[[[1]]]], "[[[[…]]]]"),
        (Point(1, 2), "Point(x=1, y=2)"),
        (Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (OrderedDict(a=1), repr(OrderedDict(a=1))),
        (deque([1]), "deque([1])"),
        (1 << 99_999, "<int of about 30103 digits>"),
        (range(10**9), "range(0, 1000000000)"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … 20 in all]"),
    ],
    ids=range(22),
)
def test_values_as_people_know_them(value: Any, shown: Any) -> None:
    assert values(value=value) == {"value": shown}


def test_a_value_that_holds_itself() -> None:
    value: list[Any] = [1]
    value.append(value)
    assert values(value=value)["value"] == "[1, [1, [1, […]]]]"


def test_a_large_value_costs_what_is_shown_of_it() -> None:
    items = [0] * 10_000_000
    mine = type("Mine", (list,), {})(items)
    some = defaultdict(int, dict.fromkeys(range(100_000)))
    text = "x" * 10_000_000
    large = [items, deque(items), array.array("b", bytes(10_000_000)), text, text.encode(), {"a": items}, some, mine]
    for value in [*large, 1 << 10_000_000]:
        began = time.thread_time()
        assert len(shortened(value)) <= 200
        assert time.thread_time() - began < 0.02


@settings(max_examples=25)
@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), lambda e: st.lists(e) | st.tuples(e)))
def test_any_value_is_one_line(value: Any) -> None:
    shown = shortened(value)
    assert len(shown) <= 200
    assert shown.isprintable()


@pytest.mark.skipif(
    sys.version_info < (3, 12) and sys.gettrace() is not None,
    reason="3.11 under a tracer stands still while an interrupt for a thread that sleeps is pending",
)
def test_no_object_breaks_or_hangs_a_look() -> None:
    sleeps = Sleeps()
    names = {
        "sleeps": sleeps, "again": [sleeps], "spins": Spins(), "raises": Raises(), "exits": Exits(), "text": NoText(),
        "long": Long(), "odd": GivesOddText(), "untouchable": Untouchable(), "last": 1,
    }  # fmt: skip
    look, took = looked(**names)
    sleeps.go.set()
    shown = {one["name"]: one["value"] for one in look["variables"]}
    assert took < 5
    assert sleeps.asked == 1
    assert shown["sleeps"] == "<Sleeps whose repr hangs>"
    assert shown["again"] == "[<Sleeps whose repr hangs>]"
    assert shown["spins"] == "<Spins whose repr hangs>"
    assert shown["raises"] == "<Raises whose repr raises ValueError>"
    assert shown["exits"] == "<Exits whose repr raises RuntimeError>"
    assert shown["text"] == "<NoText whose repr raises TypeError>"
    assert len(shown["long"]) == 200
    assert shown["odd"] == "odd"
    assert "Untouchable" in shown["untouchable"]
    assert shown["last"] == "1"
    assert look["variables"][0]["type"] == "Sleeps"


def test_what_hangs_in_a_builtin_does_not_hide_the_rest() -> None:
    waits = type("Waits", (Sleeps,), {})()
    look, _ = looked(readings={"adc1": 1.25, "adc2": [waits]})
    waits.go.set()
    assert look["variables"][0]["value"] == "{'adc1': 1.25, 'adc2': [<Waits>]}"


def test_many_that_hang_take_no_longer_than_a_few() -> None:
    names = {f"v{number}": type(f"S{number}", (Sleeps,), {})() for number in range(20)}
    look, took = looked(**names, plain=[1, "a"], mixed={"a": names["v0"]})
    for value in names.values():
        value.go.set()
    assert took < 5
    shown = {one["name"]: one["value"] for one in look["variables"]}
    assert shown["v19"] == "<S19, not asked: others took too long>"
    assert shown["plain"] == "[1, 'a']"
    assert shown["mixed"] == "{'a': <S0>}"


def test_one_that_woke_up_is_asked_again() -> None:
    sleeps = type("SleepsHere", (Sleeps,), {})()  # a type that no other test has asleep

    async def ask() -> str:
        return await run_aside(lambda: shortened(sleeps), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(ask())
    sleeps.go.set()
    for thread in threading.enumerate():
        if thread.name == "lager-side-thread":
            thread.join()
    assert asyncio.run(ask()) == "awake"


def test_what_spins_is_ended() -> None:
    async def ask() -> None:
        with pytest.raises(TimeoutError):
            await run_aside(lambda: repr(Spins()), 0.1)
        while threads := [t for t in threading.enumerate() if t.name == "lager-side-thread"]:
            await asyncio.to_thread(threads[0].join, 20)

    asyncio.run(ask())


def test_definitions_come_last_and_what_python_puts_there_not_at_all() -> None:
    look, _ = looked(sys=sys, Point=Point, f=looked, length=len, x=1, __name__="x", __file__="y")
    assert [(one["name"], one["kind"]) for one in look["variables"]] == [
        ("x", "variable"),
        ("sys", "definition"),
        ("Point", "definition"),
        ("f", "definition"),
        ("length", "definition"),
    ]


def test_a_name_that_no_source_can_spell_is_not_shown() -> None:
    """As Python has one in every generator expression, and pytest puts some into a test for each assert."""
    suspended = (sys._getframe() for x in [1])  # which must not end while its frame is looked at
    frame = next(suspended)
    assert ".0" in frame.f_locals
    look = asyncio.run(snapshot.taken(Place(((frame, 1),))))
    assert [one["name"] for one in look["variables"]] == ["x"]


def test_source_and_stack() -> None:
    def inner() -> Place:
        return Place.here(sys._getframe())  # this line

    def outer() -> Any:
        return inner()

    look = asyncio.run(snapshot.taken(outer(), context=1))
    assert [(line["text"].strip(), line["here"]) for line in look["source"]] == [
        ("def inner() -> Place:", False), ("return Place.here(sys._getframe())  # this line", True), ("", False),
    ]  # fmt: skip
    last = look["stack"][-2:]
    assert [frame["function"].rpartition(".")[2] for frame in last] == ["outer", "inner"]
    assert [frame["text"] for frame in last] == ["return inner()", "return Place.here(sys._getframe())  # this line"]
    assert {frame["file"] for frame in last} == {__file__}


def test_a_deep_stack_is_cut_from_outside() -> None:
    def deep(levels: int) -> Place:
        return deep(levels - 1) if levels else Place.here(sys._getframe())

    look = asyncio.run(snapshot.taken(deep(300)))
    assert len(look["stack"]) == 100
    assert look["frames_left_out"] > 200


def test_code_without_a_source() -> None:
    look, _ = looked(x=1)
    assert look["source"] == []
    assert look["stack"][-1]["text"] == ""


def test_the_name_of_a_type_that_wants_none() -> None:
    assert type_name(Untouchable()) == "Untouchable"
