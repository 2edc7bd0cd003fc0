"""However `lager python` ends before its script: the script cleans up, and no process that it started remains."""

import json
import os
import select
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, PATIENCE, Process, limited

HURRIED = limited("lager_cli.linux.ladder.STEP_SECONDS", 1.0)

FAMILY = """
import os, signal, subprocess, sys
child = "import subprocess; subprocess.run(['sleep', '1000'])"
deaf = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; print('', flush=True); signal.pause()"
def start(code, **more):
    return subprocess.Popen([sys.executable, '-c', code], start_new_session=True, **more)
with open('pids', 'w') as file:
    file.write(f'{os.getpid()} {start(child).pid}')
    if 'orphan' in sys.argv:
        shell = 'exec setsid sleep 1000 >/dev/null & echo $!'
        file.write(f" {subprocess.run(['sh', '-c', shell], stdout=subprocess.PIPE, text=True).stdout}")
    if 'deaf' in sys.argv:
        one = start(deaf, stdout=subprocess.PIPE)
        one.stdout.readline()
        file.write(f' {one.pid}')
try:
    if 'paused' in sys.argv:
        import lager
        lager.pause('stopped here')
    print('up', flush=True)
    signal.pause()
finally:
    with open('told', 'a') as file:
        file.write('tidied up\\n')
"""
Family = Callable[..., Process]


@pytest.fixture
def family(start: Callable[..., Process], script: Callable[[str], str], tmp_path: Path) -> Iterator[Family]:
    """Starts FAMILY, as a shell's job in the background if asked; afterwards all its members have ended, having tidied
    up once. Where some ignore SIGINT, the next signal comes soon."""
    with ExitStack() as stack:

        def begin(*words: str, background: bool = False) -> Process:
            os.mkfifo(tmp_path / "pids")
            lager = HURRIED if background or {"deaf", "orphan"} & set(words) else (LAGER,)
            command = (*lager, "python", script(FAMILY), *words)
            if background:  # without job control a shell ignores SIGINT there
                command = ("/bin/sh", "-c", f"trap '' INT; exec {shlex.join(command)}")
            process = start(*command)
            pids = (tmp_path / "pids").read_text().split()
            ends = [stack.enter_context(open(os.pidfd_open(int(pid)), "rb", buffering=0)) for pid in pids]
            stack.callback(all_ended, ends)
            return process

        yield begin
    assert (tmp_path / "told").read_text() == "tidied up\n"


def all_ended(ends: list[FileIO]) -> None:
    for end in ends:
        assert select.select([end], [], [], PATIENCE)[0]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL"])
def test_a_killed_run_tidies_up_with_all_that_it_started(family: Family, name: str) -> None:
    process = family()
    process.out.expect("up")
    process.kill(signal.Signals[name])
    assert process.wait() == (-signal.SIGKILL if name == "SIGKILL" else 128 + signal.Signals[name])


@pytest.mark.variant
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("words", [[], ["paused"]])
def test_a_killed_run_in_the_background_of_a_shell_tidies_up_too(
    family: Family, client: Client, name: str, words: Any
) -> None:
    process = family(*words, background=True)
    if words:
        client.paused()
    else:
        process.out.expect("up")
    process.kill(signal.Signals[name])
    process.wait()


CLEANS = """
import lager
try:
    lager.pause('x')
finally:
    print('cleaning', flush=True)
    open('go').read()
    print('cleaned', flush=True)
"""


@pytest.mark.variant
def test_a_script_whose_terminal_closes_cleans_up_though_it_is_told_more_than_once(
    run: Starter, client: Client, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    process = run(CLEANS)
    pid = client.paused()["pid"]
    os.kill(pid, signal.SIGHUP)  # by the kernel
    process.out.expect("cleaning")
    os.kill(pid, signal.SIGHUP)  # by an interactive shell, and then by the kernel once more
    (tmp_path / "go").write_text("")
    process.out.expect("cleaned")
    assert "lager_startup" not in process.err.rest()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.parametrize("words", [["orphan"], ["orphan", "paused"]])
def test_a_process_that_lost_its_parent_belongs_to_the_run(
    family: Family, client: Client, name: str, words: list[str]
) -> None:
    process = family(*words)
    if "paused" in words:
        client.paused()
    else:
        process.out.expect("up")
    process.kill(signal.Signals[name])
    process.wait()


@pytest.mark.variant
def test_a_run_that_is_ended_by_its_id_takes_its_orphans_along(family: Family, lager: Command, start: Starter) -> None:
    process = family("orphan")
    process.out.expect("up")
    id = recorded(lager)
    start(*HURRIED, "python", "--kill", id).out.expect(f"Ended {id}")
    process.wait()


def test_a_detached_run_outlives_the_run_that_started_it(
    run: Starter, script: ScriptWriter, lager: Command, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    script("open('go').read(); print('went on')", "inner.py")
    outer = """
import signal, subprocess
subprocess.run(['lager', 'python', '--detach', 'inner.py'])
print('started', flush=True)
signal.pause()
"""
    process = run(outer)
    id = process.out.expect("\n").strip()
    process.out.expect("started")
    process.kill(signal.SIGTERM)
    process.wait()
    (tmp_path / "go").write_text("")
    assert "went on" in lager("python", "--reattach", id).stdout


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_a_paused_run_that_is_killed_is_interrupted(family: Family, client: Client, name: str) -> None:
    process = family("paused")
    pause = client.paused()
    process.kill(signal.Signals[name])
    process.wait()
    assert client.resumed(pause["id"])[0] == "interrupted"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_a_process_that_ignores_signals_is_finally_killed(family: Family, name: str) -> None:
    process = family("deaf")
    process.out.expect("up")
    process.kill(signal.Signals[name])
    process.wait()


@pytest.mark.variant
def test_a_stopped_script_is_continued_to_clean_up(family: Family) -> None:
    process = family()
    process.out.expect("up")
    (script, _) = children(process.pid)
    os.kill(script, signal.SIGSTOP)
    process.kill()


@pytest.mark.variant
def test_timeout_1_leaves_the_script_time_to_tidy_up(family: Family) -> None:
    """It sends SIGTERM to the whole process group, so the script gets it from there, too."""
    process = family()
    process.out.expect("up")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM


def test_a_signal_to_the_script_itself_ends_the_run_in_order(family: Family) -> None:
    process = family()
    process.out.expect("up")
    os.kill(children(process.pid)[0], signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM


@pytest.mark.variant
def test_a_run_under_nohup_ignores_sighup(start: Starter, script: ScriptWriter) -> None:
    script("import signal\nprint('up', flush=True)\nsignal.pause()\n")
    process = start("/bin/sh", "-c", f"trap '' HUP; exec {shlex.quote(LAGER)} python script.py")
    process.out.expect("up")
    os.killpg(process.pid, signal.SIGHUP)
    process.kill(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM


def test_a_child_of_the_script_has_the_signals_of_plain_python(run: Starter) -> None:
    text = """
import multiprocessing, os, signal
def wait(): signal.pause()
if __name__ == '__main__':
    child = multiprocessing.get_context('fork').Process(target=wait)
    child.start()
    child.terminate()
    child.join()
    print(child.exitcode, 'LAGER_PYTHON_PID' in os.environ)
"""
    process = run(text)
    assert process.out.rest() == "-15 False\n"
    assert process.wait() == 0


def test_what_a_script_leaves_running_outlives_an_ordinary_end(run: Starter, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    os.mkfifo(tmp_path / "said")
    process = run("import subprocess\nsubprocess.Popen(['sh', '-c', 'read x < go; echo $x > said'])\n")
    assert process.wait() == 0
    (tmp_path / "go").write_text("alive\n")
    assert (tmp_path / "said").read_text() == "alive\n"


def recorded(lager: Callable[..., subprocess.CompletedProcess[str]]) -> str:
    """The id of the run of FAMILY, which is recorded a moment after it has begun."""
    while True:
        for one in json.loads(lager("runs", "--json").stdout):
            if one["state"] == "running" and "orphan" in one["arguments"]:
                return str(one["id"])[:8]


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
