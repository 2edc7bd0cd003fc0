"""The queue of outgoing messages: all destinations get their turns."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lager.bus.transport.send_queue import SendQueue

BIG = 1 << 17


def sent(outbox: SendQueue, at_once: int) -> bytes:
    """Return all that is sent to a socket that takes `at_once` bytes at a time."""
    out = b""
    while outbox:
        pieces, _ = outbox.next()
        taken = b"".join(pieces)[:at_once]
        outbox.sent(len(taken))
        out += taken
    return out


def test_short_messages_are_sent_in_the_order_of_arrival() -> None:
    outbox = SendQueue()
    for n in range(100):
        outbox.put("abc"[n % 3], bytes([n]) * 50, ())
    assert sent(outbox, 70) == b"".join(bytes([n]) * 50 for n in range(100))
    assert outbox.size == outbox.owed("a") == 0


def test_long_messages_to_one_destination_do_not_delay_the_others() -> None:
    outbox = SendQueue()
    for _ in range(20):
        outbox.put("flood", b"x" * BIG, ())
    outbox.put("b", b"b", ())
    assert outbox.owed("flood") == 20 * BIG
    assert sent(outbox, 1 << 16).index(b"b") == BIG


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9000)), max_size=60), st.integers(1, 40000))
def test_nothing_is_lost_and_each_destination_is_sent_in_order(pieces: Any, at_once: Any) -> None:
    outbox, expected = SendQueue(), {"a": b"", "b": b"", "c": b""}
    for n, (to, size) in enumerate(pieces):
        piece = to.encode() + bytes([n + 128]) * (size - 1)
        outbox.put(to, piece, ())
        expected[to] += piece
    out = sent(outbox, at_once)
    assert len(out) == sum(map(len, expected.values()))
    assert outbox.size == 0
    owner, got = "", {"a": b"", "b": b"", "c": b""}
    for byte in out:
        owner = chr(byte) if byte < 128 else owner
        got[owner] += bytes([byte])
    assert got == expected


def test_descriptors_go_with_the_first_byte_of_their_message_and_once() -> None:
    outbox = SendQueue()
    outbox.put("a", b"a" * 10, ())
    outbox.put("a", b"b" * 10, (7, 8))
    assert outbox.next() == ([memoryview(b"a" * 10)], ())
    outbox.sent(10)
    assert outbox.next() == ([memoryview(b"b" * 10)], (7, 8))
    outbox.sent(1)
    assert outbox.next() == ([memoryview(b"b" * 9)], ())


def test_a_dropped_queue_returns_its_descriptors() -> None:
    outbox = SendQueue()
    for fd in range(3):
        outbox.put("a", b"x" * BIG, (fd,))
    outbox.next()
    outbox.sent(1)
    assert sorted(outbox.drop()) == [1, 2]
    assert not outbox
    assert outbox.owed("a") == 0
