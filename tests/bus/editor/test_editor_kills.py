"""Whatever is killed at any message of an editor, the script stays as it was, and the others end or continue."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.editor.editor import Editor, Message
from tests.client import Client
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

SCRIPT = """
import lager
def work(n):
    return n + 1
lager.pause("here", interactive=True, timeout=600)
x = work(1)
y = work(2)
lager.pause("there", interactive=True, timeout=600)
print("end", x, y, flush=True)
"""
MESSAGES: list[tuple[str, Message]] = [
    ("initialize", {}), ("attach", {}), ("configurationDone", {}), ("threads", {}), ("stackTrace", {"threadId": 1}),
    ("scopes", {"frameId": 1}), ("evaluate", {"expression": "2 + 2", "context": "repl"}),
    ("setBreakpoints", {"source": {"path": "script.py"}, "breakpoints": [{"line": 4}]}), ("next", {"threadId": 1}),
    ("stackTrace", {"threadId": 1}), ("continue", {"threadId": 1}), ("disconnect", {}),
]  # fmt: skip


@pytest.fixture
def world(own_station: Station, tmp_path: Path) -> Iterator[tuple[Station, Client, Process, Editor]]:
    """A station of its own, a script that is paused, and an editor."""
    (tmp_path / "script.py").write_text(SCRIPT)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(contextlib.closing(Client(own_station.address)))
        script = stack.enter_context(
            contextlib.closing(Process([LAGER, "python", "script.py"], own_station.env, tmp_path))
        )
        client.paused()
        editor = Editor(own_station.env, tmp_path)
        stack.callback(editor.close)
        yield own_station, client, script, editor


def say(editor: Editor, count: int) -> None:
    """Send the first messages; the last one is not waited for."""
    for number, (command, arguments) in enumerate(MESSAGES[:count]):
        if number < count - 1:
            editor.ask(command, **arguments)
        else:
            editor.send(command, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("count", range(1, len(MESSAGES) + 1))
@pytest.mark.parametrize("victim", ["the adapter", "lagerd", "the script"])
def test_a_kill_at_each_message(world: tuple[Station, Client, Process, Editor], victim: str, count: int) -> None:
    station, client, script, editor = world
    pid = client.list()[0]["pid"]
    say(editor, count)
    if victim == "the adapter":
        editor.process.kill()
    elif victim == "lagerd":
        station.kill_lagerd()
        station.start_lagerd()
    else:
        os.kill(pid, signal.SIGKILL)
        assert script.wait(PATIENCE) == 137
        assert editor.close() == 0
        return
    editor.close()
    while True:
        client.call("ContinueAll")
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert script.wait(0.2) == 0
            break
    assert "end 2 3" in script.out.rest()
