"""Detached runs on a box are units of the systemd manager of their user."""

import json
import re
import signal
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.people import call

WAITING = """
import os, signal, subprocess, sys
wait = "import signal, sys; signal.signal(2, signal.SIG_IGN); print(end='', flush=True); signal.pause()"
child = subprocess.Popen([sys.executable, "-c", wait], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.pause()
    os._exit(0)
os.wait()
print("standing", os.getpid(), flush=True)
print("beside", file=sys.stderr)
signal.pause()
"""


@pytest.fixture(scope="module")
def manager(box: Box) -> None:
    """Alice's systemd manager, which stays when she logs out."""
    box.run("loginctl", "enable-linger", "alice")
    box.run("systemctl", "start", "user@2001.service")
    box.write("/home/alice/waiting.py", WAITING)


def detach(box: Box, *words: Any, user: Any = "alice", env: Any = ()) -> str:
    done = box.run("env", *env, "lager", "python", "--detach", *words, user=user)
    return done.stdout.split()[0]


def known(box: Box, id: Any, user: Any = "alice") -> Any:
    return next(one for one in json.loads(box.run("lager", "runs", "--json", user=user).stdout) if one["id"] == id)


def of_unit(box: Box, unit: Any, *properties: Any) -> dict[str, str]:
    names = [f"--property={name}" for name in properties]
    shown = box.run("env", "XDG_RUNTIME_DIR=/run/user/2001", "systemctl", "--user", "show", unit, *names, user="alice")
    return dict(line.split("=", 1) for line in shown.stdout.splitlines())


def tasks(box: Box, id: Any) -> set[str]:
    """The pids of the unit of a run, as the kernel has them, without its keeper, which tells the end before its own."""
    find = f"find /sys/fs/cgroup -name 'lager-run-{id}.service' -exec cat {{}}/cgroup.procs ';'"
    groups = box.run("sh", "-c", find, check=False)  # the unit may go while it is looked at
    return set(groups.stdout.split()) - {str(known(box, id)["keeper"])}


def test_a_run_is_a_unit_with_all_its_processes(box: Box, manager: None) -> None:
    id = detach(box, "--timeout", "1234.5", "waiting.py")
    unit = known(box, id)["unit"]
    assert unit == f"lager-run-{id}.service"
    told = of_unit(box, unit, "RuntimeMaxUSec", "ActiveState")
    assert (told["RuntimeMaxUSec"].rstrip("0s"), told["ActiveState"]) == ("20min 34.5", "active")
    with box.start("lager", "python", "--reattach", id[:8], user="alice") as follower:
        follower.until("standing")
        assert len(tasks(box, id)) == 3
        asked = box.run("lager", "python", "--pause", id, user="alice").stdout
        assert "in <module> - requested by alice\n" in asked
        assert box.run("lager", "python", "--kill", id[:8], user="alice").stdout == f"Ended {id[:8]}: exit code 130.\n"
        assert follower.ended() == 130
    assert tasks(box, id) == set()


def test_the_output_of_a_run_is_in_the_journal_too(box: Box, manager: None) -> None:
    box.write(
        "/home/alice/printing.py", "import sys\nfor n in range(3): print('line', n)\nprint('wrong', file=sys.stderr)"
    )
    id = detach(box, "printing.py")
    assert box.run("lager", "python", "--reattach", id, user="alice").stdout == "line 0\nline 1\nline 2\n"
    with box.start("journalctl", "--follow", "--output=cat", f"_SYSTEMD_USER_UNIT=lager-run-{id}.service") as journal:
        assert {journal.until("line|wrong")[0] for _ in range(4)} == {"line", "wrong"}


def test_a_run_ends_at_its_time_limit(box: Box, manager: None) -> None:
    id = detach(box, "--timeout", "0.5", "waiting.py")
    done = box.run("lager", "python", "--reattach", id, user="alice", check=False)
    assert (done.returncode, "the run timed out (--timeout)" in done.stderr) == (124, True)
    assert tasks(box, id) == set()


def test_systemctl_stop_lets_the_script_clean_up(box: Box, manager: None) -> None:
    text = "import signal\ntry:\n    print('up')\n    signal.pause()\nfinally:\n    print('put away')\n"
    box.write("/home/alice/tidy.py", text)
    id = detach(box, "tidy.py")
    with box.start("lager", "python", "--reattach", id, user="alice") as follower:
        follower.until("up")
    runtime = "XDG_RUNTIME_DIR=/run/user/2001"
    box.run("env", runtime, "systemctl", "--user", "stop", known(box, id)["unit"], user="alice")
    done = box.run("lager", "python", "--reattach", id, user="alice", check=False)
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "up\nput away\n")


def test_a_killed_supervisor_leaves_no_process(box: Box, manager: None) -> None:
    id = detach(box, "waiting.py")
    with box.start("lager", "python", "--reattach", id[:8], user="alice") as follower:
        follower.until("standing")
        box.run("kill", "-KILL", known(box, id)["keeper"])
        assert follower.ended() == 1
    assert known(box, id)["state"] == "died"


def test_a_run_survives_the_logout_of_its_user(box: Box, manager: None) -> None:
    """A real session of logind, in which the run is started, and which then ends."""
    text = "import lager\nlager.pause('overnight', timeout=0)\nprint('went on')\n"
    box.write("/home/alice/overnight.py", text)
    session = ["systemd-run", "--quiet", "--wait", "--pipe", "--uid=alice", "--property=PAMName=login"]
    path = "--setenv=PATH=/opt/lager/bin:/usr/bin:/bin"
    inside = "cd; echo session $XDG_SESSION_ID; lager python --detach overnight.py"
    said = box.run(*session, path, "sh", "-c", inside).stdout
    assert re.search(r"^session \w+$", said, re.MULTILINE), said
    id = said.split()[2]
    assert "enable-linger" not in said
    with box.start("lager", "python", "--reattach", id, user="alice") as follower:
        call(box, "bob", "Continue", "s", follower.until(r"  id +([0-9a-f]{8})$")[1])
        follower.until("went on")
        assert follower.ended() == 0


def test_without_lingering_the_command_says_what_to_do(box: Box) -> None:
    box.run("systemctl", "start", "user@2002.service")
    box.write("/home/bob/nothing.py", "")
    done = box.run("lager", "python", "--detach", "nothing.py", user="bob")
    assert "loginctl enable-linger" in done.stderr
    id = done.stdout.split()[0]
    assert known(box, id, "bob")["unit"]
    assert box.run("lager", "python", "--reattach", id, user="bob").stdout == ""
    box.run("systemctl", "stop", "user@2002.service")


def test_names_that_systemd_would_change_reach_the_script(box: Box, manager: None) -> None:
    odd = "/home/alice/$HOME %n ü"
    box.run("mkdir", odd, user="alice")
    box.write(f"{odd}/say.py", "import os, sys\nprint(sys.argv[1:], os.getcwd(), os.environ['ODD'])\n")
    env = (f"XDG_STATE_HOME={odd}", "ODD=$HOME %n \n\t\"'\\")
    id = detach(box, f"{odd}/say.py", "$HOME", "%n", "a\nb", env=env)
    done = box.run("env", *env, "lager", "python", "--reattach", id, user="alice")
    assert done.stdout == str(["$HOME", "%n", "a\nb"]) + " /home/alice " + "$HOME %n \n\t\"'\\\n"


def test_each_user_has_their_own_runs(box: Box, manager: None) -> None:
    id = detach(box, "waiting.py")
    for user in ("bob", "root"):
        assert id not in box.run("lager", "runs", "--all", "--json", user=user).stdout
    assert box.run("lager", "python", "--kill", id, user="bob", check=False).returncode == 1
    assert known(box, id)["state"] == "running"
    box.run("lager", "python", "--kill", id, user="alice")
