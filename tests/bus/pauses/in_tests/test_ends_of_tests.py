"""A test pauses whatever ends it: an exit, an error of its own kind, a fixture that is not there."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.in_tests.pytest_words import PAUSE
from tests.client import Client
from tests.fixtures import Command
from tests.processes import ended

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


@pytest.mark.variant
def test_whatever_ends_a_testcase_pauses_it_before_its_teardown(
    suite: Callable[..., Any], client: Client, tmp_path: Path
) -> None:
    process = suite(ENDS, PAUSE)
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


@pytest.mark.variant
def test_a_testcase_that_is_interrupted_does_not_pause(suite: Callable[..., Any]) -> None:
    code, _, err = ended(suite(INTERRUPTED, PAUSE))
    assert (code, "lager: paused" in err) == (2, False)


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


def test_a_test_that_pytest_cannot_begin_pauses_at_its_first_line(
    suite: Callable[..., Any], client: Client, lager: Command
) -> None:
    process = suite(NEVER_BEGAN, PAUSE)
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


@pytest.mark.variant
@pytest.mark.parametrize("error", ["TimeoutError('watchdog')", "lager.PauseTimeout('watchdog')"])
def test_what_a_signal_handler_raises_fails_the_test_that_is_paused_and_ends_no_session(
    suite: Callable[..., Any], client: Client, error: str
) -> None:
    process = suite("import lager\n" + WATCHED.format(error=error), PAUSE, "-s")
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
