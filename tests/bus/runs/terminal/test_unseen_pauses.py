"""lager python announces a pause on the terminal if its banner does not appear there, and only then."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScriptWriter, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER, Terminal

PAUSE = "import lager\nlager.pause('why')\nprint('went on')\n"
CHILD = """
import subprocess, sys
done = subprocess.run([sys.executable, "child.py"], capture_output=True, text=True)
assert done.stderr.count("lager: paused at") == 1, done.stderr
print(done.stdout, end="")
"""
DESCRIPTOR = """
import lager, os
terminal = os.dup(2)
os.dup2(os.open("captured", os.O_WRONLY | os.O_CREAT), 2)
lager.pause("why")
os.dup2(terminal, 2)
print("went on")
"""
CLOSED = "import lager, sys\nsys.stderr.close()\nlager.pause('why')\nprint('went on')\n"


@pytest.fixture
def shell(terminal: TerminalStarter) -> Callable[..., Any]:
    """Type a command line into a terminal."""

    def run(line: str) -> Terminal:
        return terminal("/bin/sh", "-c", line, LAGER=LAGER)

    return run


UNSEEN = {
    "a file": (PAUSE, "$LAGER python script.py 2>banner"),
    "a file and no colours": (PAUSE, "TERM=dumb $LAGER python script.py 2>banner"),
    "no standard error": (PAUSE, "$LAGER python script.py 2>&-"),
    "a child": (CHILD, "$LAGER python script.py"),
    "a descriptor": (DESCRIPTOR, "$LAGER python script.py"),
    "closed": (CLOSED, "$LAGER python script.py"),
    "a filter that keeps it": (PAUSE, "$LAGER python script.py 2>&1 | grep --line-buffered 'went on'"),
    "a pipe into a file": (PAUSE, "$LAGER python script.py 2>&1 | cat >banner; tail -n 1 banner"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_a_pause_whose_banner_goes_elsewhere_is_announced_in_one_line(
    shell: Callable[..., Any], script: ScriptWriter, client: Client, name: str
) -> None:
    text, line = UNSEEN[name]
    script(text)
    script(PAUSE, "child.py")
    screen = shell(line)
    pause = client.paused()
    screen.expect(f"lager: {pause['id']} is paused at {'child' if text is CHILD else 'script'}.py:")
    screen.expect(f" - why. To resume: press Enter, or: lager python --continue {pause['id']}\n")
    screen.type("\n")
    screen.expect("went on\n")
    screen.wait()
    assert screen.screen.text.count("paused at") == 1


@pytest.mark.variant
@pytest.mark.parametrize(("reader", "times"), [("grep --line-buffered 'went on'", 1), ("cat", 0)])
def test_a_pause_older_than_the_connection_of_lager_python_is_announced(
    shell: Callable[..., Any], script: ScriptWriter, client: Client, late: Callable[[], None], reader: str, times: int
) -> None:
    script(PAUSE)
    screen = shell(f"$LAGER python script.py 2>&1 | {reader}")
    id = client.paused()["id"]
    if not times:
        screen.expect(f"  id        {id}\n")
    late()
    if times:
        screen.expect(f"lager: {id} is paused at script.py:")
    screen.type("\n")
    screen.expect("went on\n")
    screen.wait()
    assert screen.screen.text.count("To resume:") == times


SEEN = {
    "plain": "$LAGER python script.py",
    "tee": "$LAGER python script.py 2>&1 | tee log",
    "two filters": "$LAGER python script.py 2>&1 | cat | cat",
    "standard output elsewhere": "$LAGER python script.py >out; cat out",
    "its terminal twice": "$LAGER python script.py 2>&1",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_pause_whose_banner_reaches_the_terminal_is_announced_only_by_it(
    shell: Callable[..., Any], script: ScriptWriter, client: Client, name: str
) -> None:
    script(PAUSE.replace("'why'", "timeout=1.5"))
    screen = shell(SEEN[name])
    id = client.paused()["id"]
    screen.expect(f"  id        {id}\n")
    screen.expect(f"lager: {id} resumed automatically")
    screen.expect("went on\n")
    screen.wait()
    assert "To resume:" not in screen.screen.text


def test_a_terminal_that_reattaches_shows_the_pauses_that_the_log_does_not(
    run: Starter, terminal: TerminalStarter, script: ScriptWriter, client: Client
) -> None:
    script(PAUSE, "child.py")
    process = run(PAUSE + CHILD, options=("--detach",))
    id = process.out.expect("\n").strip()
    first = client.paused()["id"]
    screen = terminal(LAGER, "python", "--reattach", id)
    screen.expect(f"  id        {first}\n")
    screen.expect("lager python --continue")
    client.call("Continue", "s", first)
    second = client.paused()["id"]
    screen.expect(f"lager: {second} is paused at ")
    screen.expect(f"child.py:2 in <module> - why. To resume: press Enter, or: lager python --continue {second}\n")
    screen.type("\n")
    screen.expect("went on\n")
    assert screen.wait() == 0
    assert screen.screen.text.count("To resume") == 1


@pytest.mark.variant
def test_a_run_on_a_box_is_announced_with_the_box(
    near: Loopback, terminal: TerminalStarter, script: ScriptWriter, client: Client
) -> None:
    script(PAUSE, "child.py")
    screen = terminal(LAGER, "python", "--box", "near", script(PAUSE + CHILD), "--add-file", "child.py")
    first = client.paused()["id"]
    screen.expect(f"  id        {first}\n")
    client.call("Continue", "s", first)
    second = client.paused()["id"]
    screen.expect(f"lager: {second} is paused at child.py:2 in <module> - why. To resume: press Enter, or: ")
    screen.expect(f"lager python --continue {second} --box near\n")
    screen.type("\n")
    screen.expect("went on\n")
    assert screen.wait() == 0
    assert screen.screen.text.count("To resume") == 1


@pytest.mark.variant
def test_a_run_on_a_box_whose_output_is_filtered_here_is_announced_only_by_its_banner(
    near: Loopback, shell: Callable[..., Any], script: ScriptWriter, client: Client
) -> None:
    script(PAUSE.replace("'why'", "timeout=1.5"))
    screen = shell("$LAGER python --box near script.py 2>&1 | tee log")
    screen.expect(f"  id        {client.paused()['id']}\n")
    screen.expect("went on")  # of two streams, either may write first
    screen.wait()
    assert "To resume:" not in screen.screen.text


@pytest.mark.variant
def test_a_run_on_a_box_whose_errors_go_to_a_file_here_is_announced(
    near: Loopback, shell: Callable[..., Any], script: ScriptWriter, client: Client
) -> None:
    script(PAUSE)
    screen = shell("$LAGER python --box near script.py 2>banner")
    screen.expect(f"lager: {client.paused()['id']} is paused at ")
    screen.type("\n")
    screen.expect("went on\n")
    screen.wait()


@pytest.mark.variant
def test_without_a_terminal_nothing_is_added(run: Starter, script: ScriptWriter, client: Client) -> None:
    script(PAUSE, "child.py")
    process = run(CHILD)
    client.call("Continue", "s", client.paused()["id"])
    assert process.out.rest() == "went on\n"
    assert process.err.rest() == ""
    assert process.wait() == 0
