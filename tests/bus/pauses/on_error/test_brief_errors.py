"""The traceback of a lager error has the frames of the script and one line of lager, wherever it is shown."""

import os
import re
import signal
import sys
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import Process

OURS = re.compile(r'^.*/lager(?:_startup|/[\w/]+)?\.py"?[,:].*$', re.M)

WAYS = {
    "a limit": ("supply.set_voltage(100)", "LimitExceeded"),
    "no number": ("supply.set_voltage('many')", "InvalidArgument"),
    "a net of another type": ("Net.get('adc1', type='supply')", "WrongNetType"),
    "no net": ("Net.get('supply99', type='supply')", "NoSuchNet"),
    "another net of the instrument": ("Net.get('supply3', type='supply')", "NetConflict"),
    "a closed net": ("supply.close() or supply.enable()", "InstrumentError"),
    "a pause that nobody resumes": ("pause(timeout=0.01, on_timeout='raise')", "PauseTimeout"),
    "a breakpoint that nobody resumes": ("breakpoint(timeout=0.01, on_timeout='raise')", "PauseTimeout"),
}
SCRIPT = """
import threading, traceback
from lager import Net, pause

def step(supply):
    {call}

def measure():
    with Net.get("supply2", type="supply") as supply:
        step(supply)

{show}
"""
SHOWS = {
    "nobody catches it": "measure()",
    "in a thread": "thread = threading.Thread(target=measure); thread.start(); thread.join()",
    "the script prints it": "try: measure()\nexcept Exception: traceback.print_exc()",
    "the script logs it": "import logging\ntry: measure()\nexcept Exception: logging.exception('it failed')",
}


def said(run: Starter, bench: Process, call: Any, show: Any) -> str:
    process = run(SCRIPT.format(call=call, show=show))
    process.wait()
    return process.err.rest()


@pytest.mark.parametrize("way", WAYS)
def test_a_traceback_has_one_line_of_lager(run: Starter, bench: Process, way: str) -> None:
    call, error = WAYS[way]
    text = said(run, bench, call, "measure()")
    assert f"lager.errors.{error}: " in text
    assert len(OURS.findall(text)) == 1
    assert text.count('script.py"') == 3
    assert text.count("Traceback") == 1


@pytest.mark.variant
@pytest.mark.parametrize("show", SHOWS)
def test_a_traceback_has_one_line_of_lager_wherever_it_is_shown(run: Starter, bench: Process, show: str) -> None:
    text = said(run, bench, "supply.set_voltage(100)", SHOWS[show])
    assert len(OURS.findall(text)) == 1
    assert "lager.errors.LimitExceeded: " in text
    assert " in set_voltage\n" in text


HANDLES = "try: 1 / 0\n    except ZeroDivisionError: supply.set_voltage(100)"


@pytest.mark.variant
def test_the_scripts_own_error_stays_behind_that_of_lager(run: Starter, bench: Process) -> None:
    text = said(run, bench, HANDLES, "measure()")
    assert "ZeroDivisionError: division by zero" in text
    assert "During handling of the above exception, another exception occurred" in text
    assert len(OURS.findall(text)) == 1


@pytest.mark.parametrize("options", [{"LAGER_DEBUG": "1"}, {"PYTHONDEVMODE": "1"}])
def test_lager_debug_shows_the_whole_traceback(run: Starter, options: dict[str, str]) -> None:
    process = run("from lager import Net\nNet.get('supply99', type='supply')\n", **options)
    process.wait()
    text = process.err.rest()
    assert "lager.errors." in text
    assert len(OURS.findall(text)) > 1


IN_PYTEST = """
from lager import Net

def step(supply):
    supply.set_voltage(100)

def test_rail():
    with Net.get("supply2", type="supply") as supply:
        step(supply)
"""


@pytest.mark.variant
def test_pytest_shows_the_line_of_the_test(start: Starter, script: ScriptWriter, bench: Process) -> None:
    script(IN_PYTEST, "test_it.py")
    process = start(sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:xdist", "test_it.py")
    text = process.out.rest()
    assert "    supply.set_voltage(100)\n" in text
    assert "test_it.py:5: LimitExceeded" in text
    assert "brief_errors" not in text


@pytest.mark.variant
def test_an_error_of_lagers_keeps_nothing_of_the_script_alive(run: Starter, bench: Process) -> None:
    text = """
import gc, weakref
from lager import Net, errors
gc.disable()
class Thing: pass
def measure():
    thing = Thing()
    kept.append(weakref.ref(thing))
    with Net.get("supply2", type="supply") as supply:
        supply.set_voltage(100)
kept = []
try:
    measure()
except errors.LimitExceeded:
    pass
print(kept[0]())
"""
    process = run(text)
    assert process.out.rest() == "None\n", process.err.rest()


INTERRUPTED = """
import lager, signal
def measure():
    {call}
{more}
measure()
"""
OTHERS = """
def rails_off(number, frame):
    raise RuntimeError("rails off")
signal.signal(signal.SIGINT, rails_off)
"""
CHAINED = OTHERS.replace("raise", "try: 1 / 0\n    except ZeroDivisionError: raise")


def interrupted(run: Starter, client: Client, call: Any, more: Any = "") -> str:
    """What is written when SIGINT has ended a pause."""
    process = run(INTERRUPTED.format(call=call, more=more))
    os.kill(client.paused()["pid"], signal.SIGINT)
    process.wait()
    return process.err.rest()


@pytest.mark.parametrize("call", ["lager.pause()", "breakpoint()", "lager.ask('on?')"])
def test_ctrl_c_at_a_pause_shows_one_line_of_lager(run: Starter, client: Client, call: str) -> None:
    text = interrupted(run, client, call)
    assert text.endswith("\nKeyboardInterrupt\n")
    assert text.count('script.py"') == 2
    assert len(OURS.findall(text)) == 1


@pytest.mark.variant
def test_ctrl_c_at_a_stop_of_a_step_shows_few_lines_of_lager(run: Starter, client: Client, lager: Command) -> None:
    process = run(INTERRUPTED.format(call="breakpoint()\n    x = 1", more=""))
    lager("console", client.paused()["id"], stdin=":next\n")
    os.kill(client.paused()["pid"], signal.SIGINT)
    process.wait()
    text = process.err.rest()
    assert text.endswith("\nKeyboardInterrupt\n")
    assert text.count('script.py"') == 2
    assert "in _waited" not in text


@pytest.mark.variant
@pytest.mark.parametrize("more", [OTHERS, CHAINED])
def test_what_a_handler_of_the_script_raises_at_a_pause_keeps_its_frames(
    run: Starter, client: Client, more: Any
) -> None:
    text = interrupted(run, client, "lager.pause()", more)
    assert "in rails_off\n" in text
    assert text.endswith("\nRuntimeError: rails off\n")
    assert ("ZeroDivisionError: division by zero" in text) == (more is CHAINED)
    assert (len(OURS.findall(text)) == 1) == (more is OTHERS)


def test_the_error_that_is_handled_at_a_pause_stays_behind_ctrl_c(run: Starter, client: Client) -> None:
    text = interrupted(run, client, "try: 1 / 0\n    except ZeroDivisionError: lager.pause()")
    assert "During handling of the above exception, another exception occurred" in text
    assert len(OURS.findall(text)) == 1
