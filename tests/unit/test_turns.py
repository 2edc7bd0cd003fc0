"""Whose message is next."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lager.turns import Turns

SENDERS = st.sampled_from(["broker", "a", "b", "c"])


def served(turns: Turns) -> list:
    taken = []
    while turns:
        taken.append(turns.take())
    return taken


def test_who_says_little_is_heard_in_the_order_of_coming():
    turns = Turns("broker")
    for n, sender in enumerate(["a", "b", "broker", "a", "b", "broker", "broker"]):
        turns.put(sender, 1, n)
    assert served(turns) == [[0, 1, 2, 3, 4, 5, 6]]


def test_a_flood_waits_behind_everybody():
    turns = Turns("broker")
    for n in range(1000):
        turns.put("flood", 1, n)
    assert turns.take() == [0, 1]
    assert turns.take() == [2]
    turns.put("b", 1, "b")
    turns.put("flood", 1, 1000)
    assert turns.take() == ["b"]
    assert turns.take() == [3]
    assert [item for turn in served(turns) for item in turn] == list(range(4, 1001))


def test_a_flood_has_its_turn_among_many_who_say_little():
    turns = Turns("broker")
    for n in range(10):
        turns.put("flood", 1, n)
    taken = []
    for _ in range(20):
        turns.put("b", 1, "b")
        taken += turns.take()
    assert len([one for one in taken if one != "b"]) > 8


def test_who_must_wait_keeps_its_place():
    turns = Turns("broker")
    for n in range(4):
        turns.put("a", 1, n)
    turns.put("b", 1, "b")
    turns.put("broker", 1, "broker")
    assert turns.take(lambda sender: sender != "b") == ["b", "broker"]
    assert turns.take(lambda _: True) == []
    assert [item for turn in served(turns) for item in turn] == [0, 1, 2, 3]


def test_nobody_comes_from_aside_where_there_is_nothing_to_spare():
    turns = Turns("broker")
    for n in range(4):
        turns.put("a", 1, n)
    assert turns.take(spare=False) == [0, 1]
    assert turns.take(spare=False) == []
    turns.put("b", 1, "b")
    assert turns.take(spare=False) == ["b"]
    assert turns.take() == [2]


def test_room_is_bounded_by_number_and_bytes_but_one_message_always_has_it():
    turns = Turns("broker")
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
def test_nothing_is_lost_and_each_sender_is_heard_in_order(senders):
    turns, taken = Turns("broker"), []
    for n, sender in enumerate(senders):
        turns.put(sender, 1, (sender, n))
        if n % 7 == 3:
            taken += turns.take()
    taken += [item for turn in served(turns) for item in turn]
    assert sorted(n for _, n in taken) == list(range(len(senders)))
    for sender in set(senders):
        own = [n for one, n in taken if one == sender]
        assert own == sorted(own)
