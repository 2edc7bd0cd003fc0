"""Breakpoints on lines, in this process and with the events of this Python: where they stop."""

import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from lager.errors import InvalidArgument
from lager.stepping import engine
from lager.stepping.course import Course, Request
from lager.stepping.expressions import Condition, Hits, Message
from lager.stepping.line_breaks import table

FIRST = sys._getframe().f_lineno + 3


def inner(x: int) -> int:
    y = x + 1

    return y


def outer() -> int:
    total = 0
    for x in range(4):
        total += inner(x)
    return total


def numbers() -> Iterator[int]:
    yield 1
    yield 2


class Client:
    """Has breakpoints on lines relative to `inner`; `stops` has where the threads stopped."""

    def __init__(self) -> None:
        self.stops: list[tuple[int, object]] = []
        self.plan: list[str] = []
        self.logged: list[str] = []

    def set(self, *lines: dict[str, object]) -> list[dict[str, object]]:
        asked = [{**one, "line": FIRST + one["line"]} for one in lines]  # type: ignore[operator]
        found = table.replace(self, [__file__], asked, self.logged.append)
        engine.resumes()
        return found

    def pause(self, frame: FrameType, why: str) -> None:
        engine.cancel_here()
        self.stops.append((frame.f_lineno - FIRST, why or frame.f_locals.get("x")))
        self._step(frame)

    def _step(self, frame: FrameType) -> None:
        engine.resumes()
        if self.plan:
            engine.begin(Course(Request(self.plan.pop(0)), frame), self._stopped, lambda: None)

    def _stopped(self, frame: FrameType, value: object) -> None:
        self.stops.append((frame.f_lineno - FIRST, "step"))
        self._step(frame)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    made = Client()
    monkeypatch.setattr(table, "pause", made.pause)
    yield made
    engine.cancel_here()
    table.drop(made)
    outer()
    assert not is_watched()


def is_watched() -> bool:
    if sys.version_info >= (3, 12):
        return any(sys.monitoring.get_tool(number) == "lager-steps" for number in range(6))
    return sys.gettrace() is not None or threading.gettrace() is not None


def test_a_line_stops_each_time_and_one_without_code_moves_to_the_next(client: Client) -> None:
    assert client.set({"line": 2})[0] == {"verified": True, "line": FIRST + 3}
    outer()
    assert client.stops == [(3, 0), (3, 1), (3, 2), (3, 3)]


def test_a_frame_that_runs_already_stops_and_so_does_a_line_that_was_passed_before(client: Client) -> None:
    client.set({"line": 3, "condition": "x == 0"})
    here = sys._getframe().f_lineno - FIRST
    for _turn in range(2):
        outer()
        client.set({"line": 1, "condition": "x == 3"}, {"line": here + 2, "condition": "_turn == 1"})
    assert client.stops == [(3, 0), (here + 2, None), (1, 3)]


def test_a_new_thread_and_a_generator_stop(client: Client) -> None:
    client.set({"line": 1}, {"line": 15})
    thread = threading.Thread(target=inner, args=(7,))
    thread.start()
    thread.join()
    assert list(numbers()) == [1, 2]
    assert client.stops == [(1, 7), (15, None)]


def test_a_step_stops_once_at_a_line_with_a_breakpoint_and_goes_on_behind_it(client: Client) -> None:
    client.set({"line": 1, "condition": "x == 2"}, {"line": 3, "condition": "x == 2"})
    client.plan = ["next", "next", "next"]
    outer()
    assert client.stops == [(1, 2), (3, 2), (8, "step"), (9, "step")]


def test_a_step_into_a_function_leaves_its_breakpoints(client: Client) -> None:
    client.set({"line": 9, "condition": "x == 1"}, {"line": 3, "condition": "x == 1"})
    client.plan = ["step"]
    outer()
    assert client.stops == [(9, 1), (1, "step"), (3, 1)]


def test_two_clients_share_a_line_and_each_takes_back_its_own(client: Client) -> None:
    other = Client()
    client.set({"line": 1, "condition": "x == 1"})
    other.set({"line": 1, "condition": "x >= 1"})
    outer()
    table.drop(other)
    outer()
    assert client.stops == [(1, 1), (1, 2), (1, 3), (1, 1)]


def test_a_message_does_not_stop(client: Client) -> None:
    client.set({"line": 1, "log": "x is {x}, {'{}'.format(x)}, {1 / x}"})
    outer()
    assert client.stops == []
    assert client.logged[:2] == ["x is 0, 0, {1 / x: ZeroDivisionError: division by zero}", "x is 1, 1, 1.0"]


@pytest.mark.parametrize(
    ("text", "stops"),
    [("3", [3]), ("== 3", [3]), (">=5", [5, 6]), ("> 5", [6]), ("< 2", [1]), ("<= 2", [1, 2]), ("% 3", [3, 6])],
)
def test_hit_counts_stop_as_they_say(text: str, stops: list[int]) -> None:
    hits = Hits(text)
    assert [number for number in range(1, 7) if hits.counted()] == stops


def test_a_condition_that_raises_holds_and_changes_nothing() -> None:
    names = {"x": 1}
    assert Condition("x / 0").check(lambda: {**names}) == (
        True, "its condition raised ZeroDivisionError: division by zero",
    )  # fmt: skip
    assert Condition("exit()").check(lambda: {**names})[0]
    assert Condition("(x := 5) > 3 and any(x for _ in [1])").check(lambda: {**names}) == (True, "")
    assert names == {"x": 1}


@pytest.mark.parametrize("text", ["x =", "(" * 1000, "a" * 5000, "\0", ""])
def test_an_invalid_expression_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Condition(text)
    with pytest.raises(InvalidArgument):
        Message(f"{{{text}}}")


@pytest.mark.parametrize("text", ["", "often", "-1", "5 5", "% 0", "9" * 20])
def test_an_invalid_hit_count_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Hits(text)
