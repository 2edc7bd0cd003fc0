"""ask() in tests: shown and answered whatever captures the output, also in a worker of xdist."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.pauses.in_tests.pytest_words import PYTEST
from tests.client import Client
from tests.fixtures import Command, ScreenStarter, ScriptWriter
from tests.processes import LAGER, ended

SUITE = """
import sys, lager, pytest

def test_led():
    print("before")
    assert lager.ask("LED green?") is True
    print("after")

def test_gap(capsys):
    assert lager.ask("how wide?", kind="number", unit="mm", high=9) == 2.5
    assert capsys.readouterr() == ("", "")

def test_skipped():
    with pytest.raises(lager.NoAnswer):
        lager.ask("still there?", timeout=0.01)
"""
WAYS = [(), ("-n", "1"), ("--capture=sys", "--timeout=60")]


@pytest.mark.parametrize("options", WAYS)
def test_a_test_asks_without_s_and_anyone_answers(
    suite: Callable[..., Any], client: Client, lager: Command, options: Any
) -> None:
    process = suite(SUITE, *options)
    for asked, answer in (("LED green?", "y"), ("how wide?", "2.5mm")):
        pause = client.paused()
        assert (pause["question"], pause["interactive"]) == (asked, True)
        process.err.expect(asked)
        assert lager("answer", answer).returncode == 0
        process.err.expect(f"lager: {pause['id']} was answered by")
    code, out, _ = ended(process)
    assert (code, "3 passed" in out) == (0, True), out


@pytest.mark.variant
@pytest.mark.parametrize("options", WAYS)
def test_on_the_terminal_of_the_run_the_typed_line_answers_a_test(
    screen: ScreenStarter, script: ScriptWriter, client: Client, options: Any
) -> None:
    one = screen(LAGER, "python", *PYTEST, *options, script(SUITE, "test_it.py"))
    for typed in ("maybe", "yes"):
        one.sees("or: lager answer")
        one.type(f"{typed}\r")
        one.sees("maybe is not a valid answer")
    client.paused()
    one.sees("how wide?")
    one.sees("at most 9 mm")
    one.type("2.5\r")
    one.sees("3 passed")
    assert one.wait() == 0
