"""`pause(on_change=…)`: what a script does about a bench that was changed during its pause."""

import re

import pytest

from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.bus.instruments.while_paused.changed_bench import at_the_instrument, key_of
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.station import Station

pytestmark = pytest.mark.usefixtures("bench")
ON_CHANGE = """
import lager
supply = lager.Net.get("supply2", type="supply")
dac = lager.Net.get("dac1", type="dac")
line = lager.Net.get("gpo1", type="gpio")
supply.set_voltage(3.3)
supply.set_current(0.5)
supply.set_ovp(6)
dac.output(2)
line.output(1)
try:
    lager.pause("held", MORE)
except Exception as error:
    print(type(error).__name__, [(one["net"], one["what"], one["new"]) for one in error.changes], flush=True)
    print(error, flush=True)
state = supply.state()
print("now", state.voltage_set, state.ovp, state.enabled, round(dac.output(), 2), line.input())
print("goes on", flush=True)
"""


def test_a_changed_bench_raises_where_the_script_asks_for_it(
    run: Starter, client: Client, lager: Command, station: Station
) -> None:
    process = run(ON_CHANGE.replace("MORE", "on_change='raise'"))
    pause = client.paused()
    lager("supply", "supply2", "voltage", "5", "--through")
    at_the_instrument(station, ":SOUR1:CURR 0.25")
    client.call("Continue", "s", pause["id"])
    said = process.out.expect("goes on")
    assert "BenchChanged [('supply2', 'voltage', 5.0), ('supply2', 'current', 0.25)]\n" in said
    assert re.search(
        r"The bench was changed during the pause at .*script.py:12 \(held\): supply2 voltage 3.300 → 5", said
    )
    assert "and 1 more. Catch lager.BenchChanged" in said
    assert "now 5.0 6.0 False 2.0 1\n" in said


@pytest.mark.variant
def test_an_unchanged_bench_raises_nothing(run: Starter, client: Client) -> None:
    process = run(ON_CHANGE.replace("MORE", "on_change='raise'"))
    client.paused()
    client.call("ContinueAll")
    assert "Changed" not in process.out.expect("goes on")


@pytest.mark.variant
def test_a_timeout_that_raises_comes_before_and_has_the_changes(run: Starter, client: Client) -> None:
    process = run(ON_CHANGE.replace("MORE", "on_timeout='raise', on_change='raise'"))
    pause = client.paused()
    client.call("Through", "sssa{sv}", key_of(client, "psu1"), "supply2", "voltage", {"value": 5.0}, name=INSTRUMENTS)
    for seconds in (0.0, 0.1):  # no time limit, and then so many seconds
        client.call("Extend", "sd", pause["id"], seconds)
    said = process.out.expect("goes on")
    assert "PauseTimeout [('supply2', 'voltage', 5.0)]\n" in said


def test_restore_sets_back_what_was_changed_and_switches_no_output_on(
    run: Starter, client: Client, lager: Command, station: Station
) -> None:
    process = run(
        ON_CHANGE.replace("MORE", "on_change='restore'").replace("dac.output(2)", "supply.enable(); dac.output(2)")
    )
    pause = client.paused()
    lager("supply", "supply2", "voltage", "5", "--through")
    at_the_instrument(station, ":OUTP:OVP:VAL CH1,9")
    assert lager("off").returncode == 1  # the dac and the line have no safe state
    lager("supply", "supply2", "disable", "--through")
    lager("dac", "dac1", "3", "--through")
    lager("gpo", "gpo1", "0", "--through")
    client.call("Continue", "s", pause["id"])
    said = process.out.expect("goes on")
    assert "now 3.3 6.0 False 2.0 0\n" in said
    process.wait()
    told = re.findall(r"^  (.* set back.*)$", process.err.rest(), re.MULTILINE)
    assert told == [
        "dac1 voltage was set back",  # it goes down
        "supply2 voltage was set back",
        "supply2 ovp was set back",
        "supply2 output was not set back: supply2: its output was on. lager switches no output on.",
        "gpo1 output was not set back: gpo1: the line was at 1. lager switches no output on.",
    ]


def test_restore_switches_off_what_was_switched_on_and_leaves_a_dac_at_0_v(
    run: Starter, client: Client, lager: Command
) -> None:
    process = run(ON_CHANGE.replace("MORE", "on_change='restore'"))
    pause = client.paused()
    lager("supply", "supply2", "enable", "--through")
    lager("dac", "dac1", "0", "--through")
    client.call("Continue", "s", pause["id"])
    assert "now 3.3 6.0 False 0.0 1\n" in process.out.expect("goes on")


TIGHT = """
import lager
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3)
supply.set_ovp(4)
supply.enable()
lager.pause("held", on_change="restore")
state = supply.state()
print("now", state.voltage_set, state.ovp, state.enabled, state.ovp_tripped)
"""


def test_restore_trips_no_protection_of_an_output_that_is_on(run: Starter, client: Client, lager: Command) -> None:
    process = run(TIGHT)
    pause = client.paused()
    for setting, volts in (("ovp", "9"), ("voltage", "8")):
        assert lager("supply", "supply2", setting, volts, "--through").returncode == 0
    client.call("Continue", "s", pause["id"])
    assert process.out.expect("now") + process.out.rest() == "now 3.0 4.0 True False\n"


@pytest.mark.variant
def test_restore_raises_no_output_that_is_on_only_for_now(run: Starter, client: Client, lager: Command) -> None:
    process = run(TIGHT.replace("set_ovp(4)", "set_voltage(9)").replace("supply.enable()", ""))
    pause = client.paused()
    for words in (["voltage", "3.3"], ["enable"]):
        assert lager("supply", "supply2", *words, "--through").returncode == 0
    client.call("Continue", "s", pause["id"])
    process.out.expect("now 9.0")
    told = re.findall(r"^  (.*) set back", process.err.rest(), re.MULTILINE)
    assert told == ["supply2 output was", "supply2 voltage was"]


def test_an_unknown_on_change_warns(run: Starter, client: Client, lager: Command) -> None:
    process = run(ON_CHANGE.replace("MORE", "on_change='ignore'"))
    pause = client.paused()
    lager("supply", "supply2", "voltage", "5", "--through")
    client.call("Continue", "s", pause["id"])
    assert "now 5.0" in process.out.expect("goes on")
    process.err.expect("lager: on_change='ignore' is not one of warn, raise, restore; using warn.\n")
