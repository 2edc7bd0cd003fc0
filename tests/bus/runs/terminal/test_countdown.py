"""The line below the banner of a paused run, on terminals whose screens are read back."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScreenStarter, ScriptWriter, Starter
from tests.processes import LAGER
from tests.screen import SIZES, Screen

ONE = "import lager\nlager.pause('look', interactive=True)\nprint('went on')\n"
LEFT = re.compile(r"^  time left (.*)$", re.MULTILINE)
PYTHON = (LAGER, "python")


def left(shown: str) -> list[str]:
    """What each such line says."""
    return LEFT.findall(shown)


def counts(screen: Screen, times: int) -> list[str]:
    """What the only such line has said, until it has changed so many times."""
    said: list[str] = []

    def changed(shown: str) -> bool:
        now = left(shown)
        assert len(now) < 2, shown
        if now and now[0] not in said[-1:]:
            said.append(now[0])
        return len(said) > times

    screen.until(changed)
    return said


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_countdown_updates_in_place_and_enter_removes_it(
    screen: ScreenStarter, script: ScriptWriter, client: Client, columns: Any, rows: Any
) -> None:
    view = screen(*PYTHON, script(ONE), columns=columns, rows=rows)
    id = client.paused()["id"]
    said = counts(view, 1)
    seconds = [60 * int(text[0]) + int(text[2:4]) for text in said]
    assert seconds == [seconds[0], seconds[0] - 1]
    assert view.lines[-2:] == ["  timeout   resumes in 5m00s", f"  time left {said[-1]}"]
    view.type("\r")
    user = client.resumed(id)[1]["user"]
    assert view.wait() == 0
    assert view.lines[-3] == "  timeout   resumes in 5m00s"
    assert re.fullmatch(f"lager: {id} resumed by {user} with Enter, after [0-9]+s", view.lines[-2])
    assert view.lines[-1] == "went on"


def test_the_countdown_follows_changes(
    screen: ScreenStarter, script: ScriptWriter, client: Client, start: Starter
) -> None:
    view = screen(*PYTHON, script(ONE))
    pause = client.paused()
    counts(view, 0)
    client.call("Extend", "sd", pause["id"], 600.0)
    view.sees("  time left 14m")
    console = start("/bin/sh", "-c", f"(echo 'print(42)'; sleep 600) | lager python --console {pause['id']}")
    view.sees(f"s, 1 console: {pause['user']}")
    console.close()
    view.until(lambda shown: "console:" not in shown)
    client.call("Extend", "sd", pause["id"], 0.0)
    view.sees("  time left no limit")
    client.call("Continue", "s", pause["id"])
    assert view.wait() == 0
    assert left(view.shown) == []
    assert [line for line in view.lines if "resumed" in line or "went" in line] == view.lines[-2:]


@pytest.mark.variant
@pytest.mark.parametrize("by", ["another terminal", "its time", "an exception"])
def test_the_row_is_removed_however_the_pause_ends(
    screen: ScreenStarter, script: ScriptWriter, client: Client, lager: Command, by: str
) -> None:
    seconds = {"its time": 2}.get(by, 300)
    text = f"import lager\nlager.pause(timeout={seconds})\nprint('went on')\n"
    view = screen(*PYTHON, script(text), rows=200)  # a traceback has long paths
    pause = client.paused()
    view.sees("\n  time left ")
    if by == "another terminal":
        lager("python", "--continue", pause["id"])
    elif by == "an exception":
        os.kill(pause["pid"], signal.SIGINT)
    view.wait()
    assert left(view.shown) == []
    at = view.lines.index(next(line for line in view.lines if line.startswith("  timeout ")))
    assert view.lines[at + 1].startswith("lager: " if by != "an exception" else ("^C", "Traceback", "lager: "))


@pytest.mark.variant
def test_without_a_limit_it_shows_consoles_alone(
    screen: ScreenStarter, script: ScriptWriter, client: Client, start: Starter
) -> None:
    view = screen(*PYTHON, script(ONE.replace("'look'", "'look', timeout=0")))
    pause = client.paused()
    console = start("/bin/sh", "-c", f"(echo 'print(42)'; sleep 600) | lager python --console {pause['id']}")
    view.sees(f"\n  time left no limit, 1 console: {pause['user']}")
    console.close()
    view.until(lambda shown: left(shown) == ["no limit"])
    view.type("\r")
    assert view.wait() == 0
    assert left(view.shown) == []


TALK = """
import lager, os, subprocess, sys, threading
def talk():
    said = os.open("say", os.O_RDONLY)
    def a_thread(data): print(data.decode(), end="", flush=True)
    def a_child(data): subprocess.run(["printf", "%s", data])
    def the_descriptor(data): os.write(2, data)
    for write in (a_thread, a_child, the_descriptor):
        write(os.read(said, 1000))
threading.Thread(target=talk, daemon=True).start()
lager.pause("look")
print("went on")
"""


def test_the_countdown_never_overwrites_other_output(
    screen: ScreenStarter, script: ScriptWriter, client: Client, tmp_path: Path
) -> None:
    """Each write ends up as it would without the countdown; the line stays where it was and is not updated."""
    os.mkfifo(tmp_path / "say")
    view = screen(*PYTHON, script(TALK))
    id = client.paused()["id"]
    with open(tmp_path / "say", "wb", 0) as say:
        counts(view, 0)
        for said, shown in ((b"first\nsecond\n", "second"), (b"half a ", "half a"), (b"line\n", "half a line")):
            say.write(said)
            view.sees(shown)
            client.call("Extend", "sd", id, 600.0)  # which would have been shown
        client.call("Continue", "s", id)
        assert view.wait() == 0
    assert [line.partition(" resumed")[0] for line in view.lines[4:]] == [
        f"  time left {left(view.shown)[0]}", "first", "second", "half a line", f"lager: {id}", "went on",
    ]  # fmt: skip


SEVERAL = """
import lager, multiprocessing, threading
def stand(label, timeout):
    lager.pause(label, timeout=timeout)
if __name__ == "__main__":
    all = [threading.Thread(target=stand, args=(f"thread {n}", 100 + n)) for n in (1, 2)]
    all.append(multiprocessing.get_context("spawn").Process(target=stand, args=("child", 90)))
    for one in all: one.start()
    for one in all: one.join()
    print("went on")
"""


def test_one_line_for_threads_and_children(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen(*PYTHON, script(SEVERAL), rows=60)
    details = [client.paused() for _ in range(3)]
    pauses = {pause["label"]: pause["id"] for pause in details}
    view.sees("  time left 3 paused, next in 1m2")
    client.call("Continue", "s", pauses["child"])
    view.sees("2 paused, next in 1m3")
    client.call("Continue", "s", details[0]["run_id"])
    assert view.wait() == 0
    assert view.lines[-1] == "went on"
    for label, id in pauses.items():
        assert sum(f"- {label}" in line for line in view.lines) == 1
        assert sum(f"lager: {id} resumed" in line for line in view.lines) == 1


ASKS = """
import lager, threading
thread = threading.Thread(target=lager.pause, args=("beside",))
thread.start()
print("got", input("name? "))
thread.join()
"""


@pytest.mark.variant
def test_a_question_keeps_its_cursor(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen(*PYTHON, script(ASKS))
    id = client.paused()["id"]
    counts(view, 1)  # it is updated above the question
    assert sum("name?" in line for line in view.lines) == 1
    client.call("Continue", "s", id)
    view.sees("over D-Bus")
    client.resumed(id)
    client.heard(view.pid)  # else it may take what is typed now for an answer to the pause
    view.type("anna\r")
    assert view.wait() == 0
    assert view.lines[-1] == "got anna"


@pytest.mark.variant
def test_a_shell_stops_it_and_brings_it_back(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", HISTFILE="")
    view.sees("$")
    view.type(f"lager python {script(ONE)}\r")
    client.paused()
    counts(view, 0)
    view.type("\x1a")
    stopped = view.sees("Stopped")
    view.until(lambda shown: shown.endswith("$"))
    view.type("echo a  b\r")
    view.sees("\na b\n")
    view.type("fg\r")
    view.until(lambda shown: len(left(shown)) == 2)
    assert f"  time left {left(view.shown)[0]}\n" in stopped
    view.type("\r")
    view.sees("went on\n$")
    assert len(left(view.shown)) == 1
    view.type("exit\r")
    view.wait()


@pytest.mark.variant
def test_in_the_background_it_draws_nothing(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", HISTFILE="")
    view.sees("$")
    view.type(f"lager python {script(ONE)} &\r")
    id = client.paused()["id"]
    view.sees("timeout   resumes in")
    client.call("Extend", "sd", id, 100.0)
    client.expect("Extended")
    view.type("fg\r")
    view.until(lambda shown: len(left(shown)) == 1)
    view.type("\r")
    view.sees("went on")
    view.type("exit\r")
    view.wait()


@pytest.mark.variant
def test_the_countdown_fits_a_narrow_terminal_that_is_resized(
    screen: ScreenStarter, script: ScriptWriter, client: Client, start: Starter
) -> None:
    view = screen(*PYTHON, script(ONE), columns=30)
    pause = client.paused()
    start("/bin/sh", "-c", f"(echo 'print(42)'; sleep 600) | lager python --console {pause['id']}")
    view.until(lambda shown: any(text.endswith("…") for text in left(shown)))
    assert all(len(line) < 30 for line in view.lines if line.startswith("  left"))
    view.resize(100, 30)
    view.until(lambda shown: left(shown)[-1].endswith(f"s, 1 console: {pause['user']}"))
    client.call("Continue", "s", pause["id"])
    assert view.wait() == 0
    assert view.lines[-1] == "went on"


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": ""}])
def test_no_escapes_are_written_where_none_are_wanted(
    screen: ScreenStarter, script: ScriptWriter, client: Client, env: dict[str, str]
) -> None:
    view = screen(*PYTHON, script(ONE), **env)
    id = client.paused()["id"]
    client.call("Extend", "sd", id, 100.0)
    view.sees("timeout   resumes")
    other = screen(*PYTHON, script("import lager\nlager.pause('clock')\n", "clock.py"))
    other.sees("  time left")  # by when the row would have come
    view.type("\r")
    assert view.wait() == 0
    client.call("ContinueAll")
    assert other.wait() == 0
    assert left(view.shown) == []
    assert "\x1b" not in view.screen.text


@pytest.mark.variant
def test_there_is_no_countdown_in_a_file(
    screen: ScreenStarter, script: ScriptWriter, client: Client, tmp_path: Path
) -> None:
    view = screen("/bin/sh", "-c", f"lager python {script(ONE)} 2> errors")
    pause = client.paused()
    view.sees("To resume:")
    client.call("Extend", "sd", pause["id"], 100.0)
    client.call("Continue", "s", pause["id"])
    assert view.wait() == 0
    assert view.lines[0].startswith(f"lager: {pause['id']} is paused")
    assert view.lines[-1] == "went on"
    assert left(view.shown) == []
    told = (tmp_path / "errors").read_text()
    assert [line.split()[0] for line in told.splitlines()] == ["lager:", "id", "resume", "console", "timeout", "lager:"]
    assert "\x1b" not in told


@pytest.mark.variant
def test_typed_text_is_ignored_and_reported(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen(*PYTHON, script(ONE))
    client.paused()
    counts(view, 0)
    view.type("hello\r")
    view.sees("your input was ignored")
    view.until(lambda shown: len(left(shown)) == 2)
    view.type("\r")
    assert view.wait() == 0
    assert "lager: press Enter on an empty line to resume, or type e (5 more minutes)" in view.shown
    assert "\nhello\n" in view.shown


@pytest.mark.variant
def test_flow_control_does_not_block_the_run(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    """Ctrl-S stops what is written to the terminal; the run ends all the same."""
    view = screen(*PYTHON, script(ONE.replace("print('went on')", "")))
    id = client.paused()["id"]
    counts(view, 0)
    view.type("\x13")
    client.call("Extend", "sd", id, 600.0)
    client.expect("Extended")
    view.type("\x11")
    client.call("Continue", "s", id)
    assert view.wait() == 0


@pytest.mark.variant
def test_the_end_of_the_run_comes_first(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen(*PYTHON, "--timeout", "60", script(ONE))
    client.paused()
    view.sees("s until the run is ended")
    view.type("\r")
    assert view.wait() == 0


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("print('measuring… ', end='')", "measuring…"),
        ("import sys; sys.stderr.write('\\r 45%|####   |')", " 45%|####   |"),
        ("print('x' * 79, end='')", "x" * 79),
        ("print('done')", "done"),
    ],
)
def test_the_banner_begins_a_line_of_its_own(
    screen: ScreenStarter, script: ScriptWriter, client: Client, before: str, line: str, columns: int
) -> None:
    view = screen(*PYTHON, script(f"import lager\n{before}\nlager.pause('look')\n"), columns=columns)
    client.paused()
    view.sees("timeout   ")
    rows = -(-len(line) // columns)
    assert "".join(row.ljust(columns) for row in view.lines[:rows]).rstrip() == line
    assert view.lines[rows].startswith("lager: paused at script.py:3 in ")
    client.call("ContinueAll")


@pytest.mark.variant
def test_a_long_banner_is_broken_between_words(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    label = "the rail is at 3.1 V and should be at 3.3 V before the load is switched on again"
    view = screen(*PYTHON, script(f"import lager\nlager.pause({label!r})\n"), columns=60)
    client.paused()
    view.sees("timeout   ")
    told = view.shown.partition("\n  id ")[0]
    assert told.count("\n") == 2
    assert " ".join(told.split()) == f"lager: paused at script.py:2 in <module> - {label}"
    client.call("ContinueAll")
