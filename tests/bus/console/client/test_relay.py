"""The relay of a console on standard input and output, and watchers on bare sockets."""

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lager.console.protocol import MessageDecoder, encode
from tests.bus.console.frames import Frames
from tests.client import Client
from tests.fixtures import Starter
from tests.processes import LAGER, Process
from tests.station import Station

SCRIPT = "x = 1\nimport lager\nlager.pause(interactive=True, timeout=100)\n"


@pytest.fixture
def relay(start: Starter, until_the_end: ExitStack) -> Callable[..., Any]:
    """Run `lager python --console ID --relay`; its frames, and the process."""

    def opener(id: str) -> tuple[Frames, Process]:
        ours, theirs = socket.socketpair()
        until_the_end.callback(ours.close)
        with theirs:
            command = ["/bin/sh", "-c", 'exec "$@" >&0', "sh", LAGER, "python", "--console", id, "--relay"]
            process = start(*command, stdin=theirs.fileno())
        return Frames(ours), process

    return opener


def test_frames_on_standard_streams(run: Starter, client: Client, relay: Callable[..., Any]) -> None:
    run(SCRIPT)
    id = client.paused()["id"]
    frames, process = relay(id)
    assert frames.until("hello")["hello"]["id"] == id
    assert frames.until("left")["left"] > 90
    frames.send(eval="x + 1\n")
    assert frames.until("out") == {"out": "2\n"}
    frames.until("done")
    frames.send(ask=1, complete="x.bit_l")
    assert frames.until("answer")["complete"][0]["text"] == "bit_length"
    frames.send(ask=2, extend=1000)
    assert frames.until("answer")["extend"] > 1000
    frames.send(ask=3, extend="long")
    assert "error" in frames.until("answer")
    frames.send(**{"ask": 4, "continue": True})
    ended = frames.until("ended")["ended"]
    assert (ended["reason"], ended["by"]["how"]) == ("continued", "console")
    assert process.wait() == 0


def test_a_client_that_reads_late_gets_all_and_why_it_ended(
    run: Starter, start: Starter, client: Client, tmp_path: Path
) -> None:
    run(SCRIPT)
    os.mkfifo(tmp_path / "printed")
    id = client.paused()["id"]
    stdin, typing = os.pipe()
    process = start(LAGER, "python", "--console", id, "--relay", stdin=stdin)
    os.write(typing, encode({"eval": "print('x' * 200000); open('printed', 'w').close()\n"}))
    (tmp_path / "printed").open().close()
    client.call("Continue", "s", id)
    assert client.resumed(id)[0] == "continued"
    os.set_blocking(process.out.fd, True)
    frames = MessageDecoder().feed(process.stdout.read())
    assert sum(len(frame.get("out", "")) for frame in frames) == 200001
    assert frames[-1]["ended"]["reason"] == "continued"
    for end in (stdin, typing):
        os.close(end)


@pytest.mark.variant
def test_the_next_lagerd_knows_a_console_for_one(
    run: Starter, client: Client, relay: Callable[..., Any], own_station: Station
) -> None:
    run(SCRIPT)
    id = client.paused()["id"]
    frames, _ = relay(id)
    frames.until("hello")
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert client.paused()["id"] == id
    frames.send(**{"ask": 1, "continue": True})
    assert frames.until("ended")["ended"]["by"]["how"] == "console"


def test_what_is_refused_is_a_frame(relay: Callable[..., Any]) -> None:
    frames, process = relay("ffff")
    refused = frames.until("refused")["refused"]
    assert refused["kind"] == "NoSuchBreakpoint"
    assert process.wait() == 1


def test_a_client_that_leaves_ends_its_relay(run: Starter, client: Client, relay: Callable[..., Any]) -> None:
    run(SCRIPT)
    id = client.paused()["id"]
    frames, process = relay(id)
    frames.until("hello")
    frames.connection.close()
    assert process.wait() == 0
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    client.call("Continue", "s", id)


def test_a_slow_watcher_blocks_no_console_and_learns_what_it_lost(
    run: Starter, client: Client, opened: Callable[..., Frames]
) -> None:
    run(SCRIPT)
    id = client.paused()["id"]
    writer, watcher = opened(id), opened(id, watch=True)
    watcher.until("hello")
    writer.send(eval="for n in range(4_000): print('x' * 100)\n")  # the system and the script keep some 1300 of them
    writer.until("done")
    assert watcher.until("in")["of"]["console"] > 0
    assert watcher.until("lost")["lost"] > 0
    watcher.send(eval="x = 2\n")
    writer.send(eval="x\n")
    assert writer.until("out") == {"out": "1\n"}
    client.call("Continue", "s", id)
    assert watcher.until("ended")["ended"]["reason"] == "continued"


@pytest.mark.variant
def test_a_killed_script_ends_it_with_the_reason(run: Starter, client: Client, relay: Callable[..., Any]) -> None:
    run(SCRIPT)
    pause = client.paused()
    frames, process = relay(pause["id"])
    frames.until("hello")
    os.kill(pause["pid"], 9)
    assert frames.until("ended")["ended"]["reason"] == "gone"
    assert process.wait() == 0
