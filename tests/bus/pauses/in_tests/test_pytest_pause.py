"""pytest --lager-pause: a failing test pauses before its teardown, and nothing else does."""

import json
import os
import re
import signal
from xml.etree import ElementTree

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


def test_workers_pause_separately_and_enter_resumes_one_after_the_other(terminal, script, client):
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
    "    assert not {'lager.breakpoints.triggers.on_test_failure', 'lager.breakpoints.pause'} & {*sys.modules}\n"
    "    assert not {'dbus_fast', 'dbus_next'} & {*sys.modules}\n"
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


LIMITED = """
from lager import Net, NetType

def set_up(volts):
    s = Net.get("supply2", type=NetType.PowerSupply)
    s.set_voltage(volts)

def test_it():
    set_up(1e6)
"""


def test_an_error_of_lagers_pauses_a_test_where_it_called_lager(suite, client, lager, bench):
    suite(LIMITED)
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == ("test_it.py", 6, "set_up")
    assert (
        lager("python", "--console", pause["id"], stdin="volts, s.state().enabled\n").stdout == "(1000000.0, False)\n"
    )
    client.call("Continue", "s", pause["id"])


ENDS = """
import asyncio, sys, unittest

class Test(unittest.TestCase):
    def tearDown(self):
        with open("said", "a") as file: print(self._testMethodName, file=file)

    def test_exit(self): sys.exit(3)
    def test_exit_of_generator(self): raise GeneratorExit
    def test_own(self): raise type("Own", (BaseException,), {})("x")

class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def asyncTearDown(self): Test.tearDown(self)
    async def test_cancelled(self): raise asyncio.CancelledError
    async def test_exit_later(self): await asyncio.sleep(0); sys.exit(4)

class TestSetUp(unittest.TestCase):
    def setUp(self):
        self.addCleanup(Test.tearDown, self)
        sys.exit(5)
    def test_set_up(self): pass
"""
ENDINGS = ("exit", "exit_of_generator", "own", "cancelled", "exit_later", "set_up")


def test_whatever_ends_a_testcase_pauses_it_before_its_teardown(suite, client, tmp_path):
    process = suite(ENDS)
    torn_down = tmp_path / "said"
    torn_down.touch()
    for name in ENDINGS:
        pause = client.paused()
        assert pause["label"].endswith(f"::test_{name}")
        assert f"test_{name}\n" not in torn_down.read_text()
        client.call("Continue", "s", pause["id"])
    assert ended(process)[0] == 1
    assert torn_down.read_text().splitlines() == [f"test_{name}" for name in ENDINGS]
    assert not client.list()


INTERRUPTED = """
import unittest

class Test(unittest.TestCase):
    def test_it(self): raise KeyboardInterrupt
"""


def test_a_testcase_that_is_interrupted_does_not_pause(suite):
    code, _, err = ended(suite(INTERRUPTED))
    assert (code, "lager: paused" in err) == (2, False)


MESSAGES = {
    r"ValueError('a\\nb')": r"ValueError: a\nb",
    r"ValueError(repr('1\n2'))": r"ValueError: '1\n2'",
    r"ValueError('\n\nlines\nmore')": "ValueError: lines",
    r"ValueError('')": "ValueError",
    r"KeyError('a\nb')": r"KeyError: 'a\nb'",
    r"ValueError('red \x1b[31m')": r"ValueError: red \x1b[31m",
}


def test_a_failure_is_described_in_one_line(suite):
    text = "".join(f"def test_{number}(): raise {error}\n" for number, error in enumerate(MESSAGES))
    err = ended(suite(text, LAGER_BREAKPOINT_TIMEOUT="0.01"))[2]
    assert [line.removeprefix("lager: ") for line in err.splitlines() if "Error" in line] == [*MESSAGES.values()]


DOCUMENTED = """
def half(x):
    '''
    >>> reading = 3
    >>> half(reading)
    1.0
    '''
    return x / 2


def inverse(x):
    '''
    >>> divisor = 0
    >>> (divisor,
    ...  inverse(divisor))
    1
    '''
    return 1 / x


def fine():
    '''
    >>> 1 / 0
    Traceback (most recent call last):
    ZeroDivisionError: division by zero
    >>> import pytest; pytest.skip()
    '''
"""


def test_a_failing_doctest_pauses_where_it_is_with_its_names(suite, client, lager, script):
    script("A text.\n\n>>> volts = 5\n>>> volts\n6\n>>> raise SystemExit(volts)\n", "test_text.txt")
    process = suite(DOCUMENTED, "--doctest-modules", "--doctest-continue-on-failure", "test_text.txt")
    expected = {
        ("test_it.py", 5, "test_it.half"): ("reading", "3", "expected 1.0, got 1.5"),
        ("test_it.py", 14, "test_it.inverse"): ("divisor", "0", "ZeroDivisionError: division by zero"),
        ("test_text.txt", 4, "test_text.txt"): ("volts", "5", "expected 6, got 5"),
        ("test_text.txt", 6, "test_text.txt"): ("volts", "5", "SystemExit: 5"),
    }
    for (file, line, function), (name, value, failure) in expected.items():
        pause = client.paused()
        assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == (file, line, function)
        process.err.expect(f"lager: {failure}\nlager: paused at {file}:{line} in {function} - {file}::{function}\n")
        assert lager("python", "--console", pause["id"], stdin=f"{name}\n").stdout == f"{value}\n"
        look = json.loads(lager("breakpoints", "show", "--json", pause["id"]).stdout)
        assert [one["line"] for one in look["source"] if one["here"]] == [line]
        assert name in {variable["name"] for variable in look["variables"]}
        client.call("Continue", "s", pause["id"])
    code, out, _ = ended(process)
    assert (code, "2 failed" in out) == (1, False), out


DIFFERING = """
>>> print("volts 5\\namps 3")
volts 5
amps 2
>>> print("volts 5")
volts 5
amps 2
>>> print("volts 5\\n")
volts 5
>>> [1, 2]
(1, 2)
"""


def test_what_a_doctest_printed_is_shown_from_the_first_line_that_differs(suite, script):
    script(DIFFERING, "test_text.txt")
    process = suite("", "--doctest-continue-on-failure", "test_text.txt", LAGER_BREAKPOINT_TIMEOUT="0.01")
    err = ended(process)[2]
    assert [line.removeprefix("lager: ") for line in err.splitlines() if "expected" in line] == [
        "expected amps 2, got amps 3", "expected amps 2, got nothing", "expected nothing, got an empty line",
        "expected (1, 2), got [1, 2]",
    ]  # fmt: skip


NEVER_BEGAN = """
import pytest, unittest

reading = 3


@pytest.fixture
def supply(sypply):
    pass


def test_fixture(supply):
    pass


class TestLoad:
    @pytest.mark.parametrize("level", [1])
    def test_load(self, levle, level):
        pass


@pytest.fixture(scope="session")
def rig(tmp_path):
    pass


def test_scope(rig):
    pass


class TestUnexpected(unittest.TestCase):
    @unittest.expectedFailure
    def test_passes(self):
        pass
"""


def test_a_test_that_pytest_cannot_begin_pauses_at_its_first_line(suite, client, lager):
    process = suite(NEVER_BEGAN)
    for line, function, failure in (
        (12, "test_fixture", "FixtureLookupError: there is no fixture sypply\n"),
        (17, "TestLoad.test_load[1]", "FixtureLookupError: there is no fixture levle\n"),
        (27, "test_scope", "Failed: ScopeMismatch: "),
    ):
        process.err.expect(f"lager: {failure}")
        pause = client.paused()
        assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == ("test_it.py", line, function)
        assert lager("python", "--console", pause["id"], stdin="reading\n").stdout == "3\n"
        client.call("Continue", "s", pause["id"])
    code, out, err = ended(process)
    assert (code, "1 failed, 3 errors" in out, "paused at" in err.partition("resumed")[2]) == (1, True, False), err


COUNTED = """
import lager

def test_it():
    assert lager.ask("is <it> on?", timeout=60)
    lager.pause("later", timeout=1.5)

def test_other():
    pass
"""


def test_pauses_and_answers_are_properties_of_the_test_and_are_not_in_its_time(suite, lager, client, tmp_path):
    process = suite(COUNTED, "--junitxml=report.xml")
    id = client.paused()["id"]
    lager("answer", id, "yes")
    assert ended(process)[0] == 0
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "report.xml").iter("testcase")}
    properties = [(one.get("name"), one.get("value")) for one in cases["test_it"].iter("property")]
    assert [name for name, _ in properties] == ["lager.pause", "lager.answer", "lager.pause", "lager.paused_seconds"]
    said = dict(properties)
    assert said["lager.answer"] == "is <it> on?: yes"
    assert re.fullmatch(r"later at .*test_it\.py:6: timeout after 1\.\d s", said["lager.pause"])
    assert float(said["lager.paused_seconds"]) > float(cases["test_it"].get("time"))
    assert not [*cases["test_other"].iter("property")]


WATCHED = """
import os, signal, unittest, pytest
def bark(*_): raise {error}
signal.signal(signal.SIGALRM, bark)
@pytest.fixture
def supply():
    yield
    print("switched off")
def test_function(supply):
    assert False
class Case(unittest.TestCase):
    def tearDown(self): print("torn down")
    def test_case(self): self.fail()
def test_next(): pass
"""


@pytest.mark.parametrize("error", ["TimeoutError('watchdog')", "lager.PauseTimeout('watchdog')"])
def test_what_a_signal_handler_raises_fails_the_test_that_is_paused_and_ends_no_session(suite, client, error):
    process = suite("import lager\n" + WATCHED.format(error=error), "-s")
    for _ in range(2):
        pause = client.paused()
        process.err.expect("  timeout ")
        os.kill(pause["pid"], signal.SIGALRM)
        assert client.resumed(pause["id"])[0] == "interrupted"
    code, out, err = ended(process)
    assert (code, err.count("cannot pause")) == (1, 0)
    assert "switched off" in out
    assert "torn down" in out
    assert out.count("ERROR at teardown of ") == 2
    assert "PauseTimeout" in out or out.count("TimeoutError: watchdog") >= 2
    assert "2 failed, 1 passed, 2 errors in " in out
