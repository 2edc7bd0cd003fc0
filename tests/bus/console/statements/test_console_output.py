"""The output of a console: its own, whole, and with tracebacks of the script only."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.console.raw import SCRIPT, Raw, consoles, left
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER

STREAMS = """
import lager, sys, threading, time
before = sys.stdout, sys.stderr, sys.stdin, sys.displayhook
go, gone = threading.Event(), threading.Event()
def talk():
    while go.wait():
        go.clear()
        print("from the script")
        gone.set()
threading.Thread(target=talk, daemon=True).start()
lager.pause(interactive=True)
while (sys.stdout, sys.stderr, sys.stdin, sys.displayhook) != before:
    time.sleep(0.001)  # the last console is on its way out
print([now is then for now, then in zip((sys.stdout, sys.stderr, sys.stdin, sys.displayhook), before)])
print("line", input())
"""


def test_each_sees_only_its_own_output(
    run: Starter, client: Client, raw: Callable[..., Raw], start: Starter, script: ScriptWriter
) -> None:
    reader, writer = os.pipe()
    process = start(LAGER, "python", script(STREAMS), stdin=reader)
    os.close(reader)
    id = client.paused()["id"]
    one, two = raw(id), raw(id)
    assert one.evaluate("x = 1; print('one', x)\n") == "one 1\n"
    assert two.evaluate("print('two'); go.set(); gone.wait(20)\n") == "two\nTrue\n"
    assert process.out.expect("from the script\n") == "from the script\n"
    assert "NameError" in two.evaluate("x\n")
    assert one.evaluate("import sys; print('e', file=sys.stderr)\n") == "e\n"
    one.send(eval="exit()\n")
    assert one.until("bye") == ("", 0)
    two.close()
    left(client, id)
    left(client, id)
    client.call("Continue", "s", id)
    os.write(writer, b"for the script\n")
    os.close(writer)
    assert process.out.rest() == "[True, True, True, True]\nline for the script\n"
    assert "two" not in process.err.rest()


HARD = [
    "del __builtins__\n",
    "__builtins__ = 5\n",
    "print = None\n",
    "import sys; sys.stdout.close(); sys.stderr.close(); sys.stdin.close()\n",
    "sys.stderr = None\n",
    "sys.displayhook = None\n",
    "import os; os.close(1)\n",
    "def f(): f()\nf()\n",
    "raise type('E', (BaseException,), {'__str__': lambda s: 1/0})\n",
    "import threading; threading.current_thread()\n",
    "help(len)\n",
    "help()\n",
    "(" * 1000 + "\n",
    "1 + " * 3000 + "1\n",
    "import gc; _ = gc.collect()\n",
    "import os; os.fork() and os.wait()\n",
    "import lager; lager.pause(); breakpoint()\n",
    "import asyncio; asyncio.run(asyncio.sleep(0))\n",
    "import pdb; pdb.set_trace()\n",
    "'\\ud800'; print('\\ud800')\n",
    "import sys; sys.settrace(lambda *a: 1/0)\n",
]


@pytest.mark.variant
@pytest.mark.parametrize("source", HARD)
def test_a_console_survives_errors_of_its_code(
    paused: dict[str, Any], raw: Callable[..., Raw], client: Client, source: str
) -> None:
    console = raw(paused["id"])
    console.evaluate("import sys\n")
    console.evaluate(source)
    console.evaluate("import builtins; __builtins__ = builtins; from builtins import print\n")
    console.evaluate("sys.settrace(None); sys.displayhook = sys.__displayhook__\n")
    assert console.evaluate("print('alive')\n") == "alive\n"
    assert consoles(client, paused["id"]) == 1


def test_a_pause_in_a_console_is_refused_in_one_line(
    paused: dict[str, Any], raw: Callable[..., Raw], client: Client
) -> None:
    refused = raw(paused["id"]).evaluate("import lager; lager.pause('again')\n")
    assert refused == "lager: pause() has no effect inside a console.\n"
    assert raw(paused["id"]).evaluate("breakpoint()\n") == refused
    assert [signal.member for signal in client.passed].count("Paused") == 0


def test_tracebacks_show_no_frame_of_lager(paused: dict[str, Any], raw: Callable[..., Raw]) -> None:
    console = raw(paused["id"])
    console.evaluate("class R:\n    def __repr__(self):\n        raise ValueError('no')\n")
    shown = console.evaluate("try:\n    R()\nexcept ValueError as e:\n    pass\nfor r in [R()]: r\n")
    assert shown.count("File ") == 2
    assert shown.count("<console ") == 2


@pytest.mark.variant
def test_the_scripts_inspect_and_traceback_show_the_lines_of_a_console(
    paused: dict[str, Any], raw: Callable[..., Raw]
) -> None:
    console = raw(paused["id"])
    console.evaluate("def f():\n    return 1 / 0\n")
    assert console.evaluate("import inspect\nprint(inspect.getsource(f))\n") == "def f():\n    return 1 / 0\n\n"
    shown = console.evaluate("import traceback\ntry:\n    f()\nexcept Exception:\n    traceback.print_exc()\n")
    assert "    f()\n" in shown
    assert "    return 1 / 0\n" in shown


@pytest.mark.variant
def test_what_was_printed_comes_before_the_traceback(paused: dict[str, Any], raw: Callable[..., Raw]) -> None:
    assert raw(paused["id"]).evaluate("print('half', end=''); 1/0\n").startswith("halfTraceback")


@pytest.mark.variant
def test_a_client_that_does_not_read_blocks_no_other(run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
    process = run(SCRIPT)
    id = client.paused()["id"]
    console, other = raw(id), raw(id)
    console.send(eval="for _ in range(1000): print('x' * 100_000)\n")
    assert (frame := console.frame()) is not None
    assert frame["out"].startswith("xxx")
    assert other.evaluate("1\n").endswith("1\n")  # it may have waited a moment
    assert consoles(client, id) == 2
    client.call("Continue", "s", id)
    assert process.out.rest() == "limit 3 local 10\nwent on\n"
    assert process.wait() == 0


@pytest.mark.slow
def test_100_mb_of_output_arrive_complete(paused: dict[str, Any], start: Starter) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"for _ in range(1000): print('x' * 100_000)\n")
    os.close(writer)
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    total = 0
    os.set_blocking(console.out.fd, True)
    while data := os.read(console.out.fd, 1 << 20):
        total += len(data)
    assert total == 100_001_000
    assert console.wait() == 0
