"""Consoles, tables and countdowns of a box, on a terminal here and through a real ssh; the screen is read back."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lager.console.protocol import MessageDecoder
from lager_cli.boxes.session import protocol
from tests.bus.console.client.test_prompt import CTRL_C, CTRL_D, ENTER, TAB, answered, at_prompt
from tests.client import Client
from tests.fixtures import ScreenStarter, ScriptWriter, Starter
from tests.loopback import Loopback
from tests.processes import LAGER
from tests.screen import SIZES, Screen

SCRIPT = """
class Supply:
    def __enter__(self): return self
    def __exit__(self, *error): print("put away", flush=True)

def load(supply, wanted):
    readings = {"adc1": 1.25, "adc2": 3.3}
    return readings[wanted]

with Supply() as supply:
    load(supply, "adc3")
"""
TEST = """
import pytest

@pytest.fixture
def supply():
    yield 3.3
    print("put away")

def test_load(supply):
    assert supply < 3
"""


@pytest.fixture
def box(near: Loopback, screen: ScreenStarter, tmp_path: Path) -> Callable[..., Any]:
    """Start a lager command with --box near on a screen of a size."""

    def start(command: str, *arguments: str, size: Any, **env: str) -> Screen:
        env = {"XDG_STATE_HOME": str(tmp_path / "state"), **env}
        return screen(LAGER, command, "--box", "near", *arguments, columns=size[0], rows=size[1], **env)

    return start


@pytest.fixture
def spoken(near: Loopback, tmp_path: Path) -> Any:
    """The environment in which ssh tells what it was given; and what a console's client has said there so far."""
    # tee writes to its standard output first, and so tells here before ssh hears of it.
    tee = f"{{ tee /dev/fd/3 >>{tmp_path}/said; }} 3>&1"
    (tmp_path / "ssh").write_text(f'{tee} | {near.env["LAGER_SSH"]} "$@"\n')

    def said() -> list[dict[str, Any]]:
        console, heard = MessageDecoder(), []
        for kind, stream, payload in protocol.FrameDecoder().feed((tmp_path / "said").read_bytes()):
            if kind is protocol.FrameKind.DATA and stream == protocol.Stream.IN:
                heard += console.feed(bytes(payload))
        return heard

    return {"LAGER_SSH": f"sh {tmp_path}/ssh"}, said


@pytest.mark.parametrize("size", SIZES)
def test_a_paused_run_and_its_console(
    box: Callable[..., Any], script: ScriptWriter, client: Client, spoken: Any, size: Any
) -> None:
    run = box("python", "--pause-on-error", script(SCRIPT), size=size)
    shown = run.sees("\n  time left ")
    assert "in load - KeyError: 'adc3', before its finally blocks have run" in " ".join(shown.split())
    id = client.paused()["id"]
    assert f"\n  console   lager python --console {id} --box near\n" in shown

    env, said = spoken
    console = box("python", "--console", id, size=size, **env)
    shown = at_prompt(console)
    assert re.search(r"\n->  8      return readings\[wanted\]\n", shown)
    assert re.search(r"\n  wanted +str +'adc3'\n", shown)
    run.sees(", 1 console: ")
    for number in range(5):
        answered(console, f"readings['adc1'] + {number}", f"\n{1.25 + number}\n")
    assert [list(frame) for frame in said()] == [["ask", "look"], *[["eval"]] * 5]  # one round trip a line
    console.type("readings['adc2" + TAB)
    console.sees(">>> readings['adc2']")
    answered(console, "", "\n3.3\n")
    answered(console, ":where", '\n    load(supply, "adc3")\n')
    console.type(":extend 10m" + ENTER)
    console.until(lambda shown: re.search(r"\n1[45]m\d\ds left\.\n>>>\n .*  1[45]m", shown))
    console.type(r'exec("print(4 * 4)\nwhile True: pass")' + ENTER)
    console.sees("\n16")
    console.type(CTRL_C)
    console.sees("KeyboardInterrupt")
    assert all(len(line) <= size[0] for line in console.lines)
    console.type(":continue" + ENTER)
    assert console.wait() == 0
    assert re.search(rf"\nlager: {id} resumed by \w+ .*; this console ends$", console.shown)
    code = run.wait()
    assert re.search(
        r"\n  timeout .*\nlager: .* resumed by .*\nput away\nTraceback \(most recent call last\)",
        run.shown,
    )
    assert code == 1, run.shown


@pytest.mark.variant
def test_the_only_pause_of_a_box_opens_without_an_id(box: Callable[..., Any], run: Starter, client: Client) -> None:
    run("import lager\nvolts = 3.3\nlager.pause('before the load', interactive=True, timeout=200)\n")
    id = client.paused()["id"]
    console = box("console", size=SIZES[0])
    at_prompt(console)
    answered(console, "volts * 2", "\n6.6\n")
    console.type(":continue" + ENTER)
    assert console.wait() == 0
    assert f"lager: {id} resumed by" in console.shown


@pytest.mark.variant
@pytest.mark.parametrize("size", SIZES)
def test_the_table_shows_a_pause_and_opens_its_console(
    box: Callable[..., Any], run: Starter, client: Client, size: Any
) -> None:
    run("import lager\nvolts = 3.3\nlager.pause('before the load', interactive=True, timeout=200)\n")
    id = client.paused()["id"]
    table = box("breakpoints", "--watch", size=size)
    table.until(lambda shown: re.search(rf"\n> {id}  before the load .* 3m\d\ds", shown))
    table.until(lambda _: table.lines[-1].startswith("1 paused  j/k select"))
    assert len(table.lines) == size[1]
    table.type("o")
    at_prompt(table)
    watcher = box("python", "--console", id, "--watch", size=size)
    watcher.sees(f"watching the consoles of {id}")
    answered(table, "volts", "\n3.3\n")
    watcher.until(lambda shown: re.search(r"\n\[\w+ \d+\] >>> volts\n\[\w+ \d+\] 3.3$", shown))
    table.type(CTRL_D)
    table.sees(f"The console of {id} has ended.")
    shown = box("breakpoints", "show", id, size=size)
    assert shown.wait() == 0
    assert re.search(r"\nVariables\n  volts +float +3.3\n", shown.shown)
    assert all(len(line) <= size[0] for line in shown.lines)
    listed = box("breakpoints", size=size)
    assert listed.wait() == 0
    assert [line.split()[0] for line in listed.lines[1:]] == [id]
    table.type("c")
    table.sees(f"Resumed {id}.")
    table.type("q")
    assert table.wait() == 0
    assert watcher.wait() == 0
    assert f"lager: {id} resumed by " in watcher.shown


@pytest.mark.variant
@pytest.mark.parametrize("size", SIZES)
def test_a_failing_test(box: Callable[..., Any], script: ScriptWriter, tmp_path: Path, size: Any) -> None:
    file = str(tmp_path / script(TEST, "test_it.py"))
    run = box(
        "python", "-m", "pytest", "--lager-pause", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", file, size=size
    )
    shown = run.sees("\n  time left ")
    told = "".join(shown.split())  # a path may be wider than the screen
    assert re.search(r"lager:pausedat.*test_it\.py:10intest_load-.*test_it\.py::test_load", told)
    assert "put away" not in shown
    run.type(ENTER)
    assert run.wait() == 1
    assert run.lines[-1].startswith("1 failed in ")
