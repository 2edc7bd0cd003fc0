"""The nets of a killed script are set to their safe state before another process gets the instrument."""

import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.instruments.safe_bench import INSTRUMENTS, SafeBench
from tests.bus.instruments.safety.holding import HOLD, claim, listed, told
from tests.client import NAME, PATH, Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, LAGERD, Process
from tests.station import Station


def test_a_killed_script_leaves_its_supply_off_which_is_a_change_of_the_pauses_of_others(
    holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    client.start(client.bus.call(NAME, PATH, "Pause", "a{sv}", {"id": "0ddba115"}, timeout=None))
    assert client.paused()["id"] == "0ddba115"
    process = holder()
    process.kill()
    details = told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert details["reason"] == "supply2 output off"
    assert not details["quarantined"]
    assert listed(client) == []
    (change,) = client.list()[0]["changes"][-1:]
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)
    assert change["how"].startswith("safe state of script")
    client.call("Continue", "s", "0ddba115")


@pytest.mark.variant
@pytest.mark.parametrize("own_station", [("/bin/sh", "-c", f"trap '' CHLD; exec {LAGERD}")], indirect=True)
def test_also_under_a_parent_that_ignores_the_ends_of_its_children(
    holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    for _ in range(2):
        holder().kill()
        details = told(client, "MadeSafe", nets.key())
        assert (nets.is_on(), details["quarantined"]) == (False, False)


def test_a_net_that_the_nets_file_moves_while_it_is_open_is_not_said_to_be_safe(
    holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    """By its name the other channel would be switched off. The net that is in its place now is."""
    process = holder()
    text = nets.path.read_text().replace("nets.supply2]", "nets.moved]").replace("nets.supply3]", "nets.supply2]")
    nets.path.write_text(text)
    process.kill()
    details = told(client, "Quarantined", nets.key())
    assert "supply2: It was a net of type supply on channel 1 when the script opened it" in details["reason"]
    assert not nets.is_on()


FORKS = """
import ctypes, os, signal, threading, time, lager
from lager.process import threads
threading.Thread(target=lager.pause, args=["look"], daemon=True).start()
while not threads.paused:
    time.sleep(0.01)
child = ctypes.PyDLL(None).fork()  # as a library does it, which Python does not notice
if child == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
os.waitpid(child, os.WUNTRACED)
print("child", child, flush=True)
signal.pause()
"""


@pytest.mark.variant
def test_a_killed_script_leaves_nothing_on_and_no_pause_whatever_a_stopped_child_of_it_has_open(
    start: Starter, script: ScriptWriter, nets: SafeBench, client: Client
) -> None:
    """The child has a copy of the lease, and one of the connection to lagerd."""
    process = start(sys.executable, script(HOLD.replace("signal.pause()", FORKS)), LAGER_PROCESS_ID="4f0c4a52")
    pause = client.paused()
    process.out.expect("child")  # it ends with the session of the test
    process.kill()
    assert client.resumed(pause["id"])[0] == "gone"
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert (client.list(), listed(client)) == ([], [])


def test_a_claim_that_waits_comes_after_the_safe_state(
    holder: Callable[..., Any], nets: SafeBench, client: Client, station: Station
) -> None:
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


@pytest.mark.variant
def test_a_claim_that_does_not_wait_says_that_the_instrument_is_being_made_safe(
    holder: Callable[..., Any], nets: SafeBench, bench: Process, client: Client, lager: Command
) -> None:
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


def test_several_nets_of_one_instrument_are_made_safe_together(
    nets: SafeBench, start: Starter, script: ScriptWriter, client: Client
) -> None:
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


def test_a_net_without_a_safe_state_is_free_at_once_and_stays_on(
    nets: SafeBench, holder: Callable[..., Any], client: Client
) -> None:
    nets.add()
    process = holder()
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    os.close(claim(client, nets.key()))
    assert nets.is_on()


def test_a_command_leaves_the_output_as_it_is(nets: SafeBench, lager: Command, client: Client) -> None:
    for words in (["voltage", "3.3"], ["enable"], ["state"]):
        assert lager("supply", "supply2", *words).returncode == 0
    assert nets.is_on()
    assert listed(client) == []


@pytest.mark.variant
def test_a_script_that_is_called_lager_is_no_command(
    nets: SafeBench, client: Client, start: Starter, script: ScriptWriter
) -> None:
    process = start(sys.executable, script(HOLD, "lager"))
    process.out.expect("on\n")
    process.kill()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGTERM, ["state"]), (signal.SIGHUP, ["voltage", "3"]), (signal.SIGKILL, ["enable"])],
    ids=["timeout", "lost terminal", "kill -9"],
)
def test_a_command_that_is_killed_leaves_the_output_as_it_is(
    nets: SafeBench, lager: Command, client: Client, start: Starter, bench: Process, number: int, words: list[str]
) -> None:
    assert lager("supply", "supply2", "enable").returncode == 0
    client.expect("Released", lambda s: s.args[0] == nets.key())
    bench.kill(signal.SIGSTOP)  # so that the command waits for an answer
    command = start(LAGER, "supply", "supply2", *words)
    client.expect("Claimed", lambda s: s.args[0] == nets.key())
    command.kill(number)
    assert command.wait() == -number
    client.expect("Released", lambda s: s.args[0] == nets.key())
    assert listed(client) == []  # nobody makes it safe
    bench.kill(signal.SIGCONT)
    assert nets.is_on()
