"""The queue of incoming messages: all senders get their turns."""

from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from lager.bus.transport.fair_queue import FairQueue

Item = TypeVar("Item")
SENDERS = st.sampled_from(["broker", "a", "b", "c"])


def turn(turns: FairQueue[Item], *waiting: Any, **more: Any) -> list[Item]:
    taken: list[Item] = []
    turns.serve(taken.append, *waiting, **more)
    return taken


def served(turns: FairQueue[Item]) -> list[list[Item]]:
    taken = []
    while turns:
        taken.append(turn(turns))
    return taken


class Clock:
    """Each item has a duration in milliseconds, which passes when it is handed over."""

    def __init__(self) -> None:
        self.now = 0.0
        self.taken: list[str] = []

    def hand_over(self, item: tuple[str, int]) -> None:
        self.taken.append(item[0])
        self.now += item[1] / 1000


def test_a_long_turn_ends_and_a_slow_sender_goes_behind_those_that_came_meanwhile() -> None:
    clock = Clock()
    turns = FairQueue[tuple[str, int]]("broker", lambda: clock.now)
    for n in range(3):
        turns.put("slow", 1, (f"slow {n}", 30))
    turns.put("b", 1, ("b", 0))
    assert turns.serve(clock.hand_over)
    assert clock.taken == ["slow 0"]
    turns.put("c", 1, ("c", 0))
    turns.put("broker", 1, ("broker", 0))
    while turns.serve(clock.hand_over):
        pass
    assert clock.taken == ["slow 0", "b", "c", "broker", "slow 1", "slow 2"]


def test_the_queue_can_be_emptied_from_inside_a_turn() -> None:
    turns = FairQueue[int]("broker")
    for n in range(2):
        turns.put("a", 1, n)
    rest = []
    turns.serve(lambda _: rest.extend(served(turns)))
    assert rest == [[1]]


def test_senders_with_few_messages_are_served_in_the_order_of_arrival() -> None:
    turns = FairQueue[int]("broker")
    for n, sender in enumerate(["a", "b", "broker", "a", "b", "broker", "broker"]):
        turns.put(sender, 1, n)
    assert served(turns) == [[0, 1, 2, 3, 4, 5, 6]]


def test_a_flood_waits_behind_all_other_senders() -> None:
    turns = FairQueue[int | str]("broker")
    for n in range(1000):
        turns.put("flood", 1, n)
    assert turn(turns) == [0, 1]
    assert turn(turns) == [2]
    turns.put("b", 1, "b")
    turns.put("flood", 1, 1000)
    assert turn(turns) == ["b"]
    assert turn(turns) == [3]
    assert [item for several in served(turns) for item in several] == list(range(4, 1001))


def test_a_flood_gets_its_turns_among_many_other_messages() -> None:
    turns = FairQueue[int | str]("broker")
    for n in range(10):
        turns.put("flood", 1, n)
    taken = []
    for _ in range(20):
        turns.put("b", 1, "b")
        taken += turn(turns)
    assert len([one for one in taken if one != "b"]) > 8


def test_a_sender_that_must_wait_keeps_its_place() -> None:
    turns = FairQueue[int | str]("broker")
    for n in range(4):
        turns.put("a", 1, n)
    turns.put("b", 1, "b")
    turns.put("broker", 1, "broker")
    assert turn(turns, lambda sender: sender != "b") == ["b", "broker"]
    assert turn(turns, lambda _: True) == []
    assert [item for several in served(turns) for item in several] == [0, 1, 2, 3]


def test_messages_aside_wait_while_there_is_nothing_to_spare() -> None:
    turns = FairQueue[int | str]("broker")
    for n in range(4):
        turns.put("a", 1, n)
    assert turn(turns, spare=False) == [0, 1]
    assert turn(turns, spare=False) == []
    turns.put("b", 1, "b")
    assert turn(turns, spare=False) == ["b"]
    assert turn(turns) == [2]


def test_room_is_bounded_by_number_and_bytes_but_one_message_always_has_it() -> None:
    turns = FairQueue[int]("broker")
    assert turns.has_room("a", 1 << 30)
    turns.put("a", 1 << 19, 0)
    assert turns.has_room("a", 1 << 19)
    assert not turns.has_room("a", (1 << 19) + 1)
    assert turns.has_room("b", 1 << 30)
    for n in range(4096):
        turns.put("b", 1, n)
    assert not turns.has_room("b", 1)
    served(turns)
    assert turns.has_room("a", 1 << 20)
    assert turns.has_room("b", 1)


@settings(deadline=None)
@given(st.lists(SENDERS, max_size=60))
def test_nothing_is_lost_and_each_sender_is_served_in_order(senders: Any) -> None:
    turns, taken = FairQueue[tuple[str, int]]("broker"), list[tuple[str, int]]()
    for n, sender in enumerate(senders):
        turns.put(sender, 1, (sender, n))
        if n % 7 == 3:
            taken += turn(turns)
    taken += [item for several in served(turns) for item in several]
    assert sorted(n for _, n in taken) == list(range(len(senders)))
    for sender in set(senders):
        own = [n for one, n in taken if one == sender]
        assert own == sorted(own)
