"""The bench beside a paused script: free instruments respond, busy ones say who holds them and what to do."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, Process

EXAMPLE = str(Path(__file__).parents[4] / "examples/inspect_bench.py")
pytestmark = pytest.mark.usefixtures("bench")


@pytest.fixture
def paused(start: Starter, client: Client) -> tuple[Process, dict[str, Any]]:
    """The README's example, paused while it holds daq1."""
    process = start(LAGER, "python", EXAMPLE)
    pause = client.paused()
    return process, pause


def number(shown: str) -> float:
    return float(shown.split()[0])


def test_commands_work_beside_the_paused_example(
    paused: tuple[Process, dict[str, Any]], client: Client, lager: Command
) -> None:
    process, pause = paused
    process.out.expect("before the pause: {'adc1': 0.0")
    assert "supply2 (channel 1)" in lager("supply", "supply2", "state").stdout
    assert "battery1" in lager("battery", "battery1", "state").stdout
    assert re.fullmatch(r"[\d.]+ V\n", lager("adc", "adc4").stdout)
    lager("supply", "supply2", "voltage", "3.3")
    assert lager("supply", "supply2", "enable").returncode == 0
    read = lager("python", "--console", pause["id"], stdin="read_adcs()\n").stdout
    assert re.search(r"'adc1': 3\.3", read)
    client.call("Continue", "s", pause["id"])
    process.out.expect("after the pause:  {'adc1': 3.3")
    assert process.wait() == 0
    assert number(lager("adc", "adc1").stdout) == pytest.approx(3.3, abs=0.01)


def test_a_busy_instrument_says_who_holds_it_where_and_what_to_do(
    paused: tuple[Process, dict[str, Any]], client: Client, lager: Command
) -> None:
    _, pause = paused
    refused = lager("adc", "adc1")
    assert refused.returncode == 75
    assert refused.stdout == ""
    for part in (
        pause["user"],
        "inspect_bench.py",
        "net adc1",
        "before the load test",
        f"{EXAMPLE}:15",
        "for another ",
    ):
        assert part in refused.stderr
    advice = "Do it inside that script with --through, or use its console: lager python --console"
    assert refused.stderr.endswith(f"{advice} {pause['id']}\n")
    assert refused.stderr.count("\n") == 1
    shown = lager("instruments").stdout
    assert "daq1" in shown
    assert pause["id"] in shown
    held = json.loads(lager("instruments", "--json").stdout)
    assert [(lease["name"], lease["pauses"]) for lease in held] == [("daq1", [pause["id"]])]
    assert [one["instruments"] for one in client.list() if one["id"] == pause["id"]] == [["daq1"]]
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_a_holder_below_this_folder_is_shown_by_its_relative_path(run: Starter, client: Client, lager: Command) -> None:
    run("import lager\nadc = lager.Net.get('adc1', type=lager.NetType.ADC)\nlager.pause('held')\n")
    id = client.paused()["id"]
    refused = lager("adc", "adc1").stderr
    assert ": script.py (net adc1) since " in refused
    assert ", paused at script.py:3 (held), for another " in refused
    client.call("Continue", "s", id)


HOLD = "from lager import Net, NetType, pause\nsupply = Net.get('supply2', type='supply')\n"


def test_the_refusal_of_a_script_says_what_a_script_can_do(
    run: Starter, client: Client, start: Starter, script: ScriptWriter
) -> None:
    run(HOLD + "pause('held')\n")
    id = client.paused()["id"]
    text = "from lager import Net\ntry:\n    Net.get('supply3', type='PowerSupply')\nexcept Exception as error:\n"
    said = start("python", script(text + "    print(error)\n", "second.py")).out.rest()
    lease = next(one for one in client.call("List", name=INSTRUMENTS) if id in one["pauses"])
    assert "psu1 is held by" in said
    assert "Wait for it with wait=SECONDS in Net.get." in said
    assert said.endswith(f"lager python --continue {id}\n")
    assert "--wait" not in said
    client.call("Continue", "s", id)
    client.expect("Released")
    claims = f"from lager.instruments.lease import claim\nlease = claim({lease['instrument']!r}, net='', name='psu1')\n"
    holding = start("python", script(claims + "print('holding')\nimport signal\nsignal.pause()\n", "third.py"))
    holding.out.expect("holding")
    again = start("python", "second.py").out.rest()
    assert again.endswith("Wait for it with wait=SECONDS in Net.get.\n")


@pytest.mark.parametrize(
    "begin",
    [
        "subprocess.run(command)",
        "subprocess.run(['/bin/sh', '-c', 'true; ' + ' '.join(command)])",
        "subprocess.run(command, env={**os.environ, 'LAGER_PROCESS_ID': ''})",
    ],
)
def test_a_command_that_the_holder_started_says_so(run: Starter, begin: str) -> None:
    text = HOLD + "import os, subprocess\ncommand = ['lager', 'supply', 'supply3', 'state']\n" + begin + "\n"
    process = run(text)
    assert process.wait() == 0
    said = process.err.rest()
    assert "psu1 is held by" in said
    assert (
        "the script that started this command. Use the net supply2 in that script, or close() it there first." in said
    )
    assert "--wait" not in said


@pytest.mark.variant
def test_a_script_that_the_holder_started_says_so(run: Starter, script: ScriptWriter) -> None:
    script(
        "from lager import Net\ntry:\n    Net.get('supply3', 'supply')\nexcept Exception as error:\n    print(error)\n",
        "second.py",
    )
    said = run(HOLD + "import subprocess\nsubprocess.run(['python', 'second.py'])\n").out.rest()
    assert "the script that started this one" in said


@pytest.mark.variant
def test_a_second_claim_by_the_holder_itself_says_so(run: Starter) -> None:
    text = HOLD + (
        "from lager.instruments.net import identify\n"
        "try:\n    identify(supply.config.instrument, net='supply3')\nexcept Exception as error:\n    print(error)\n"
    )
    said = run(text).out.rest()
    assert "in this script. Use the net supply2, or close() it first." in said


def test_a_command_waits_for_a_busy_instrument(
    paused: tuple[Process, dict[str, Any]], client: Client, start: Starter
) -> None:
    process, pause = paused
    waiting = start(LAGER, "adc", "adc2", "--wait", "30")
    client.expect("Queued")
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
    assert waiting.wait() == 0
    assert waiting.out.rest().endswith(" V\n")


def test_the_second_channel_of_a_supply_is_refused_until_the_first_is_closed(run: Starter, lager: Command) -> None:
    text = (
        "from lager import Net, NetType\n"
        "first = Net.get('supply2', type=NetType.PowerSupply)\n"
        "try:\n"
        "    Net.get('supply3', type=NetType.PowerSupply)\n"
        "except Exception as error:\n"
        "    print(error)\n"
        "first.close()\n"
        "with Net.get('supply3', type=NetType.PowerSupply) as second:\n"
        "    print(second.state())\n"
    )
    process = run(text)
    said = process.out.rest()
    assert process.wait() == 0
    assert "supply2" in said
    assert "supply3 and supply2 share one instrument" in said
    assert "Close supply2 first" in said
    assert lager("supply", "supply2").returncode == lager("supply", "supply3").returncode == 0


@pytest.mark.variant
def test_a_script_killed_while_it_holds_frees_it_at_once(
    paused: tuple[Process, dict[str, Any]], client: Client, lager: Command
) -> None:
    _, pause = paused
    os.kill(pause["pid"], signal.SIGKILL)
    client.expect("Released")
    assert lager("adc", "adc1").returncode == 0
