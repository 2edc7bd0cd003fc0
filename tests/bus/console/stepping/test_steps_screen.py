"""Steps on a terminal: it shows where the script is paused again, and while the step runs the script gets the keys."""

import os
import re
from collections.abc import Callable

import pytest

from tests.bus.console.frames import Frames
from tests.client import Client
from tests.fixtures import ScreenStarter, ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER

SCRIPT = """
import lager
def work():
    lager.pause("first", interactive=True, timeout=200)
    name = input("name? ")
    greeting = f"hello {name}"
    print(greeting)
work()
"""
SIZES = ((80, 24), (160, 50))
CTRL_C, CTRL_D = "\x03", "\x04"


def again(shown: str, line: int) -> "re.Match[str] | None":
    return re.search(rf"[0-9a-f]{{8}} paused at script.py:{line} in work\n(.*\n)+>>>[^\n]*\n", f"{shown}\n")


@pytest.mark.variant
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_console_shows_where_another_one_has_stepped(
    run: Starter, client: Client, screen: ScreenStarter, columns: int, rows: int, opened: Callable[..., Frames]
) -> None:
    run(SCRIPT)
    old = client.paused()["id"]
    seen = screen(LAGER, "console", old, columns=columns, rows=rows)
    seen.sees(":help")
    other = opened(old)
    other.send(ask=1, step={"kind": "next"})
    shown = seen.until(lambda shown: again(shown, 5))
    new = client.list()[0]["id"]
    assert new != old
    seen.sees(f" {new}  ")
    assert f"{new} paused at" in shown
    seen.type(CTRL_D)
    assert seen.wait() == 0


def test_ctrl_c_stops_waiting_for_a_step_and_the_script_runs_on(
    start: Starter, script: ScriptWriter, client: Client, screen: ScreenStarter
) -> None:
    reading, writing = os.pipe()
    start(LAGER, "python", script(SCRIPT), stdin=reading)
    seen = screen(LAGER, "console", client.paused()["id"])
    seen.sees(":help")
    seen.type(":next\r")
    seen.until(lambda shown: again(shown, 5))
    seen.type(":next\r")
    client.paused()
    client.expect("Resumed", lambda signal: signal.args[2].get("step") == "next" and not client.list())
    seen.type(CTRL_C)
    seen.sees("the script is still running, and pauses when the step has stopped")
    seen.sees("running a step")
    os.write(writing, b"anna\n")
    seen.until(lambda shown: again(shown, 6))
    os.close(writing)
    os.close(reading)


def test_a_watcher_sees_the_steps(
    run: Starter, client: Client, terminal: TerminalStarter, opened: Callable[..., Frames]
) -> None:
    run(SCRIPT)
    old = client.paused()["id"]
    watching = terminal(LAGER, "python", "--console", old, "--watch")
    watching.expect("Ctrl-C leaves")
    other = opened(old)
    other.send(ask=1, step={"kind": "next"})
    watching.expect(f"{old} runs a step")
    watching.expect(f"{client.paused()['id']} is paused at script.py:5 in work")


def test_in_a_step_the_keys_are_those_of_the_script(
    script: ScriptWriter, client: Client, screen: ScreenStarter
) -> None:
    seen = screen(LAGER, "python", script(SCRIPT))
    client.paused()
    seen.sees("press Enter")
    seen.type("o\r")
    seen.sees(":help")
    seen.type(":next\r")
    seen.until(lambda shown: again(shown, 5))
    seen.type(":next\r")
    seen.sees("\nname?")  # and not only in the source
    seen.type("anna\r")
    seen.until(lambda shown: again(shown, 6))
