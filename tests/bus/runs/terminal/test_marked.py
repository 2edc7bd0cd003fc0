"""What failed is marked on the screen: killed scripts, failed runs and instruments, and a protection that tripped."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, TerminalStarter
from tests.patterns import search
from tests.processes import LAGER, Process
from tests.station import Station

KILLED = "import os, signal\nos.kill(os.getpid(), signal.{})\n"


@pytest.mark.parametrize(("name", "code"), [("SIGKILL", 137), ("SIGSEGV", 139), ("SIGABRT", 134)])
def test_a_killed_script_says_so(lager: Command, script: ScriptWriter, name: str, code: int) -> None:
    done = lager("python", script(KILLED.format(name)))
    assert done.returncode == code
    assert f"lager: the script was killed by {name}\n" in done.stderr


def test_a_script_that_ends_by_itself_says_nothing(lager: Command, script: ScriptWriter) -> None:
    done = lager("python", script("raise SystemExit(3)\n"))
    assert (done.returncode, done.stderr) == (3, "")


@pytest.fixture
def many_runs(own_station: Station, lager: Command, script: ScriptWriter, tmp_path: Path) -> None:
    """Make the records of twenty runs out of that of one, which failed."""
    lager("python", script("import time\ntime.sleep(0.2)\nraise SystemExit(3)\n"))
    [one] = json.loads(lager("runs", "--json").stdout)
    [path] = Path(own_station.env.get("XDG_STATE_HOME") or own_station.env["HOME"]).rglob(f"{one['id']}.json")
    kept = json.loads(path.read_text())
    for number in range(19):
        id = f"{number:08x}" + one["id"][8:]
        code = 0 if number % 2 else 3
        record = {**kept, "id": id, "started": time.time() - 60 * (number + 1), "exit_code": code}
        path.with_name(f"{id}.json").write_text(json.dumps(record))


@pytest.mark.usefixtures("many_runs")
def test_runs_shows_the_last_fifteen_and_marks_those_that_failed(lager: Command, terminal: TerminalStarter) -> None:
    shown = lager("runs")
    assert len(shown.stdout.splitlines()) == 1 + 15
    assert shown.stderr == "lager: 5 older ones are not shown; see: lager runs --all\n"
    assert len(lager("runs", "--all").stdout.splitlines()) == 1 + 20
    for env, marked in (({}, True), ({"NO_COLOR": "1"}, False)):
        view = terminal(LAGER, "runs", **{"TERM": "xterm-256color", **env})
        assert view.wait() == 0
        rows = [line for line in view.screen.text.splitlines() if re.search(r"  ended  ", line)]
        assert len(rows) == 15
        assert all(("\x1b[91m" in row) == (marked and "ended  3" in row) for row in rows), rows


def test_a_check_of_the_nets_says_ok_or_fail_and_a_sum(
    bench: Process, lager: Command, station: Station, tmp_path: Path
) -> None:
    fine = lager("nets", "check")
    assert [line.split()[0] for line in fine.stdout.splitlines() if line.startswith(("OK", "FAIL"))] == ["OK"] * 8
    assert "\nsupply2: max_voltage by software, max_current by software\n" in fine.stdout
    assert "\nbattery1: max_voltage by hardware, max_current by hardware\n" in fine.stdout
    assert "\neload1: max_current by hardware\n" in fine.stdout
    assert fine.stdout.endswith("\n8 instruments OK.\n")
    text = Path(station.env["LAGER_NETS"]).read_text()
    port = search(r'\[instruments.psu1\]\n.*\naddress = "TCPIP0::127.0.0.1::(\d+)::', text).group(1)
    (tmp_path / "nets.toml").write_text(text.replace(f"::{port}::", "::1::"))
    env = {"LAGER_NETS": str(tmp_path / "nets.toml")}
    failed = lager("nets", "check", **env)
    assert failed.returncode == 1
    assert re.search(r"^FAIL +psu1 +DP821 +psu1 \(", failed.stdout, re.M)
    assert failed.stdout.endswith("\n7 OK, 1 FAIL; these nets cannot be used now: supply2, supply3.\n")
    told = {one["instrument"]: one for one in json.loads(lager("nets", "check", "--json", **env).stdout)}
    assert told["psu1"]["nets"] == ["supply2", "supply3"]


@pytest.mark.variant
@pytest.mark.usefixtures("bench")
def test_enable_after_a_trip_says_what_tripped_and_what_to_type(lager: Command) -> None:
    for words in (("voltage", "3"), ("ovp", "5"), ("enable",), ("voltage", "6")):
        lager("supply", "supply2", *words)
    assert "TRIPPED" in lager("supply", "supply2").stdout.upper()
    refused = lager("supply", "supply2", "enable")
    assert refused.returncode == 1
    assert "supply2: OVP tripped at 5 V, so the output stays off." in refused.stderr
    typed = refused.stderr.strip().rpartition("type: lager ")[2]
    lager("supply", "supply2", "voltage", "3")
    assert lager(*typed.split()).returncode == 0
    assert lager("supply", "supply2", "enable").returncode == 0


HELD = """
from lager import Net, pause
with Net.get("supply2", type="supply"):
    pause(interactive=True)
"""
BUSY = "from lager import Net\nNet.get('supply2', type='supply')\n"
TYPED = re.compile(rf"{re.escape(LAGER)} [\w -]+")


@pytest.mark.usefixtures("bench")
def test_where_lager_is_not_on_the_path_what_is_printed_can_be_typed(
    lager: Command, client: Client, script: ScriptWriter, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of a banner, of a detached run, of errors of commands and of scripts; a shell runs one of them."""
    monkeypatch.setitem(station.env, "PATH", "/usr/bin:/bin")
    detached = lager("python", "--detach", script(HELD)).stdout
    id = client.paused()["id"]
    busy = lager("supply", "supply2", "enable").stderr
    failed = lager("python", script(BUSY, "busy.py")).stderr
    unknown = lager("runs", "--kill").stderr
    there = f"--console {id}"
    for told, word in ((detached, "--reattach"), (busy, there), (failed, there), (unknown, "--help")):
        typed = next(one for one in TYPED.findall(told) if word in one)
        assert lager(*typed.split()[1:], "--help").returncode == 0, typed
    ending = next(one for one in TYPED.findall(detached) if "--kill" in one)
    assert subprocess.run(["/bin/sh", "-c", ending], env=station.env, check=False).returncode == 0
