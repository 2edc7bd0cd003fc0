import json
import struct
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.console.protocol import LIMIT, MessageDecoder, ProtocolError, encode

texts = st.text(st.characters())  # lone surrogates too: a console may print them
frames = st.lists(st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none(), max_size=3), max_size=5)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


@given(frames, st.lists(st.integers(0, 10_000), max_size=10))
def test_any_split_gives_the_same_frames(sent: Any, at: Any) -> None:
    decoder = MessageDecoder()
    got = [frame for part in cut(b"".join(map(encode, sent)), at) for frame in decoder.feed(part)]
    assert [json.dumps(frame) for frame in got] == [json.dumps(frame) for frame in sent]


@given(frames.filter(bool), st.integers(1, 10_000))
def test_what_is_cut_short_gives_only_what_is_whole(sent: Any, missing: Any) -> None:
    data = b"".join(map(encode, sent))
    got = MessageDecoder().feed(data[: max(len(data) - missing, 0)])
    assert len(got) < len(sent)
    assert json.dumps(got) == json.dumps(sent[: len(got)])


def test_two_streams_do_not_mix() -> None:
    one, two = MessageDecoder(), MessageDecoder()
    data = encode({"out": "x"})
    assert one.feed(data[:7]) == two.feed(data[:3]) == []
    assert one.feed(data[7:]) == two.feed(data[3:]) == [{"out": "x"}]


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b"null", b"[" * 100_000, b'{"a": 1}{"b": 2}'])
def test_a_frame_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        MessageDecoder().feed(struct.pack(">I", len(body)) + body)


def test_what_is_too_long_is_refused_before_it_is_here() -> None:
    with pytest.raises(ProtocolError):
        MessageDecoder().feed(struct.pack(">I", LIMIT + 1))


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="Send it in parts"):
        encode({"eval": "x" * LIMIT})


@given(st.binary())
def test_any_bytes_give_frames_or_a_wire_error(data: Any) -> None:
    with suppress(ProtocolError):
        assert all(isinstance(frame, dict) for frame in MessageDecoder().feed(data))
