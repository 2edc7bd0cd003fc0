"""A failing doctest pauses at its line, with its names."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.pauses.in_tests.pytest_words import PAUSE
from tests.client import Client
from tests.fixtures import Command, ScriptWriter
from tests.processes import ended

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


def test_a_failing_doctest_pauses_where_it_is_with_its_names(
    suite: Callable[..., Any], client: Client, lager: Command, script: ScriptWriter
) -> None:
    script("A text.\n\n>>> volts = 5\n>>> volts\n6\n>>> raise SystemExit(volts)\n", "test_text.txt")
    process = suite(
        DOCUMENTED, PAUSE, "--doctest-modules", "--doctest-continue-on-failure", "test_it.py", "test_text.txt"
    )
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


@pytest.mark.variant
def test_what_a_doctest_printed_is_shown_from_the_first_line_that_differs(
    suite: Callable[..., Any], script: ScriptWriter
) -> None:
    script(DIFFERING, "test_text.txt")
    process = suite("", PAUSE, "--doctest-continue-on-failure", "test_text.txt", LAGER_BREAKPOINT_TIMEOUT="0.01")
    err = ended(process)[2]
    assert [line.removeprefix("lager: ") for line in err.splitlines() if "expected" in line] == [
        "expected amps 2, got amps 3", "expected amps 2, got nothing", "expected nothing, got an empty line",
        "expected (1, 2), got [1, 2]",
    ]  # fmt: skip
