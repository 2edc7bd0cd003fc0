"""One serial port under several names, and names that lead elsewhere after an adapter was plugged in again."""

import os
import subprocess
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, Process
from tests.station import Station

# Says what it does, line by line: `hold NAME`, `connect`, `close`.
HOLDER = """
import sys
from lager import Net, NetType
from lager.errors import LagerError
for line in sys.stdin:
    word, _, name = line.strip().partition(" ")
    try:
        if word == "hold":
            uart = Net.get(name, type=NetType.UART)
        elif word == "connect":
            uart.connect()
        elif word == "close":
            uart.close()
    except LagerError as error:
        print(type(error).__name__, error, flush=True)
    else:
        print(word, "done", flush=True)
"""


class Adapters:
    """Pseudo-terminals as serial adapters, and the links that udev would make for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[int] = []

    def plug(self, *names: str) -> str:
        """A new adapter, to which these names lead from now on; the path that the kernel gave it."""
        master, slave = os.openpty()
        tty.setraw(slave)
        self.opened += [master, slave]
        for name in names:
            self.link(name, os.ttyname(slave))
        return os.ttyname(slave)

    def link(self, name: str, target: str) -> None:
        (self.folder / "new").symlink_to(target)
        (self.folder / "new").rename(self.folder / name)


@pytest.fixture
def adapters(tmp_path: Path, station: Station, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapters]:
    found = Adapters(tmp_path)
    yield found
    for end in found.opened:
        os.close(end)


@pytest.fixture
def nets(tmp_path: Path, station: Station, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a nets file: each keyword is a net and an instrument of the same name, its value the path."""

    def write(**paths: object) -> None:
        text = "".join(
            f'[instruments.{name}]\naddress = "{path}"\n[nets.{name}]\ntype = "uart"\ninstrument = "{name}"\n'
            for name, path in paths.items()
        )
        (tmp_path / "nets.toml").write_text(text)
        monkeypatch.setitem(station.env, "LAGER_NETS", str(tmp_path / "nets.toml"))

    return write


@pytest.fixture
def holder(start: Starter, script: ScriptWriter) -> Callable[..., Any]:
    """A script that executes commands; what it printed."""

    def begin() -> Callable[..., str]:
        process: Process = start("python", script(HOLDER), stdin=subprocess.PIPE)

        def tell(line: str) -> str:
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            return process.out.expect("\n").strip()

        return tell

    return begin


def test_every_name_of_a_port_is_one_lease(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any], lager: Command
) -> None:
    tty_path = adapters.plug("by-id", "by-path")
    nets(by_id=adapters.folder / "by-id", by_path=adapters.folder / "by-path", plain=tty_path)
    one = holder()
    for name in ("by_id", "by_path", "plain"):
        assert one(f"hold {name}") == "hold done"
        for other in {"by_id", "by_path", "plain"} - {name}:
            refused = lager("uart", other)
            assert refused.returncode == 75
            assert f"{other} is the same port as {name}. {name} is held by" in refused.stderr
        assert one("close") == "close done"
    assert lager("uart", "plain").returncode == 0


@pytest.mark.parametrize("address", ["{}", "ASRL{}::INSTR", "rtu:{}"])
def test_a_net_that_is_reserved_for_a_run_holds_every_name_of_its_port(
    adapters: Adapters,
    tmp_path: Path,
    station: Station,
    script: ScriptWriter,
    start: Starter,
    lager: Command,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    plain, other = adapters.plug("by-id"), address.format(adapters.folder / "by-id")
    model, type = {"{}": ("serial", "uart"), "rtu:{}": ("modbus-coils", "switch")}.get(address, ("KA3005P", "supply"))
    channel = "channel = 1" if type == "switch" else ""
    (tmp_path / "nets.toml").write_text(
        f"""
        [instruments.plain]
        address = "{plain}"
        [nets.plain]
        type = "uart"
        instrument = "plain"
        [instruments.reserved]
        model = "{model}"
        address = "{other}"
        [nets.reserved]
        type = "{type}"
        instrument = "reserved"
        {channel}
        """
    )
    monkeypatch.setitem(station.env, "LAGER_NETS", str(tmp_path / "nets.toml"))
    run = start(
        LAGER, "python", "--any", "reserved", script("print('begun', flush=True); input()"), stdin=subprocess.PIPE
    )
    run.out.expect("begun")
    refused = lager("uart", "plain")
    assert refused.returncode == 75
    assert "plain is the same port as reserved" in refused.stderr


@pytest.mark.variant
def test_a_script_that_holds_the_port_under_another_name_says_so(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any]
) -> None:
    nets(by_id=adapters.folder / "by-id", plain=adapters.plug("by-id"))
    one = holder()
    one("hold by_id")
    said = one("hold plain")
    assert "NetConflict plain and by_id share one instrument" in said
    assert "Close by_id first" in said


def test_a_claim_waits_for_a_port_under_another_name(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any], start: Starter, client: Client
) -> None:
    nets(by_id=adapters.folder / "by-id", plain=adapters.plug("by-id"))
    one = holder()
    one("hold by_id")
    names = ("plain", "plain", "by_id")
    waiting = [start(LAGER, "uart", name, "--wait", "60", stdin=subprocess.PIPE) for name in names]
    for process in waiting:
        process.stdin.close()
        client.expect("Queued")
    one("close")
    for process in waiting:
        assert process.wait() == 0, process.err.rest()


def test_a_port_that_is_plugged_in_again_during_a_hold_stays_the_holders(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any], lager: Command
) -> None:
    adapters.plug("dut")
    nets(dut=adapters.folder / "dut", other=adapters.folder / "other")
    one = holder()
    one("hold dut")
    one("connect")
    second = adapters.plug("dut")
    nets(dut=adapters.folder / "dut", plain=second)
    for name in ("dut", "plain"):
        refused = lager("uart", name)
        assert refused.returncode == 75
        assert "dut is held by" in refused.stderr
    assert one("connect") == "connect done"


@pytest.mark.variant
def test_of_two_links_that_swap_each_stays_with_the_holder_of_its_name(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any], lager: Command
) -> None:
    first, second = adapters.plug("a"), adapters.plug("b")
    nets(a=adapters.folder / "a", b=adapters.folder / "b")
    one = holder()
    one("hold a")
    adapters.link("a", second)
    adapters.link("b", first)
    refused = lager("uart", "a")
    assert refused.returncode == 75
    assert "a is held by" in refused.stderr
    assert lager("uart", "b").returncode == 0
    assert one("connect") == "connect done"
    assert lager("uart", "b").returncode == 0


def test_a_link_that_later_leads_to_another_users_port_is_not_opened(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any]
) -> None:
    adapters.plug("a")
    second = adapters.plug()
    nets(a=adapters.folder / "a", plain=second)
    one, other = holder(), holder()
    one("hold a")
    other("hold plain")
    adapters.link("a", second)
    said = one("connect")
    assert said.startswith(f"InstrumentBusy a cannot be opened: {adapters.folder}/a")
    assert "is now plain, which is held by" in said
    other("close")
    assert one("connect") == "connect done"


@pytest.mark.variant
def test_a_port_that_is_still_open_under_the_name_it_had_is_said_to_be(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any], lager: Command
) -> None:
    first, second = adapters.plug("a"), adapters.plug("b")
    nets(a=adapters.folder / "a", b=adapters.folder / "b")
    one = holder()
    one("hold a")
    one("connect")
    adapters.link("a", second)
    adapters.link("b", first)
    refused = lager("uart", "b")
    assert refused.returncode == 75
    assert "is still open as a, which is held by" in refused.stderr


@pytest.mark.variant
def test_a_lease_of_an_unplugged_adapter_blocks_no_claim(
    adapters: Adapters, nets: Callable[..., None], holder: Callable[..., Any], lager: Command
) -> None:
    first = adapters.plug("a")
    nets(a=adapters.folder / "a", b=adapters.folder / "b")
    one = holder()
    one("hold a")
    (adapters.folder / "a").unlink()
    adapters.link("b", first)
    assert lager("uart", "b").returncode == 0
