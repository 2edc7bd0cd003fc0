"""The engine of steps: where each kind of step stops, in this process and with the events of this Python."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from lager.errors import InvalidArgument
from lager.stepping import engine
from lager.stepping.course import Course, Request

Stop = tuple[object, ...]


class Stepper:
    """Runs the steps of `plan`, one after the other, from where it is called on; `stops` has where each stopped."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.stops: list[Stop] = []
        self.to_raise: Exception | None = None
        self.alone = True

    def __call__(self) -> None:
        self._step(sys._getframe(1), None)

    def _step(self, frame: FrameType, value: object) -> None:
        if self.plan:
            kind, *offset = self.plan.pop(0).split()
            line = [frame.f_code.co_firstlineno + int(offset[0])] if offset else []
            course = Course(Request(kind, *line), frame, returning=value is not None)
            engine.begin(course, self._stopped, lambda: self.stops.append(("over",)))

    def _stopped(self, frame: FrameType, value: tuple[object] | None) -> None:
        assert not (self.alone and is_watched())
        offset = frame.f_lineno - frame.f_code.co_firstlineno
        self.stops.append((frame.f_code.co_name, offset, *(value or ())))
        if self.to_raise is not None:
            raise self.to_raise
        self._step(frame, value)


def is_watched() -> bool:
    if sys.version_info >= (3, 12):
        return any(sys.monitoring.get_tool(number) == "lager-steps" for number in range(6))
    return sys.gettrace() is not None


@pytest.fixture
def stepper() -> Iterator[Stepper]:
    made = Stepper()
    yield made
    engine.cancel_here()
    assert not is_watched()


def steps(stepper: Stepper, function: Callable[[Stepper], object], *plan: str) -> list[Stop]:
    """Where the steps of `plan` stop, in `function`, until it has returned."""
    stepper.plan[:] = plan
    with suppress(ValueError):
        function(stepper)
    engine.cancel_here()
    return stepper.stops


def inner(x: int) -> int:
    y = x + 1
    return y


def outer(brk: Stepper) -> int:
    brk()
    a = inner(1)
    a += inner(a)
    return a


def caller(brk: Stepper) -> int:
    outer(brk)
    return 3


def test_next_runs_line_by_line_and_out_to_the_caller(stepper: Stepper) -> None:
    assert steps(stepper, caller, *["next"] * 4) == [("outer", 2), ("outer", 3), ("outer", 4), ("caller", 2)]


def test_step_goes_into_each_call(stepper: Stepper) -> None:
    assert steps(stepper, caller, *["step"] * 5) == [
        ("outer", 2), ("inner", 1), ("inner", 2), ("outer", 3), ("inner", 1),
    ]  # fmt: skip


def test_finish_stops_at_the_return_with_its_value(stepper: Stepper) -> None:
    assert steps(stepper, caller, "step", "step", "finish", "next") == [
        ("outer", 2), ("inner", 1), ("inner", 2, 2), ("outer", 3),
    ]  # fmt: skip


def test_out_stops_in_the_caller(stepper: Stepper) -> None:
    assert steps(stepper, caller, "step", "step", "out") == [("outer", 2), ("inner", 1), ("outer", 3)]


def loop(brk: Stepper) -> int:
    brk()
    for i in range(3):
        j = i
        k = j
    return k


def test_until_runs_to_a_line_on_or_back_or_to_the_return(stepper: Stepper) -> None:
    assert steps(stepper, loop, "until 4", "until 3", "until 5", "until 90") == [
        ("loop", 4), ("loop", 3), ("loop", 5), ("loop", 5, 2),
    ]  # fmt: skip


def recursive(brk: Stepper, depth: int = 2) -> int:
    if depth == 2:
        brk()
    n = recursive(brk, depth - 1) if depth else 0
    return n + 1


def test_a_recursive_call_is_not_the_next_line(stepper: Stepper) -> None:
    assert steps(stepper, recursive, "next", "next") == [("recursive", 3), ("recursive", 4)]


def failing(brk: Stepper) -> None:
    brk()
    inner(2)
    raise ValueError


def catching(brk: Stepper) -> int:
    try:
        failing(brk)
    except ValueError:
        e = 1
    return e


@pytest.mark.parametrize("kind", ["finish", "until 90", "out"])
def test_a_step_that_an_exception_ends_stops_where_it_is_caught(stepper: Stepper, kind: str) -> None:
    assert steps(stepper, catching, kind, "next") == [("catching", 3), ("catching", 4)]


class Context:
    def __enter__(self) -> int:
        return 1

    def __exit__(self, *_: object) -> None:
        pass


def within(brk: Stepper) -> int:
    brk()
    with Context() as c:
        q = c
    return q


def test_with_statements_are_stepped_over_and_into(stepper: Stepper) -> None:
    assert steps(stepper, within, *["next"] * 4) == [("within", 2), ("within", 3), ("within", 2), ("within", 4)]
    stepper.stops.clear()
    assert steps(stepper, within, *["step"] * 5) == [
        ("within", 2), ("__enter__", 1), ("within", 3), ("within", 2), ("__exit__", 1),
    ]  # fmt: skip


def generator(brk: Stepper) -> Iterator[int]:
    brk()
    yield 1
    z = 2
    yield z


def consumer(brk: Stepper) -> int:
    for i in generator(brk):
        w = i
    return w


def test_next_waits_for_a_generator_to_continue_and_step_does_not(stepper: Stepper) -> None:
    assert steps(stepper, consumer, *["next"] * 4) == [
        ("generator", 2), ("generator", 3), ("generator", 4), ("consumer", 3),
    ]  # fmt: skip
    stepper.stops.clear()
    assert steps(stepper, consumer, *["step"] * 3) == [("generator", 2), ("consumer", 2), ("consumer", 1)]


def cleaning(brk: Stepper) -> Iterator[int]:
    brk()
    try:
        yield 1
    finally:
        inner(1)


def abandoning(brk: Stepper) -> int:
    values = cleaning(brk)
    next(values)
    del values
    return 1


def test_a_generator_that_is_closed_ends_the_wait_for_it(stepper: Stepper) -> None:
    assert steps(stepper, abandoning, *["next"] * 4) == [
        ("cleaning", 2), ("cleaning", 3), ("cleaning", 5), ("abandoning", 4),
    ]  # fmt: skip


def plain(brk: Stepper) -> Iterator[int]:
    brk()
    yield 1
    yield 2


def dropping(brk: Stepper) -> int:
    values = plain(brk)
    next(values)
    del values
    return inner(1)


def breaking(brk: Stepper) -> int:
    for i in plain(brk):
        if i:
            break
    return i


def first(brk: Stepper) -> int:
    for i in plain(brk):
        return i
    return 0


def returning_the_first(brk: Stepper) -> int:
    n = first(brk)
    return n


def keeping(brk: Stepper) -> int:
    values = plain(brk)
    n = next(values)
    n += 1
    n += next(values)
    return n


@pytest.mark.parametrize(
    ("function", "kind", "stop"),
    [
        (dropping, "next", ("dropping", 4)),
        (dropping, "finish", ("dropping", 4)),
        (dropping, "until 90", ("dropping", 4)),
        (breaking, "next", ("breaking", 4)),
        (returning_the_first, "next", ("returning_the_first", 2)),
        (keeping, "next", ("plain", 3)),
    ],
)
def test_a_generator_that_is_dropped_at_a_yield_ends_the_wait_for_it(
    stepper: Stepper, function: Any, kind: str, stop: tuple[str, int]
) -> None:
    assert steps(stepper, function, "next", kind) == [("plain", 2), stop]


async def held_up(brk: Stepper) -> None:
    brk()
    await asyncio.sleep(600)


async def leaving(brk: Stepper) -> int:
    one = held_up(brk)
    one.send(None)
    one.close()
    return 1


def test_a_coroutine_that_is_closed_at_an_await_ends_the_wait_for_it(stepper: Stepper) -> None:
    found = steps(stepper, lambda brk: asyncio.run(leaving(brk)), "next", "next", "next")
    assert ("leaving", 4) in found  # Python 3.13 runs the line of the await once more


async def waiting(brk: Stepper) -> int:
    brk()
    await asyncio.sleep(0.001)
    return 1


async def awaiting(brk: Stepper) -> int:
    task = asyncio.create_task(sleeping())
    n = await waiting(brk)
    n += await asyncio.create_task(returning())
    await task
    return n


async def sleeping() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def returning() -> int:
    return 2


def test_an_await_is_one_line_and_the_other_tasks_run_meanwhile(stepper: Stepper) -> None:
    assert steps(stepper, lambda brk: asyncio.run(awaiting(brk)), *["next"] * 5) == [
        ("waiting", 2), ("waiting", 3), ("awaiting", 3), ("awaiting", 4), ("awaiting", 5),
    ]  # fmt: skip


def test_a_thread_that_ends_ends_its_step(stepper: Stepper) -> None:
    stepper.plan[:] = ["next"] * 9
    thread = threading.Thread(target=caller, args=[stepper])
    thread.start()
    thread.join()
    assert stepper.stops[-2:] == [("caller", 2), ("over",)]


def encoding(brk: Stepper) -> str:
    brk()
    text = json.dumps({"a": 1})
    return text


def test_the_standard_library_is_entered_only_by_a_step_into_it(stepper: Stepper) -> None:
    assert steps(stepper, encoding, "next", "next") == [("encoding", 2), ("encoding", 3)]
    stepper.stops.clear()
    found = steps(stepper, encoding, "next", "step", "next", "out")
    assert [name for name, *_ in found] == ["encoding", "dumps", "dumps", "encoding"]


def sorting(brk: Stepper) -> list[int]:
    def key(value: int) -> int:
        return -value

    brk()
    return sorted([1, 2], key=key)


def test_a_step_goes_into_functions_that_c_code_calls(stepper: Stepper) -> None:
    assert steps(stepper, sorting, "step", "step", "step") == [("sorting", 5), ("key", 1), ("key", 1)]


def test_steps_of_two_threads_do_not_mix(stepper: Stepper) -> None:
    other, met = Stepper(), threading.Barrier(2)
    stepper.alone = other.alone = False

    def work(mine: Stepper) -> None:
        met.wait()
        mine()
        met.wait()
        inner(1)
        met.wait()

    stepper.plan[:], other.plan[:] = ["next"] * 3, ["next"] * 3
    threads = [threading.Thread(target=work, args=[one]) for one in (stepper, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in (stepper, other):
        assert one.stops == [("work", 3), ("work", 4), ("work", 5)]


def test_what_a_stop_raises_is_raised_in_the_script(stepper: Stepper) -> None:
    stepper.to_raise = ValueError("at the stop")
    stepper.plan[:] = ["next"]
    with pytest.raises(ValueError, match="at the stop"):
        outer(stepper)


def test_another_thread_has_no_events_during_a_step(stepper: Stepper) -> None:
    if sys.version_info >= (3, 12):
        pytest.skip("the events of sys.monitoring are filtered by thread")
    traced: list[object] = []
    stepper.plan[:] = ["next"]

    def work() -> None:
        stepper()
        thread = threading.Thread(target=lambda: traced.append(sys.gettrace()))
        thread.start()
        thread.join()

    work()
    assert traced == [None]


@pytest.mark.parametrize(("kind", "line"), [("jump", None), ("until", None), ("until", 0), ("until", "7"), (None, 1)])
def test_an_invalid_step_is_refused(kind: str | None, line: Any) -> None:
    with pytest.raises(InvalidArgument):
        Request(kind, line)
