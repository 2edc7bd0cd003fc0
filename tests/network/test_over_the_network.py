"""From a desk to a bench, over a real network with a real sshd: the commands of the README, and failures."""

import contextlib
import json
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.box.container import VENV, Box, Process
from tests.fixtures import TerminalStarter
from tests.loopback import HURRIED
from tests.patterns import search

ROOT = Path(__file__).parents[2]
# input() itself would not do for the Ctrl-C: one that comes just before it reads goes unnoticed until there is a line.
KEYS = """
import lager, signal
lager.pause("here")
input("name? ")
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print("waiting", flush=True)
signal.sigwait([signal.SIGINT])
raise KeyboardInterrupt
"""
TIDY = """
import os, time
print("run", os.environ["LAGER_PROCESS_ID"], "up", flush=True)
try:
    time.sleep(1000)
except KeyboardInterrupt:
    with open("/tmp/interrupted", "a") as file:
        file.write("once\\n")
    raise
"""


@pytest.fixture
def instruments(bench: Box) -> Iterator[Process]:
    """The simulated bench, as the one that is described in the nets file."""
    with bench.start(
        "python", "-P", "-m", "lagerd.bench", "--folder", "/run/simulated", "--ready-fd", "1"
    ) as simulated:
        (bench.root / "run/simulated").mkdir(mode=0o755, exist_ok=True)
        simulated.until("ready")
        bench.write("/etc/lager/nets.toml", (bench.root / "run/simulated/nets.toml").read_text())
        yield simulated
        (bench.root / "etc/lager/nets.toml").unlink()


@pytest.mark.usefixtures("instruments")
def test_the_story_of_the_readme_from_a_desk(desk: Box, bench: Box, terminal: TerminalStarter) -> None:
    desk.write("/home/alice/examples/inspect_bench.py", (ROOT / "examples/inspect_bench.py").read_text())
    desk.run("lager", "boxes", "add", "bench3", "bench", user="alice")
    screen = terminal("lager", "python", "examples/inspect_bench.py", "--box", "bench3")
    screen.expect("before the pause: {'adc1': 0.0, 'adc2': 0.0, 'adc3': 0.0}")
    assert "examples/inspect_bench.py:15" in screen.expect("before the load test")
    id = search(r"  id +(\w{8})", screen.expect("press Enter, or: lager python --continue "))[1]
    screen.expect(f"{id} --box bench3")

    def ask(*words: Any, user: Any = "bob", **more: Any) -> "subprocess.CompletedProcess[str]":
        return desk.run("lager", *words, "--box", "bench", user=user, check=False, **more)

    assert id in ask("breakpoints").stdout
    assert ask("supply", "supply2", "voltage", "3.3").returncode == 0
    assert ask("supply", "supply2", "enable").returncode == 0
    assert ask("adc", "adc4").returncode == 0
    busy = ask("adc", "adc1")
    assert (busy.returncode, "daq1 is held by alice" in busy.stderr) == (75, True)
    console = ask("python", "--console", id, user="alice", input="read_adcs()\n")
    assert console.stdout == "{'adc1': 3.3, 'adc2': 0.0, 'adc3': 3.1}\n"
    assert ask("python", "--continue", id).stdout == f"Resumed {id}.\n"
    screen.expect(f"{id} resumed by bob with lager python --continue")
    screen.expect("after the pause:  {'adc1': 3.3, 'adc2': 0.0, 'adc3': 3.1}")
    assert screen.wait() == 0


def test_enter_and_ctrl_c_at_the_desk(desk: Box, terminal: TerminalStarter) -> None:
    desk.write("/home/alice/keys.py", KEYS)
    screen = terminal("lager", "python", "keys.py", "--box", "bench")
    screen.expect("resumes in")
    screen.type("\r")
    screen.expect("resumed by alice with Enter")
    screen.expect("name? ")
    screen.type("bob\r")
    screen.expect("waiting")
    screen.type("\x03")
    screen.expect("KeyboardInterrupt")
    assert screen.wait() == 130


def test_a_cut_network_interrupts_the_run_and_gives_the_terminal_back(
    desk: Box, bench: Box, terminal: TerminalStarter
) -> None:
    desk.write("/home/alice/tidy.py", TIDY)
    bench.run("mkfifo", "-m", "666", "/tmp/interrupted")
    bench.write("/opt/hurried", f"#!{VENV}/bin/python\n{HURRIED}", mode=0o755)
    desk.run("lager", "boxes", "add", "hurried", "bench", "--command", "/opt/hurried", user="alice")
    screen = terminal("python", "-c", HURRIED, "python", "tidy.py", "--box", "hurried")
    before = termios.tcgetattr(screen.screen.fd)
    run = search(r"run (\S{36}) up", screen.expect(" up\n"))[1]
    assert termios.tcgetattr(screen.screen.fd) != before
    with bench.start("cat", "/tmp/interrupted") as interrupted, cut(desk):
        began = time.monotonic()
        interrupted.until("once", timeout=30)
        assert time.monotonic() - began < 30
        screen.expect("The connection to the box hurried is lost")
        assert screen.wait() == 255
        assert termios.tcgetattr(screen.screen.fd) == before
    recorded = ("LAGER_EVENT=connection-lost", f"LAGER_RUN={run}")
    with bench.start("journalctl", "--follow", "--lines=all", "--output=json", *recorded) as journal:
        record = json.loads(journal.until("connection-lost")[0] and journal.seen[-1])
    assert record["LAGER_BY_USER"] == "alice"
    bench.run("rm", "/tmp/interrupted")


def test_a_detached_run_outlives_the_session_that_started_it(desk: Box, bench: Box) -> None:
    """No user lingers here, so systemd ends a user's manager soon after the last session, as this test does."""
    desk.write("/home/alice/overnight.py", "import lager\nlager.pause('overnight', timeout=0)\nprint('went on')\n")
    run = desk.run("lager", "python", "--detach", "overnight.py", "--box", "bench", user="alice").stdout.split()[0]
    with desk.start("lager", "python", "--reattach", run, "--box", "bench", user="alice") as follower:
        id = follower.until(r"  id +([0-9a-f]{8})$")[1]
    bench.run("systemctl", "stop", "user@2001.service")
    desk.run("lager", "python", "--continue", id, "--box", "bench", user="alice")
    followed = desk.run("lager", "python", "--reattach", run, "--box", "bench", user="alice")
    assert followed.stdout.endswith("went on\n")


def test_a_terminal_of_another_container(desk: Box, terminal: TerminalStarter) -> None:
    desk.write("/home/alice/here.py", "print('ran here')\n")
    screen = terminal("lager", "--here", "python", "here.py")
    screen.expect("ran here")
    assert screen.wait() == 0


@contextlib.contextmanager
def cut(desk: Box) -> Iterator[None]:
    desk.run("ip", "link", "set", "lan0", "down")
    try:
        yield
    finally:
        desk.run("ip", "link", "set", "lan0", "up")


def said(desk: Box, *words: Any, user: Any = "alice") -> tuple[int, str]:
    done = desk.run("lager", *words, user=user, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_denial_says_what_to_do(desk: Box, bench: Box) -> None:
    code, error = said(desk, "breakpoints", "--box", "bench", user="mallory")
    assert code == 1
    assert "group lager" in error
    (line,) = json.loads(desk.run("lager", "boxes", "check", "bench", "--json", user="mallory", check=False).stdout)
    assert (line["ssh"], line["group"]) == ("ok", "no")
    assert "sudo adduser" in line["to_do"]


def test_a_stopped_and_masked_lagerd_is_reported(desk: Box, bench: Box) -> None:
    bench.run("systemctl", "mask", "--runtime", "--now", "lagerd")
    try:
        code, error = said(desk, "breakpoints", "--box", "bench")
    finally:
        bench.run("systemctl", "unmask", "--runtime", "lagerd")
        bench.run("systemctl", "start", "lagerd")
    assert code == 1
    assert "See why: systemctl status lagerd" in error


def test_a_host_without_sshd_and_a_host_that_does_not_exist(desk: Box) -> None:
    code, error = said(desk, "breakpoints", "--box", "closed")
    assert (code, "refuses ssh" in error) == (255, True)
