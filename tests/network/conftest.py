"""Two machines on a network of their own: a desk, and a bench with sshd and lagerd. alice and bob have accounts on both
and their keys lead from the desk to the bench; mallory too, but she is not in the group lager."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import needs
from tests.box import container
from tests.box.container import Box
from tests.fixtures import TerminalStarter
from tests.processes import Terminal

CHECKOUT = Path(__file__).parents[2]
DESK, BENCH = "192.0.2.1", "192.0.2.2"
CONFIG = f"Host bench\n HostName {BENCH}\nHost closed\n HostName {DESK}\nHost *\n KexAlgorithms curve25519-sha256\n"

_HERE = f"{Path(__file__).parent}/"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path).startswith(_HERE):
            item.add_marker(pytest.mark.xdist_group("network"))


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, Box]]:
    needs.nothing_more(container.missing())
    wheel = container.build_wheel(CHECKOUT, tmp_path_factory.mktemp("dist"))
    # A box ends with the thread that booted it: so the threads end last.
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        booting = [pool.submit(stack.enter_context, container.booted(wheel)) for _ in range(2)]
        desk, bench = (one.result() for one in booting)
        list(pool.map(container.install, (desk, bench)))
        join(desk, bench)
        for user in container.USERS:
            let_in(desk, bench, user)
        bench.run("gpasswd", "-M", "alice,bob", "lager")
        bench.run("systemctl", "start", "lagerd", "ssh")
        yield desk, bench


@pytest.fixture
def desk(machines: tuple[Box, Box]) -> Box:
    return machines[0]


@pytest.fixture
def bench(machines: tuple[Box, Box]) -> Box:
    return machines[1]


@pytest.fixture
def terminal(machines: tuple[Box, Box], tmp_path: Path) -> Iterator[TerminalStarter]:
    """A command of a user at the desk, on a terminal of its own."""
    with ExitStack() as stack:

        def start(*command: object, user: str = "alice") -> Terminal:
            enter, *words = machines[0].command(*command, user=user)
            one = Terminal([shutil.which(enter) or enter, *words], os.environ, tmp_path)
            stack.callback(one.close)
            return one

        yield start


def join(desk: Box, bench: Box) -> None:
    """A cable between them; neither sees anything else."""
    into = ["nsenter", "-t", str(desk.leader), "-n"]
    cable = ["ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan0", "netns", str(bench.leader)]
    subprocess.run([*into, *cable], check=True)
    for box, address in ((desk, DESK), (bench, BENCH)):
        box.run("ip", "address", "add", f"{address}/24", "dev", "lan0")
        box.run("ip", "link", "set", "lan0", "up")


def let_in(desk: Box, bench: Box, user: str) -> None:
    """A key of the user at the desk that opens the bench, whose host key is known there."""
    if not (bench.root / "etc/ssh/ssh_host_ed25519_key").exists():
        bench.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
    home, uid = f"/home/{user}/.ssh", container.USERS[user]
    desk.run("mkdir", "-m", "700", home, user=user)
    bench.run("mkdir", "-m", "700", home, user=user)
    desk.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{home}/id_ed25519", user=user)
    host_key = (bench.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    desk.write(f"{home}/known_hosts", f"{BENCH} {host_key}")
    desk.write(f"{home}/config", CONFIG)
    bench.write(f"{home}/authorized_keys", (desk.root / f"{home}/id_ed25519.pub".lstrip("/")).read_text())
    os.chown(bench.root / f"{home}/authorized_keys".lstrip("/"), uid, uid)
