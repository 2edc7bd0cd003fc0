"""Settings that differ between the pause and the resume although no change was reported."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.errors import Failed
from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.bus.instruments.while_paused.changed_bench import HOLDS, at_the_instrument, key_of, printed
from tests.bus.instruments.while_paused.held_instrument import HeldInstrument
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import PATIENCE
from tests.station import Station

pytestmark = pytest.mark.usefixtures("bench")


def test_a_turn_of_the_knob_is_found_at_the_resume(
    run: Starter, client: Client, station: Station, lager: Command
) -> None:
    process = run(HOLDS)
    pause = client.paused()
    lager("supply", "supply2", "--through")  # after the first reading, which holds the instrument
    at_the_instrument(station, ":SOUR1:VOLT 4.5")
    at_the_instrument(station, ":OUTP:OVP:VAL CH1,9")
    client.call("Continue", "s", pause["id"])
    found = printed(process)
    assert len(found) == 2, found
    assert re.fullmatch(r"supply2 ovp 66.000 → 9.000 V \(at the instrument, \d\d:\d\d:\d\d\)", found[0])
    assert re.fullmatch(r"supply2 voltage 3.300 → 4.500 V \(at the instrument, \d\d:\d\d:\d\d\)", found[1])
    changed = client.expect("Changed", lambda s: s.args[0] == pause["id"] and s.args[1]["what"] == "voltage").args[1]
    assert (changed["net"], changed["old"], changed["new"], changed["user"]) == ("supply2", 3.3, 4.5, "")
    assert "Resumed" in [signal.member for signal in client.passed]


EVERYTHING = """
import lager, sys
supply = lager.Net.get("supply2", type="supply")
battery = lager.Net.get("battery1", type="battery")
load = lager.Net.get("eload1", type="eload")
dac, line = lager.Net.get("dac1", type="dac"), lager.Net.get("gpo1", type="gpio")
adc = lager.Net.get("adc1", type="adc")
supply.set_voltage(3.3); supply.set_current(0.5); supply.enable()
battery.mode("dynamic"); battery.enable()
load.current(0.01); load.enable()
dac.output(1.25); line.output(1)
for number in range(int(sys.argv[1])):
    lager.pause(f"quiet {number}")
    supply.set_voltage(3.3 + number % 7 / 10)
    dac.output(number % 5)
    adc.input()
print("goes on", flush=True)
"""


@pytest.mark.parametrize("pauses", [8, 50, pytest.param(1000, marks=pytest.mark.slow)])
def test_pauses_without_a_change_report_nothing(run: Starter, client: Client, lager: Command, pauses: int) -> None:
    process = run(EVERYTHING, str(pauses))
    for number in range(pauses):
        pause = client.paused()
        assert pause["changes"] == []
        if number % 2:  # the others resume during the first reading, or before it
            client.heard(pause["pid"])
        if number % 20 == 5:
            lager("supply", "supply2", "--through")
        client.call("Continue", "s", pause["id"])
        assert "changes" not in client.resumed(pause["id"])[1]
        process.err.expect(f"lager: {pause['id']} resumed")  # read it all, else the script waits for a full pipe
    process.out.expect("goes on")
    assert "Changed" not in [signal.member for signal in client.passed]
    said = [line for line in (process.err.text + process.err.rest()).splitlines() if "→" in line or "compared" in line]
    assert said == []


HOLDS_ONE = """
import lager
supply = lager.Net.get("supply2", type="supply")
lager.pause("held", interactive=True)
print("goes on", flush=True)
"""


@pytest.fixture
def silent_at(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Make the instrument of supply2 one that does not answer a query until it is told to."""
    made = []

    def make(question: Any, timeout: Any) -> HeldInstrument:
        made.append(HeldInstrument(question))
        nets = tmp_path / "silent.toml"
        nets.write_text(
            f'[instruments.psu1]\nmodel = "DP821"\naddress = "{made[0].visa}"\ntimeout = {timeout}\n'
            '[nets.supply2]\ntype = "supply"\ninstrument = "psu1"\nchannel = 1\n'
        )
        monkeypatch.setitem(station.env, "LAGER_NETS", str(nets))
        return made[0]

    yield make
    for instrument in made:
        instrument.close()


def test_a_resume_during_the_first_reading_cancels_it(
    run: Starter, client: Client, silent_at: Callable[..., Any]
) -> None:
    instrument = silent_at(":SOUR1:VOLT?", 60)
    process = run(HOLDS_ONE)
    pause = client.paused()
    assert instrument.asked.wait(PATIENCE)
    client.call("Continue", "s", pause["id"])
    process.out.expect("goes on")
    assert "compared" not in process.err.text
    instrument.go.set()
    process.wait()
    assert instrument.heard.count(":SOUR1:VOLT?") == 1
    assert ":SOUR1:CURR?" not in instrument.heard


def test_an_instrument_that_is_dead_at_the_resume_is_one_line_after_a_second(
    run: Starter, client: Client, silent_at: Callable[..., Any]
) -> None:
    instrument = silent_at(":SOUR1:VOLT 1", 60)
    process = run(HOLDS_ONE)
    pause = client.paused()
    client.call("Through", "sssa{sv}", key_of(client, "psu1"), "supply2", "state", {}, name=INSTRUMENTS)  # read once
    instrument._held = ":OUTP:OVP:VAL? CH1"
    client.call("Continue", "s", pause["id"])
    process.out.expect("goes on")
    process.err.expect("  supply2 could not be compared: it did not answer within 1 s.\n")
    instrument.go.set()
    assert "compared" not in process.err.rest()


@pytest.mark.variant
def test_an_instrument_that_is_dead_at_the_pause_is_one_line(
    run: Starter, client: Client, silent_at: Callable[..., Any]
) -> None:
    silent_at(":SOUR1:VOLT?", 0.2)
    process = run(HOLDS_ONE)
    pause = client.paused()
    process.err.expect("timeout ")
    with pytest.raises(Failed):  # it waits for the reading
        client.call("Through", "sssa{sv}", key_of(client, "psu1"), "supply2", "state", {}, name=INSTRUMENTS)
    client.call("Continue", "s", pause["id"])
    process.out.expect("goes on")
    process.err.expect("  supply2 could not be compared: psu1 (DP821 at ")
    assert "compared" not in process.err.rest()
