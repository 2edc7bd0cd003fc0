"""`lager python --timeout` ends the whole run: the ladder of signals, and what a pause says of it."""

import contextlib
import os

import pytest

from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER, Gone, limited

LADDER = """
import os, signal, sys
seen = []
def handler(number, _):
    print(signal.Signals(number).name, flush=True)
    if signal.Signals(number).name == sys.argv[1]: os._exit(0)
signal.signal(signal.SIGINT, handler)
signal.signal(signal.SIGTERM, handler)
while True: signal.pause()
"""


@pytest.mark.parametrize(
    ("until", "heard"), [("SIGINT", ["SIGINT"]), ("SIGTERM", ["SIGINT", "SIGTERM"]), ("SIGKILL", ["SIGINT", "SIGTERM"])]
)
def test_a_timeout_climbs_the_ladder_of_signals(
    start: Starter, script: ScriptWriter, until: str, heard: list[str]
) -> None:
    lager = (LAGER,) if until == "SIGINT" else limited("lager_cli.linux.ladder.STEP_SECONDS", 1.0)
    process = start(*lager, "python", "--timeout", "2", script(LADDER), until)  # in which it has its handlers
    assert process.out.rest().split() == heard
    assert process.wait() == 124
    assert process.err.rest() == "lager: the run timed out (--timeout)\n"


@pytest.mark.variant
@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&1 >/dev/null | true"])
def test_a_timeout_ends_the_run_even_if_it_cannot_be_reported(start: Starter, script: ScriptWriter, lost: str) -> None:
    name = script("import os, signal\nprint(os.getpid(), file=open('pid', 'w'))\nsignal.pause()\n")
    process = start("/bin/sh", "-c", f"exec 3>&1; {{ {LAGER} python --timeout 1 {name}; echo $? >&3; }} {lost}")
    assert process.out.rest() == "124\n"
    process.wait()


def is_there(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_no_process_outlives_the_timeout(start: Starter, script: ScriptWriter) -> None:
    """Children, a daemon that forked twice, one in its own session, one that ignores signals, one that is stopped."""
    text = """
import os, signal, subprocess
wait = ['sleep', '1000']
deaf = ['sh', '-c', "trap '' INT TERM; echo; exec sleep 1000"]
pids = [subprocess.Popen(wait).pid]
pids += [subprocess.Popen(wait, start_new_session=True).pid]
stubborn = subprocess.Popen(deaf, start_new_session=True, stdout=subprocess.PIPE)
stubborn.stdout.readline()
stopped = subprocess.Popen(wait)
os.kill(stopped.pid, signal.SIGSTOP)
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writer, b'%d' % os.getpid())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True: signal.pause()
    os._exit(0)
os.wait()
pids += [stubborn.pid, stopped.pid, int(os.read(reader, 100))]
print(*pids, flush=True)
signal.pause()
"""
    hurried = limited("lager_cli.linux.ladder.STEP_SECONDS", 0.5)
    process = start(*hurried, "python", "--timeout", "2", script(text))  # in which all of them begin
    pids = [int(pid) for pid in process.out.expect("\n").split()]
    assert len(pids) == 5
    assert process.wait() == 124
    assert [pid for pid in pids if is_there(pid)] == []


def test_a_pause_does_not_stop_the_clock(run: Starter, client: Client) -> None:
    text = "import lager\ntry:\n    lager.pause()\nfinally:\n    print('put away')\n"
    left = 0
    for limit in (2, 12, 48):  # seconds of which most are left when it pauses, also on a machine that is busy
        process = run(text, options=("--timeout", str(limit)))
        with contextlib.suppress(Gone):
            banner = process.err.expect("the whole run ends in ")
            left = int(process.err.expect("s (lager python --timeout)").partition("s")[0])
        if left:
            break
    assert 1 <= left <= limit
    assert client.resumed(banner.partition("  id        ")[2][:8])[0] == "interrupted"
    assert process.out.rest() == "put away\n"
    assert process.wait() == 124


def test_a_pause_shorter_than_the_run_has_its_usual_banner(run: Starter, client: Client) -> None:
    process = run("import lager\nlager.pause(timeout=5)\n", options=("--timeout", "100"))
    process.err.expect("resumes in 5s")
    client.call("Continue", "s", client.paused()["id"])
    assert process.wait() == 0


def test_a_capped_timeout_is_reported(run: Starter) -> None:
    process = run("import os\nprint(os.environ['LAGER_RUN_DEADLINE'] != '')\n", options=("--timeout", "301"))
    assert process.err.rest() == "lager: --timeout is capped at 300 s\n"
    assert process.out.rest() == "True\n"
    assert run("", options=("--timeout", "300")).err.rest() == ""


def test_a_run_that_ends_before_its_timeout_leaves_its_children_alone(run: Starter) -> None:
    text = """
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=[])
print(child.pid, flush=True)
import os
os._exit(7)
"""
    process = run(text, options=("--timeout", "100"))
    assert process.wait() == 7
