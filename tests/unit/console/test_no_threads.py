"""Where no thread can be started, whoever needs one gets a sentence, and nothing is left behind."""

import _thread
import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lager.console.clients.line_client import LineClient
from lager.console.protocol import MessageDecoder, encode
from lager.console.server import Consoles
from lager.daemon import daemon_client
from lager.errors import BusError, Failed
from lager.inspection import snapshot
from lager.inspection.frames.location import Place
from lager.inspection.side_thread import run_aside
from lager.stepping.course import Request

MAKER = "that makes the client"  # it has no name
NO_MORE = r"^The script cannot start another thread\."
ABOUT = {
    "id": "12345678",
    "label": "",
    "file": "a.py",
    "line": 1,
    "function": "f",
    "thread": "MainThread",
    "run_id": "",
}


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let no thread of this name start; without one, none at all."""

    def patch(name: str = "") -> None:
        started = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            if name in ("", thread.name):
                none()
            started(thread)

        def none(*_: object) -> int:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        monkeypatch.setattr(threading.Thread, "start", start)
        if name in ("", MAKER):
            monkeypatch.setattr(_thread, "start_new_thread", none)

    return patch


def read(connection: socket.socket) -> list[dict[str, Any]]:
    connection.setblocking(False)
    return MessageDecoder().receive(connection) or []


def test_a_console_is_refused_and_the_pause_has_none(refuse: Callable[..., None]) -> None:
    refuse()
    reported = []

    def report(member: str, console: int, /, **details: Any) -> None:
        reported.append((member, console, *details))

    async def step(request: Request, console: int, /) -> None:
        raise AssertionError("a step was requested")

    async def attach() -> list[dict[str, Any]]:
        consoles = Consoles(Place.here(sys._getframe()), ABOUT, report, step)
        pairs = [socket.socketpair() for _ in range(2)]
        with pytest.raises(Failed, match=NO_MORE):
            consoles.attach(pairs[0][1], {"user": "ada", "console": 1, "news": True})
        assert not asyncio.get_running_loop().remove_reader(pairs[0][1].fileno())
        consoles.attach(pairs[1][1], {"user": "bob", "console": 2, "watch": True})
        consoles.told(5.0)
        await asyncio.sleep(0)
        told = read(pairs[1][0])
        consoles.close("continued", {})
        for one in (one for pair in pairs for one in pair):
            one.close()
        return told

    told = asyncio.run(attach())
    assert [[one["user"] for one in frame["consoles"]] for frame in told if "consoles" in frame] == [["bob"]]
    assert reported == [("Detach", 2)]


def test_values_that_cannot_be_asked_say_why(refuse: Callable[..., None]) -> None:
    refuse()
    asked = asyncio.run(snapshot.texts([5, threading.Event()]))
    assert asked == ["5", "<Event, not asked: The script cannot start another thread.>"]
    with pytest.raises(Failed, match=NO_MORE):
        asyncio.run(run_aside(lambda: 1, 60.0))


def test_breakpoints_on_lines_that_cannot_be_set_say_why(refuse: Callable[..., None]) -> None:
    refuse()

    async def ask() -> list[dict[str, Any]]:
        ours, theirs = socket.socketpair()
        client = LineClient(theirs, {}, lambda _: None, lambda: None)
        client.begin()
        ours.sendall(encode({"ask": 1, "breakpoints": {"paths": ["a.py"], "lines": [{"line": 1}]}}))
        frames: list[dict[str, Any]] = []
        while not any("answer" in frame for frame in frames):
            await asyncio.sleep(0)
            frames += read(ours)
        client.end()
        ours.close()
        return frames

    (answer,) = [frame for frame in asyncio.run(ask()) if "answer" in frame]
    (told,) = answer["breakpoints"]
    assert (told["verified"], told["message"].startswith(NO_MORE[1:-2])) == (False, True)


@pytest.mark.parametrize("name", [MAKER, "lager"])
def test_a_pause_or_a_claim_has_an_error_of_one_sentence_and_no_descriptor_stays(
    monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., None], name: str
) -> None:
    monkeypatch.setattr(daemon_client, "_client", None)
    refuse(name)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(BusError, match=NO_MORE):
        daemon_client.this_process()
    assert len(os.listdir("/proc/self/fd")) == before
    assert daemon_client._client is None
