"""An editor steps a paused script, and follows the steps of others."""

import os
from collections.abc import Callable

import pytest

from tests.bus.editor.editor import Editor, Message
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, PATIENCE

SCRIPT = """
import lager, threading
end = threading.Event()
threading.Thread(target=end.wait, name="watcher").start()
def inner(x):
    y = x + 1
    return y
def work():
    lager.pause("first", interactive=True, timeout=60)
    a = inner(1)
    b = a * 2
    return b
print("result", work())
end.set()
"""


def top(editor: Editor) -> tuple[str, int]:
    frame = editor.do("stackTrace", threadId=1)["stackFrames"][0]
    return frame["name"], frame["line"]


def step(editor: Editor, request: str) -> tuple[str, int]:
    """Step, and return where the script is paused then."""
    number = editor.send(request, threadId=1)
    told = [editor.until(lambda m: is_about_step(m, number)) for _ in range(3)]
    assert [one.get("event") or one["command"] for one in told] == [request, "continued", "stopped"]
    assert told[0]["success"], told[0]
    assert (told[2]["body"]["reason"], told[2]["body"]["threadId"]) == ("step", 1)
    return top(editor)


def is_about_step(message: Message, number: int) -> bool:
    return message.get("event") in ("continued", "stopped") or message.get("request_seq") == number


def test_an_editor_steps_over_into_and_out_of_a_call_with_new_frames_each_time(
    run: Starter, attached: Callable[..., Editor], client: Client
) -> None:
    script = run(SCRIPT)
    editor = attached()
    old = client.paused()["id"]
    threads = editor.do("threads")["threads"]
    assert step(editor, "next") == ("work", 10)
    assert client.paused()["stepped_from"] == old
    assert step(editor, "stepIn") == ("inner", 6)
    frame = editor.do("stackTrace", threadId=1)["stackFrames"][0]["id"]
    scope = editor.do("scopes", frameId=frame)["scopes"][0]["variablesReference"]
    rows = editor.do("variables", variablesReference=scope)["variables"]
    assert {row["name"]: row["value"] for row in rows} == {"x": "1"}
    assert step(editor, "next") == ("inner", 7)
    assert step(editor, "stepOut") == ("work", 11)
    assert editor.do("evaluate", expression="a", context="repl")["result"] == "2"
    assert editor.do("threads")["threads"] == threads
    editor.do("continue", threadId=1)
    assert script.wait(PATIENCE) == 0


@pytest.mark.variant
def test_all_editors_and_consoles_follow_a_step_and_one_may_leave(
    run: Starter, attached: Callable[..., Editor], client: Client, lager: Command
) -> None:
    run(SCRIPT)
    one, other = attached(), attached()
    client.paused()
    assert step(one, "next") == ("work", 10)
    assert other.event("stopped")["reason"] == "step"
    client.paused()
    lager("console", client.list()[0]["id"], stdin=":step\n")
    for editor in (one, other):
        assert editor.event("stopped")["reason"] == "step"
        assert top(editor) == ("inner", 6)
    one.process.kill()
    other.do("continue", threadId=1)


def test_while_a_step_runs_requests_are_refused_and_the_editor_may_leave(
    start: Starter, script: ScriptWriter, attached: Callable[..., Editor], client: Client, gate: tuple[int, int]
) -> None:
    code = "import lager, os\nlager.pause(interactive=True, timeout=60)\nos.read(0, 1)\na = 5\n"
    process = start(LAGER, "python", script(code), stdin=gate[0])
    one, other = attached(), attached()
    step(one, "next")
    other.event("stopped")
    client.paused()
    client.paused()
    for editor in (one, other):
        editor.send("next", threadId=1)
    answers = [editor.until(lambda m: m.get("command") == "next" and "success" in m) for editor in (one, other)]
    assert sorted(answer["success"] for answer in answers) == [False, True]
    refused = next(answer for answer in answers if not answer["success"])
    assert refused["message"].startswith(("The script is running", "The script is not paused any more."))
    one.event("continued")
    assert not one.ask("stackTrace", threadId=1)["success"]
    one.do("disconnect")
    assert one.close() == 0
    os.write(gate[1], b"x")
    other.event("stopped")
    assert top(other) == ("<module>", 4)
    other.do("continue", threadId=1)
    assert process.wait() == 0


@pytest.mark.variant
@pytest.mark.parametrize(
    ("last", "reason"),
    [("lager.pause('second', timeout=60)", "pause"), ("raise ValueError('bad')", "exception"), ("x = 1", "")],
    ids=["pause", "error", "end"],
)
def test_a_step_ends_at_another_pause_an_error_or_the_end_of_the_thread(
    run: Starter, attached: Callable[..., Editor], client: Client, last: str, reason: str
) -> None:
    code = f"import lager\nlager.pause('first', interactive=True, timeout=60)\n{last}\n"
    run(code, options=("--pause-on-error",))
    editor = attached()
    step(editor, "next")
    editor.do("next", threadId=1)
    editor.event("continued")
    if reason:
        assert editor.event("stopped")["reason"] == reason
        client.call("ContinueAll")
    else:
        ended = editor.event("output", lambda body: "did not pause again" in body["output"])
        assert "its thread has ended" in ended["output"]
        assert not editor.ask("next", threadId=1)["success"]


def test_a_question_cannot_be_stepped_and_an_error_neither(
    run: Starter, attached: Callable[..., Editor], client: Client
) -> None:
    run("import lager; lager.ask('Go on?', default=True)")
    editor = attached()
    (pause,) = client.list()
    refused = editor.ask("next", threadId=1)
    assert refused["message"] == f"The script waits for an answer. Give it with: lager answer {pause['id']} VALUE"
    client.call("ContinueAll")


@pytest.mark.usefixtures("bench")
def test_a_step_is_refused_while_an_instrument_is_lent(
    run: Starter, attached: Callable[..., Editor], client: Client, lager: Command
) -> None:
    run("""
import lager
supply = lager.Net.get("supply2", type="supply")
lager.pause(interactive=True, timeout=60)
""")
    editor = attached()
    (pause,) = client.list()
    assert lager("lend", pause["id"], "psu1").returncode == 0
    assert editor.ask("stepIn", threadId=1)["message"] == "psu1 is lent. Return it first: lager return psu1"
    assert lager("return", "psu1").returncode == 0
    client.call("ContinueAll")


def test_the_error_of_a_pause_is_told_with_its_stack_and_its_cause(
    run: Starter, attached: Callable[..., Editor], client: Client
) -> None:
    run(
        """
class Low(Exception):
    pass
def measure():
    try:
        {}["volts"]
    except KeyError as missing:
        raise Low("2.1 V\\nat rail 3") from missing
measure()
""",
        options=("--pause-on-error",),
    )
    editor = attached()
    told = editor.do("exceptionInfo", threadId=1)
    assert (told["exceptionId"], told["breakMode"]) == ("__main__.Low", "unhandled")
    assert "2.1 V" in told["description"]
    assert told["details"]["stackTrace"].splitlines()[-2].endswith("line 8, in measure")
    (cause,) = told["details"]["innerException"]
    assert (cause["typeName"], cause["message"]) == ("KeyError", "'volts'")
    assert editor.ask("next", threadId=1)["message"].startswith("This error ends the thread")
    client.call("ContinueAll")


@pytest.mark.variant
def test_a_pause_without_an_error_has_no_exception_information(
    run: Starter, attached: Callable[..., Editor], client: Client
) -> None:
    run("import lager; lager.pause(interactive=True, timeout=60)")
    editor = attached()
    assert not editor.ask("exceptionInfo", threadId=1)["success"]
    client.call("ContinueAll")
