"""The extension for VS Code: its package, its logic in plain Node, and the adapter under VS Code's own test client."""

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests import needs
from tests.documents import ROOT
from tests.processes import LAGER
from tests.station import Station

EXTENSION = ROOT / "editors" / "vscode"
CLIENT = ROOT / ".venv" / "node"
TWICE = """
import lager
lager.pause("first", interactive=True, timeout=60)
lager.pause("second", interactive=True, timeout=60)
"""
STEPS = """
def double(x):
    y = 2 * x
    return y
def measure(channel):
    volts = double(channel)
    return volts
print([measure(channel) for channel in range(4)])
"""


def _need_node() -> None:
    there = shutil.which("node") and CLIENT.exists()
    needs.nothing_more("" if there else "VS Code's test client is missing. Install it with: make .venv/node")


def test_the_package_has_what_the_extension_needs(tmp_path: Path) -> None:
    for name in ("a.vsix", "b.vsix"):
        subprocess.run(["make", "-s", "vsix", f"VSIX={tmp_path / name}"], cwd=ROOT, check=True)
    assert (tmp_path / "a.vsix").read_bytes() == (tmp_path / "b.vsix").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.vsix") as package:
        names = package.namelist()
        about = json.loads(package.read("extension/package.json"))
    assert names[:2] == ["extension.vsixmanifest", "[Content_Types].xml"]
    assert f"extension/{Path(about['main']).name}" in names
    sources = "".join((EXTENSION / name).read_text() for name in ("extension.js", "bench.js"))
    for module in re.findall(r'require\("\./(\w+)"\)', sources):
        assert f"extension/{module}.js" in names
    for command in about["contributes"]["commands"]:
        assert f'register("{command["command"]}"' in sources


def test_the_extension_has_the_version_of_lager() -> None:
    about = json.loads((EXTENSION / "package.json").read_text())
    assert f'version = "{about["version"]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.slow
def test_the_logic_of_the_extension_runs_in_plain_node(own_station: Station, tmp_path: Path) -> None:
    _need_node()
    (tmp_path / "twice.py").write_text(TWICE)
    env = {**own_station.env, "LAGER": LAGER, "PAUSED": str(tmp_path / "twice.py")}
    ran = subprocess.run(
        ["node", "--test", "test/"], cwd=EXTENSION, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_adapter_passes_the_test_client_of_vs_code(own_station: Station, tmp_path: Path) -> None:
    _need_node()
    (tmp_path / "twice.py").write_text(TWICE)
    (tmp_path / "steps.py").write_text(STEPS)
    env = {**own_station.env, "LAGER": LAGER, "NODE_PATH": str(CLIENT / "node_modules")}
    script = Path(__file__).with_name("debug_client.js")
    ran = subprocess.run(["node", script, tmp_path], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines() == [
        "launched, stopped twice, ended", "stopped at a line, stepped, ended", "stopped on entry, ended",
    ]  # fmt: skip
