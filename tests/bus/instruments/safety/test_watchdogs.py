"""A long pause on a supply with a watchdog of its own: a script that lives keeps its output, a dead one does not."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lager.nets import file
from lagerd.bench.bench import Bench
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER, Process

INSTRUMENTS = "com.lager.Instruments"
# The clock of its keepalive is the test's: it says when it waits, and waits for a line.
SCRIPT = """
import sys, threading
from lager.instruments import upkeep

def wait(event, seconds):
    print("waits", seconds, flush=True)
    return not sys.stdin.readline() or event.is_set()

upkeep.wait = wait
from lager import Net, pause
supply = Net.get("supply", type="supply")
supply.set_voltage(3.3)
supply.enable()
pause("look at the bench", timeout=0)
print("resumed", supply.state().enabled, flush=True)
"""


class Simulated:
    """An E36312A on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.supply = E36312A(lambda: self.now)
        self.bench = Bench({"psu1": self.supply}, [NetEntry("supply", "supply", "psu1", 1)])

    def is_on(self) -> bool:
        self.supply.settle()
        return self.supply.outputs[0].on


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Simulated]:
    found = Simulated()
    folder = tmp_path / "bench"
    folder.mkdir()
    with running(found.bench, folder):
        yield found


def nets_file(folder: Path, line: str) -> str:
    path = folder / "nets.toml"
    text = (folder / "bench/nets.toml").read_text()
    path.write_text(text.replace("[nets.supply]\n", f"[nets.supply]\n{line}\n"))
    return str(path)


@pytest.fixture
def paused(
    simulated: Simulated, client: Client, start: Starter, script: ScriptWriter, tmp_path: Path, until_the_end: ExitStack
) -> tuple[Process, dict[str, Any], int]:
    """The script, its pause, and its clock, which a line moves on."""
    nets = nets_file(tmp_path, "deadman = 60")
    ticks, clock = os.pipe()
    until_the_end.callback(os.close, clock)
    process = start(LAGER, "python", script(SCRIPT), stdin=ticks, LAGER_NETS=nets)
    os.close(ticks)
    process.out.expect("waits 20.0\n")
    return process, client.paused(), clock


@pytest.mark.parametrize("ends", ["resume", "kill -9"])
def test_a_pause_of_30_minutes_keeps_an_output_with_a_watchdog_and_a_kill_drops_it(
    ends: str, simulated: Simulated, client: Client, paused: tuple[Process, dict[str, Any], int]
) -> None:
    process, pause, clock = paused
    assert simulated.supply.watchdog.armed
    for _ in range(90):  # half an hour, in steps of 20 s
        simulated.now += 20
        os.write(clock, b"\n")
        while "waits 1.0" in process.out.expect("\n"):  # the settings were just being read, which does as well
            os.write(clock, b"\n")
        assert simulated.is_on()
    if ends == "resume":
        client.call("Continue", "s", pause["id"])
        process.out.expect("resumed True\n")
        assert process.wait() == 0
        simulated.now += 3600
        assert simulated.is_on()
    else:
        os.kill(pause["pid"], signal.SIGKILL)
        process.wait()
        simulated.now += 59
        assert simulated.is_on()
        simulated.now += 2
        assert not simulated.is_on()


def test_a_loan_disarms_the_watchdog_and_its_end_arms_it_again(
    simulated: Simulated, client: Client, paused: tuple[Process, dict[str, Any], int], tmp_path: Path
) -> None:
    process, pause, _ = paused
    key = file.load(tmp_path / "nets.toml").instruments["psu1"].key
    client.call("Lend", "ssa{sv}", pause["id"], key, {}, name=INSTRUMENTS)
    assert not simulated.supply.watchdog.armed
    simulated.now += 3600  # nobody asks it anything
    assert simulated.is_on()
    client.call("Return", "s", key, name=INSTRUMENTS)
    while not simulated.supply.watchdog.armed:  # the script takes it back by itself
        time.sleep(0.01)
    os.kill(pause["pid"], signal.SIGKILL)
    process.wait()
    simulated.now += 61
    assert not simulated.is_on()
