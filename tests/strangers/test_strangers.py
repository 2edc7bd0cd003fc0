"""Drivers of other projects connect to the simulated instruments and drive them.

pymeasure, qcodes and dcps are in an environment of their own: make .venv/strangers/ready. What such a driver cannot do
is listed in docs/simulation.md, with the reason.
"""

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lagerd.bench.described import DescribedBench
from lagerd.bench.description import parse
from lagerd.bench.thread import running
from tests import needs

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "strangers" / "bin" / "python"
BENCH = """
[instruments]
it = {{model = "{model}"}}
source = {{model = "DP821"}}
[nets]
supply = {{type = "supply", instrument = "{supply}", channel = {channel}}}
{load}
[simulate]
wires = [{{nets = ["supply"{end}], ohms = 33}}]
"""
CASES = {
    "pymeasure_e36312a": ("E36312A", 2),
    "pymeasure_2200": ("2200-32-3", None),
    "pymeasure_2281s": ("2281S-20-6", None),
    "qcodes_dp821": ("DP821", 2),
    "qcodes_dp832": ("DP832", 2),
    "qcodes_e36313a": ("E36313A", 2),
    "dcps_dp800": ("DP832", 2),
    "pymeasure_spd1305x": ("SPD1305X", None),
}

pytestmark = pytest.mark.slow


def talk(case: str, bench: DescribedBench, folder: Path) -> dict[str, Any]:
    """What a driver measured, and what it could not do."""
    missing = "The drivers are missing. Install them with: make .venv/strangers/ready"
    needs.nothing_more("" if PYTHON.exists() else missing)
    with running(bench, folder):
        address = tomllib.loads((folder / "nets.toml").read_text())["instruments"]["it"]["address"]
        command = [PYTHON, "-P", ROOT / "tests" / "strangers" / "talk.py", case, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("case", CASES)
def test_the_driver_reads_and_sets_everything_and_drives_the_supply(case: str, tmp_path: Path) -> None:
    model, channel = CASES[case]
    text = BENCH.format(model=model, supply="it", channel=channel or 1, load="", end="")
    if channel is None:
        text = text.replace(", channel = 1", "")
    bench = DescribedBench(parse(text))
    said = talk(case, bench, tmp_path)
    assert said["measured"][:2] == pytest.approx([3.3, 0.1], abs=0.001)
    assert all(value == 1.0 for value in said["measured"][2:3])  # it reads that the output is on
    assert said["problems"] == {}
    device: Any = bench.devices["it"]
    assert device.errors.pop() is None


def test_the_driver_of_a_korad_supply_sets_it_and_reads_its_status(tmp_path: Path) -> None:
    text = BENCH.format(model="KA3005P", supply="it", channel=1, load="", end="").replace(", channel = 1", "")
    said = talk("dcps_korad", DescribedBench(parse(text)), tmp_path)
    assert said == {"measured": [3.3, 0.5, 1.0], "problems": {}}


def test_the_driver_of_a_load_sets_a_current_and_measures_it(tmp_path: Path) -> None:
    load = 'load = {type = "eload", instrument = "it"}'
    text = BENCH.format(model="DL3021", supply="source", channel=1, load=load, end=', "load"')
    bench = DescribedBench(parse(text))
    source: Any = bench.devices["source"]
    source.handle(":SOUR1:VOLT 3.3;:OUTP CH1,ON")
    said = talk("dcps_dl3000", bench, tmp_path)
    assert said["measured"] == pytest.approx([3.3, 0.25], abs=0.001)
    # The driver's own mistake: it names a variable that does not exist.
    assert said["problems"] == {"queryCurrentVON": "NameError: name 'channel' is not defined"}
    device: Any = bench.devices["it"]
    assert device.errors.pop() is None
