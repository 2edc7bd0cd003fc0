"""No clock of a test runs while it is paused: not that of a timeout, of faulthandler, of an example, or of a report."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bus.pauses.in_tests.pytest_words import PAUSE
from tests.client import Client
from tests.fixtures import Command
from tests.processes import ended

# What a first pause imports takes its time, which is not part of the test.
FIRST = "import lager, threading, unittest, pytest\nlager.pause('first', timeout=0.01)\n"
TIMEOUT = "1.5"
PAUSED = "1.7"  # which is longer; three of them are longer than SESSION
SESSION = "3"
PASSES = (
    FIRST
    + """
@pytest.fixture
def supply():
    yield
    print("put away")

{marks}
def test_it(supply):
    threads = [threading.Thread(target=lager.pause) for _ in range(2)]
    for thread in threads: thread.start()
    lager.pause()
    for thread in threads: thread.join()

def test_next(): lager.pause()
"""
)
HANGS = (
    FIRST
    + """
@pytest.mark.timeout({timeout})
def test_hangs():
    lager.pause()
    threading.Event().wait()
"""
)
FAILS = (
    FIRST
    + """
class TestUnit(unittest.TestCase):
    @pytest.mark.timeout({timeout})
    def test_fails(self): assert 0

    @pytest.mark.timeout({timeout}, method="thread")
    def test_fails_too(self): assert 0
"""
)
FAILS_AND_HANGS = (
    FIRST
    + """
class TestHangs(unittest.TestCase):
    @pytest.mark.timeout({timeout})
    def test_hangs(self): assert 0

    def tearDown(self): threading.Event().wait()
"""
)
ASKS = FIRST + f"def test_it():\n    assert lager.ask('well?', default=True, timeout={PAUSED})\n"
FAULTHANDLER = ("-o", f"faulthandler_timeout={TIMEOUT}", "-o", "faulthandler_exit_on_timeout=true")
MARKED = "@pytest.mark.timeout({0}{1})"


def marked(how: str = "") -> str:
    return PASSES.format(marks=MARKED.format(TIMEOUT, how))


# The suite, its options, its pauses, and how it ends; where a clock expires, that says Timeout.
CLOCKS = {
    "of a mark, and of the session": (marked(), (f"--session-timeout={SESSION}",), 5, "2 passed"),
    "after the pause": (HANGS.format(timeout=TIMEOUT), (), 2, r"Timeout \(>.*1 failed"),
    "of failing tests": (FAILS.format(timeout=TIMEOUT), (PAUSE,), 3, "2 failed"),
}  # fmt: skip
SET_OTHERWISE = {
    "marked thread": (marked(", method='thread'"), (), 5, "2 passed"),
    "marked body": (marked(", func_only=True"), (), 5, "2 passed"),
    "option thread": (PASSES.format(marks=""), (f"--timeout={TIMEOUT}", "--timeout-method=thread"), 5, "2 passed"),
    "faulthandler": (PASSES.format(marks=""), FAULTHANDLER, 5, "2 passed"),
    "thread after the pause": (HANGS.format(timeout=TIMEOUT), ("--timeout-method=thread",), 2, "Timeout"),
}
OTHERS = {
    "of faulthandler after the pause": (HANGS.format(timeout=100), FAULTHANDLER, 2, r"Timeout \(0:00:0"),
    "after the pause of a failing test": (
        FAILS_AND_HANGS.format(timeout=TIMEOUT), (PAUSE,), 2, r"ERROR [^\n]*Timeout \(>.*1 failed, 1 error",
    ),
    "while it asks": (ASKS, (f"--timeout={TIMEOUT}",), 1, "1 passed"),
}  # fmt: skip
SET_BY_OPTIONS = {
    "option": (PASSES.format(marks=""), (f"--timeout={TIMEOUT}",), 5, "2 passed"),
    "ini": (PASSES.format(marks=""), ("-o", f"timeout={TIMEOUT}", "-o", "timeout_func_only=true"), 5, "2 passed"),
    "thread while it asks": (ASKS, (f"--timeout={TIMEOUT}", "--timeout-method=thread"), 1, "1 passed"),
    "in a worker while it asks": (ASKS, ("-n1", f"--timeout={TIMEOUT}"), 1, "1 passed"),
}


@pytest.mark.parametrize(
    "clocks", [CLOCKS, OTHERS, SET_OTHERWISE, SET_BY_OPTIONS], ids=["marks", "others", "otherwise", "by options"]
)
def test_no_clock_of_a_test_runs_while_it_is_paused(suite: Callable[..., Any], clocks: Any) -> None:
    """The suites run at the same time, since each waits for its clock."""
    running = {
        name: suite(text, "-q", *options, name=f"test_{number}.py", LAGER_BREAKPOINT_TIMEOUT=PAUSED)
        for number, (name, (text, options, _, _)) in enumerate(clocks.items())
    }
    for name, (_, _, pauses, end) in clocks.items():
        code, out, err = ended(running[name])
        assert (name, code, err.count("lager: paused at")) == (name, int("passed" not in end), pauses), out + err
        assert re.search(end, out + err, re.DOTALL), (name, out, err)
        assert ("Timeout" in out + err) == ("Timeout" in end), (name, out, err)


EXAMPLES = (
    FIRST
    + """
from unittest import mock
import hypothesis
from hypothesis import strategies

@hypothesis.settings(max_examples=1, deadline={deadline}, database=None, phases=[hypothesis.Phase.generate])
@hypothesis.given(strategies.booleans())
def test_it(given):
    lager.pause("example", timeout=0.5)
    threading.Event().wait({works})

def test_unittest():
    with mock.patch("threading.Thread"):
        test_it()
"""
)


@pytest.mark.variant
@pytest.mark.parametrize(("deadline", "works", "code"), [(300, 0, 0), (200, 0.4, 1)])
def test_the_deadline_of_an_example_does_not_count_its_pause(
    suite: Callable[..., Any], deadline: int, works: float, code: int
) -> None:
    found, out, err = ended(suite(EXAMPLES.format(deadline=deadline, works=works), "-q"))
    assert (found, "DeadlineExceeded" in out) == (code, bool(code))
    assert "paused at test_it.py" in err


REPLACED = """
import signal, time, pytest, lager

@pytest.mark.timeout(20, method="{method}")
@pytest.mark.parametrize("name", ["time.monotonic", "time.time", "signal.setitimer", "signal.getsignal"])
def test_it(monkeypatch, name):
    monkeypatch.setattr(name, lambda *_: None)
    lager.pause("test", timeout=0.01)
"""


@pytest.mark.variant
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_test_that_replaces_the_clock_can_pause(suite: Callable[..., Any], method: str) -> None:
    code, _, err = ended(suite(REPLACED.format(method=method), "-q"))
    assert (code, err.count("lager: paused at")) == (0, 4)


COUNTED = """
import lager

def test_it():
    assert lager.ask("is <it> on?", timeout=60)
    lager.pause("later", timeout=1)

def test_other():
    pass
"""


def test_pauses_and_answers_are_properties_of_the_test_and_are_not_in_its_time(
    suite: Callable[..., Any], lager: Command, client: Client, tmp_path: Path
) -> None:
    process = suite(COUNTED, PAUSE, "--junitxml=report.xml")
    id = client.paused()["id"]
    lager("answer", id, "yes")
    assert ended(process)[0] == 0
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "report.xml").iter("testcase")}
    properties = [(one.attrib["name"], one.attrib["value"]) for one in cases["test_it"].iter("property")]
    assert [name for name, _ in properties] == ["lager.pause", "lager.answer", "lager.pause", "lager.paused_seconds"]
    said = dict(properties)
    assert said["lager.answer"] == "is <it> on?: yes"
    assert re.fullmatch(r"later at .*test_it\.py:6: timeout after 1\.\d s", said["lager.pause"])
    assert float(said["lager.paused_seconds"]) > float(cases["test_it"].attrib["time"])
    assert not [*cases["test_other"].iter("property")]
