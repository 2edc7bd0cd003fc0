"""This end of a console's socket, without the rest."""

import asyncio
import socket
from typing import Any

import pytest

from lager.console.protocol import encode
from lager_cli.console.client import Attached, Outcome
from lager_cli.console.observe import _Shown


def test_what_was_said_last_is_read_though_nothing_can_be_sent_any_more() -> None:
    async def why() -> tuple[Outcome, str]:
        ours, theirs = socket.socketpair()
        attached = Attached(ours)
        theirs.sendall(encode({"ended": {"reason": "timeout", "by": {}}}))
        theirs.close()
        return await attached.evaluate("1 + 1\n"), attached.why()

    outcome, why_ = asyncio.run(why())
    assert outcome is Outcome.CLOSED
    assert why_ == "resumed automatically: timed out"


HOSTILE = "\x1b]0;owned\x07\x1b[2J\rlie\x9b31m\u202e"


def heard(own: bool, *frames: dict[str, object]) -> tuple[list[str], Attached]:
    """What is shown of the frames, and the client that got them."""
    shown: list[str] = []

    async def read() -> Attached:
        ours, theirs = socket.socketpair()
        attached = Attached(ours, lambda _, text: shown.append(text), own=own)
        for frame in frames:
            theirs.sendall(encode(frame))
        theirs.close()
        await attached.closed
        return attached

    return shown, asyncio.run(read())


@pytest.mark.parametrize("key", ["out", "err"])
def test_output_of_another_users_script_does_not_control_the_terminal(key: str) -> None:
    shown, _ = heard(False, {key: f"a\tb\n{HOSTILE}\n"})
    assert shown == ["a\tb\n\\x1b]0;owned\\x07\\x1b[2J\\rlie\\x9b31m\\u202e\n"]


def test_what_ones_own_script_prints_is_shown_as_it_is() -> None:
    shown, _ = heard(True, {"out": HOSTILE})
    assert shown == [HOSTILE]


@pytest.mark.parametrize("own", [True, False])
def test_whatever_a_console_says_of_itself_is_printable(own: bool) -> None:
    frames: list[dict[str, object]] = [
        {"hello": {"id": HOSTILE, HOSTILE: 1, "console": [HOSTILE]}},
        {"left": 5, "consoles": [{"user": HOSTILE, "pid": HOSTILE}]},
        {"ended": {"reason": HOSTILE, "by": {"user": HOSTILE}}},
    ]
    _, attached = heard(own, *frames)
    assert str(attached.hello.result()).isprintable()
    assert str(attached.consoles).isprintable()
    assert attached.why().isprintable()


@pytest.mark.parametrize("left", [float("inf"), float("nan"), -1, 1e300])
def test_a_time_left_that_is_none_is_passed_over(left: Any) -> None:
    _, attached = heard(False, {"left": left, "consoles": []})
    assert attached.left is None


def test_what_a_watcher_lost_is_printable(capsys: pytest.CaptureFixture[str]) -> None:
    _Shown().take({"lost": HOSTILE})
    assert capsys.readouterr().err.rstrip("\n").isprintable()
