"""What a debugger reads of a paused script: one level at a time, and without running the script's code."""

import sys
import threading
from collections import deque
from typing import Any

import pytest

from lager.inspection.frames.location import Place
from lager.inspection.object_tree import PAUSED, ObjectTree


class Meter:
    __slots__ = ("__dict__", "range")
    kind = "meter"

    def __init__(self) -> None:
        self.range = 10.0
        self.readings = {"adc1": 1.25, 7: [1, 2]}
        self.asked = 0

    @property
    def voltage(self) -> float:
        self.asked += 1
        return 3.3

    @property
    def broken(self) -> float:
        raise OSError("no cable")

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"ran code of the script for {name}")


class Tree(ObjectTree):
    """Keeps what its paused frame has, for the test to look at."""

    meter: Meter
    limit: int


@pytest.fixture
def tree() -> Tree:
    meter, limit = Meter(), 3
    found = Tree(Place.here(sys._getframe()), "MainThread")
    found.meter, found.limit = meter, limit
    return found


def rows(tree: ObjectTree, reference: int) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in tree.members(reference)}


def local(tree: ObjectTree) -> dict[str, dict[str, Any]]:
    frame = tree.frames(PAUSED)["frames"][0]
    assert frame["function"] == "tree"
    assert frame["path"] == __file__
    return rows(tree, tree.scopes(frame["frame"])[0]["reference"])


def test_the_variables_of_the_paused_frame(tree: Tree) -> None:
    shown = local(tree)
    assert shown["limit"]["value"] == "3"
    assert "reference" not in shown["limit"]
    assert shown["meter"]["type"] == "Meter"


def test_attributes_and_slots_are_shown_and_properties_wait_until_they_are_opened(tree: Tree) -> None:
    meter = rows(tree, local(tree)["meter"]["reference"])
    assert [*meter] == ["asked", "range", "readings", "broken", "voltage"]
    assert meter["range"]["value"] == "10.0"
    assert meter["voltage"]["lazy"]
    assert tree.meter.asked == 0
    assert tree.members(meter["voltage"]["reference"]) == [{"name": "voltage", "type": "float", "value": "3.3"}]
    assert tree.meter.asked == 1
    (broken,) = tree.members(meter["broken"]["reference"])
    assert broken["type"] == "OSError"
    assert "no cable" in broken["value"]


def test_items_have_their_keys_and_come_in_pages(tree: Tree) -> None:
    readings = rows(tree, local(tree)["meter"]["reference"])["readings"]
    assert readings["items"] == 2
    assert rows(tree, readings["reference"])["'adc1'"]["value"] == "1.25"
    long = tree.member("long", [*range(5000)])
    page = tree.members(long["reference"], 4990, 20)
    assert [row["name"] for row in page] == [str(at) for at in range(4990, 5000)]
    *shown, more = tree.members(long["reference"])
    assert len(shown) == 1000
    assert more["value"].startswith("only the first 1000 are shown")


@pytest.mark.parametrize("kind", [list, tuple, deque, set, dict.fromkeys])
def test_a_page_far_into_a_large_value_costs_what_it_shows(tree: Tree, kind: Any) -> None:
    long = tree.member("long", kind(range(200_000)))
    asked = []

    def text(value: object, width: int) -> str:
        asked.append(value)
        return str(value)

    assert [row["name"] for row in tree.members(long["reference"], 199_998, 20, text)] == ["199998", "199999"]
    assert len(asked) <= 4
    assert tree.members(long["reference"], 10**9, 5) == []


@pytest.mark.parametrize(
    ("value", "below"),
    [({1}, True), (frozenset("a"), True), ((1, 2), True), ("text", False), (b"x", False), (3.0, False), (None, False),
     (deque([1]), True), ([], True), ({}, True), (threading, False), (print, False), (Meter, False)],
)  # fmt: skip
def test_what_can_be_opened(tree: Tree, value: Any, below: bool) -> None:
    assert ("reference" in tree.member("x", value)) == below


def test_module_code_has_one_scope() -> None:
    names: dict[str, Any] = {}
    exec("import sys; frame = sys._getframe()", names)
    found = ObjectTree(Place(((names["frame"], 1),)), "MainThread")
    scopes = found.scopes(found.frames(PAUSED)["frames"][0]["frame"])
    assert [scope["name"] for scope in scopes] == ["Locals"]


def test_hovering_runs_no_code(tree: Tree) -> None:
    assert (reading := tree.resolve("meter.readings['adc1']", None)) is not None
    assert reading["value"] == "1.25"
    assert tree.resolve("meter.voltage", None) is None
    assert tree.resolve("meter.nothing", None) is None
    assert tree.resolve("print('x')", None) is None
    assert tree.meter.asked == 0


def test_other_threads_have_their_names_and_stacks(tree: Tree) -> None:
    going, end = threading.Event(), threading.Event()

    def watch() -> None:
        going.set()
        end.wait()

    thread = threading.Thread(target=watch, name="watcher")
    thread.start()
    try:
        going.wait()
        found = {one["name"]: one for one in tree.threads()}
        assert found["MainThread"] == {"id": PAUSED, "name": "MainThread", "paused": True}
        number = found["watcher"]["id"]
        assert "watch" in [frame["function"].rsplit(".")[-1] for frame in tree.frames(number)["frames"]]
    finally:
        end.set()
        thread.join()
    assert tree.frames(number) == {"frames": [], "left_out": 0}


def test_a_number_that_names_nothing_is_an_error_and_forgotten_numbers_name_nothing(tree: Tree) -> None:
    reference = local(tree)["meter"]["reference"]
    tree.forget()
    with pytest.raises(IndexError):
        tree.members(reference)
