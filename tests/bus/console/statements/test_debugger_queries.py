"""What a debugger asks through a console: threads, frames, variables, and evaluation in any frame."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.bus.console.frames import Frames
from tests.bus.console.raw import Raw
from tests.client import Client
from tests.fixtures import Starter
from tests.processes import PATIENCE

SCRIPT = """
import lager, threading
meter = {"adc1": 1.25}
end = threading.Event()
threading.Thread(target=end.wait, name="watcher").start()
def inner(volts):
    lager.pause(interactive=True, timeout=60)
def outer():
    setting = 5
    inner(3.3)
outer()
end.set()
"""


class Debugger:
    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self._number = 0

    def ask(self, **question: Any) -> Any:
        self._number += 1
        self.raw.send(ask=self._number, **question)
        (kind,) = question
        while (frame := self.raw.frame()) is not None:
            if frame.get("answer") == self._number:
                return frame[kind]
        raise AssertionError("closed")


@pytest.fixture
def debugger(run: Starter, client: Client, raw: Callable[..., Raw]) -> Iterator[Debugger]:
    script = run(SCRIPT)
    details = client.paused()
    yield Debugger(raw(details["id"]))
    client.call("Continue", "s", details["id"])
    assert script.wait(PATIENCE) == 0


def test_each_frame_shows_and_evaluates_its_own_names(debugger: Debugger) -> None:
    threads = debugger.ask(threads=True)
    assert [(one["name"], one["paused"]) for one in threads] == [("MainThread", True), ("watcher", False)]
    frames = debugger.ask(frames=1)["frames"]
    assert [one["function"] for one in frames] == ["inner", "outer", "<module>"]
    assert [one["line"] for one in frames] == [7, 10, 11]
    outer = frames[1]["frame"]
    (local, of_module) = debugger.ask(scopes=outer)
    assert debugger.ask(members=[local["reference"], 0, 0]) == [{"name": "setting", "type": "int", "value": "5"}]
    names = {row["name"]: row for row in debugger.ask(members=[of_module["reference"], 0, 0])}
    assert debugger.ask(members=[names["meter"]["reference"], 0, 0])[0]["value"] == "1.25"
    debugger.raw.send(eval="setting * 2", frame=outer)
    assert debugger.raw.until("done") == ("10\n", True)
    debugger.raw.send(eval="[setting, meter]", frame=outer)
    debugger.raw.until("done")
    assert debugger.ask(last=True)["items"] == 2
    debugger.raw.send(eval="volts")
    assert debugger.raw.until("done") == ("3.3\n", True)
    debugger.raw.send(eval="volts", frame=outer)
    assert "NameError" in debugger.raw.until("done")[0]
    assert debugger.ask(hover={"path": "meter['adc1']", "frame": outer})["value"] == "1.25"


@pytest.mark.variant
@pytest.mark.parametrize(
    "question", [{"frames": 99}, {"frames": "x"}, {"scopes": 0}, {"members": [99, 0, 0]}, {"members": 3},
                 {"hover": 3}, {"hover": {"path": 7}}, {"scopes": None}],
)  # fmt: skip
def test_an_invalid_query_gets_no_answer_and_has_no_effect(debugger: Debugger, question: Any) -> None:
    debugger.ask(frames=1)
    assert debugger.ask(**question) is None
    assert debugger.raw.evaluate("volts") == "3.3\n"


@pytest.mark.variant
def test_a_frame_that_does_not_exist_is_an_error_of_the_evaluation(debugger: Debugger) -> None:
    debugger.raw.send(eval="1", frame=99)
    printed, done = debugger.raw.until("done")
    assert (done, "IndexError" in printed) == (False, True)


@pytest.mark.variant
def test_a_watcher_gets_no_answers(debugger: Debugger, client: Client, opened: Callable[..., Frames]) -> None:
    watching = opened(client.list()[0]["id"], watch=True)
    watching.until("hello")
    watching.send(ask=1, threads=True)
    watching.send(ask=2, vars=True)
    assert watching.until("answer")["answer"] == 2
