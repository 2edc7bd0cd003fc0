"""Statements of several consoles of one process run one after the other, and nothing else waits for them."""

import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bus.console.frames import Frames
from tests.client import Client
from tests.fixtures import Starter
from tests.processes import Process

SCRIPT = "import threading\nheld, go, seen = threading.Event(), threading.Event(), []\n"
SCRIPT += "import lager\nlager.pause(interactive=True, timeout=100)\nprint(seen, flush=True)\n"
HOLD = "print('in')\nwhile not go.wait(0.05): pass\n"
NOTHING_WAITS = 2.0


def queued(console: Any, statement: Any) -> None:
    """Send a statement that has to wait. Return once it has arrived: a later query is answered at once."""
    console.send(eval=statement)
    console.send(ask=0, complete="se")
    console.until("answer")


@pytest.fixture
def ran(run: Starter) -> Process:
    return run(SCRIPT)


@pytest.fixture
def two(ran: Process, client: Client, opened: Callable[..., Frames]) -> Iterator[tuple[Frames, Frames, Frames, Any]]:
    """Three consoles: the first evaluates HOLD, the second has a statement that waits for it, the third is idle; and
    the id of the pause."""
    id = client.paused()["id"]
    first, second = opened(id), opened(id)
    for one in (first, second):
        one.until("hello")
    third = opened(id)
    third.until("hello")
    first.send(eval=HOLD)
    first.until("out")
    queued(second, "seen.append('second')\n")
    yield first, second, third, id
    for one in (first, second, third):
        one.connection.close()
    client.call("ContinueAll")


def test_a_statement_waits_for_the_one_before_it(two: tuple[Frames, Frames, Frames, Any]) -> None:
    first, second, third, _ = two
    assert second.until("err")["err"].startswith("lager: waiting for console ")
    queued(third, "seen\n")
    first.send(interrupt=True)
    assert first.until("done") == {"done": False}
    assert second.until("done") == {"done": True}
    assert third.until("out") == {"out": "['second']\n"}


def test_a_waiting_console_can_give_up(two: tuple[Frames, Frames, Frames, Any]) -> None:
    first, second, third, _ = two
    second.send(interrupt=True)
    told = ""
    while "KeyboardInterrupt" not in told:  # behind that it waits
        told = second.until("err")["err"]
    assert second.until("done") == {"done": False}
    first.send(interrupt=True)
    first.until("done")
    third.send(eval="seen\n")
    assert third.until("out") == {"out": "[]\n"}


def test_a_client_that_leaves_blocks_no_other(two: tuple[Frames, Frames, Frames, Any]) -> None:
    first, second, third, _ = two
    first.connection.close()
    assert second.until("done") == {"done": True}
    third.send(eval="seen\n")
    assert third.until("out") == {"out": "['second']\n"}


@pytest.mark.variant
def test_a_client_that_leaves_in_a_blocking_call_blocks_no_other(two: tuple[Frames, Frames, Frames, Any]) -> None:
    first, second, third, _ = two
    first.send(interrupt=True)
    first.until("done")
    second.until("done")
    first.send(eval="print('in')\nimport time; time.sleep(60)\n")
    first.until("out")
    queued(third, "seen\n")
    first.connection.close()
    assert third.until("out") == {"out": "['second']\n"}


def test_the_script_and_commands_do_not_wait_for_a_statement(
    two: tuple[Frames, Frames, Frames, Any], client: Client, ran: Process
) -> None:
    _, second, third, id = two
    began = time.monotonic()
    second.send(ask=1, complete="see")
    assert second.until("answer")["complete"][0]["text"] == "seen"
    third.send(ask=2, where=True)
    assert third.until("answer")["where"]["stack"]
    client.call("Inspect", "sa{sv}", id, {})
    client.call("Continue", "s", id)
    assert client.resumed(id)[0] == "continued"
    ran.out.expect("[]\n")  # and what waited has not begun
    assert time.monotonic() - began < 5 * NOTHING_WAITS  # of which each may take so long


@pytest.mark.variant
def test_a_waiting_console_receives_news(
    two: tuple[Frames, Frames, Frames, Any], client: Client, opened: Callable[..., Frames]
) -> None:
    *_, id = two
    listening = opened(id, news=True)
    listening.until("left")
    queued(listening, "seen.append('listening')\n")
    client.call("Extend", "sd", id, 2000.0)
    while listening.until("left")["left"] < 1000:
        pass


def test_statements_run_in_the_order_in_which_they_came(two: tuple[Frames, Frames, Frames, Any]) -> None:
    first, second, third, _ = two
    queued(third, "seen.append('third')\n")
    second.send(eval="seen\n")  # behind the third, though its console has waited longer
    first.send(interrupt=True)
    assert second.until("out") == {"out": "['second', 'third']\n"}


def test_a_client_that_does_not_read_loses_its_turn_and_continues_later(
    two: tuple[Frames, Frames, Frames, Any],
) -> None:
    first, second, third, _ = two
    first.send(interrupt=True)
    first.until("done")
    second.until("done")
    first.send(eval="for _ in range(100): print('x' * 100_000)\nseen.append('first')\n")
    first.until("out")
    third.send(eval="seen.append('third'); print('in')\nwhile not go.wait(0.05): pass\n")
    assert third.until("out") == {"out": "in\n"}
    told = None
    while not told:  # it waits, and that is said behind what it had printed
        told = first.until("err")["err"]
    assert told.startswith("lager: waiting for console ")
    third.send(interrupt=True)
    third.until("done")
    assert first.until("done") == {"done": True}
    third.send(eval="seen\n")
    assert third.until("out") == {"out": "['second', 'third', 'first']\n"}


HOLDS_A_NET = """
import lager
from lager import Net, NetType
supply = Net.get("supply2", type=NetType.PowerSupply)
lager.pause(interactive=True, timeout=100)
print("end", flush=True)
"""
IN_AN_EXCHANGE = """
import os
fd = os.open("pipe", os.O_WRONLY)
with supply.session.exchange(): os.write(fd, bytes(1 << 20))
"""


@pytest.mark.parametrize("options", ["", ", off_on_exit=True"])
def test_the_end_of_a_script_does_not_wait_for_an_exchange_that_does_not_end(
    run: Starter, client: Client, opened: Callable[..., Frames], bench: Process, options: str, tmp_path: Path
) -> None:
    process = run(HOLDS_A_NET.replace("PowerSupply)", f"PowerSupply{options})"))
    id = client.paused()["id"]
    console = opened(id)
    console.until("hello")
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        console.send(eval=IN_AN_EXCHANGE)
        assert select.select([pipe], [], [], 60)[0]  # so it is in the call, which nothing interrupts
        client.call("Continue", "s", id)
        process.out.expect("end\n", patience=60)
        process.err.expect("lager: psu1 was not closed: another thread is in the middle of an exchange with it.\n")
        assert process.wait() == 0
        if options:  # lagerd does it, and not only after the bench of this test has gone
            client.expect("MadeSafe")
    finally:
        os.close(pipe)
