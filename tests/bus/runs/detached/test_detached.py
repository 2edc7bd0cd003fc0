"""Runs that outlive their terminal: here in sessions, in the box tier in units."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bus.runs.detached.known_runs import FOR_EVER, Runs, ended
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER

PAUSING = "import lager\nprint('before')\nlager.pause('why not')\nprint('after')\n"


def test_a_detached_run_from_start_to_end(runs: Runs, lager: Command, script: ScriptWriter, client: Client) -> None:
    text = "import sys, lager\nprint('one')\nprint('wrong', file=sys.stderr)\n"
    text += "lager.pause()\nprint(sys.argv[1:])\nsys.exit(3)\n"
    done = lager("--here", "python", "--detach", script(text), "a b", LAGER_BOX="bench7")
    id = done.stdout.split()[0]
    runs.begun.append(id)
    assert done.stderr == ""
    for option, named in (("reattach", id[:8]), ("continue", id), ("kill", id[:8])):
        assert f" lager python --{option} {named} --box bench7\n" in done.stdout.replace("    (when", "\n")
    pause = client.paused()
    known = runs.known(id)
    assert (pause["run_id"], pause["pid"]) == (id, known["script"])
    assert (known["state"], known["pauses"], known["detached"]) == ("paused", [pause["id"]], True)
    assert known["box"] == "bench7"
    assert lager("python", "--continue", id).returncode == 0
    ended = runs.wait(id[:8])
    assert (ended.returncode, ended.stdout) == (3, "one\n['a b']\n")
    assert ended.stderr.startswith("wrong\nlager: paused at ")
    known = runs.known(id)
    assert (known["state"], known["exit_code"], known["arguments"]) == ("ended", 3, ["a b"])
    assert runs.wait(id).stdout == ended.stdout


@pytest.mark.variant
def test_arguments_and_environment_with_every_byte(
    runs: Runs, script: ScriptWriter, plain_lager: "Callable[..., subprocess.CompletedProcess[bytes]]"
) -> None:
    script("import os, sys\nprint(sys.argv[1:], os.environ['ODD'], os.getcwd(), os.umask(0))\n")
    every = "".join(map(chr, range(1, 128))) + "".join(chr(0xDC00 + n) for n in range(128, 256))
    words = ("script.py", every, "", "$x %n")
    expected = plain_lager(*words, ODD=every).stdout
    id = plain_lager("--detach", *words, ODD=every).stdout.split()[0].decode()
    runs.begun.append(id)
    assert plain_lager("--reattach", id).stdout == expected


def test_enter_resumes_and_ctrl_c_leaves(
    runs: Runs, script: ScriptWriter, client: Client, terminal: TerminalStarter
) -> None:
    id = runs.detach(script(PAUSING + "import signal\nsignal.pause()\n"))
    client.paused()
    screen = terminal(LAGER, "python", "--reattach", id)
    screen.expect("  timeout ")
    screen.type("\n")
    screen.expect("with Enter")
    screen.type("\x03")
    screen.expect(f"the run continues. To end it: lager python --kill {id[:8]}")
    assert screen.wait() == 130
    assert runs.known(id)["state"] == "running"


def test_the_timeout_of_a_detached_run_is_not_capped(runs: Runs, script: ScriptWriter) -> None:
    text = "import os, time\nprint(float(os.environ['LAGER_RUN_DEADLINE']) - time.monotonic() > 500)\n"
    assert runs.wait(runs.detach("--timeout", "600", script(text))).stdout == "True\n"


@pytest.mark.variant  # on a full disk, test_records shows it, too
def test_a_detached_run_that_times_out_says_so_to_who_comes_back(runs: Runs, script: ScriptWriter) -> None:
    ended = runs.wait(runs.detach("--timeout", "0.5", script("import signal\nsignal.pause()\n")))
    assert ended.returncode == 124
    assert ended.stderr.startswith("lager: the run timed out (--timeout)\n")


def test_the_uploaded_folder_is_removed_with_the_run(runs: Runs, script: ScriptWriter, tmp_path: Path) -> None:
    (tmp_path / "sent").mkdir()
    id = runs.detach(script(""), LAGER_RUN_FOLDER=str(tmp_path / "sent"))
    runs.wait(id)
    ended(runs.known(id)["keeper"])
    assert not (tmp_path / "sent").exists()


def test_a_missing_script(runs: Runs, lager: Command) -> None:
    done = lager("python", "--detach", "nothing.py")
    assert (done.returncode, "No such file or folder: nothing.py" in done.stderr) == (2, True)
    assert runs.all() == []


def test_the_exit_code_is_unknown_if_the_keeper_was_killed(
    runs: Runs, lager: Command, script: ScriptWriter, start: Starter
) -> None:
    id = runs.detach(script(FOR_EVER))
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("ready")
    os.kill(int(runs.known(id)["keeper"]), signal.SIGKILL)
    assert runs.known(id)["state"] == "running"
    assert lager("python", "--kill", id).stdout == f"Ended {id[:8]}.\n"
    assert follower.wait() == 1
    assert f"The exit code of the run {id[:8]} is unknown" in follower.err.rest()
    assert runs.known(id)["state"] == "died"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--detach"], "Name a script"),
        (["--detach", "--kill", "x"], "--detach needs a script"),
        (["--tail", "3", "x.py"], "--tail needs --reattach"),
        (["--signal", "INT", "--pause", "x"], "--signal needs --kill"),
        (["--kill", "x", "--pause", "y"], "not several"),
    ],
)
def test_options_that_do_not_go_together(lager: Command, words: list[str], said: str) -> None:
    done = lager("python", *words)
    assert (done.returncode, said in done.stderr) == (2, True)


@pytest.mark.variant
def test_a_detached_run_on_a_box_keeps_its_files(
    runs: Runs, near: Loopback, lager: Command, script: ScriptWriter, tmp_path: Path
) -> None:
    """Over ssh: it outlives the session, its files too, and the one who comes back gets all of it."""
    (tmp_path / "data").write_text("sent along\n")
    script("import os\nprint(open('data').read(), os.getcwd())\nraise SystemExit(3)\n")
    done = lager("python", "--box", "near", "--detach", "--add-file", "data", "script.py")
    id = done.stdout.split()[0]
    runs.begun.append(id)
    assert f"lager python --reattach {id[:8]} --box near" in done.stdout
    shown = lager("python", "--reattach", id, "--box", "near")
    assert (shown.returncode, shown.stderr) == (3, "")
    sent, folder = shown.stdout.splitlines()
    assert sent == "sent along"
    ended(runs.known(id)["keeper"])
    assert not Path(folder.strip()).exists()
    refused = lager("python", "--box", "near", "--detach", "--download", "*", "script.py")
    assert (refused.returncode, "--download needs a run without --detach" in refused.stderr) == (2, True)
