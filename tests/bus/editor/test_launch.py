"""An editor starts a script, and stops at its pauses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.editor.editor import Editor
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.loopback import Loopback
from tests.station import Station

SCRIPT = """
import lager, os, sys
print("args", sys.argv[1:], os.environ.get("LEVEL"), flush=True)
print("warned", file=sys.stderr, flush=True)
lager.pause("check", interactive=True, timeout=60)
print("went on", os.environ.get("LAGER_NEXT_RUN"), flush=True)
sys.exit(3)
"""


@pytest.fixture
def launched(editor: Callable[..., Editor], tmp_path: Path) -> Editor:
    (tmp_path / "check.py").write_text(SCRIPT)
    one = editor()
    one.do("initialize")
    one.do("launch", program="check.py", args=["a", "--env"], env={"LEVEL": "7"}, cwd=str(tmp_path))
    one.do("configurationDone")
    assert one.event("stopped")["text"] == "check"
    return one


def test_the_output_the_pause_and_the_exit_code_reach_the_editor(launched: Editor) -> None:
    assert "args ['a', '--env'] 7\n" in launched.printed("stdout")
    assert "warned\n" in launched.printed("stderr")
    assert launched.do("stackTrace", threadId=1)["stackFrames"][0]["source"]["name"] == "check.py"
    launched.do("continue", threadId=1)
    assert launched.event("exited") == {"exitCode": 3}
    launched.event("terminated")
    assert "went on None\n" in launched.printed("stdout")
    assert launched.close() == 0


@pytest.mark.parametrize("way", ["disconnect", "terminate", "the end of its input"])
def test_ending_the_session_ends_the_script(launched: Editor, client: Client, way: str) -> None:
    if way == "the end of its input":
        assert launched.close() == 0
    else:
        launched.do(way)
    client.expect("Resumed")
    assert client.list() == []


CLEANS = """
import lager, pathlib
try:
    lager.pause("here", interactive=True, timeout=60)
finally:
    print("x" * 1_000_000, flush=True)
    pathlib.Path("cleaned").touch()
"""


@pytest.mark.parametrize("box", [{}, {"box": "near"}], ids=["here", "on a box"])
@pytest.mark.parametrize("way", ["kill", "leave"])
def test_a_script_whose_editor_is_gone_prints_and_cleans_up(
    near: Loopback,
    configured: Callable[..., Editor],
    client: Client,
    lager: Command,
    tmp_path: Path,
    way: str,
    box: Any,
) -> None:
    cleaned = CLEANS.replace("cleaned", str(tmp_path / "cleaned"))
    one = configured(cleaned, **box)
    one.event("stopped")
    run_id = client.list()[0]["run_id"]
    if way == "kill":
        one.process.kill()
        assert client.expect("Resumed").args[1] == "interrupted"
    else:
        one.do("disconnect", terminateDebuggee=False)
        assert one.close() == 0
        assert [pause["label"] for pause in client.list()] == ["here"]
        client.call("ContinueAll")
    assert lager("runs", "--until-ended", run_id).returncode == 0
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [({}, "names no program"), ({"program": "x.py", "args": "a b"}, "not a list of texts"),
     ({"program": "x.py", "env": {"A": 1}}, "not a table of texts"),
     ({"program": "x.py", "cwd": "/does/not/exist"}, "cannot be started")],
)  # fmt: skip
def test_a_configuration_that_is_not_valid_is_refused(editor: Callable[..., Editor], arguments: Any, why: str) -> None:
    one = editor()
    one.do("initialize")
    answer = one.ask("launch", **arguments)
    assert not answer["success"]
    assert why in answer["message"]


def test_a_script_that_is_not_there_ends_with_its_message(editor: Callable[..., Editor], tmp_path: Path) -> None:
    one = editor()
    one.do("initialize")
    one.do("launch", program="nothing.py", cwd=str(tmp_path))
    one.do("configurationDone")
    assert one.event("exited") == {"exitCode": 2}
    assert "No such file or folder: nothing.py" in one.printed("stderr")


@pytest.mark.variant
def test_a_script_is_sent_to_a_box_and_its_files_are_those_of_the_desk(
    near: Loopback, station: Station, tmp_path: Path, client: Client
) -> None:
    (tmp_path / "check.py").write_text(SCRIPT)
    one = Editor(station.env, tmp_path)
    try:
        one.do("initialize")
        one.do("launch", program="check.py", box="near", cwd=str(tmp_path))
        one.do("configurationDone")
        assert one.event("stopped")["text"] == "check"
        frame = one.do("stackTrace", threadId=1)["stackFrames"][0]
        assert frame["source"] == {"name": "check.py", "path": str(tmp_path / "check.py")}
        assert one.do("evaluate", expression="sys.argv[1:]", context="repl")["result"] == "[]"
        one.do("continue", threadId=1)
        assert one.event("exited") == {"exitCode": 3}
    finally:
        one.close()


@pytest.mark.variant
def test_a_pause_on_a_box_is_attached_to(
    near: Loopback, station: Station, tmp_path: Path, run: Starter, client: Client
) -> None:
    run("import lager\nlager.pause('there', interactive=True, timeout=60)")
    pause = client.paused()
    one = Editor(station.env, tmp_path, (pause["id"], "--box", "near"))
    try:
        one.do("initialize")
        one.do("attach")
        assert one.event("stopped")["text"] == "there"
        one.do("continue", threadId=1)
        one.event("continued")
    finally:
        assert one.close() == 0


QUIET = """
'''No pause() in here.'''
import sys, threading
def measure(channel):
    return channel * 2
total = sum(measure(channel) for channel in range(4))
sys.stderr.write(f"total {total} {sys.gettrace()} {'lager' in sys.modules}\\n")
"""


@pytest.fixture
def configured(editor: Callable[..., Editor], tmp_path: Path) -> Callable[..., Editor]:
    """Launch a script, with breakpoints on lines that are set before it starts."""

    def launch(code: str, *lines: int, name: str = "quiet.py", **more: Any) -> Editor:
        (tmp_path / name).write_text(code)
        one = editor()
        one.do("initialize")
        one.do("launch", program=name, cwd=str(tmp_path), **more)
        if lines:
            one.do(
                "setBreakpoints", source={"path": str(tmp_path / name)}, breakpoints=[{"line": line} for line in lines]
            )
        one.do("configurationDone")
        return one

    return launch


def test_a_script_without_a_pause_stops_at_a_breakpoint_that_was_there_before_it(
    configured: Callable[..., Editor], client: Client
) -> None:
    one = configured(QUIET, 5)
    told = one.event("breakpoint")["breakpoint"]
    assert (told["verified"], told["line"]) == (True, 5)
    assert one.event("stopped")["reason"] == "breakpoint"
    assert [pause["label"] for pause in client.list()] == ["breakpoint at quiet.py:5"]
    one.do("setBreakpoints", source={"path": one.do("stackTrace", threadId=1)["stackFrames"][0]["source"]["path"]})
    one.do("continue", threadId=1)
    assert one.event("exited") == {"exitCode": 0}
    said = one.printed("stderr")
    assert "before its first line" not in said + one.printed("console")
    assert said.count("lager: paused at") == 1
    assert said.endswith("total 12 None True\n")


@pytest.mark.variant
@pytest.mark.parametrize(
    ("code", "line"),
    [("x = 1\nx = 2\n", 1), ("# comment\n\ndef f():\n    pass\nf()\n", 4),
     ("from threading import Thread\ndef f():\n    pass\nt = Thread(target=f)\nt.start()\nt.join()\n", 3)],
    ids=["its first line", "in a function", "in a thread"],
)  # fmt: skip
def test_a_breakpoint_may_be_anywhere_in_a_script_that_starts(
    configured: Callable[..., Editor], code: str, line: int
) -> None:
    one = configured(code, line, name="a name, µ.py")
    assert one.event("stopped")["reason"] == "breakpoint"
    frame = one.do("stackTrace", threadId=1)["stackFrames"][0]
    assert (frame["line"], frame["source"]["name"]) == (line, "a name, µ.py")
    one.do("continue", threadId=1)
    assert one.event("exited") == {"exitCode": 0}


@pytest.mark.variant
def test_a_breakpoint_that_was_there_before_a_script_of_a_box(
    near: Loopback, configured: Callable[..., Editor], tmp_path: Path
) -> None:
    one = configured(QUIET, 5, name="the µ test.py", box="near")
    assert one.event("stopped")["reason"] == "breakpoint"
    frame = one.do("stackTrace", threadId=1)["stackFrames"][0]
    assert (frame["line"], frame["source"]["path"]) == (5, str(tmp_path / "the µ test.py"))
    one.do("setBreakpoints", source={"path": str(tmp_path / "the µ test.py")})
    one.do("continue", threadId=1)
    assert one.event("exited") == {"exitCode": 0}
    assert "total 12" in one.printed("stderr")


def test_a_script_without_breakpoints_starts_without_a_pause_and_untraced(
    configured: Callable[..., Editor], client: Client
) -> None:
    one = configured(QUIET)
    assert one.event("exited") == {"exitCode": 0}
    assert one.printed("stderr") == "total 12 None False\n"
    client.call("Continue", "s", configured("import lager; lager.pause()").event("output") and client.paused()["id"])
    assert client.passed == []


def test_stop_on_entry_stops_before_the_first_line(configured: Callable[..., Editor], client: Client) -> None:
    one = configured(QUIET, stopOnEntry=True)
    told = one.event("stopped")
    assert (told["reason"], told["text"]) == ("entry", "before its first line")
    assert one.do("stackTrace", threadId=1)["stackFrames"][0]["line"] == 2
    one.do("next", threadId=1)
    assert one.event("stopped")["reason"] == "step"
    one.do("continue", threadId=1)
    assert one.event("exited") == {"exitCode": 0}
