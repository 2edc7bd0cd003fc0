"""A driver of an outside package, installed into the environment of a box: used like those of lager itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.box.container import Box
from tests.documents import PAGES

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-lager"
version = "1.0"

[project.entry-points."lager.drivers"]
p100 = "acme_lager.p100"
"""
DEVICE = """
import asyncio
from pathlib import Path
from lagerd.bench.bench import Bench
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200

class P100(Keithley2200):  # it has the commands that the page on drivers shows
    model = "P100"
    identity = "ACME,P100,1,1.0"

async def main():
    await Bench({"acme1": P100()}).start(Path("/opt/acme"))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
RAIL = '[nets.rail]\ntype = "supply"\ninstrument = "acme1"\nmax_voltage = 5.5\nsafe = "off"\n'
SCRIPT = """
from lager import Net, pause
rail = Net.get("rail", type="supply")
rail.set_voltage(3.3)
rail.enable()
print(type(rail).__module__, rail.voltage(), flush=True)
pause("on", timeout=0)
raise SystemExit(3)
"""
SIMULATED = """
from lager import Net
with Net.get("rail", type="supply") as rail:
    rail.set_voltage(2)
    rail.enable()
    print("simulated", round(rail.voltage(), 1))
"""


def built(folder: Any) -> Any:
    """Build the wheel of the package; return its path."""
    package = folder / "acme_lager"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "p100.py").write_text((PAGES / "drivers.md").read_text().split("# p100.py\n")[1].split("```")[0])
    (folder / "pyproject.toml").write_text(PROJECT)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=folder, check=True)
    (wheel,) = (folder / "dist").iterdir()
    return wheel


@pytest.mark.slow
def test_script_command_pause_safe_state_and_simulation_use_it(own_box: Box, tmp_path: Path) -> None:
    box, wheel = own_box, built(tmp_path)
    box.run("mkdir", "-p", "-m", "700", "/opt/acme")
    (box.root / "opt" / "acme" / wheel.name).write_bytes(wheel.read_bytes())
    box.run("python", "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", f"/opt/acme/{wheel.name}")
    box.write("/opt/acme/device.py", DEVICE)
    with box.start("python", "/opt/acme/device.py") as device:
        device.until("ready")
        box.write("/etc/lager/nets.toml", f"{(box.root / 'opt/acme/nets.toml').read_text()}\n{RAIL}")

        def lager(*words: Any, check: Any = True) -> "subprocess.CompletedProcess[str]":
            return box.run("lager", *words, user="alice", check=check)

        assert "acme_lager.p100 (acme-lager)" in lager("nets", "drivers").stdout
        assert "ACME,P100,1,1.0" in lager("nets", "check").stdout
        assert lager("supply", "rail", "voltage", "2.5").stdout == "2.5 V\n"
        assert "is over its limit of 5.5 V" in lager("supply", "rail", "voltage", "6", check=False).stderr
        box.write("/home/alice/rail.py", SCRIPT)
        with box.start("lager", "python", "rail.py", user="alice") as run:
            run.until(r"acme_lager\.p100 3\.3")
            id = run.until(r"  id +([0-9a-f]{8})$")[1]
            assert f"3 V, through {id}" in lager("supply", "rail", "voltage", "3", "--through").stdout
            assert json.loads(lager("supply", "rail", "--through", "--json").stdout)["enabled"] is True
            lager("continue", id)
            assert run.ended() == 3
        state = json.loads(lager("supply", "rail", "--json", "--wait", "30").stdout)
        assert (state["enabled"], state["voltage_set"]) == (
            False,
            3.0,
        )  # made safe after the crash, by lagerd's process
        box.write("/home/alice/simulated.py", SIMULATED)
        assert "simulated 2.0" in lager("python", "--simulate", "simulated.py").stdout
        state = json.loads(lager("supply", "rail", "--json", "--wait", "30").stdout)
        assert (state["enabled"], state["voltage_set"]) == (False, 3.0)  # the simulation has not touched it
