"""pytest --lager-pause: a failing test pauses before its teardown, and nothing else does."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.in_tests.pytest_words import PAUSE, PYTEST
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.processes import BIN, LAGER, Process, ended

POWERED = """
import pytest
from lager import Net, NetType

@pytest.fixture
def supply():
    with Net.get("supply2", type=NetType.PowerSupply) as supply:
        supply.set_voltage(3.3)
        supply.enable()
        yield supply
        supply.disable()

def check(reading):
    limit = 7.5
    assert reading > limit

@pytest.mark.parametrize("load", ["a b/\\x1b[31m\\N{SNOWMAN}"])
def test_load(supply, load):
    check(3.25)

def test_never():
    assert False
"""


def test_the_supply_of_a_failing_test_stays_on(
    suite: Callable[..., Any], client: Client, lager: Command, bench: Process
) -> None:
    process = suite(POWERED, PAUSE, "-xq")
    pause = client.paused()
    assert pause["label"].startswith("test_it.py::test_load[a b/")
    assert "\x1b" not in pause["label"]
    assert (pause["function"], pause["interactive"]) == ("check", True)
    busy = lager("supply", "supply2", "state")
    assert busy.returncode == 75
    assert "test_it.py::test_load" in busy.stderr
    assert lager("python", "--console", pause["id"], stdin="reading, limit\n").stdout == "(3.25, 7.5)\n"
    client.call("Continue", "s", pause["id"])
    code, out, err = ended(process)
    assert (code, err.count("lager: paused at")) == (1, 1)
    assert "lager: AssertionError: assert 3.25 > 7.5\nlager: paused at test_it.py:" in err
    assert out.startswith("F\n")
    assert "1 failed" in out
    assert "output   off" in lager("supply", "supply2", "state").stdout


KINDS = """
import unittest, pytest

def say(word):
    with open("said", "a") as file:
        print(word, file=file)

@pytest.fixture
def up(request):
    yield
    say(request.node.name)

@pytest.fixture
def broken(up):
    raise OSError("setup")

@pytest.fixture
def falls():
    yield
    raise OSError("teardown")

def test_call(up, capfd):
    print("captured")
    assert 0

def test_setup(broken): pass

def test_deep(up):
    import json
    json.loads("{")

class TestUnit(unittest.TestCase):
    def tearDown(self):
        say(self._testMethodName)
        raise OSError("teardown")

    def test_method(self):
        self.assertEqual(1, 2)

    def test_part(self):
        with self.subTest(1):
            raise ValueError

    def test_skipped(self):
        pytest.skip("now")

    def test_skipped_too(self):
        self.skipTest("now")

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    @pytest.mark.xfail
    def test_marked(self):
        self.fail()

@pytest.mark.xfail
def test_marked(): assert 0

def test_xfails(): pytest.xfail("now")

def test_skips(): pytest.skip("now")

def test_raises():
    with pytest.raises(ValueError, match="x"):
        raise ValueError("x")

def test_teardown(falls): pass

def test_passes(): pass
"""
PAUSING = {
    "test_call": "test_call",
    "test_setup": "broken",
    "test_deep": "test_deep",
    "TestUnit::test_method": "TestUnit.test_method",
    "TestUnit::test_part": "TestUnit.test_part",
}


def test_which_failures_pause_and_where(suite: Callable[..., Any], client: Client, tmp_path: Path) -> None:
    process = suite(KINDS, PAUSE, LAGER_BREAKPOINT_TIMEOUT="60")
    torn_down = tmp_path / "said"
    torn_down.touch()
    for name, function in PAUSING.items():
        pause = client.paused()
        assert (pause["label"], pause["function"]) == (f"test_it.py::{name}", function)
        process.err.expect(f"- test_it.py::{name}\n")
        assert name.rpartition("::")[2] not in torn_down.read_text()
        client.call("Continue", "s", pause["id"])
    assert ended(process)[0] == 1
    assert {name.rpartition("::")[2] for name in PAUSING} < {*torn_down.read_text().split()}
    assert not client.list()


def test_workers_pause_separately_and_enter_resumes_one_after_the_other(
    terminal: TerminalStarter, script: ScriptWriter, client: Client
) -> None:
    script("def test_a(): assert 0\ndef test_b(): assert 0\n", "test_it.py")
    screen = terminal(LAGER, "python", *PYTEST, PAUSE, "-n", "2", "test_it.py")
    pauses = {client.paused()["id"]: 0 for _ in range(2)}
    for _ in pauses:
        screen.expect("lager: paused at test_it.py:")
        screen.expect("press Enter")
    for left in (1, 0):
        screen.type("\n")
        client.expect("Resumed")
        assert len(client.list()) == left
    assert screen.wait() == 1
    assert "2 failed" in screen.screen.text


def test_an_interrupt_ends_the_session_and_tears_down(
    suite: Callable[..., Any], client: Client, lager: Command, tmp_path: Path
) -> None:
    process = suite(KINDS, PAUSE)
    assert lager("python", "--console", client.paused()["id"], stdin="1\n").stdout == "1\n"
    process.kill(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 2
    assert "KeyboardInterrupt" in out
    assert (tmp_path / "said").read_text() == "test_call\n"
    assert err.count("lager: paused at") == 1


PLAIN = (
    "import sys\ndef test_it():\n"
    "    assert not {'lager.breakpoints.triggers.on_test_failure', 'lager.breakpoints.pause'} & {*sys.modules}\n"
    "    assert not {'dbus_fast', 'dbus_next'} & {*sys.modules}\n"
)


def test_without_the_option_a_failing_test_does_not_pause(start: Starter, script: ScriptWriter) -> None:
    code, out, _ = ended(start(LAGER, "python", *PYTEST, "-W", "error", script(PLAIN, "test_it.py")))
    assert (code, "--lager-pause" in out) == (0, False)


@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_outside_a_run_it_says_once_that_it_has_no_effect(start: Starter, script: ScriptWriter, options: Any) -> None:
    script("def test_it(): assert 0\n", "test_it.py")
    code, out, _ = ended(start(str(BIN / "pytest"), *PYTEST[2:], PAUSE, "-q", *options, "test_it.py"))
    assert code == 1
    assert out.count("works only under: lager python -m pytest") == 1


def test_pause_on_error_says_that_pytest_catches_all(start: Starter, script: ScriptWriter, client: Client) -> None:
    script("def test_it(): assert 0\n", "test_it.py")
    code, out, err = ended(start(LAGER, "python", "--pause-on-error", *PYTEST, "-W", "error", "test_it.py"))
    assert (code, err) == (1, "")
    assert "add the option --lager-pause" in out
    assert not client.list()


@pytest.mark.variant
def test_it_is_off_where_breakpoints_are(suite: Callable[..., Any]) -> None:
    code, _, err = ended(suite("def test_it(): assert 0\n", PAUSE, LAGER_BREAKPOINTS="off"))
    assert (code, err) == (1, "")


LIMITED = """
from lager import Net, NetType

def set_up(volts):
    s = Net.get("supply2", type=NetType.PowerSupply)
    s.set_voltage(volts)

def test_it():
    set_up(1e6)
"""


@pytest.mark.variant
def test_an_error_of_lagers_pauses_a_test_where_it_called_lager(
    suite: Callable[..., Any], client: Client, lager: Command, bench: Process
) -> None:
    suite(LIMITED, PAUSE)
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == ("test_it.py", 6, "set_up")
    assert (
        lager("python", "--console", pause["id"], stdin="volts, s.state().enabled\n").stdout == "(1000000.0, False)\n"
    )
    client.call("Continue", "s", pause["id"])


MESSAGES = {
    r"ValueError('a\\nb')": r"ValueError: a\nb",
    r"ValueError(repr('1\n2'))": r"ValueError: '1\n2'",
    r"ValueError('\n\nlines\nmore')": "ValueError: lines",
    r"ValueError('')": "ValueError",
    r"KeyError('a\nb')": r"KeyError: 'a\nb'",
    r"ValueError('red \x1b[31m')": r"ValueError: red \x1b[31m",
}


@pytest.mark.variant
def test_a_failure_is_described_in_one_line(suite: Callable[..., Any]) -> None:
    text = "".join(f"def test_{number}(): raise {error}\n" for number, error in enumerate(MESSAGES))
    err = ended(suite(text, PAUSE, LAGER_BREAKPOINT_TIMEOUT="0.01"))[2]
    assert [line.removeprefix("lager: ") for line in err.splitlines() if "Error" in line] == [*MESSAGES.values()]
