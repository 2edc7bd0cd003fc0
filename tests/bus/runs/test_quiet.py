"""A waiting process does nothing: no wake-ups, no network, no files, no unneeded imports."""

import os
import re
import subprocess
import sys
import time
import timeit
from pathlib import Path

import pytest

import lager
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER, PATIENCE
from tests.station import Station

IDLE = "import lager\nlager.pause('idle')\n"
PYTHON = sys.executable


def switches(pid: int) -> int:
    """How often the threads of a process went to sleep again, for which they had been woken: proc_pid_status(5). Who is
    put off for others while it works is not woken."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        found = re.findall(r"^voluntary_ctxt_switches:\t(\d+)", (task / "status").read_text(), re.MULTILINE)
        total += sum(map(int, found))
    return total


@pytest.mark.parametrize("seconds", [2.1, 8])
def test_no_process_wakes_up_while_all_wait(
    terminal: TerminalStarter, run: Starter, script: ScriptWriter, station: Station, client: Client, seconds: float
) -> None:
    """A run on a terminal and one without, paused; the time is that of another pause on the same lagerd."""
    screen = terminal(LAGER, "python", script(IDLE), TERM="dumb")  # where nothing counts down
    first = client.paused()
    screen.expect("  timeout ")
    other = run(IDLE.replace("'idle'", "'idle', interactive=True"), options=("--timeout", "250"))
    second = client.paused()
    other.err.expect("  timeout ")
    # A run without a terminal looks for lagerd once, a second after its beginning.
    run(f"import lager\nlager.pause('settle', timeout=1.5)\nlager.pause('clock', timeout={seconds})\n")
    client.resumed(client.paused()["id"])
    clock = client.paused()
    waiting = {"script": first["pid"], "run": screen.pid, "other script": second["pid"], "other run": other.pid}
    before = {name: switches(pid) for name, pid in waiting.items()}
    daemon = switches(station.lagerd.pid)
    assert client.resumed(clock["id"])[0] == "timeout"
    woken = {name: switches(pid) - before[name] for name, pid in waiting.items()}
    # A broadcast of lagerd wakes whoever listens for one: the run on a terminal hears of the clock's end.
    assert woken["script"] == woken["other script"] == woken["other run"] == 0
    assert woken["run"] <= 2
    assert switches(station.lagerd.pid) - daemon < 20
    for pause in (first, second):
        client.call("Continue", "s", pause["id"])


def sockets(pid: int) -> set[str]:
    """The inodes of the sockets of a process."""
    links = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def on_the_network(pid: int) -> set[str]:
    inodes = set()
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        path = Path(f"/proc/{pid}/net/{kind}")
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        inodes |= {line.split()[9] for line in lines}
    return sockets(pid) & inodes


def test_no_socket_of_the_network(run: Starter, client: Client, station: Station) -> None:
    process = run(IDLE.replace("'idle'", "interactive=True"))
    pause = client.paused()
    process.err.expect("  timeout ")
    pids = [pause["pid"], process.pid, station.lagerd.pid]
    assert sockets(pause["pid"])
    assert sockets(station.lagerd.pid)
    assert [on_the_network(pid) for pid in pids] == [set()] * 3
    client.call("Continue", "s", pause["id"])


def test_no_file_is_left_but_the_record_and_the_evidence_of_the_run(
    run: Starter, client: Client, station: Station, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    before = set(station.folder.rglob("*"))
    env = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home), "XDG_STATE_HOME": str(home)}
    process = run(IDLE, PYTHONDONTWRITEBYTECODE="1", **env)
    id = client.paused()["id"]
    while not [*home.rglob("*.json")]:  # which a run gets that lasts for a tenth of a second
        time.sleep(0.01)
    client.call("Continue", "s", id)
    assert process.wait() == 0
    assert sorted(path.suffix for path in home.rglob("*") if path.is_file()) == [".evidence", ".json"]
    assert len(list((home / "lager/runs").iterdir())) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "script.py"]
    assert set(station.folder.rglob("*")) <= before  # of which what another test held may go


def test_an_import_brings_next_to_nothing() -> None:
    shown = subprocess.run(
        [PYTHON, "-I", "-X", "importtime", "-c", "import lager; lager.pause()"],
        capture_output=True, text=True, timeout=PATIENCE, check=True, env={"PATH": ""},
    ).stderr  # fmt: skip
    names = {line.rpartition("|")[2].strip() for line in shown.splitlines()}
    assert "lager" in names
    assert not names & {
        "dbus_fast",
        "dbus_next",
        "pyvisa",
        "asyncio",
        "lager.breakpoints.pause",
        "lager.daemon.daemon_client",
        "threading",
        "socket",
        "typing",
    }
    assert {name for name in names if name.startswith("lager")} == {
        "lager",
        "lager.process",
        "lager.process.at_end",
        "lager.process.fork_lock",
        "lager.process.raised",
        "lager.variables",
    }


def test_a_disabled_pause_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under 5 µs is the aim, which `make bench` measures; the bound here is for any machine on any day."""
    monkeypatch.delenv("LAGER_PROCESS_ID", raising=False)
    assert min(timeit.repeat(lager.pause, number=1000, repeat=5)) / 1000 < 100e-6
    monkeypatch.setenv("LAGER_PROCESS_ID", "x")
    monkeypatch.setenv("LAGER_BREAKPOINTS", "off")
    assert min(timeit.repeat(lager.pause, number=1000, repeat=5)) / 1000 < 100e-6
