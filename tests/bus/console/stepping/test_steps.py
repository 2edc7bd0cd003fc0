"""`:next`, `:step`, `:finish` and `:until`: the script runs a step, and is paused again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.console.frames import Frames
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, Process
from tests.station import Station

SCRIPT = """
import lager
def inner(x):
    y = x + 1
    return y
def work():
    lager.pause("first", interactive=True, timeout=60)
    a = inner(1)
    b = a * 2
    return b
print("result", work())
"""
GATED = """
import lager, os
def work():
    lager.pause(interactive=True, timeout=60)
    os.read(0, 1)
    a = 5
    return a
work()
"""


def typed(lager: Command, id: Any, *lines: Any) -> "subprocess.CompletedProcess[str]":
    return lager("python", "--console", id, stdin="".join(f"{line}\n" for line in lines))


def places(said: str) -> list[str]:
    """Where the script was paused, as a console has said."""
    return [line.partition(" paused at ")[2] for line in said.splitlines() if " paused at " in line]


def finished(script: Process, client: Client, id: str) -> str:
    client.call("Continue", "s", id)
    assert script.wait() == 0
    return script.out.rest()


def step(console: Frames, kind: str, **more: Any) -> dict[str, Any]:
    """Step by the frames of an open console; the answer."""
    console.send(ask=1, step={"kind": kind, **more})
    return console.until("answer")


def test_next_from_a_pipe_ends_when_the_script_is_paused_again_with_a_new_id(
    run: Starter, lager: Command, client: Client
) -> None:
    script = run(SCRIPT)
    old = client.paused()["id"]
    done = typed(lager, old, ":next")
    reason, by = client.resumed(old)
    new = client.paused()
    assert (reason, by["how"], by["step"], by["uid"]) == ("continued", "step", "next", os.getuid())
    assert new["id"] != old
    assert (new["stepped_from"], new["line"], new["label"], new["timeout"]) == (old, 8, "first", 60)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith(f"{new['id']} paused at script.py:8 in work\n")
    assert "->  8      a = inner(1)\n" in done.stdout
    assert finished(script, client, new["id"]) == "result 4\n"


def test_all_steps_from_a_pipe_and_the_names_of_each_new_frame(run: Starter, lager: Command, client: Client) -> None:
    script = run(SCRIPT)
    done = typed(
        lager, client.paused()["id"],
        "own = 1", ":next", "'own' in dir(), 'a' in dir()", ":step", "x", "x = 100", ":finish", "__return__, y, x",
        ":next", "a, '__return__' in dir()", ":until 10", "a, b", ":continue",
    )  # fmt: skip
    assert done.returncode == 0
    assert places(done.stdout) == [
        "script.py:8 in work", "script.py:4 in inner", "script.py:5 in inner at its return: __return__",
        "script.py:9 in work", "script.py:10 in work",
    ]  # fmt: skip
    values = [line for line in done.stdout.splitlines() if line[0] not in " -" and " paused at " not in line]
    assert values == ["(False, False)", "1", "(2, 2, 1)", "(2, False)", "(2, 4)"]
    assert script.wait() == 0
    assert script.out.rest() == "result 4\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [(":until", "not a line number"), (":until x", "not a line number"), (":next 2", "takes no argument")],
)
def test_a_mistyped_step_says_how_to_type_it(paused: dict[str, Any], lager: Command, line: str, said: str) -> None:
    done = typed(lager, paused["id"], line)
    assert said in done.stderr
    assert done.returncode == 1


def test_all_consoles_stay_attached_and_are_told_both(
    run: Starter, client: Client, opened: Callable[..., Frames]
) -> None:
    run(SCRIPT)
    old = client.paused()["id"]
    one, other, watcher = opened(old, news=True), opened(old), opened(old, watch=True)
    for console in (one, other, watcher):
        console.until("hello")
    assert step(one, "next")["step"] is True
    for console in (other, watcher):
        assert console.until("stepping")["stepping"]["id"] == old
        told = console.until("paused")["paused"]
        assert (told["stepped_from"], told["line"]) == (old, 8)
    new = client.paused()
    assert new["id"] == told["id"]
    assert next(pause for pause in client.list() if pause["id"] == new["id"])["consoles"] == 3
    other.send(eval="y = 2\nprint(y)")
    assert other.until("out")["out"] == "2\n"
    other.until("done")
    assert step(other, "step")["step"] is True
    assert one.until("stepping")["stepping"]["by"]["how"] == "step"
    one.until("paused")
    one.send(eval="x")
    assert one.until("out")["out"] == "1\n"


def test_while_a_step_runs_nothing_is_paused_and_input_waits(
    start: Starter, script: ScriptWriter, client: Client, opened: Callable[..., Frames], gate: tuple[int, int]
) -> None:
    process = start(LAGER, "python", script(GATED), stdin=gate[0])
    old = client.paused()["id"]
    console = opened(old)
    assert step(console, "next")["step"] is True
    second = client.paused()["id"]
    console.send(ask=2, step={"kind": "next"})
    client.resumed(second)
    assert client.list() == []
    console.send(eval="print('a' in dir())")
    console.send(ask=3, look=True)
    assert console.until("answer") in ({"answer": 2, "step": True}, {"answer": 3})
    os.write(gate[1], b"x")
    assert console.until("paused")["paused"]["line"] == 6
    assert console.until("out")["out"] == "False\n"
    finished(process, client, client.list()[0]["id"])


@pytest.mark.variant
def test_a_console_that_leaves_leaves_the_step_running(
    start: Starter, script: ScriptWriter, client: Client, opened: Callable[..., Frames], gate: tuple[int, int]
) -> None:
    process = start(LAGER, "python", script(GATED), stdin=gate[0])
    console = opened(client.paused()["id"])
    step(console, "next")
    client.paused()
    step(console, "next")
    console.connection.close()
    os.write(gate[1], b"x")
    new = client.paused()
    assert (new["line"], new["consoles"]) == (6, 0)
    finished(process, client, new["id"])


@pytest.mark.variant
def test_a_script_that_is_killed_in_a_step_ends_its_console(
    start: Starter, script: ScriptWriter, client: Client, opened: Callable[..., Frames], gate: tuple[int, int]
) -> None:
    start(LAGER, "python", script(GATED), stdin=gate[0])
    details = client.paused()
    console = opened(details["id"])
    step(console, "next")
    client.paused()
    step(console, "next")
    os.kill(details["pid"], signal.SIGKILL)
    with pytest.raises(AssertionError, match="closed"):
        console.until("paused")


def test_a_step_is_refused_while_another_console_runs_a_statement(
    paused: dict[str, Any], client: Client, opened: Callable[..., Frames]
) -> None:
    one, other = opened(paused["id"]), opened(paused["id"])
    other.send(eval="import threading; done = threading.Event(); print('runs')\nwhile True: done.wait(0.01)")
    other.until("out")
    assert "is running a statement" in step(one, "next")["error"]
    other.send(interrupt=True)
    other.until("done")
    assert step(one, "finish")["step"] is True


@pytest.mark.parametrize("asked", [None, "next", {}, {"kind": 5}, {"kind": "until", "line": -1}, {"kind": "jump"}])
def test_an_invalid_step_is_refused_and_the_script_stays_paused(
    paused: dict[str, Any], client: Client, opened: Callable[..., Frames], asked: Any
) -> None:
    console = opened(paused["id"])
    console.send(ask=7, step=asked)
    assert console.until("answer").keys() == {"answer", "error"}
    assert [pause["id"] for pause in client.list()] == [paused["id"]]


def test_a_question_is_answered_and_not_stepped(run: Starter, client: Client, lager: Command) -> None:
    run("import lager; print(lager.ask('Go on?', default=True))")
    id = client.paused()["id"]
    done = typed(lager, id, ":next")
    assert f"The script waits for an answer. Give it with: lager answer {id} VALUE" in done.stderr
    assert done.returncode == 1
    client.call("ContinueAll")


@pytest.mark.variant
def test_another_pause_ends_the_step_and_gets_its_consoles(
    run: Starter, client: Client, opened: Callable[..., Frames]
) -> None:
    script = run("""
import lager
def inner():
    lager.pause("second", timeout=60)
lager.pause("first", interactive=True, timeout=60)
inner()
print("after")
""")
    old = client.paused()["id"]
    console = opened(old)
    step(console, "next")
    console.until("paused")
    client.paused()
    step(console, "next")
    told = console.until("paused")["paused"]
    new = client.paused()
    assert (told["id"], told["label"], new["label"], new["interactive"]) == (new["id"], "second", "second", True)
    assert step(console, "out")["step"] is True
    assert console.until("paused")["paused"]["line"] == 7
    assert finished(script, client, client.list()[0]["id"]) == "after\n"


@pytest.mark.parametrize(
    ("last", "code"), [("pass", 0), ("raise ValueError", 1), ("raise SystemExit(3)", 3)], ids=["end", "error", "exit"]
)
def test_the_end_of_the_thread_ends_the_step_and_its_consoles(
    run: Starter, client: Client, lager: Command, last: str, code: int
) -> None:
    script = run(f"import lager\nlager.pause(interactive=True, timeout=60)\n{last}\n")
    done = typed(lager, client.paused()["id"], ":next", ":next", "1")
    assert "did not pause again: its thread has ended; this console ends\n" in done.stderr
    assert done.returncode == 1
    assert script.wait() == code
    assert client.list() == []


def test_an_uncaught_error_in_a_step_pauses_with_pause_on_error(
    run: Starter, client: Client, opened: Callable[..., Frames]
) -> None:
    script = run(
        "import lager\nlager.pause(interactive=True, timeout=60)\nx = 1\nraise ValueError('bad')\n",
        options=("--pause-on-error",),
    )
    console = opened(client.paused()["id"])
    for line in (3, 4):
        step(console, "next")
        assert console.until("paused")["paused"]["line"] == line
    step(console, "next")
    assert "ValueError: bad" in console.until("paused")["paused"]["label"]
    assert "This error ends the thread, so there is no next line." in step(console, "next")["error"]
    client.call("ContinueAll")
    assert script.wait() == 1


def test_a_step_restarts_the_countdown_and_keeps_what_it_does_at_the_timeout(
    run: Starter, client: Client, opened: Callable[..., Frames]
) -> None:
    script = run("""
import lager
def work():
    lager.pause(interactive=True, timeout=0.5, on_timeout="raise")
    a = 1
    b = 2
try:
    work()
except lager.PauseTimeout as error:
    print("raised at", error.__traceback__.tb_next.tb_lineno)
""")
    old = client.paused()
    console = opened(old["id"])
    client.call("Extend", "sd", old["id"], 60)
    step(console, "next")
    new = client.paused()
    assert (new["on_timeout"], new["timeout"]) == ("raise", 0.5)
    assert new["remaining"] > 50
    client.call("Extend", "sd", new["id"], 0)
    console.until("paused")
    step(console, "next")
    held = client.paused()
    assert held["remaining"] == 0
    client.call("Extend", "sd", held["id"], 0.01)
    assert client.resumed(held["id"])[0] == "timeout"
    assert script.wait() == 0
    assert script.out.rest() == "raised at 6\n"


@pytest.mark.variant
def test_steps_in_a_coroutine_and_in_a_test(
    run: Starter, client: Client, lager: Command, start: Starter, script: ScriptWriter, tmp_path: Path
) -> None:
    script(
        """
import asyncio, lager
async def reading():
    await asyncio.sleep(0)
    return 5
async def main():
    lager.pause(interactive=True, timeout=60)
    value = await reading()
    return value
def test_reading():
    assert asyncio.run(main()) == 5
""",
        "test_it.py",
    )
    tests = start(LAGER, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    done = typed(lager, client.paused()["id"], ":next", ":next", "value", ":continue")
    assert places(done.stdout) == ["test_it.py:8 in main", "test_it.py:9 in main"]
    assert "\n5\n" in done.stdout
    assert tests.wait() == 0, tests.out.rest()


@pytest.mark.variant
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="since 3.12, any number of tools can watch")
def test_another_tracer_is_kept_and_the_step_refused(run: Starter, client: Client, lager: Command) -> None:
    script = run("""
import sys, lager
def work():
    lager.pause(interactive=True, timeout=60)
    return 5
def trace(frame, event, argument):
    return None
trace.__module__ = "coverage.tracer"
sys.settrace(trace)
work()
print(sys.gettrace() is trace)
""")
    done = typed(lager, client.paused()["id"], ":next")
    assert "coverage traces this thread" in done.stderr
    assert done.returncode == 1
    assert finished(script, client, client.list()[0]["id"]) == "True\n"


def test_nothing_traces_the_script_after_its_steps(run: Starter, client: Client, lager: Command) -> None:
    script = run(
        SCRIPT
        + """
import sys
print(sys.gettrace())
if sys.version_info >= (3, 12):
    print([name for name in map(sys.monitoring.get_tool, range(6)) if name])
"""
    )
    typed(lager, client.paused()["id"], ":next", ":step", ":continue")
    assert script.wait() == 0
    assert script.out.rest().splitlines()[:2] == ["result 4", "None"]


@pytest.mark.variant
def test_a_fork_in_a_step_does_not_stop(run: Starter, client: Client, opened: Callable[..., Frames]) -> None:
    script = run("""
import lager, os
lager.pause(interactive=True, timeout=60)
child = os.fork()
if not child:
    x = 1
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    console = opened(client.paused()["id"])
    for line in (4, 5, 8):
        step(console, "next")
        assert console.until("paused")["paused"]["line"] == line
    assert finished(script, client, client.list()[0]["id"]) == "7\n"


@pytest.mark.variant
def test_lagerd_may_restart_while_a_step_runs(
    start: Starter,
    script: ScriptWriter,
    client: Client,
    opened: Callable[..., Frames],
    gate: tuple[int, int],
    own_station: Station,
) -> None:
    process = start(LAGER, "python", script(GATED), stdin=gate[0])
    console = opened(client.paused()["id"])
    step(console, "next")
    client.paused()
    step(console, "next")
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.write(gate[1], b"x")
    new = client.paused()
    assert new["line"] == 6
    assert console.until("paused")["paused"]["id"] == new["id"]
    console.send(eval="print('here')")
    assert console.until("out")["out"] == "here\n"
    finished(process, client, new["id"])
