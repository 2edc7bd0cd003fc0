"""Interrupts of a console: they end the statement that runs, and nothing after it."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from lager.console.protocol import encode
from tests.bus.console.raw import Raw, consoles, left
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER


@pytest.mark.parametrize(
    "source", ["while True: pass\n", "while True:\n  try:\n    while True: pass\n  finally: pass\n"]
)
def test_an_evaluation_is_interrupted(paused: dict[str, Any], raw: Callable[..., Raw], source: str) -> None:
    console = raw(paused["id"])
    console.send(eval="print('began')\n" + source)
    assert console.frame() == {"out": "began\n"}
    console.send(interrupt=True)
    printed, done = console.until("done")
    assert printed.endswith("KeyboardInterrupt\n")
    assert done is False
    assert console.evaluate("1\n") == "1\n"


@pytest.mark.variant
def test_an_interrupt_sends_no_line_twice(paused: dict[str, Any], raw: Callable[..., Raw]) -> None:
    console = raw(paused["id"])
    for _ in range(20):
        console.send(eval="n = 0\nwhile True: n += 1; print(n)\n")
        assert console.frame() == {"out": "1\n"}
        console.send(interrupt=True)
        printed = console.until("done")[0]
        numbers = [int(line) for line in printed.split("Traceback")[0].splitlines()]
        assert len(set(numbers)) == len(numbers)
        assert printed.endswith("KeyboardInterrupt\n")


@pytest.mark.variant
def test_an_interrupt_directly_after_its_source_is_not_lost(paused: dict[str, Any], raw: Callable[..., Raw]) -> None:
    console = raw(paused["id"])
    for _ in range(100):
        console.socket.sendall(encode({"eval": "while True: pass\n"}) + encode({"interrupt": True}))
        printed, done = console.until("done")
        assert printed.endswith("KeyboardInterrupt\n")
        assert done is False
    assert console.evaluate("1\n") == "1\n"


@pytest.mark.variant
def test_late_interrupts_have_no_effect(paused: dict[str, Any], raw: Callable[..., Raw]) -> None:
    console = raw(paused["id"])
    for _ in range(300):
        console.socket.sendall(encode({"eval": "1\n"}))
        console.socket.sendall(encode({"interrupt": True}) * 3)
        printed, done = console.until("done")
        assert (printed == "1\n") if done else printed.endswith("KeyboardInterrupt\n")
    assert console.evaluate("2\n") == "2\n"


STUBBORN = "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"


JOIN = """
import lager, threading
lager.pause(interactive=True)
[thread.join() for thread in threading.enumerate() if "console" in thread.name]
print("over")
"""


def test_a_console_leaves_no_interrupt_behind(run: Starter, client: Client, lager: Command) -> None:
    """Python asks for one that is promised at every call; 3.11 under a tracer did nothing else any more."""
    text = "import lager, sys\nsys.settrace(lambda *_: None)\nlager.pause(interactive=True)\n(lambda: print('on'))()\n"
    process = run(text)
    id = client.paused()["id"]
    assert lager("python", "--console", id, stdin="1\n2\n").stdout == "1\n2\n"
    client.call("Continue", "s", id)
    process.out.expect("on\n")


@pytest.mark.parametrize("source", ["while True: pass\n", "while True: print('x' * 100)\n", STUBBORN])
def test_an_evaluation_ends_with_its_client(run: Starter, client: Client, start: Starter, source: str) -> None:
    process = run(JOIN)
    id = client.paused()["id"]
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", id, stdin=reader)
    os.close(reader)
    os.write(writer, b"print('began')\n" + source.encode() + b"\n")
    console.out.expect("began")
    assert consoles(client, id) == 1
    console.kill(signal.SIGKILL)
    os.close(writer)
    left(client, id)
    assert consoles(client, id) == 0
    client.call("Continue", "s", id)
    if source is not STUBBORN:
        assert process.out.rest() == "over\n"
        assert process.wait() == 0
