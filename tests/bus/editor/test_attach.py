"""An editor attaches to a paused script, reads it, and leaves it as it was."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.editor.editor import Editor, Message
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.loopback import Loopback
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

SCRIPT = """
import lager, threading
end = threading.Event()
threading.Thread(target=end.wait, name="watcher").start()
class Meter:
    def __init__(self):
        self.range = 10
    @property
    def volts(self):
        print("asked")
        return 3.3
def measure(channel):
    meter = Meter()
    readings = {"adc1": [1, 2, 3]}
    lager.pause("is the LED green?", interactive=True, timeout=60)
    print("limit", channel)
def test():
    outer = "of test"
    measure(7)
test()
end.set()
"""


@pytest.fixture
def stopped(run: Starter, editor: Callable[..., Editor]) -> tuple[Editor, Process]:
    """An editor that is attached, and the script."""
    script = run(SCRIPT)
    one = editor()
    one.do("initialize", adapterID="lager")
    one.event("initialized")
    one.do("attach")
    one.do("configurationDone")
    assert one.event("stopped")["text"] == "is the LED green?"
    return one, script


def top(editor: Editor) -> Message:
    frame: Message = editor.do("stackTrace", threadId=1)["stackFrames"][0]
    return frame


def variables(editor: Editor, reference: int) -> dict[str, Message]:
    return {one["name"]: one for one in editor.do("variables", variablesReference=reference)["variables"]}


def local(editor: Editor, frame: int) -> dict[str, Message]:
    return variables(editor, editor.do("scopes", frameId=frame)["scopes"][0]["variablesReference"])


def test_threads_stack_and_variables_are_those_of_the_script(stopped: tuple[Editor, Process], tmp_path: Path) -> None:
    editor, _ = stopped
    assert [one["name"] for one in editor.do("threads")["threads"]] == ["MainThread", "watcher"]
    stack = editor.do("stackTrace", threadId=1)
    assert [(one["name"], one["line"]) for one in stack["stackFrames"]] == [
        ("measure", 15), ("test", 19), ("<module>", 20),
    ]  # fmt: skip
    assert stack["stackFrames"][0]["source"]["path"].startswith(str(tmp_path))
    names = local(editor, stack["stackFrames"][0]["id"])
    assert [*names] == ["channel", "meter", "readings"]
    readings = variables(editor, names["readings"]["variablesReference"])
    assert variables(editor, readings["'adc1'"]["variablesReference"])["2"]["value"] == "3"
    assert local(editor, stack["stackFrames"][1]["id"])["outer"]["value"] == "'of test'"


@pytest.mark.variant
def test_a_property_is_read_only_when_it_is_opened(stopped: tuple[Editor, Process]) -> None:
    editor, _ = stopped
    meter = variables(editor, local(editor, top(editor)["id"])["meter"]["variablesReference"])
    assert meter["volts"]["presentationHint"] == {"lazy": True}
    assert variables(editor, meter["volts"]["variablesReference"])["volts"]["value"] == "3.3"


def test_statements_are_evaluated_in_the_frame_that_is_chosen(stopped: tuple[Editor, Process]) -> None:
    editor, _ = stopped
    inner, outer = (one["id"] for one in editor.do("stackTrace", threadId=1)["stackFrames"][:2])
    assert editor.do("evaluate", expression="channel * 2", frameId=inner, context="repl")["result"] == "14"
    assert editor.do("evaluate", expression="outer", frameId=outer, context="watch")["result"] == "'of test'"
    assert editor.do("evaluate", expression="[1, 2]", context="repl")["indexedVariables"] == 2
    editor.do("evaluate", expression="print('printed')", context="repl")
    assert editor.printed("stdout") == "printed\n"
    failed = editor.ask("evaluate", expression="1/0", context="repl")
    assert not failed["success"]
    assert "ZeroDivisionError" in failed["message"]


def test_hovering_runs_no_code_and_words_are_completed(stopped: tuple[Editor, Process]) -> None:
    editor, _ = stopped
    assert editor.do("evaluate", expression="readings['adc1']", context="hover")["result"] == "[1, 2, 3]"
    assert not editor.ask("evaluate", expression="meter.volts", context="hover")["success"]
    found = editor.do("completions", text="readi", column=6)["targets"]
    assert found == [{"label": "readings", "start": 0, "length": 5}]


def test_a_long_evaluation_can_be_interrupted(stopped: tuple[Editor, Process]) -> None:
    editor, _ = stopped
    number = editor.send("evaluate", expression="print('on')\nwhile True: pass", context="repl")
    editor.event("output", lambda body: body["output"] == "on\n")
    editor.do("cancel", requestId=number)
    answer = editor.until(lambda m: m.get("request_seq") == number)
    assert "KeyboardInterrupt" in answer["message"]


@pytest.mark.variant
def test_names_beyond_ascii_are_names(stopped: tuple[Editor, Process]) -> None:
    editor, _ = stopped
    assert (
        editor.do("evaluate", expression="'unicodedata' in __import__('sys').modules", context="repl")["result"]
        == "False"
    )
    assert editor.do("evaluate", expression="spannung_µV = 4; spannung_µV", context="repl")["result"] == "4"


HANGS = """
import lager, time
class Hangs:
    def __repr__(self):
        while True: time.sleep(0.01)
class Meter:
    @property
    def volts(self):
        while True: time.sleep(0.01)
hangs, meter, limit = Hangs(), Meter(), 3
lager.pause("odd", interactive=True, timeout=60)
print("ended", flush=True)
"""


@pytest.mark.variant
def test_a_value_whose_repr_never_ends_hides_no_other_one(run: Starter, attached: Callable[..., Editor]) -> None:
    script = run(HANGS)
    editor = attached()
    shown = local(editor, top(editor)["id"])
    assert shown["limit"]["value"] == "3"
    assert shown["hangs"]["value"] == "<Hangs whose repr hangs>"
    assert editor.do("evaluate", expression="hangs", context="hover")["result"] == "<Hangs whose repr hangs>"
    volts = variables(editor, shown["meter"]["variablesReference"])["volts"]
    (row,) = editor.do("variables", variablesReference=volts["variablesReference"])["variables"]
    assert row["value"] == "<no answer after 1 s>"
    editor.do("continue", threadId=1)
    assert script.wait(PATIENCE) == 0


@pytest.mark.variant
@pytest.mark.parametrize("source", ["exit()", "raise SystemExit(3)", "import sys; sys.exit('no')"])
def test_code_that_exits_is_an_error_and_the_editor_stays(stopped: tuple[Editor, Process], source: str) -> None:
    editor, _ = stopped
    answer = editor.ask("evaluate", expression=source, context="repl")
    assert not answer["success"]
    assert "SystemExit" in answer["message"]
    assert editor.do("evaluate", expression="channel", context="repl")["result"] == "7"


def test_continue_resumes_the_script(stopped: tuple[Editor, Process]) -> None:
    editor, script = stopped
    editor.do("continue", threadId=1)
    editor.event("continued")
    assert script.wait(PATIENCE) == 0
    assert not editor.ask("stackTrace", threadId=1)["success"]


@pytest.mark.variant
def test_leaving_ends_an_evaluation_that_would_not_end(stopped: tuple[Editor, Process], client: Client) -> None:
    editor, _ = stopped
    editor.send("evaluate", expression="print('on')\nwhile True: pass", context="repl")
    editor.event("output", lambda body: body["output"] == "on\n")
    editor.do("disconnect")
    assert editor.close() == 0
    assert [one["label"] for one in client.list()] == ["is the LED green?"]
    client.call("ContinueAll")


@pytest.mark.parametrize("way", ["disconnect", "the end of its input", "a kill"])
def test_leaving_leaves_the_script_paused(stopped: tuple[Editor, Process], client: Client, way: str) -> None:
    editor, _ = stopped
    (pause,) = client.list()
    if way == "disconnect":
        editor.do("disconnect")
        assert editor.close() == 0
    elif way == "a kill":
        editor.process.kill()
    else:
        assert editor.close() == 0
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    assert [one["id"] for one in client.list()] == [pause["id"]]
    client.call("Continue", "s", pause["id"])


def test_who_resumed_it_is_told_and_the_next_pause_is_shown(
    run: Starter, editor: Callable[..., Editor], client: Client
) -> None:
    run("import lager\nfor n in range(2): lager.pause(str(n), interactive=True, timeout=60)")
    one = editor()
    one.do("initialize")
    one.do("attach")
    assert one.event("stopped")["text"] == "0"
    client.call("Continue", "s", client.list()[0]["id"])
    one.event("continued")
    assert re.search("resumed by .* over D-Bus", one.printed("console"))
    assert one.event("stopped")["text"] == "1"
    one.do("continue", threadId=1)


def test_an_editor_that_is_there_first_waits_for_the_next_pause(run: Starter, editor: Callable[..., Editor]) -> None:
    one = editor()
    one.do("initialize")
    one.do("attach")
    run("import lager\nlager.pause('now', interactive=True, timeout=60)")
    assert one.event("stopped")["text"] == "now"
    one.do("continue", threadId=1)


def test_an_id_that_no_pause_has_is_refused(editor: Callable[..., Editor]) -> None:
    one = editor("12345678")
    one.do("initialize")
    refused = one.ask("attach")
    assert (refused["success"], refused["message"]) == (
        False, "No paused script has the id 12345678. See: lager breakpoints",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "why"),
    [(("scopes", {"frameId": 99}), "does not know that"), (("variables", {}), "not valid"),
     (("nonsense", {}), "does not know"), (("scopes", "x"), "not valid"), (([], {}), "does not know"),
     (("stackTrace", {"threadId": float("inf")}), "not valid"), (("setBreakpoints", {"source": 5}), "not valid"),
     (("setBreakpoints", {"source": {"path": "a"}, "breakpoints": [5]}), "not valid"),
     (("attach", {}), "begun already")],
)  # fmt: skip
def test_an_impossible_request_is_refused_in_one_sentence(
    stopped: tuple[Editor, Process], request_: Any, why: str
) -> None:
    editor, _ = stopped
    name, arguments = request_
    editor.raw({"seq": 1000, "type": "request", "command": name, "arguments": arguments})
    answer = editor.until(lambda m: m.get("request_seq") == 1000)
    assert not answer["success"]
    assert why in answer["message"]
    assert editor.do("evaluate", expression="channel", context="repl")["result"] == "7"


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"Content-Length: x\r\n\r\n", b"Content-Length: 3\r\n\r\n[1]", b"x" * 100_000 + b"\r\n",
     b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b"Content-Length: 99999999\r\n\r\n",
     b"Content-Length: 6000\r\n\r\n" + b"[" * 6000],
    ids=["http", "no number", "a list", "a long line", "many digits", "a huge length", "deep"],
)  # fmt: skip
def test_input_that_is_not_the_protocol_ends_the_adapter_with_a_sentence(
    editor: Callable[..., Editor], data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    one = editor()
    one.write(data)
    assert one.close() == 1
    assert "Connect an editor that speaks this protocol." in capfd.readouterr().err


ENDING = "import lager, sys\nlager.pause('here', interactive=True, timeout=60)\nsys.exit(3)"


def test_the_end_of_an_attached_script_is_told_with_its_exit_code(
    start: Starter, script: ScriptWriter, attached: Callable[..., Editor]
) -> None:
    process = start(LAGER, "python", script(ENDING))
    editor = attached()
    editor.do("continue", threadId=1)
    assert editor.event("exited") == {"exitCode": 3}
    editor.event("terminated")
    assert process.wait() == 3


@pytest.mark.parametrize("who", ["the script", "lager python"])
def test_the_end_of_a_script_that_is_killed_is_told(
    start: Starter, script: ScriptWriter, attached: Callable[..., Editor], client: Client, who: str
) -> None:
    process = start(LAGER, "python", script(ENDING))
    editor = attached()
    os.kill(client.list()[0]["pid"] if who == "the script" else process.pid, signal.SIGKILL)
    editor.event("terminated")
    codes = [one["body"] for one in editor.heard if one.get("event") == "exited"]
    assert codes == ([{"exitCode": 137}] if who == "the script" else [])
    if who == "the script":
        editor.event("output", lambda told: "ended with its script" in told["output"])


@pytest.mark.variant
def test_the_end_of_a_script_without_a_record_is_told_too(
    run: Starter, attached: Callable[..., Editor], tmp_path: Path
) -> None:
    run(ENDING, XDG_STATE_HOME=str(tmp_path / "other"))
    editor = attached()
    editor.do("continue", threadId=1)
    editor.event("terminated")


@pytest.mark.variant
def test_the_end_of_a_script_of_a_box_is_told(
    near: Loopback, station: Station, tmp_path: Path, start: Starter, script: ScriptWriter, client: Client
) -> None:
    start(LAGER, "python", script(ENDING))
    one = Editor(station.env, tmp_path, (client.paused()["id"], "--box", "near"))
    try:
        one.do("initialize")
        one.do("attach")
        one.event("stopped")
        one.do("continue", threadId=1)
        assert one.event("exited") == {"exitCode": 3}
        one.event("terminated")
    finally:
        assert one.close() == 0
