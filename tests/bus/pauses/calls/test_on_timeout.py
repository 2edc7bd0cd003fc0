"""on_timeout: what a script chooses for the timeout of a pause."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER, PATIENCE
from tests.station import Station

MISTAKES = ["'Raise'", "None", "1", "b'exit'", "['exit']", "Evil()", "type('S', (str,), {})('exit')"]
EVIL = "class Evil:\n    def __repr__(self): raise ValueError\n    def __eq__(self, other): raise ValueError\n"


def after(process: Any) -> int:
    """Return how many seconds the pause lasted, as the line says; a busy machine adds some."""
    return int(process.err.expect("s\n").removesuffix("s\n"))


def test_on_timeout_raise_raises_in_the_script(run: Starter, client: Client) -> None:
    process = run(
        "import lager\n"
        "try:\n    lager.pause('why', timeout=0.2, on_timeout='raise')\n"
        "except lager.PauseTimeout as error:\n    print('caught', error)\n"
        "breakpoint('again', timeout=0.2, on_timeout='raise')\n"
    )
    pause = client.paused()
    assert pause["on_timeout"] == "raise"
    process.err.expect("  timeout   raises PauseTimeout in 1s\n")
    assert client.resumed(pause["id"]) == ("timeout", {"on_timeout": "raise"})
    process.err.expect(f"lager: {pause['id']} raised PauseTimeout: timed out, after ")
    assert after(process) < PATIENCE
    out, err = process.out.rest(), process.err.rest()
    assert out.startswith("caught The pause at ")
    assert "script.py:3 (why) was not resumed in time." in out
    assert process.wait() == 1
    assert "line 6, in <module>" in err
    assert "lager.errors.PauseTimeout: The pause at" in err


def test_exiting_from_the_main_thread(run: Starter, client: Client) -> None:
    process = run(
        "import lager\n"
        "try:\n    lager.pause(timeout=0.2, on_timeout='exit')\n    print('not here')\n"
        "except Exception:\n    print('nor here')\n"
        "finally:\n    print('put away')\n"
    )
    process.err.expect("  timeout   ends the run in 1s\n")
    id = client.paused()["id"]
    assert client.resumed(id) == ("timeout", {"on_timeout": "exit"})
    process.err.expect(f"lager: {id} ended the run: timed out, after ")
    assert after(process) < PATIENCE
    assert process.out.rest() == "put away\n"
    assert process.wait() == 124
    assert process.err.rest() == ""


BESIDE = """
import lager, os, queue, socket, threading, time
MAIN
def work():
    try:
        lager.pause(timeout=0.2, on_timeout="exit")
        print("not here")
    finally:
        os.write(1, b"worker put away\\n")
worker = threading.Thread(target=work)
worker.start()
try:
    stand()
    print("not here")
except Exception:
    print("nor here")
finally:
    worker.join()
    os.write(1, b"main put away\\n")
"""
CALLS = {
    "sleeping": "def stand(): time.sleep(600)",
    "locked": "def stand(): threading.Lock().acquire(); queue.Queue().get()",
    "joining": "def stand(): worker.join(); time.sleep(600)",
    "reading": "def stand(): os.read(os.pipe()[0], 1)",
    "receiving": "pair = socket.socketpair()\ndef stand(): pair[0].recv(1)",
    "computing": "def stand():\n    while True: pass",
    "paused": "def stand(): lager.pause(timeout=0)",
    "asyncio": "import asyncio\ndef stand(): asyncio.run(asyncio.sleep(600))",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_exiting_from_another_thread(run: Starter, call: Any) -> None:
    process = run(BESIDE.replace("MAIN", call))
    assert sorted(process.out.rest().splitlines()) == ["main put away", "worker put away"]
    assert process.wait() == 124
    assert "Traceback" not in process.err.rest()


@pytest.mark.variant
def test_exiting_where_the_script_has_taken_the_signal(run: Starter) -> None:
    call = "import signal\nsignal.signal(signal.SIGURG, print)\ndef stand(): time.sleep(600)"
    process = run(BESIDE.replace("MAIN", call))
    assert sorted(process.out.rest().splitlines()) == ["main put away", "worker put away"]
    assert process.wait() == 124


@pytest.mark.variant
def test_exiting_when_the_main_thread_has_run_out(run: Starter) -> None:
    text = (
        "import atexit, lager, threading\n"
        "atexit.register(print, 'at exit')\n"
        "threading.Thread(target=lager.pause, kwargs={'timeout': 0.2, 'on_timeout': 'exit'}).start()\n"
    )
    process = run(text)
    assert process.out.rest() == "at exit\n"
    assert process.wait() == 124


def test_a_pause_that_is_resumed_in_time_raises_nothing(run: Starter, client: Client) -> None:
    text = "import lager\nfor way in ('raise', 'exit'): lager.pause(on_timeout=way)\nprint('went on')\n"
    process = run(text)
    for way in ("raise", "exit"):
        pause = client.paused()
        assert pause["on_timeout"] == way
        client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0


@pytest.mark.variant
def test_an_interrupted_pause_raises_keyboard_interrupt(run: Starter, client: Client) -> None:
    process = run("import lager\nlager.pause(on_timeout='raise')\n")
    pause = client.paused()
    process.kill(signal.SIGINT)
    assert client.resumed(pause["id"])[0] == "interrupted"
    assert process.wait() == 130


@pytest.mark.variant
def test_a_lagerd_that_is_gone_changes_nothing(
    own_station: Station, start: Starter, script: ScriptWriter, client: Client
) -> None:
    text = "import lager\nlager.pause(timeout=0, on_timeout={!r})\n"
    runs = {way: start(LAGER, "python", script(text.format(way), f"{way}.py")) for way in ("raise", "exit")}
    for process in runs.values():
        process.err.expect("  timeout ")
    for pause in client.list():  # only once both stand: neither is to end before lagerd
        client.call("Extend", "sd", pause["id"], 1.0)
    own_station.kill_lagerd()
    for process in runs.values():
        process.err.expect("timed out, and lagerd did not answer")
    assert {way: process.wait() for way, process in runs.items()} == {"raise": 1, "exit": 124}
    assert "PauseTimeout: The pause at" in runs["raise"].err.rest()


def test_an_invalid_on_timeout_uses_the_default(run: Starter, client: Client) -> None:
    process = run(
        f"import lager\n{EVIL}\nfor way in [{', '.join(MISTAKES)}]: lager.pause(timeout=0.05, on_timeout=way)"
    )
    for _ in MISTAKES:
        assert client.paused()["on_timeout"] == "resume"
    err = process.err.rest()
    assert process.wait() == 0
    assert err.count("is not one of resume, raise, exit; using resume.\n") == len(MISTAKES)


@pytest.mark.parametrize("way", ["raise", "exit"])
def test_on_timeout_has_no_effect_if_pauses_are_off(
    start: Starter, run: Starter, script: ScriptWriter, way: str
) -> None:
    text = f"import lager\nlager.pause(timeout=0.01, on_timeout={way!r})\nprint('went on')\n"
    assert run(text, LAGER_BREAKPOINTS="off").out.rest() == "went on\n"
    assert start(sys.executable, script(text)).out.rest() == "went on\n"


def test_the_table_shows_on_timeout(start: Starter, script: ScriptWriter, client: Client, lager: Command) -> None:
    for way in ("resume", "raise", "exit"):
        start(LAGER, "python", script(f"import lager\nlager.pause({way!r}, on_timeout={way!r})\n", f"{way}.py"))
    pauses = [client.paused() for _ in range(3)]
    assert {pause["label"] for pause in pauses} == {"resume", "raise", "exit"}
    shown = lager("breakpoints").stdout
    listed = {pause["id"]: pause["on_timeout"] for pause in json.loads(lager("breakpoints", "--json").stdout)}
    for pause in pauses:
        assert listed[pause["id"]] == pause["on_timeout"] == pause["label"]
        line = next(line for line in shown.splitlines() if line.startswith(pause["id"]))
        assert (f"s, then {pause['label']}" in line) == (pause["label"] != "resume")
        client.call("Continue", "s", pause["id"])


def test_importing_it_is_as_light_as_lager() -> None:
    text = "import sys, lager\nprint('lager.errors' in sys.modules, lager.PauseTimeout.__mro__[1].__name__)\n"
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert ran.stdout == "False LagerError\n"


@pytest.mark.variant
def test_a_run_on_a_terminal_ends_with_it(terminal: TerminalStarter, script: ScriptWriter) -> None:
    screen = terminal(LAGER, "python", script("import lager\nlager.pause(timeout=0.2, on_timeout='exit')\n"))
    assert screen.wait() == 124
