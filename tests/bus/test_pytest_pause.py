"""pytest --lager-pause: a failing test stands still before its teardown, and nothing else does."""

import re
import signal

import pytest

from tests.processes import BIN, LAGER

PYTEST = (
    "-m",
    "pytest",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-p",
    "no:hypothesispytest",
    "--tb=short",
    "test_it.py",
)
PAUSE = "--lager-pause"


@pytest.fixture
def suite(start, script):
    """Run the text of a test file under `lager python -m pytest --lager-pause`."""

    def run(text: str, *options: str, **env: str):
        return start(LAGER, "python", *PYTEST, PAUSE, *options, script(text, "test_it.py"), **env)

    return run


def ended(process):
    out, err = process.out.rest(), process.err.rest()
    return process.wait(), out, err


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


def test_the_supply_of_a_failing_test_stays_on(suite, client, lager, bench):
    process = suite(POWERED, "-xq")
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


def test_which_failures_pause_and_where(suite, client, tmp_path):
    process = suite(KINDS, LAGER_BREAKPOINT_TIMEOUT="60")
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


def test_workers_pause_each_by_itself_and_enter_resumes_one_after_the_other(terminal, script, client):
    script("def test_a(): assert 0\ndef test_b(): assert 0\n", "test_it.py")
    screen = terminal(LAGER, "python", *PYTEST, PAUSE, "-n", "2")
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


TIMED = """
import threading, unittest, pytest

class TestUnit(unittest.TestCase):
    @pytest.mark.timeout(2)
    def test_fails(self): assert 0

    @pytest.mark.timeout(2, method="thread")
    def test_fails_too(self): assert 0

class TestHangs(unittest.TestCase):
    @pytest.mark.timeout(1)
    def test_hangs(self): assert 0

    def tearDown(self): threading.Event().wait()
"""


def test_the_time_of_a_test_does_not_run_while_it_is_paused(suite):
    process = suite(TIMED, "--session-timeout=6", LAGER_BREAKPOINT_TIMEOUT="2.5")
    code, out, err = ended(process)
    assert (code, err.count("lager: paused at")) == (1, 3)
    assert re.search(r"3 failed, 1 error", out)
    assert len(re.findall(r"^ERROR .*Timeout \(>", out, re.MULTILINE)) == 1
    assert "session-timeout" not in out


def test_an_interrupt_ends_the_session_and_tears_down(suite, client, lager, tmp_path):
    process = suite(KINDS)
    assert lager("python", "--console", client.paused()["id"], stdin="1\n").stdout == "1\n"
    process.kill(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 2
    assert "KeyboardInterrupt" in out
    assert (tmp_path / "said").read_text() == "test_call\n"
    assert err.count("lager: paused at") == 1


PLAIN = (
    "import sys\ndef test_it():\n"
    "    assert not {'lager.breakpoints.on_test_failure', 'lager.breakpoints.pause', 'dbus_next'} & {*sys.modules}\n"
)


def test_without_the_option_it_is_not_there(start, script):
    code, out, _ = ended(start(LAGER, "python", *PYTEST, "-W", "error", script(PLAIN, "test_it.py")))
    assert (code, "--lager-pause" in out) == (0, False)


def test_outside_a_run_it_says_once_that_it_has_no_effect(start, script):
    script("def test_it(): assert 0\n", "test_it.py")
    code, out, _ = ended(start(str(BIN / "pytest"), *PYTEST[2:], PAUSE, "-q", "-n", "1"))
    assert code == 1
    assert out.count("works only under: lager python -m pytest") == 1


def test_pause_on_error_says_that_pytest_catches_all(start, script, client):
    script("def test_it(): assert 0\n", "test_it.py")
    code, out, err = ended(start(LAGER, "python", "--pause-on-error", *PYTEST, "-W", "error"))
    assert (code, err) == (1, "")
    assert "add the option --lager-pause" in out
    assert not client.list()


def test_it_is_off_where_breakpoints_are(suite):
    code, _, err = ended(suite("def test_it(): assert 0\n", LAGER_BREAKPOINTS="off"))
    assert (code, err) == (1, "")
