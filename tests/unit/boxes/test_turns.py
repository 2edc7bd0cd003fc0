"""How many boxes are connected to at a time, on a clock of the test's own: two processors, ten seconds for each box."""

import itertools
import queue
import threading
from typing import Any

import pytest

from lager_cli.boxes.several.turns import Turns


class World:
    """Boxes that answer after a time that depends on how many are asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns = Turns(10.0, cores=2, clock=lambda: self.now)
        self.begun: dict[int, float] = {}
        self._names = itertools.count()

    def begin(self) -> int:
        """Begin as many as may now; return how many."""
        before = len(self.begun)
        while self.turns.take(name := next(self._names), 0):
            self.begun[name] = self.now
        return len(self.begun) - before

    def answer(self, how_many: Any, seconds: Any, *, answered: Any = True) -> None:
        """The oldest answer `seconds` after they were begun."""
        for name in sorted(self.begun, key=self.begun.__getitem__)[:how_many]:
            self.now = max(self.now, self.begun.pop(name) + seconds)
            self.turns.end(name, answered=answered)


@pytest.fixture
def world() -> World:
    return World()


def test_a_small_desk_begins_with_few_and_with_more_while_answers_are_quick(world: World) -> None:
    assert world.begin() == 4
    world.answer(4, 0.5)
    assert world.begin() == 12
    world.answer(12, 0.5)
    assert world.begin() == 32
    world.answer(32, 0.5)
    assert world.begin() == 32


def test_so_many_begin_that_each_has_three_times_what_it_needs(world: World) -> None:
    """One alone needs half a second, and all share one processor."""
    asked = []
    for _ in range(20):
        asked.append(world.begin())
        world.answer(asked[-1], asked[-1] / 2)
    assert max(asked) <= 12
    assert asked[-5:] == [6, 6, 6, 6, 6]


def test_answers_near_the_limit_let_fewer_begin_but_always_one(world: World) -> None:
    world.begin()
    for _ in range(3):
        world.answer(len(world.begun), 9)
        assert world.begin() == 1


def test_a_box_that_refuses_at_once_says_nothing_of_how_quick_others_are(world: World) -> None:
    world.begin()
    world.answer(4, 0.01, answered=False)
    assert world.begin() == 4


def test_silent_boxes_give_their_turns_away_long_after_others_answered(world: World) -> None:
    world.begin()
    world.answer(1, 1.5)
    assert world.begin() == 3
    world.now = 2.9
    assert world.begin() == 0
    world.now = 3.1
    assert world.begin() == 3


def test_silent_boxes_let_more_begin_but_never_over_32_at_a_time(world: World) -> None:
    world.begin()
    world.now = 4.9
    assert world.begin() == 0
    world.now = 5.1
    assert world.begin() == 4
    world.answer(4, 10, answered=False)
    assert world.begin() == 16
    world.now = 15.5
    assert world.begin() == 12
    assert len(world.begun) == 32


def test_the_last_that_began_has_its_whole_limit(world: World) -> None:
    world.begin()
    world.answer(1, 3)
    world.begin()
    assert world.turns.due == 13


def test_one_that_waits_for_its_turn_is_woken_by_the_next_answer_and_by_the_end() -> None:
    turns, took = Turns(10.0, cores=1), queue.Queue[bool]()
    for box in range(4):
        assert turns.take(box)
    waiting = [threading.Thread(target=lambda box=box: took.put(turns.take(box))) for box in (4, 5, 6)]
    for one in waiting:
        one.start()
    turns.end(0, answered=False)
    assert took.get(timeout=4) is True
    turns.close()
    assert [took.get(timeout=4), took.get(timeout=4)] == [False, False]
    for one in waiting:
        one.join()
