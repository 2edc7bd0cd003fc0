"""`lager python --pause` pauses a run from outside."""

import os
from pathlib import Path

import pytest

from tests.bus.runs.detached.known_runs import FOR_EVER, Runs
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, limited


def test_a_run_pauses_when_asked(
    runs: Runs, lager: Command, script: ScriptWriter, start: Starter, client: Client
) -> None:
    id = runs.detach(script("print('ready', flush=True)\nn = 0\nwhile True:\n    n += 1\n"))
    start(LAGER, "python", "--reattach", id).out.expect("ready")  # Python ignores the signal before it has begun
    done = lager("--here", "python", "--pause", id[:8], LAGER_BOX="bench7")
    pause = client.paused()
    assert done.returncode == 0
    assert f"lager python --continue {pause['id']} --box bench7" in done.stdout
    assert f"lager python --console {pause['id']} --box bench7" in done.stdout
    again = lager("python", "--pause", id[:8])
    assert (again.returncode, again.stderr) == (0, "lager: the run is already paused\n")
    assert pause["id"] in again.stdout
    lager("python", "--continue", pause["id"])
    client.resumed(pause["id"])


def test_a_run_with_breakpoints_off_refuses_to_pause(runs: Runs, lager: Command, script: ScriptWriter) -> None:
    id = runs.detach(script(FOR_EVER), LAGER_BREAKPOINTS="Off")
    done = lager("python", "--pause", id)
    assert (done.returncode, "LAGER_BREAKPOINTS off" in done.stderr) == (1, True)


@pytest.mark.variant
def test_a_blocking_call_delays_the_requested_pause(
    runs: Runs, script: ScriptWriter, start: Starter, tmp_path: Path, client: Client
) -> None:
    os.mkfifo(tmp_path / "fifo")
    text = "import ctypes\nprint('ready', flush=True)\nctypes.CDLL(None).system(b'read x < fifo')\nprint('back')\n"
    id = runs.detach(script(text))
    start(LAGER, "python", "--reattach", id).out.expect("ready")
    asking = start(*limited("lager_cli.runs.request_pause._PATIENCE", 0.5), "python", "--pause", id)
    assert (asking.wait(), "cannot interrupt" in asking.err.rest()) == (1, True)
    (tmp_path / "fifo").write_text("\n")
    client.call("Continue", "s", client.paused()["id"])
