"""A driver of one's own is used by scripts, commands, through a pause and by the safe state like lager's."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lagerd.bench.bench import Bench
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.thread import running
from tests.client import Client
from tests.documents import PAGES
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER
from tests.station import Station


class P100(Keithley2200):
    """An instrument without a driver of lager, with the commands that the page on drivers shows."""

    model = "P100"
    identity = "ACME,P100,1,1.0"


CRASHES = """
from lager import Net, pause
rail = Net.get("rail", type="supply")
rail.set_voltage(3.3)
rail.enable()
pause("on")
raise SystemExit(3)
"""


@pytest.fixture
def device() -> P100:
    return P100()


@pytest.fixture
def nets(tmp_path: Path, device: P100) -> Iterator[str]:
    drivers = tmp_path / "drivers"
    drivers.mkdir(mode=0o755)
    (drivers / "p100.py").write_text((PAGES / "drivers.md").read_text().split("# p100.py\n")[1].split("```")[0])
    (drivers / "broken.py").write_text("1 / 0")
    with running(Bench({"acme1": device}, []), tmp_path):
        simulated = (tmp_path / "nets.toml").read_text()
        path = tmp_path / "with_driver.toml"
        rail = '[nets.rail]\ntype = "supply"\ninstrument = "acme1"\nmax_voltage = 5.5\nsafe = "off"\n'
        path.write_text(f'drivers = "drivers"\n{simulated}\n{rail}')
        yield str(path)


def test_script_command_pause_and_safe_state_use_it(
    nets: str, device: P100, lager: Command, start: Starter, script: ScriptWriter, client: Client, own_station: Station
) -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return lager(*words, LAGER_NETS=nets)

    assert run("nets", "check").stdout.splitlines()[1].split() == ["OK", "acme1", "P100", "ACME,P100,1,1.0"]
    assert run("supply", "rail", "voltage", "2.5").stdout == "2.5 V\n"
    assert "is over its limit of 5.5 V" in run("supply", "rail", "voltage", "6").stderr
    process = start(LAGER, "python", script(CRASHES), LAGER_NETS=nets)
    pause = client.paused()
    assert device.output.on
    through = run("supply", "rail", "state", "--through", "--json")
    assert json.loads(through.stdout)["enabled"] is True
    assert run("supply", "rail", "voltage", "3", "--through").stdout.startswith("3 V")
    assert "rail" in run("status").stdout
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 3
    assert run("supply", "rail", "--wait", "10").returncode == 0  # it is free once it has been made safe
    assert not device.output.on


def test_the_drivers_are_listed_and_a_broken_one_with_its_reason(nets: str, lager: Command) -> None:
    listed = lager("nets", "drivers", LAGER_NETS=nets)
    assert listed.returncode == 1
    assert "P100" in listed.stdout
    assert "broken.py cannot be used: ZeroDivisionError: division by zero (line 1)." in listed.stdout
    every = json.loads(lager("nets", "drivers", "--json", LAGER_NETS=nets).stdout)["drivers"]
    assert {"models": ["DP821", "DP832"], "maker": "Rigol", "nets": ["supply"], "from": "lager"} in every
