"""`lager scpi`: any instrument by its own words, from the command line and through a pause."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER, Process
from tests.station import Station

HOLDS = "from lager import Net, pause; net = Net.get('raw', type='scpi'); pause('held')"


@pytest.fixture
def nets(bench: Process, tmp_path: Path, station: Station) -> str:
    """A nets file with an scpi net on the supply, which is meant to bypass the limits of the others."""
    simulated = Path(station.env["LAGER_NETS"]).read_text()
    path = tmp_path / "with_scpi.toml"
    path.write_text(f'{simulated}\n[nets.raw]\ntype = "scpi"\ninstrument = "psu1"\nunlimited = true\n')
    return str(path)


def test_a_query_is_printed_and_a_command_is_sent(lager: Command, nets: str) -> None:
    def scpi(*words: str) -> "subprocess.CompletedProcess[str]":
        return lager("scpi", *words, LAGER_NETS=nets)

    asked = scpi("raw", "*IDN?")
    assert asked.stdout.startswith("RIGOL TECHNOLOGIES,DP821,")
    assert asked.stderr.startswith("lager: raw sends any command to psu1 (DP821 at ")
    told = scpi("raw", ":SOUR2:VOLT 1.25")
    assert (told.returncode, told.stdout) == (0, "")
    assert json.loads(scpi("raw", ":SOUR2:VOLT?", "--json").stdout) == {"net": "raw", "ask": "1.250"}
    assert "-113" in scpi("raw", ":NO:SUCH 1").stderr
    assert "is not only a command" in scpi("raw", ":SOUR2:VOLT 1;:SOUR2:VOLT?").stderr
    assert scpi("raw").returncode == 2
    assert scpi().stdout.splitlines()[1].split()[:2] == ["raw", "scpi"]
    assert "raw" in lager("status", LAGER_NETS=nets).stdout


@pytest.mark.variant
def test_it_is_claimed_and_used_through_a_pause_like_every_net(
    lager: Command, nets: str, start: Starter, client: Client
) -> None:
    process = start(LAGER, "python", "-c", HOLDS, LAGER_NETS=nets)
    pause = client.paused()
    busy = lager("scpi", "raw", "*IDN?", LAGER_NETS=nets)
    assert busy.returncode == 75
    through = lager("scpi", "raw", "*IDN?", "--through", LAGER_NETS=nets)
    assert through.stdout.startswith("RIGOL TECHNOLOGIES,DP821,")
    assert lager("scpi", "raw", ":SOUR2:VOLT 1.5", "--through", LAGER_NETS=nets).returncode == 0
    assert lager("scpi", "raw", ":SOUR2:VOLT?", "--through", LAGER_NETS=nets).stdout.startswith("1.500")
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
