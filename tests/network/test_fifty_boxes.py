"""Fifty boxes by ssh, of which five are dead: all are aliases of one booted machine, and share its processors."""

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.box.container import Box
from tests.network.conftest import BENCH

LIVE = [f"bench{number:02}" for number in range(45)]
DEAD = {
    "refused": "refuses ssh", "nowhere": "cannot be reached|no answer within|does not answer",
    "changed": "host key .* has changed", "mute": "no answer within", "bare": "no command",
}  # fmt: skip
CONFIG = f"""
Host bench?? bare
 HostName {BENCH}
Host refused
 HostName {BENCH}
 Port 1
Host nowhere
 HostName 192.0.2.99
Host changed
 HostName {BENCH}
 HostKeyAlias changed
Host mute
 HostName {BENCH}
 Port 7777
"""
MUTE = "import socket; sock = socket.create_server(('', 7777)); print('ready', flush=True); input()"
SCRIPT = "import lager\nlager.pause('one of many', timeout=0)\n"
MANY = "/etc/ssh/sshd_config.d/many.conf"  # as many connections begin at a time as on fifty machines


@pytest.fixture
def fifty(desk: Box, bench: Box) -> Iterator[Box]:
    home = "/home/alice"
    own = {name: (desk.root / f"{home}/.ssh/{name}".lstrip("/")).read_text() for name in ("config", "known_hosts")}
    desk.write(f"{home}/.ssh/config", CONFIG + own["config"])
    key = desk.run("cat", f"{home}/.ssh/id_ed25519.pub").stdout
    desk.write(f"{home}/.ssh/known_hosts", f"{own['known_hosts']}changed {key}")
    desk.write(
        f"{home}/.config/lager/config.toml",
        f'[boxes.bare]\nssh = "bare"\ncommand = "/nowhere/lager"\n[groups]\nlab = {[*DEAD, *LIVE]}\n',
    )
    bench.write(MANY, "MaxStartups 200\n")
    bench.run("systemctl", "reload", "ssh")
    with bench.start("python", "-c", MUTE) as mute:
        mute.until("ready")
        yield desk
    for name, text in own.items():
        desk.write(f"{home}/.ssh/{name}", text)
    desk.run("rm", "-r", f"{home}/.config")
    bench.run("rm", MANY)
    bench.run("systemctl", "reload", "ssh")


def as_many_ssh(desk: Box, command: Any) -> float:
    """Return the seconds of `ssh BOX COMMAND` to all live boxes, as many at a time as lager begins with."""
    began = time.monotonic()
    at_once = 2 * len(os.sched_getaffinity(0))
    each = f"xargs -P {at_once} -I BOX ssh -n BOX {command}"
    desk.run("sh", "-c", f"printf '%s\\n' {' '.join(LIVE)} | {each} >/dev/null", user="alice", timeout=300)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_boxes_are_shown_about_as_fast_as_ssh_and_five_dead_ones_say_why(fifty: Box, bench: Box) -> None:
    bench.write("/home/alice/many.py", SCRIPT)
    with bench.start("lager", "python", "many.py", user="alice") as script:
        id = script.until(r"  id +([0-9a-f]{8})$")[1]
        # All boxes share two processors, so the start of lager on them is not measured.
        plain, floor = as_many_ssh(fifty, "true"), as_many_ssh(fifty, "lager --version")
        began = time.monotonic()
        rows: dict[str, str] = {}
        live = 0.0
        with fifty.start("lager", "breakpoints", "--box", "@lab", "--limit", "10", user="alice") as listing:
            while not rows.keys() >= {*LIVE, *DEAD}:
                line = listing.until(r"^(\S+)  +(.*)", timeout=300)
                rows[line[1]] = line[2]
                live = time.monotonic() - began if line[1] in LIVE else live
            assert listing.ended() == 1
        whole = time.monotonic() - began
        bench.run("lager", "continue", id, user="alice")
        assert script.ended() == 0
    print(f"ssh true {plain:.1f} s, ssh lager {floor:.1f} s, rows {live:.1f} s, all {whole:.1f} s")
    assert [name for name in LIVE if id not in rows[name]] == []
    for name, why in DEAD.items():
        assert re.search(why, rows[name]), rows[name]
    assert live < 4 * floor + 5  # twice on a quiet machine
    assert whole < live + 15
