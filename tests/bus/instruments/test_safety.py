"""What stays on: a script that is killed leaves its nets in their safe state, or its instrument quarantined."""

import os
import re
import signal
import socket
import sys
import tomllib
from pathlib import Path

import pytest

from lager.errors import Quarantined
from tests.client import Client
from tests.processes import LAGER

INSTRUMENTS = "com.lager.Instruments"
HOLD = """
from lager import Net
import sys, signal
supply = Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
print("on", flush=True)
signal.pause()
"""


class Bench:
    """The nets file of the test, and what its instruments say when they are asked directly."""

    def __init__(self, path: Path, simulated: str) -> None:
        self.path = path
        self._simulated = simulated
        self.add()

    def add(self, **lines: str) -> None:
        """Write the file anew, with these lines in the tables of these nets."""
        text = self._simulated
        for net, line in lines.items():
            text = text.replace(f"[nets.{net}]\n", f"[nets.{net}]\n{line}\n")
        self.path.write_text(text)

    def ask(self, instrument: str, question: str) -> str:
        address = tomllib.loads(self._simulated)["instruments"][instrument]["address"]
        host, port = re.match(r"TCPIP\d*::([\d.]+)::(\d+)::SOCKET", address).groups()
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(question.encode() + b"\n")
            return line.makefile().readline().strip()

    def is_on(self, channel: int = 1) -> bool:
        return {"ON": True, "OFF": False}[self.ask("psu1", f":OUTP? CH{channel}")]

    def key(self, instrument: str = "psu1") -> str:
        from lager.nets import file

        return file.load(self.path).instruments[instrument].key


@pytest.fixture
def nets(bench, station, tmp_path, monkeypatch) -> Bench:
    path = tmp_path / "nets.toml"
    made = Bench(path, Path(station.env["LAGER_NETS"]).read_text())
    made.add(supply2='safe = "off"')
    monkeypatch.setitem(station.env, "LAGER_NETS", str(path))
    return made


@pytest.fixture
def holder(nets, start, script):
    """Start a script that holds supply2 with its output on."""

    def begin(text: str = HOLD, *before: str):
        process = start(*before, sys.executable, script(text))
        process.out.expect("on\n")
        assert nets.is_on()
        return process

    return begin


def told(client: Client, member: str, key: str) -> dict:
    return client.expect(member, lambda s: s.args[0] == key).args[1]


def listed(client: Client) -> list[dict]:
    return client.call("List", name=INSTRUMENTS)


def claim(client: Client, key: str, **details) -> int:
    return client.call("Claim", "sa{sv}", key, {"net": "x", "name": "psu1", **details}, name=INSTRUMENTS)


def test_a_killed_script_leaves_its_supply_off(holder, nets, client):
    process = holder()
    process.kill()
    details = told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert details["reason"] == "supply2 output off"
    assert not details["quarantined"]
    assert listed(client) == []


def test_a_claim_that_waits_comes_after_the_safe_state(holder, nets, client, station):
    process = holder()
    waiter = Client(station.address)
    try:
        waiting = waiter.start(
            waiter.bus.call(
                INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", nets.key(), {"net": "x", "wait": 60.0}
            )
        )
        client.expect("Queued")
        process.kill()
        os.close(waiting.result(60)[0])
        assert not nets.is_on()
    finally:
        waiter.close()


def test_a_claim_that_does_not_wait_says_that_the_instrument_is_being_made_safe(holder, nets, bench, client, lager):
    process = holder()
    bench.kill(signal.SIGSTOP)  # so that the instrument does not answer
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    refused = lager("supply", "supply2", "enable")
    assert [lease["reason"] for lease in listed(client)] == ["is being made safe"]
    bench.kill(signal.SIGCONT)
    assert refused.returncode == 75
    assert re.search(r"psu1 is being made safe since \S+, because script.py of \w+ ended", refused.stderr)
    assert "--wait" in refused.stderr
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


@pytest.mark.parametrize("end", ["supply.close()", "sys.exit(0)", "with supply: pass", "del supply", "pass"])
def test_a_normal_end_leaves_the_output_as_it_is(holder, nets, client, end):
    process = holder(HOLD.replace("signal.pause()", end))
    assert process.wait() == 0
    client.expect("Released", lambda s: s.args[:2] == [nets.key(), "released"])
    assert nets.is_on()
    assert listed(client) == []


def test_a_command_leaves_the_output_as_it_is(nets, lager, client):
    for words in (["voltage", "3.3"], ["enable"], ["state"]):
        assert lager("supply", "supply2", *words).returncode == 0
    assert nets.is_on()
    assert listed(client) == []


def test_a_net_without_a_safe_state_is_free_at_once_and_stays_on(nets, holder, client):
    nets.add()
    process = holder()
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    os.close(claim(client, nets.key()))
    assert nets.is_on()


def test_an_instrument_that_cannot_be_made_safe_is_quarantined_until_it_is_cleared(holder, nets, client, lager):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))  # so that it does not identify itself as this
    process.kill()
    details = told(client, "Quarantined", nets.key())
    assert "DP832" in details["reason"]
    assert nets.is_on()
    for wait in (0.0, 30.0):
        with pytest.raises(Quarantined, match=r"psu1 may be energised: .*lager instruments clear psu1"):
            claim(client, nets.key(), wait=wait)
    nets.add(supply2='safe = "off"')
    refused = lager("supply", "supply2")
    assert refused.returncode == 1
    assert "psu1 may be energised" in refused.stderr
    assert [lease["quarantined"] for lease in listed(client)] == [True]
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)
    assert told(client, "Cleared", nets.key())["uid"] == os.getuid()
    assert listed(client) == []
    os.close(claim(client, nets.key()))


def test_a_quarantine_outlives_lagerd(own_station, holder, nets, client):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    own_station.kill_lagerd()
    own_station.start_lagerd()
    with pytest.raises(Quarantined, match="psu1 may be energised"):
        claim(client, nets.key())
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.close(claim(client, nets.key()))


def test_a_script_that_dies_while_no_lagerd_runs_is_found_by_the_next_one(own_station, holder, nets, client):
    process = holder()
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def test_a_claim_that_was_never_released_is_found_after_a_reboot(own_station, holder, nets, client):
    process = holder()
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    for lock in (own_station.folder / "lager/leases").iterdir():  # as /run is empty after a reboot
        lock.unlink()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert listed(client) == []


def test_lagerd_is_killed_while_the_instrument_is_made_safe(own_station, holder, nets, client):
    process = holder()
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.close(claim(client, nets.key(), wait=60.0))
    assert not nets.is_on()
    assert listed(client) == []


def test_a_restart_of_lagerd_forgets_no_safe_state(own_station, holder, nets, client):
    process = holder()
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert [lease["safe"] for lease in listed(client)] == [["supply2"]]
    process.kill()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def test_a_release_waits_for_the_next_lagerd(own_station, holder, nets, client, script):
    process = holder(HOLD.replace("signal.pause()", "sys.stdin.readline(); supply.close(); print('closed')"), "env")
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert process.wait() == 0
    client.expect("Released", lambda s: s.args[:2] == [nets.key(), "released"])
    assert nets.is_on()


def test_several_nets_of_one_instrument_are_made_safe_together(nets, start, script, client):
    nets.add(dac1='safe = "off"', gpo1='safe = "off"', gpi1='safe = "release"')
    text = """
from lager import Net
import signal
dac = Net.get("dac1", type="dac")
dac.output(2.5)
line = Net.get("gpo1", type="gpio")
line.output(1)
Net.get("gpi1", type="gpio").output(1)
print("on", flush=True)
signal.pause()
"""
    process = start(sys.executable, script(text))
    process.out.expect("on\n")
    process.kill()
    details = told(client, "MadeSafe", nets.key("daq1"))
    assert details["safe"] == ["dac1", "gpo1"]  # the third was closed
    assert details["reason"] == "dac1 0 V; gpo1 level 0"


def test_the_quarantined_come_first_in_the_list_and_are_cleared_by_name(holder, nets, client, lager, terminal):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    shown = lager("instruments").stdout
    assert re.match(
        r"psu1 is quarantined since \S+: it may be energised.*DP832.*\n.*lager instruments clear psu1\n", shown
    )
    refused = lager("instruments", "clear", "psu1")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    asked = terminal(LAGER, "instruments", "clear", "psu1")
    asked.expect("Is psu1 safe to use?")
    asked.type("n\n")
    assert asked.wait() == 1
    assert len(listed(client)) == 1
    asked = terminal(LAGER, "instruments", "clear", "psu1")
    asked.expect("Is psu1 safe to use?")
    asked.type("y\n")
    assert asked.wait() == 0
    assert listed(client) == []
    assert lager("instruments", "clear", "psu1", "--yes").returncode == 1
