"""pause() where the bus or lagerd is broken: it says so, and the script continues."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.plain_python import ON, PYTHON
from tests.bus.pauses.worlds.test_arguments import EVIL
from tests.processes import LAGER, ended


def test_a_missing_bus_is_reported(start: Any, script: Any, tmp_path: Path) -> None:
    name = script("import lager\nlager.pause()\nprint('went on')\n")
    process = start(PYTHON, name, **ON, LAGER_BUS_ADDRESS=f"unix:path={tmp_path}/nobody")
    code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert err.startswith("lager: cannot pause here; continuing. The bus at unix:path=")
    assert err.count("\n") == 1


NONSENSE = ["nonsense", "tcp:host=localhost,port=1", "unix:path=", "unix:", ";", "%", EVIL]


@pytest.mark.variant
@pytest.mark.parametrize("address", NONSENSE)
def test_an_invalid_bus_address_is_reported(run: Any, address: Any) -> None:
    code, out, err = ended(run("import lager\nlager.pause()\nprint('went on')\n", LAGER_BUS_ADDRESS=address))
    assert (code, out) == (0, "went on\n")
    assert err.count("cannot pause here; continuing") == 1
    assert "cannot be reached" in err  # the command says it too, if the script leaves it the time
    assert "Traceback" not in err
    assert "\x1b" not in err


@contextlib.contextmanager
def bound() -> Iterator[Any]:
    """A socket that does not listen yet, and its address."""
    with tempfile.TemporaryDirectory(prefix="lager-test-", dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as one:
        one.bind(f"{folder}/bus")
        yield one, f"unix:path={folder}/bus"


@pytest.mark.variant
def test_a_bus_that_hangs_up_is_reported(start: Any, script: Any) -> None:
    with bound() as (server, address):
        server.listen()
        process = start(
            PYTHON, script("import lager\nlager.pause()\nprint('went on')\n"), **ON, LAGER_BUS_ADDRESS=address
        )
        server.accept()[0].close()
        code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert "cannot pause here" in err


@pytest.mark.variant
def test_a_bus_that_does_not_answer_is_reported(start: Any, script: Any, gate: Any) -> None:
    """A short pause gives up soon, and keeps no descriptor; the command does not outstay its script."""
    text = """
import lager, os
for n in range(2):
    lager.pause(timeout=0.001)
    print(len(os.listdir('/proc/self/fd')))
    input()
"""
    with bound() as (server, address):
        process = start(PYTHON, script(text), stdin=gate[0], **ON, LAGER_BUS_ADDRESS=address)
        refused = process.out.expect("\n")
        server.listen()
        os.write(gate[1], b"\n\n")
        short = start(LAGER, "python", script("print('went on')\n", "short.py"), LAGER_BUS_ADDRESS=address)
        assert ended(short) == (0, "went on\n", "")
        code, silent, err = ended(process)
    assert (code, silent) == (0, refused)
    assert [err.count(words) for words in ("cannot be reached", "lagerd does not answer")] == [1, 1]


@pytest.mark.variant
def test_a_bus_whose_queue_is_full(start: Any, script: Any) -> None:
    with bound() as (server, address), contextlib.ExitStack() as stack:
        server.listen(0)
        path = address.removeprefix("unix:path=")
        for _ in range(3):
            filler = stack.enter_context(socket.socket(socket.AF_UNIX))
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(path)
        process = start(
            PYTHON, script("import lager\nlager.pause()\nprint('went on')\n"), **ON, LAGER_BUS_ADDRESS=address
        )
        code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert "cannot pause here" in err


def test_the_bus_dies_while_paused(start: Any, script: Any, client: Any, own_station: Any) -> None:
    """The pause lasts until its timeout, and then does what the script chose."""
    text = "import lager\nlager.pause(timeout=0, on_timeout={!r})\nlager.pause()\nprint('went on')\n"
    runs = {way: start(LAGER, "python", script(text.format(way), f"{way}.py")) for way in ("resume", "raise", "exit")}
    pauses = [client.paused() for _ in runs]
    for pause in pauses:
        client.call("Extend", "sd", pause["id"], 1.5)
    for pause in pauses:
        client.heard(pause["pid"])
    own_station.kill_broker()
    code, out, err = ended(runs["resume"])
    assert (code, out) == (0, "went on\n")
    assert "resumed automatically: timed out, and lagerd did not answer" in err
    assert "cannot pause here; continuing. The bus at" in err
    assert {way: runs[way].wait() for way in ("raise", "exit")} == {"raise": 1, "exit": 124}
    assert "PauseTimeout: The pause at" in runs["raise"].err.rest()


STOPPED = """
import lager, threading
first = threading.Thread(target=lager.pause, kwargs={'timeout': 1.5})
first.start()
input()
lager.pause(timeout=0.1)
first.join()
print('went on')
"""


def test_lagerd_is_stopped_while_paused(start: Any, script: Any, client: Any, own_station: Any, gate: Any) -> None:
    process = start(LAGER, "python", script(STOPPED), stdin=gate[0])
    first = client.paused()
    os.kill(own_station.lagerd.pid, signal.SIGSTOP)
    os.write(gate[1], b"\n")
    code, out, err = ended(process)
    os.kill(own_station.lagerd.pid, signal.SIGCONT)
    assert (code, out) == (0, "went on\n")
    assert "resumed automatically: timed out, and lagerd did not answer" in err
    assert "cannot pause here; continuing. lagerd does not answer." in err
    client.resumed(first["id"])
    if client.list():  # lagerd hears of the second one only now, and perhaps first that its script has ended
        client.expect("Resumed")
    assert client.list() == []


def test_without_lagerd_and_without_an_address(start: Any, script: Any, tmp_path: Path) -> None:
    """An embedded daemon is not started by a pause, only by a command."""
    name = script("import lager\nlager.pause()\nprint('went on')\n")
    code, out, err = ended(start(PYTHON, name, **ON, LAGER_BUS_ADDRESS="", XDG_RUNTIME_DIR=str(tmp_path)))
    assert (code, out) == (0, "went on\n")
    assert err.startswith("lager: cannot pause here")


needs_root = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("unshare"), reason="only root can make a mount namespace to be read-only in"
)


@pytest.mark.variant
@needs_root
@pytest.mark.parametrize("runtime", ["read-only", "absent", "a file"])
def test_the_runtime_folder_cannot_be_used(script: Any, station: Any, tmp_path: Path, runtime: Any) -> None:
    name = script("import lager\nlager.pause()\nprint('went on')\n")
    folder = tmp_path / "runtime"
    setup = {"read-only": f"mkdir {folder}; mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}",
             "absent": "true", "a file": f"touch {folder}"}[runtime]  # fmt: skip
    command = f"{setup} && mkdir {tmp_path}/tmp && exec {PYTHON} {name}"
    env = {**station.env, **ON, "LAGER_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(folder), "TMPDIR": f"{tmp_path}/tmp"}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr
    assert done.stderr.startswith("lager: cannot pause here")
    assert done.stderr.count("\n") == 1
