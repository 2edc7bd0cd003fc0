"""The other end of a session may send anything."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from lager.errors import BoxError
from lager_cli.boxes.session.desk_client import _exit_code, _refusal
from lager_cli.boxes.session.multiplexer import WINDOW, Multiplexer
from lager_cli.boxes.session.protocol import FrameKind, Stream, encode, head


class Heard:
    """Let a multiplexer hear some bytes, all of them."""

    def __init__(self, reader: int, writer: int, far: int) -> None:
        self._far = far
        self.multiplexer = Multiplexer(reader, writer, lambda *_: None, greeted=True)

    def __call__(self, data: bytes) -> None:
        for at in range(0, len(data), 1 << 16):
            os.write(self._far, data[at : at + (1 << 16)])
            self.multiplexer.turn()


@pytest.fixture
def heard() -> Iterator[Heard]:
    reader, far = os.pipe()
    near, writer = os.pipe()
    yield Heard(reader, writer, far)
    for fd in (reader, far, near, writer):
        os.close(fd)


class Taken:
    def __init__(self) -> None:
        self.data, self.ended = b"", False

    def put(self, data: Any) -> None:
        self.data += data

    def end(self) -> None:
        self.ended = True


def test_data_that_came_before_its_sink_is_delivered(heard: Heard) -> None:
    heard(head(FrameKind.DATA, Stream.OUT, 5) + b"early" + encode(FrameKind.END, stream=Stream.OUT) * 2)
    taken = Taken()
    heard.multiplexer.deliver(Stream.OUT, taken)
    assert (taken.data, taken.ended) == (b"early", True)


def test_no_client_sends_more_than_it_may(heard: Heard) -> None:
    heard(head(FrameKind.DATA, Stream.ERR, WINDOW) + bytes(WINDOW))
    with pytest.raises(BoxError, match="more than it may"):
        heard(head(FrameKind.DATA, Stream.ERR, 1) + b"x")


def test_what_was_taken_may_be_sent_again(heard: Heard) -> None:
    for _ in range(3):
        heard(head(FrameKind.DATA, Stream.OUT, WINDOW) + bytes(WINDOW))
        heard.multiplexer.grant(Stream.OUT, WINDOW)


def test_an_unknown_stream_is_refused(heard: Heard) -> None:
    with pytest.raises(BoxError, match="unknown stream"):
        heard(head(FrameKind.DATA, 6, 1))


@pytest.mark.parametrize("value", [None, "0", 256, -1, 1e400, [], {}])
def test_an_invalid_exit_code_is_refused(value: Any) -> None:
    with pytest.raises(BoxError):
        _exit_code(value)


@pytest.mark.parametrize("value", [None, [], "x", {"what": 3}])
def test_a_refusal_without_a_text_is_an_error(value: Any) -> None:
    assert str(_refusal(value))
