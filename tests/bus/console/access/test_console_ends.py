"""The end of a console: of its client, its script or lagerd, with nothing left behind."""

import os
import signal
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest

from lager.errors import Failed
from tests.bus.console.raw import SCRIPT, Raw, consoles, left
from tests.client import NAME, Client
from tests.fixtures import Starter
from tests.processes import LAGER, PATIENCE, descriptors
from tests.station import Station


@pytest.mark.variant
def test_a_stopped_client_reads_the_end_when_it_wakes(run: Starter, client: Client, start: Starter) -> None:
    process = run(SCRIPT)
    id = client.paused()["id"]
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", id, stdin=reader)
    os.close(reader)
    os.write(writer, b"'ready'\n")
    console.out.expect("'ready'\n")
    console.kill(signal.SIGSTOP)
    client.call("Continue", "s", id)
    assert process.wait() == 0
    console.kill(signal.SIGCONT)
    assert console.wait() == 1
    os.close(writer)
    assert "resumed by" in console.err.rest()


def test_when_the_script_dies_its_consoles_end(paused: dict[str, Any], start: Starter, client: Client) -> None:
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    os.write(writer, b"'ready'\n")
    console.out.expect("'ready'\n")
    os.kill(paused["pid"], signal.SIGKILL)
    assert console.wait() == 1
    os.close(writer)
    assert console.err.rest() == f"lager: {paused['id']} ended with its script; this console ends\n"


THREE = """
import gc, lager
gc.disable()
for label in ("first", "second", "third"):
    lager.pause(label, timeout=0, interactive=True)
"""


def test_a_console_that_reaches_a_script_after_its_pause_is_refused_and_leaves_nothing(
    run: Starter, client: Client
) -> None:
    """The script is stopped meanwhile, and hears of the end of the pause before the consoles."""
    run(THREE)
    pause = client.paused()
    os.close(client.call("OpenConsole", "sa{sv}", pause["id"], {}))
    left(client, pause["id"])
    client.call("Continue", "s", pause["id"])
    pause = client.paused()
    open_before, _ = descriptors(pause["pid"])
    os.kill(pause["pid"], signal.SIGSTOP)
    path = "/" + NAME.replace(".", "/")
    asked = [client.start(client.bus.call(NAME, path, "OpenConsole", "sa{sv}", pause["id"], {})) for _ in range(5)]
    while consoles(client, pause["id"]) < len(asked):
        time.sleep(0.01)
    client.call("Continue", "s", pause["id"])
    os.kill(pause["pid"], signal.SIGCONT)
    client.paused()
    refused = [error for one in asked if (error := one.exception(PATIENCE)) is not None]
    for one in asked:
        if one.exception() is None:
            os.close(one.result()[0])
    assert all(isinstance(error, Failed) and "That pause has ended" in str(error) for error in refused), refused
    ends = time.monotonic() + PATIENCE
    while descriptors(pause["pid"])[0] > open_before:
        assert time.monotonic() < ends, "descriptors are left"
        time.sleep(0.01)


ORPHAN = """
import lager, os, signal, threading
go, done = threading.Event(), threading.Event()
def spawn():
    go.wait()
    if os.fork() == 0:
        signal.pause()
    done.set()
threading.Thread(target=spawn).start()
lager.pause(interactive=True)
"""


@pytest.mark.variant
def test_a_child_of_the_script_keeps_no_console_open(run: Starter, client: Client, start: Starter) -> None:
    """The child has the socket too; the console ends all the same, because lagerd tells the end of the pause."""
    run(ORPHAN)
    pause = client.paused()
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", pause["id"], stdin=reader)
    os.close(reader)
    os.write(writer, b"go.set(); done.wait(20)\n")
    console.out.expect("True\n")
    os.kill(pause["pid"], signal.SIGKILL)
    assert console.wait() == 1
    os.close(writer)


@pytest.mark.variant
def test_a_child_of_the_script_has_the_scripts_streams(run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
    text = """
        import lager, os, sys, threading
        before, go = sys.stdout, threading.Event()
        def spawn():
            go.wait()
            if os.fork() == 0:
                print(sys.stdout is before)
                t = threading.Thread(target=print, args=("from a thread of the child",))
                t.start(); t.join()
                os._exit(0)
            os.wait()
            done.set()
        done = threading.Event()
        threading.Thread(target=spawn).start()
        lager.pause(interactive=True)
    """
    process = run(textwrap.dedent(text))
    id = client.paused()["id"]
    assert raw(id).evaluate("go.set(); done.wait(20)\n") == "True\n"
    client.call("Continue", "s", id)
    assert process.out.rest() == "True\nfrom a thread of the child\n"


def test_many_consoles_leave_no_descriptor_and_no_thread(
    paused: dict[str, Any], client: Client, raw: Callable[..., Raw]
) -> None:
    pid, id = paused["pid"], paused["id"]
    console = raw(id)
    measure = (
        "import linecache, os, threading\n"
        "print(threading.active_count(), len(os.listdir('/proc/self/fd')), "
        "sum(f.startswith('<console') for f in linecache.cache))\n"
    )
    before = console.evaluate(measure)
    threads = len(os.listdir(f"/proc/{pid}/task"))
    for turn in range(20):
        other = raw(id)
        assert other.evaluate("def f(): 1/0\nf()\n").endswith("division by zero\n")
        if turn % 2:
            other.send(eval="exit()\n")
            other.until("bye")
        other.close()
        left(client, id)
    end = time.monotonic() + PATIENCE
    while len(os.listdir(f"/proc/{pid}/task")) > threads:
        assert time.monotonic() < end
        time.sleep(0.01)
    after = console.evaluate(measure).split()
    assert after[:2] == before.split()[:2]
    assert int(after[2]) <= int(before.split()[2]) + 2  # its own lines
    assert len(os.listdir(f"/proc/{pid}/fd")) == int(after[1]) - 1  # but that of listing itself
    assert consoles(client, id) == 1


def test_a_console_outlives_lagerd(own_station: Station, run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
    run("import lager\nlager.pause(timeout=0, interactive=True)\n")
    id = client.paused()["id"]
    old = raw(id)
    own_station.kill_lagerd()
    assert old.evaluate("1\n") == "1\n"
    own_station.start_lagerd()
    assert client.paused()["id"] == id
    new = raw(id)
    assert old.evaluate("2\n") == "2\n"
    old.send(eval="exit()\n")
    assert old.until("bye") == ("", 0)
    assert new.evaluate("3\n") == "3\n"
    assert consoles(client, id) == 1
    client.call("Continue", "s", id)
    assert new.frame() is None
