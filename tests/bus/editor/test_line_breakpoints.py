"""Breakpoints that an attached editor sets on lines of the script."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bus.editor.editor import Editor, Message
from tests.client import Client
from tests.fixtures import Starter
from tests.loopback import Loopback
from tests.processes import PATIENCE

SCRIPT = """
import lager, threading
def measure(channel):
    volts = channel * 1.5

    # settled
    return volts
def work():
    total = 0
    for channel in range(8):
        total += measure(channel)
    return total
lager.pause("begin", interactive=True, timeout=60)
print("total", work())
worker = threading.Thread(target=measure, args=(9,))
worker.start()
worker.join()
print("end")
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "script.py")


def set_lines(editor: Editor, path: str, *lines: Message) -> list[Message]:
    taken: list[Message] = editor.do("setBreakpoints", source={"path": path}, breakpoints=list(lines))["breakpoints"]
    return taken


def resume(editor: Editor) -> Message:
    """Continue, and return the next stop."""
    editor.do("continue", threadId=1)
    return editor.event("stopped")


def value(editor: Editor, expression: str) -> str:
    return str(editor.do("evaluate", expression=expression, context="repl")["result"])


def test_a_breakpoint_is_a_pause_of_its_own_with_the_place_in_its_label(
    run: Starter, attached: Callable[..., Editor], client: Client, path: str
) -> None:
    script = run(SCRIPT)
    editor = attached()
    first = client.paused()["id"]
    (told,) = set_lines(editor, path, {"line": 4})
    assert (told["verified"], told["line"]) == (True, 4)
    assert resume(editor)["reason"] == "breakpoint"
    pause = client.paused()
    assert (pause["label"], pause["line"], pause["function"]) == ("breakpoint at script.py:4", 4, "measure")
    assert (pause["interactive"], pause["id"] != first, "stepped_from" in pause) == (True, True, False)
    assert value(editor, "channel") == "0"
    assert resume(editor)["reason"] == "breakpoint"
    assert value(editor, "channel") == "1"
    set_lines(editor, path)
    editor.do("continue", threadId=1)
    assert script.wait(PATIENCE) == 0
    assert script.out.rest() == "total 42.0\nend\n"


def test_conditions_hits_and_messages(run: Starter, attached: Callable[..., Editor], client: Client, path: str) -> None:
    run(SCRIPT)
    editor = attached()
    set_lines(
        editor, path,
        {"line": 4, "logMessage": "channel {channel} of {total}"},
        {"line": 7, "condition": "channel > 2 and any(volts for _ in [1])", "hitCondition": "2"},
        {"line": 12, "condition": "total / 0"},
    )  # fmt: skip
    resume(editor)
    assert value(editor, "channel") == "4"
    assert editor.printed("console").count("of {total: NameError: name 'total' is not defined}") == 5
    resume(editor)
    assert client.list()[0]["label"] == (
        "breakpoint at script.py:12: its condition raised ZeroDivisionError: float division by zero"
    )
    set_lines(editor, path)
    editor.do("continue", threadId=1)


def test_a_breakpoint_is_verified_if_it_can_stop(
    run: Starter, attached: Callable[..., Editor], client: Client, path: str, tmp_path: Path
) -> None:
    run(SCRIPT)
    editor = attached()
    told = set_lines(
        editor, path,
        {"line": 5}, {"line": 90}, {"line": 4, "condition": "x ="}, {"line": 4, "hitCondition": "often"},
        {"line": 4, "logMessage": "{channel"}, {"line": "4"},
    )  # fmt: skip
    assert [one["verified"] for one in told] == [True, False, False, False, False, False]
    assert told[0]["line"] == 7
    assert "No code is at or after this line." in told[1]["message"]
    assert "is not a Python expression" in told[2]["message"]
    assert "not a valid hit count" in told[3]["message"]
    assert "is not closed" in told[4]["message"]
    (tmp_path / "notes.txt").write_text("no python\n")
    (other,) = set_lines(editor, str(tmp_path / "notes.txt"), {"line": 1})
    (missing,) = set_lines(editor, str(tmp_path / "missing.py"), {"line": 1})
    assert "not Python" in other["message"]
    assert "no such file" in missing["message"]
    client.call("ContinueAll")


@pytest.mark.variant
def test_another_thread_stops_too_and_a_breakpoint_ends_a_step(
    run: Starter, attached: Callable[..., Editor], client: Client, path: str
) -> None:
    run(SCRIPT)
    editor = attached()
    set_lines(editor, path, {"line": 4, "condition": "channel in (0, 9)"})
    editor.do("next", threadId=1)
    assert editor.event("stopped")["reason"] == "step"
    editor.do("next", threadId=1)
    assert editor.event("stopped")["reason"] == "breakpoint"
    assert client.list()[0]["stepped_from"]
    editor.do("next", threadId=1)
    assert editor.event("stopped")["reason"] == "step"
    assert editor.do("stackTrace", threadId=1)["stackFrames"][0]["line"] == 7
    assert resume(editor)["reason"] == "breakpoint"
    assert value(editor, "channel") == "9"
    assert client.list()[0]["thread"].startswith("Thread-")
    editor.do("continue", threadId=1)


@pytest.mark.parametrize("way", ["disconnect", "the end of its input", "a kill"])
def test_breakpoints_are_removed_with_their_editor_and_the_script_is_no_longer_traced(
    run: Starter, attached: Callable[..., Editor], client: Client, path: str, way: str
) -> None:
    script = run("""
import lager, sys
def work(n):
    return n
lager.pause("begin", interactive=True, timeout=60)
work(1)
lager.pause("later", interactive=True, timeout=60)
work(2)
print(sys.gettrace(), [sys.monitoring.get_tool(n) for n in range(6)] if hasattr(sys, "monitoring") else [])
""")
    editor = attached()
    set_lines(editor, path, {"line": 4})
    resume(editor)
    editor.do("continue", threadId=1)
    assert editor.event("stopped")["text"] == "later"
    detached = {"disconnect": lambda: editor.do("disconnect"), "a kill": editor.process.kill}
    detached.get(way, editor.close)()
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    client.call("ContinueAll")
    assert script.wait(PATIENCE) == 0
    assert script.out.rest().split()[0] == "None"


@pytest.mark.variant
def test_two_editors_share_a_line_and_one_pause_serves_both(
    run: Starter, attached: Callable[..., Editor], client: Client, path: str
) -> None:
    run(SCRIPT)
    one, other = attached(), attached()
    set_lines(one, path, {"line": 4, "condition": "channel == 2"})
    set_lines(other, path, {"line": 4, "condition": "channel >= 2"})
    one.do("continue", threadId=1)
    assert [editor.event("stopped")["reason"] for editor in (one, other)] == ["breakpoint"] * 2
    assert value(other, "channel") == "2"
    one.do("disconnect")
    assert one.close() == 0
    assert resume(other)["reason"] == "breakpoint"
    assert value(other, "channel") == "3"
    other.do("disconnect")
    client.call("ContinueAll")


@pytest.mark.variant
def test_breakpoints_set_before_the_first_pause_are_set_at_it(
    editor: Callable[..., Editor], client: Client, tmp_path: Path
) -> None:
    (tmp_path / "check.py").write_text(SCRIPT)
    one = editor()
    one.do("initialize")
    one.do("launch", program="check.py", cwd=str(tmp_path))
    (told,) = set_lines(one, str(tmp_path / "check.py"), {"line": 11, "condition": "channel == 5"})
    one.do("configurationDone")
    one.event("stopped")
    if not told["verified"]:
        changed = one.event("breakpoint")["breakpoint"]
        assert (changed["id"], changed["verified"], changed["line"]) == (told["id"], True, 11)
    assert resume(one)["reason"] == "breakpoint"
    assert value(one, "channel") == "5"


def test_a_breakpoint_can_be_set_and_removed_while_the_script_runs(
    run: Starter, attached: Callable[..., Editor], client: Client, path: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    run(f"""
import lager, threading
def work(n):
    return n
def later():
    open({str(gate)!r}).read()
    threading.Thread(target=work, args=(7,)).start()
lager.pause("begin", interactive=True, timeout=60)
later()
""")
    editor = attached()
    editor.do("continue", threadId=1)
    (told,) = set_lines(editor, path, {"line": 4})
    assert told["verified"]
    gate.write_text("x")
    assert editor.event("stopped")["reason"] == "breakpoint"
    assert value(editor, "n") == "7"
    editor.do("continue", threadId=1)


@pytest.mark.variant
def test_breakpoints_work_in_a_file_that_was_sent_to_a_box(
    near: Loopback, editor: Callable[..., Editor], tmp_path: Path, client: Client
) -> None:
    (tmp_path / "check.py").write_text(SCRIPT)
    one = editor()
    one.do("initialize")
    one.do("launch", program="check.py", box="near", cwd=str(tmp_path))
    one.do("configurationDone")
    one.event("stopped")
    (told,) = set_lines(one, str(tmp_path / "check.py"), {"line": 4, "condition": "channel == 3"})
    assert told["verified"], told
    assert resume(one)["reason"] == "breakpoint"
    assert value(one, "channel") == "3"
    frame = one.do("stackTrace", threadId=1)["stackFrames"][0]
    assert (frame["line"], frame["source"]["path"]) == (4, str(tmp_path / "check.py"))
