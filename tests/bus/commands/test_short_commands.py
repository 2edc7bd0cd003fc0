"""The short commands: without an id, they use the user's only pause or run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER
from tests.station import Station

PAUSING = "import lager\nlager.pause('{0}', timeout=200, interactive=True)\nprint('after')\n"
ACTIVE = "import time, lager\nprint('begun', flush=True)\ntry:\n    time.sleep(600)\nfinally:\n    print('put away')\n"


@pytest.fixture
def own_runs(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No runs of other tests are known."""
    monkeypatch.setitem(station.env, "XDG_STATE_HOME", str(tmp_path / "state"))


def test_continue_resumes_the_only_pause(run: Starter, client: Client, lager: Command) -> None:
    process = run(PAUSING.format("it"))
    id = client.paused()["id"]
    assert lager("continue").stdout == f"Resumed {id}.\n"
    assert process.wait() == 0


# Each takes longer than the call itself; a person waits for a script to resume.
_SLOW = {"asyncio", "click", "dataclasses", "inspect", "json", "pathlib", "subprocess", "urllib.parse"}


def test_continue_imports_nothing_that_takes_long(run: Starter, client: Client, station: Station) -> None:
    process = run(PAUSING.format("it") * 2)
    entry = (
        "import sys; before = {*sys.modules}; from lager_cli.entry import run\n"
        f"code = run(sys.argv[1:]); print({_SLOW} & {{*sys.modules}} - before); sys.exit(code)"
    )
    for is_named in (False, True):
        id = client.paused()["id"]
        command = [sys.executable, "-c", entry, "continue", *([id] if is_named else [])]
        environment = {**station.env, "XDG_CONFIG_HOME": str(station.folder)}  # that of the user may name boxes
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"Resumed {id}.\nset()\n", "")
    assert process.wait() == 0


def test_continue_takes_an_id_a_prefix_and_a_run(run: Starter, client: Client, lager: Command) -> None:
    process = run(PAUSING.format("it") * 3)
    for key, length in (("id", 8), ("id", 4), ("run_id", 36)):
        pause = client.paused()
        assert lager("continue", pause[key][:length]).returncode == 0
        assert client.resumed(pause["id"])[0] == "continued"
    assert process.wait() == 0


def test_two_pauses_need_an_id(run: Starter, client: Client, lager: Command) -> None:
    processes = [run(PAUSING.format(label)) for label in ("one", "two")]
    ids = [client.paused()["id"] for _ in processes]
    refused = lager("continue")
    assert refused.returncode == 1
    assert "You have 2 paused scripts. Name one of them by its id." in refused.stderr
    assert all(id in refused.stdout for id in ids)
    assert {pause["id"] for pause in client.list()} == set(ids)


@pytest.mark.parametrize("words", [["continue"], ["console"], ["extend", "10m"]])
def test_without_a_pause_they_say_so(client: Client, lager: Command, words: list[str]) -> None:
    refused = lager(*words)
    assert refused.returncode == 1
    assert refused.stderr.startswith("lager: You have no paused script")


@pytest.mark.parametrize("named", [False, True])
def test_extend_gives_the_only_pause_more_time(run: Starter, client: Client, lager: Command, named: bool) -> None:
    run(PAUSING.format("it"))
    id = client.paused()["id"]
    assert lager("extend", *([id] if named else []), "10m").stdout.startswith(f"{id} has 13m")
    assert 700 < client.list()[0]["remaining"] <= 800


@pytest.mark.parametrize("words", [["extend"], ["extend", "soon"], ["extend", "a", "b", "10m"], ["extend", "-1"]])
def test_an_invalid_extension_is_refused_in_one_sentence(lager: Command, words: list[str]) -> None:
    refused = lager(*words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr


def test_console_evaluates_in_the_only_pause(run: Starter, client: Client, lager: Command) -> None:
    run("import lager\nvolts = 3.3\nlager.pause('it', timeout=200, interactive=True)\n")
    client.paused()
    assert lager("console", stdin="volts * 2\n").stdout == "6.6\n"


def test_pause_attach_and_kill_take_the_only_run(
    own_runs: None, client: Client, lager: Command, script: ScriptWriter, start: Starter
) -> None:
    assert lager("python", "--detach", script(ACTIVE)).returncode == 0
    following = start(LAGER, "attach")
    following.out.expect("begun")
    assert "paused at" in lager("pause").stdout
    assert lager("continue").returncode == 0
    [known] = json.loads(lager("runs", "--json").stdout)
    refused = lager("kill")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Name the run: there is no terminal to ask on." in refused.stderr
    assert lager("kill", known["id"]).returncode == 0
    assert "put away" in following.out.rest()


@pytest.mark.parametrize(("answer", "ends"), [("n", False), ("", False), ("y", True)])
def test_kill_without_a_run_asks_first(
    own_runs: None, lager: Command, script: ScriptWriter, terminal: TerminalStarter, answer: str, ends: bool
) -> None:
    run = lager("python", "--detach", script(ACTIVE)).stdout.split()[0]
    asked = terminal(LAGER, "kill")
    asked.expect(f"End the run {run[:8]}, script.py? [y/N]: ")
    asked.type(answer + "\r")
    assert asked.wait() == (0 if ends else 1)
    [known] = json.loads(lager("runs", "--json").stdout)
    assert (known["state"] == "ended") is ends
    lager("kill", run, "--signal", "KILL")


def test_a_simulated_bench_has_no_page(lager: Command) -> None:
    done = lager("page")
    assert done.returncode == 1
    assert "every user of this machine could reach your bench" in " ".join(done.stderr.split())
