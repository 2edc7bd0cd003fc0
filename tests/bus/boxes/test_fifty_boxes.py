"""Fifty boxes, five of them dead in different ways: live rows come as fast as ssh allows, and the dead say why."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScreenStarter, Starter
from tests.loopback import SSHD, Loopback
from tests.processes import LAGER

LIVE = [f"bench{number:02}" for number in range(45)]
DEAD = {
    "refused": "refuses ssh", "blackhole": "no answer within|does not answer", "changed": "host key .* has changed",
    "mute": "no answer within", "bare": "no command",
}  # fmt: skip
CLIENT = """
Host bench* bare
 ProxyCommand {sshd} -i -f {folder}/sshd.conf
 IdentityFile {folder}/key
 UserKnownHostsFile {folder}/known
Host changed
 ProxyCommand {sshd} -i -f {folder}/sshd.conf
 IdentityFile {folder}/key
 UserKnownHostsFile {folder}/other-known
Host refused
 HostName 127.0.0.1
 Port 1
Host blackhole
 HostName 127.0.0.1
 Port {full}
Host mute
 HostName 127.0.0.1
 Port {mute}
"""


@pytest.fixture
def fifty(near: Loopback) -> Iterator[Loopback]:
    """The boxes as aliases of this machine; a black hole is a port whose queue of connections is full."""
    folder = near.folder
    (folder / "other-known").write_text("box " + (folder / "wrong.pub").read_text())
    with closing(socket.create_server(("127.0.0.1", 0))) as mute, closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        settings = CLIENT.format(sshd=SSHD, folder=folder, full=full.getsockname()[1], mute=mute.getsockname()[1])
        config = folder / "ssh.conf"
        config.write_text(settings + config.read_text())
        tables = [f'[boxes.{name}]\nssh = "{name}"\ncommand = "{LAGER}"\n' for name in [*LIVE, *DEAD]]
        tables[-1] = '[boxes.bare]\nssh = "bare"\ncommand = "/nowhere/lager"\n'
        near.table("".join(tables) + f"[groups]\nlab = {[*DEAD, *LIVE]}\n")
        yield near
        for caller in callers:
            caller.close()


def as_many_ssh(near: Loopback, command: Any) -> float:
    """Return the seconds of `ssh BOX COMMAND` on all live boxes, as many at a time as lager begins with."""
    ssh = near.env["LAGER_SSH"].split()
    began = time.monotonic()
    with ThreadPoolExecutor(2 * len(os.sched_getaffinity(0))) as pool:
        words = [[*ssh, "-n", name, command] for name in LIVE]
        [*pool.map(lambda one: subprocess.run(one, stdout=subprocess.DEVNULL, timeout=60, check=True), words)]
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_boxes_are_shown_about_as_fast_as_ssh_and_five_dead_ones_say_why(
    fifty: Loopback, start: Starter, run: Starter, client: Client
) -> None:
    run("import lager\nlager.pause('one of many', timeout=300)\n")
    id = client.paused()["id"]
    # All boxes share the processors of this machine, so that the start of lager there is no part of what is measured.
    plain, floor = as_many_ssh(fifty, "true"), as_many_ssh(fifty, f"{LAGER} --version")
    began = time.monotonic()
    listing = start(LAGER, "breakpoints", "--box", "@lab", "--limit", "10")
    while listing.out.text.count(id) < len(LIVE):
        assert listing.out.more(120), listing.out.text
    live = time.monotonic() - began
    assert listing.wait(100) == 1
    whole = time.monotonic() - began
    print(f"ssh true {plain:.1f} s, ssh lager {floor:.1f} s, rows {live:.1f} s, all {whole:.1f} s")
    listing.out.rest()
    rows = {row.split()[0]: row for row in listing.out.text.splitlines()[1:]}
    assert rows.keys() == {*LIVE, *DEAD}
    for name, why in DEAD.items():
        assert re.search(why, rows[name]), rows[name]
    assert live < 4 * floor + 5  # twice on a quiet machine
    assert whole < live + 15


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_screen_follows_a_change_a_second_on_fifty_boxes(
    fifty: Loopback, screen: ScreenStarter, run: Starter, client: Client
) -> None:
    shown = screen(LAGER, "status", "--watch", "--box", "@lab", "--limit", "60s", columns=140, rows=120)
    shown.until(lambda text: "45 of 50 boxes answer" in text, 180)
    late = []
    for number in range(5):
        script = run(f"import lager\nlager.pause('change {number}', timeout=300)\n")
        id = client.paused()["id"]
        began = time.monotonic()
        shown.until(partial(lambda id, text: text.count(id) == len(LIVE), id), 120)
        client.call("Continue", "s", id)
        shown.until(partial(lambda id, text: id not in text, id), 120)
        late.append(time.monotonic() - began)
        assert script.wait() == 0
    print("to show a pause and its end on 45 boxes:", [round(one, 1) for one in late], file=sys.stderr)
    shown.type("q")
    assert shown.wait() == 0
