"""The frames of a session, and that every command which reaches a box takes --box."""

from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.errors import BoxError
from lager_cli.boxes.session.protocol import FrameDecoder, FrameKind, decode, encode, greeting, head
from lager_cli.main import _COMMANDS, cli

STAY = {"bench", "boxes", "completion", "defaults", "notify"}
FRAMES = st.lists(
    st.tuples(st.sampled_from([FrameKind.DATA, FrameKind.SIGNAL]), st.integers(0, 5), st.binary(max_size=40))
)


@given(FRAMES, st.integers(1, 17), st.booleans())
def test_frames_come_out_as_they_went_in_however_they_are_cut(frames: Any, size: Any, greeted: Any) -> None:
    data = b"" if greeted else b"Welcome\n" + greeting("1.0")
    data += b"".join(head(kind, stream, len(payload)) + payload for kind, stream, payload in frames)
    decoder = FrameDecoder(greeted)
    found: list[tuple[FrameKind, int, bytes]] = []
    for at in range(0, len(data), size):
        for kind, stream, payload in decoder.feed(data[at : at + size]):
            if kind is FrameKind.DATA and found and found[-1][:2] == (kind, stream):
                found[-1] = (kind, stream, found[-1][2] + bytes(payload))
            else:
                found.append((kind, stream, bytes(payload)))
    if not greeted and data:
        kind, _, payload = found.pop(0)
        assert (kind, decode(kind, payload)) == (FrameKind.HELLO, {"protocol": 1, "version": "1.0"})
    expected: list[tuple[FrameKind, int, bytes]] = []
    for kind, stream, payload in frames:
        if kind is FrameKind.DATA and expected and expected[-1][:2] == (kind, stream):
            expected[-1] = (kind, stream, expected[-1][2] + payload)
        elif kind is not FrameKind.DATA or payload:
            expected.append((kind, stream, payload))
    assert found == expected


@pytest.mark.parametrize("data", [b"\xff\0\0\0\0\0", head(FrameKind.SIGNAL, 0, 1 << 30)])
def test_invalid_frames_are_refused(data: Any) -> None:
    with pytest.raises(BoxError):
        list(FrameDecoder().feed(data))


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"[" * 100_000])
def test_an_invalid_value_is_refused(payload: bytes) -> None:
    with pytest.raises(BoxError):
        decode(FrameKind.SIGNAL, payload)
    with pytest.raises(BoxError):
        decode(FrameKind.CREDIT, payload)


def test_a_value_comes_back() -> None:
    assert decode(FrameKind.CREDIT, encode(FrameKind.CREDIT, 7, 1)[6:]) == 7
    assert decode(FrameKind.SIGNAL, encode(FrameKind.SIGNAL, "SIGINT")[6:]) == "SIGINT"


@pytest.mark.parametrize("name", sorted(_COMMANDS.keys() - STAY))
def test_every_command_that_reaches_a_box_takes_the_option(name: Any) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    assert "box" in [parameter.name for parameter in command.params]
    if not isinstance(command, click.Group):
        return
    for below in command.list_commands(context):
        if (name, below) != ("nets", "import"):  # which reads a file of here and writes another
            inner = command.get_command(context, below)
            assert inner is not None
            assert "box" in [parameter.name for parameter in inner.params]
