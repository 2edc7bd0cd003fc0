"""`lager python --kill` ends a run and everything that it started."""

import os
import signal

import pytest

from tests.bus.runs.detached.known_runs import FOR_EVER, Runs
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, limited

HURRIED = limited("lager_cli.linux.ladder.STEP_SECONDS", 1.0)


def test_all_processes_of_a_run_are_ended(runs: Runs, lager: Command, script: ScriptWriter, start: Starter) -> None:
    text = """
import signal, subprocess
deaf = "trap '' INT; echo; exec sleep 1000"
child = subprocess.Popen(["sh", "-c", deaf], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
try: signal.pause()
finally: print('put away')
"""
    id = runs.detach(script(text))
    follower = start(LAGER, "python", "--reattach", id)
    pid = int(follower.out.expect("\n"))
    killing = start(*HURRIED, "python", "--kill", id[:8])
    assert (killing.wait(), killing.out.rest()) == (0, f"Ended {id[:8]}: exit code 130.\n")
    assert follower.out.rest() == "put away\n"
    assert follower.wait() == 130
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    again = lager("python", "--kill", id)
    assert (again.returncode, "has already ended" in again.stderr) == (1, True)


@pytest.mark.variant
def test_a_process_that_ignores_signals_is_killed(runs: Runs, script: ScriptWriter, start: Starter) -> None:
    id = runs.detach(
        script("import signal\nsignal.signal(15, lambda *_: exit(5))\nsignal.signal(2, signal.SIG_IGN)\n" + FOR_EVER)
    )
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("ready")
    assert start(*HURRIED, "python", "--kill", id).out.rest() == f"Ended {id[:8]}: exit code 5.\n"


def test_a_single_signal_can_be_sent(runs: Runs, lager: Command, script: ScriptWriter, start: Starter) -> None:
    id = runs.detach(script("import signal\nsignal.signal(10, lambda *_: exit(6))\n" + FOR_EVER))
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("ready")
    assert lager("python", "--kill", id, "--signal", "usr1").stdout == f"Sent SIGUSR1 to 1 process of {id[:8]}.\n"
    assert follower.wait() == 6
    wrong = lager("python", "--kill", id, "--signal", "FOO")
    assert (wrong.returncode, "'FOO' is not a signal" in wrong.stderr) == (2, True)


@pytest.mark.variant
def test_a_run_whose_keeper_is_stopped_can_be_ended(
    runs: Runs, lager: Command, script: ScriptWriter, start: Starter
) -> None:
    id = runs.detach(script(FOR_EVER))
    start(LAGER, "python", "--reattach", id).out.expect("ready")
    os.kill(int(runs.known(id)["keeper"]), signal.SIGSTOP)
    assert lager("python", "--kill", id).stdout == f"Ended {id[:8]}: exit code 130.\n"
