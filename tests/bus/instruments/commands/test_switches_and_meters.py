"""Switches, multimeters and thermocouples by their commands, through a pause, and after a crash."""

import json
import os

import pytest

from tests.bus.instruments.safe_bench import INSTRUMENTS, SafeBench
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, Process

HOLDS = """
import lager
relay, meter = lager.Net.get("relay1", "switch"), lager.Net.get("dmm1", "dmm")
relay.on()
meter.voltage()
lager.pause("held")
print("after:", relay.is_on(), flush=True)
"""
CRASHES = """
import os, lager
relay = lager.Net.get("relay1", "switch")
relay.on()
print("on", flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_commands_switch_measure_and_read(bench: Process, lager: Command) -> None:
    assert lager("switch", "relay1").stdout == "relay1 (channel 103)\n  switch  off\n"
    assert lager("switch", "relay1", "on").stdout == ""
    assert lager("dmm", "dmm1", "resistance").stdout == "10 Ω\n"
    assert json.loads(lager("switch", "relay1", "state", "--json").stdout)["enabled"] is True
    assert lager("switch", "relay1", "cycle", "100ms").returncode == 0
    assert lager("switch", "relay1").stdout.endswith("on\n")
    assert lager("switch", "relay1", "off").returncode == 0
    overload = lager("dmm", "dmm1", "continuity")
    assert (overload.returncode != 0, "dmm1: overload. The continuity is beyond" in overload.stderr) == (True, True)
    assert lager("dmm", "dmm1").stdout == "dmm1\n  continuity  -\n"
    assert lager("thermocouple", "thermocouple1").stdout == "25 °C\n"
    rows = lager("log", "relay1", "dmm1", "thermocouple1", "--rows", "1", "--csv", "-")
    assert rows.returncode in (0, 2), rows
    for wrong in (["switch", "relay1", "toggle"], ["switch", "relay1", "cycle", "x"], ["dmm", "dmm1", "voltage", "5"]):
        assert lager(*wrong).returncode == 2
    assert "Try: lager switch relay1" in lager("gpo", "relay1", "1").stderr


@pytest.mark.variant
def test_through_a_pause_a_relay_is_switched_and_a_meter_keeps_its_function(
    bench: Process, run: Starter, client: Client, lager: Command
) -> None:
    process = run(HOLDS)
    pause = client.paused()
    assert lager("switch", "relay1", "--through").stdout.startswith(f"relay1 (channel 103), through {pause['id']}\n")
    assert lager("dmm", "dmm1", "voltage", "--through").stdout == f"0 V, through {pause['id']}\n"
    refused = lager("dmm", "dmm1", "resistance", "--through")
    assert "measures DC voltage now, not resistance" in refused.stderr
    assert lager("switch", "relay1", "off", "--through").returncode == 0
    assert "relay1" in lager("status").stdout
    client.call("Continue", "s", pause["id"])
    process.err.expect("relay1")
    process.out.expect("after: False")
    assert process.wait() == 0


@pytest.mark.parametrize(("safe", "state"), [('safe = "off"', "0"), ("", "1")])
def test_a_crash_opens_a_relay_that_has_a_safe_state_and_leaves_another(
    nets: SafeBench, start: Starter, script: ScriptWriter, client: Client, safe: str, state: str
) -> None:
    nets.add(relay1=safe)
    process = start(LAGER, "python", script(CRASHES))
    process.out.expect("on\n")
    process.wait()
    os.close(client.call("Claim", "sa{sv}", nets.key("mux1"), {"net": "x", "wait": 60.0}, name=INSTRUMENTS))
    assert nets.ask("mux1", "ROUT:CLOS? (@103)") == state


@pytest.mark.variant
def test_lager_off_lists_a_relay_that_it_leaves_on(nets: SafeBench, lager: Command) -> None:
    assert lager("switch", "relay1", "on").returncode == 0
    left = lager("off", "relay1")
    assert (left.returncode, "left on: it has no safe state" in left.stdout) == (1, True), left
    nets.add(relay1='safe = "off"')
    assert lager("off", "relay1").returncode == 0
    assert nets.ask("mux1", "ROUT:CLOS? (@103)") == "0"
