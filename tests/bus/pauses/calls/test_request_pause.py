"""A requested pause: the script listens for it, and behaves like plain Python until then."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER, PATIENCE
from tests.station import Station

READY = "import os\nprint(os.getpid(), flush=True)\n"
LOOP = "import signal\nend = []\nsignal.signal(signal.SIGUSR1, lambda *_: end.append(1))\n" + READY
LOOP += "n = 0\nwhile not end:\n    n += 1\nprint('went on')\n"
ASLEEP = READY + "import time\ntime.sleep(1000)\n"
WAITING = READY + "import threading\nthreading.Event().wait()\n"


def asked(process: Any) -> int:
    """Request a pause of the script that has just printed its pid; return the pid."""
    pid = int(process.out.expect("\n"))
    os.kill(pid, signal.SIGURG)
    return pid


def test_a_busy_script_pauses_and_continues(run: Starter, client: Client) -> None:
    process = run(LOOP)
    pid = asked(process)
    pause = client.paused()
    assert (pause["pid"], pause["script"], pause["interactive"]) == (pid, "script.py", True)
    assert pause["label"] == f"requested by {pause['user']}"
    assert 5 <= pause["line"] <= 8
    os.kill(pid, signal.SIGUSR1)
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
    assert process.out.rest() == "went on\n"
    assert "Traceback" not in process.err.rest()


@pytest.mark.parametrize("text", [ASLEEP, WAITING, READY + "import signal\nsignal.pause()\n"])
def test_a_waiting_script_pauses_where_it_waits(run: Starter, client: Client, text: Any) -> None:
    process = run(text)
    asked(process)
    pause = client.paused()
    assert pause["thread"] == "MainThread"
    process.err.expect("requested by")
    client.call("Continue", "s", pause["id"])
    client.resumed(pause["id"])


@pytest.mark.variant
@pytest.mark.parametrize("text", [LOOP, READY + "import signal\nsignal.pause()\n"])
def test_an_interrupt_at_a_requested_pause_reaches_the_script(run: Starter, client: Client, text: Any) -> None:
    process = run(text)
    pid = asked(process)
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pid, signal.SIGINT)
    assert client.resumed(pause["id"])[0] == "interrupted"
    said = process.err.rest()
    assert said.rstrip().endswith("KeyboardInterrupt"), said
    assert process.wait() != 0


@pytest.mark.variant
def test_two_requests_make_one_pause(run: Starter, client: Client) -> None:
    process = run(LOOP)
    pid = asked(process)
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pid, signal.SIGURG)
    os.kill(pid, signal.SIGUSR1)
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
    assert [one.args[0] for one in client.passed if one.member == "Paused"] == []


@pytest.mark.variant
def test_a_script_can_pause_in_an_import_of_a_module_that_a_pause_uses(
    run: Starter, client: Client, script: ScriptWriter
) -> None:
    """What it uses is its own: here a module by the name of one of Python's."""
    ask = "os.kill(os.getpid(), signal.SIGURG)\n"
    script(f"import os, signal\n{ask}THERE = 1\n", "sched.py")
    process = run("import sched\nprint(sched.THERE)\nimport sys\nprint(sys.gettrace())\n")
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"]) == ("sched.py", 2)
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "1\nNone\n"


INTERRUPTED = """
import importlib, os, signal, sys
class Asking:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGURG)
sys.meta_path.insert(0, Asking())
for name in [name for name in sys.modules if name.partition(".")[0] in {forgotten!r}]:
    del sys.modules[name]
importlib.import_module({module!r})
print("imported", flush=True)
signal.pause()
"""
IN_AN_IMPORT = {
    "what a pause looks at": ("collections", "keyword", ("collections", "keyword")),
    "what a pause has a copy of": ("threading", "_weakrefset", ()),
    "lager itself": ("lager", "lager.process.fork_lock", ()),
    "a part of lager": ("lager.instruments.net", "lager.errors", ()),
}


@pytest.mark.parametrize(("module", "name", "forgotten"), IN_AN_IMPORT.values(), ids=IN_AN_IMPORT)
def test_a_request_that_interrupts_an_import_pauses_once(
    run: Starter, client: Client, module: Any, name: Any, forgotten: Any
) -> None:
    process = run(INTERRUPTED.format(module=module, name=name, forgotten=forgotten))
    client.call("Continue", "s", client.paused()["id"])
    process.out.expect("imported\n")
    assert "cannot pause" not in process.err.text


@pytest.mark.variant
def test_a_script_that_does_all_its_work_in_an_import_pauses_there(
    run: Starter, client: Client, script: ScriptWriter
) -> None:
    script(LOOP, "work.py")
    process = run("import work\n")
    pid = asked(process)
    pause = client.paused()
    assert pause["file"].endswith("/work.py")
    os.kill(pid, signal.SIGUSR1)
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


def test_a_requested_pause_is_refused_if_breakpoints_are_off(run: Starter) -> None:
    process = run(LOOP, LAGER_BREAKPOINTS="off")
    pid = asked(process)
    os.kill(pid, signal.SIGUSR1)
    assert process.wait() == 0
    assert process.err.rest() == ""


def test_a_handler_of_the_script_stays(run: Starter) -> None:
    process = run("import signal\nsignal.signal(signal.SIGURG, lambda *_: print('mine', flush=True))\n" + LOOP)
    pid = asked(process)
    process.out.expect("mine\n")
    os.kill(pid, signal.SIGUSR1)
    assert process.wait() == 0
    assert process.err.rest() == ""


@pytest.mark.variant
def test_a_script_with_a_lager_of_its_own_pauses_too(run: Starter, client: Client, script: ScriptWriter) -> None:
    script("NAME = 'mine'\n", "lager.py")
    process = run("import lager\n" + LOOP + "print(lager.NAME)\n")
    pid = asked(process)
    client.call("Continue", "s", client.paused()["id"])
    os.kill(pid, signal.SIGUSR1)
    assert process.out.rest() == "went on\nmine\n"


def test_a_run_has_the_modules_of_plain_python(station: Station, script: ScriptWriter, tmp_path: Path) -> None:
    script("import sys, json\nprint(json.dumps(sorted(sys.modules)))\n")
    seen = []
    for command in ([LAGER, "python"], [sys.executable]):
        done = subprocess.run(
            [*command, "script.py"], env=station.env, cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=True
        )
        seen.append(set(json.loads(done.stdout)))
    assert seen[0] - seen[1] == {"lager_startup", "atexit"}  # the latter is part of the interpreter


def test_nothing_is_imported_outside_of_a_run(station: Station) -> None:
    env = {key: value for key, value in station.env.items() if key != "LAGER_PROCESS_ID"}
    shown = "import sys, signal; print('lager_startup' in sys.modules, signal.getsignal(signal.SIGURG) == 0)"
    done = subprocess.run([sys.executable, "-c", shown], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
