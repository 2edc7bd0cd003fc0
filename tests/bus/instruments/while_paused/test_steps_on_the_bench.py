"""Steps of a script that holds instruments: what is lent, set and compared meanwhile."""

import os
import re
from contextlib import ExitStack

import pytest

from tests.bus.instruments.while_paused.changed_bench import at_the_instrument
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER
from tests.station import Station

SCRIPT = """
import lager
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
def work():
    lager.pause("held", interactive=True, timeout=60, on_change="ON_CHANGE")
    supply.set_voltage(1.5)
    a = 1
    b = 2
work()
print("now", supply.state().voltage_set, supply.state().current_set, flush=True)
"""

pytestmark = pytest.mark.usefixtures("bench")


def stepped(client: Client, lager: Command, id: str) -> str:
    """Step to the next line; the id of the pause there."""
    done = lager("python", "--console", id, stdin=":next\n")
    assert (done.stderr, done.returncode) == ("", 0)
    reason, details = client.resumed(id)
    assert (reason, details["how"], "changes" in details) == ("continued", "step", False)
    return str(client.paused()["id"])


def test_a_step_is_refused_while_an_instrument_is_lent(run: Starter, client: Client, lager: Command) -> None:
    run(SCRIPT.replace("ON_CHANGE", "warn"))
    id = client.paused()["id"]
    assert lager("lend", id, "psu1").returncode == 0
    done = lager("python", "--console", id, stdin=":next\n")
    assert "psu1 is lent. Return it first: lager return psu1" in done.stderr
    assert done.returncode == 1
    assert lager("return", "psu1").returncode == 0
    stepped(client, lager, id)
    client.call("ContinueAll")


@pytest.mark.parametrize("on_change", ["warn", "restore"])
def test_changes_are_compared_from_the_first_stop_and_the_scripts_own_are_none(
    run: Starter, client: Client, lager: Command, station: Station, on_change: str
) -> None:
    process = run(SCRIPT.replace("ON_CHANGE", on_change))
    first = client.paused()["id"]
    process.err.expect("timeout ")
    lager("supply", "supply2", "current", "0.75", "--through")
    second = stepped(client, lager, first)  # before the line that sets 1.5 V
    assert [one["what"] for one in client.list()[0]["changes"]] == ["current"]
    third = stepped(client, lager, second)
    at_the_instrument(station, ":OUTP:OVP:VAL CH1,9")
    client.call("Continue", "s", third)
    assert [one["what"] for one in client.resumed(third)[1]["changes"]] == ["current"]
    said = process.out.expect("\n")
    process.wait()
    told = process.err.rest()
    assert re.findall(r"^  (\w+ \w+) \S+ → ", told, re.MULTILINE) == ["supply2 current", "supply2 ovp"]
    set_back = re.findall(r"^  (.*) was set back$", told, re.MULTILINE)
    if on_change == "restore":
        assert set_back == ["supply2 current"]  # an unarmed ovp is not
        assert said.startswith("now 1.5 ")
        assert "0.75" not in said
    else:
        assert (set_back, said) == ([], "now 1.5 0.75\n")


@pytest.mark.variant
def test_an_instrument_that_a_step_opens_is_compared_from_then_on(
    run: Starter, client: Client, lager: Command, station: Station
) -> None:
    process = run("""
import lager
lager.pause(interactive=True, timeout=60)
supply = lager.Net.get("supply2", type="supply")
print("done", flush=True)
""")
    second = stepped(client, lager, client.paused()["id"])
    third = stepped(client, lager, second)
    lager("supply", "supply2", "voltage", "5", "--through")
    client.call("Continue", "s", third)
    assert [one["new"] for one in client.resumed(third)[1]["changes"]] == [5.0]
    process.out.expect("done")


@pytest.mark.variant
def test_a_command_through_the_script_is_refused_while_a_step_runs(
    start: Starter, script: ScriptWriter, client: Client, lager: Command, until_the_end: ExitStack
) -> None:
    reading, writing = os.pipe()
    until_the_end.callback(os.close, writing)
    held = SCRIPT.replace("ON_CHANGE", "warn").replace("    a = 1\n", "    input()\n    a = 1\n")
    process = start(LAGER, "python", script(held), stdin=reading)
    os.close(reading)
    id = stepped(client, lager, stepped(client, lager, client.paused()["id"]))
    console = start(LAGER, "python", "--console", id, stdin=_with(b":next\n", until_the_end))
    client.resumed(id)
    done = lager("supply", "supply2", "voltage", "5", "--through")
    assert done.returncode != 0
    assert "psu1 is held by" in done.stderr
    os.write(writing, b"\n")
    assert client.paused()["line"] == 9
    assert console.wait() == 0
    client.call("ContinueAll")
    process.out.expect("now 1.5")


def _with(data: bytes, until_the_end: ExitStack) -> int:
    """A descriptor from which `data` can be read, and then its end."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    until_the_end.callback(os.close, reading)
    return reading
