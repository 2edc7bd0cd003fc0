"""What is changed on the bench during a pause: it is listed with the pause, and the script prints it at its resume."""

import json
import os
import re
import subprocess
from typing import Any

import pytest

from lager.errors import AccessDenied, InvalidArgument, NoSuchInstrument
from lager.wording.changes import what
from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.bus.instruments.while_paused.changed_bench import (
    HOLDS,
    ME,
    PAUSES,
    at_the_instrument,
    changes,
    key_of,
    line,
    printed,
)
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER
from tests.station import Station

pytestmark = pytest.mark.usefixtures("bench")


def test_what_a_command_sets_is_listed_and_printed_by_the_script_when_it_resumes(
    run: Starter, client: Client, lager: Command
) -> None:
    lager("supply", "supply2", "voltage", "3.3")
    process = run(PAUSES)
    pause = client.paused()
    assert (pause["changes"], pause["changes_left_out"]) == ([], 0)
    assert lager("supply", "supply2", "voltage", "5").returncode == 0
    [change] = changes(client, pause)
    assert change.pop("at") == pytest.approx(pause["since"], abs=60)
    assert change.pop("pid") > 0
    assert change == {
        "net": "supply2", "instrument": change["instrument"], "what": "voltage", "old": 3.3, "new": 5.0, "unit": "V",
        "how": "lager supply", "user": ME, "uid": os.getuid(),
    }  # fmt: skip
    assert json.loads(lager("breakpoints", "--json").stdout)[0]["changes"][0]["new"] == 5.0
    assert "\nChanges\n  supply2 voltage 3.300 → 5.000 V (" in lager("breakpoints", "show", pause["id"]).stdout
    client.call("Continue", "s", pause["id"])
    _, details = client.resumed(pause["id"])
    assert [one["what"] for one in details["changes"]] == ["voltage"]
    [said] = printed(process)
    assert line("supply2 voltage 3.300 → 5.000 V", "lager supply").match(said)


def test_what_is_set_through_the_pause_and_in_its_console_names_who_set_it_and_how(
    run: Starter, client: Client, lager: Command
) -> None:
    process = run(HOLDS)
    pause = client.paused()
    lager("supply", "supply2", "voltage", "5", "--through")
    lager("supply", "supply2", "enable", "--through")
    said = lager("python", "--console", pause["id"], stdin="supply.set_current(0.75)\n")
    assert said.stdout == "0.75\n"
    assert lager("off", "supply2").returncode == 0
    lager("supply", "supply2", "voltage", "--through")  # a reading
    client.call("Through", "sssa{sv}", key_of(client, "psu1"), "supply2", "voltage", {"value": 4.0}, name=INSTRUMENTS)
    client.call("Continue", "s", pause["id"])
    expected = [
        line("supply2 voltage 3.300 → 5.000 V", "lager supply --through"),
        line("supply2 output off → on", "lager supply --through"),
        line("supply2 current 0.500 → 0.750 A", "console"),
        line("supply2 output on → off", "lager off"),
        line("supply2 voltage 5.000 → 4.000 V", "D-Bus"),
    ]
    found = printed(process)
    assert len(found) == len(expected), found
    assert all(one.match(text) for one, text in zip(expected, found, strict=True)), found


OTHER = """
import sys, lager
dac = lager.Net.get("dac1", type="dac")
dac.output(0.5)
print("set", flush=True)
for volts in map(float, sys.stdin):
    dac.output(volts)
    print("set", volts, flush=True)
"""


def test_another_script_is_named_and_only_what_it_sets_during_the_pause(
    run: Starter, client: Client, start: Starter, script: ScriptWriter
) -> None:
    other = start(LAGER, "python", script(OTHER, "sweep.py"), stdin=subprocess.PIPE)
    other.out.expect("set\n")
    process = run(PAUSES)
    pause = client.paused()
    for volts in (1.0, 1.0, 2.0):  # the second changes nothing
        other.stdin.write(f"{volts}\n".encode())
        other.stdin.flush()
        other.out.expect(f"set {volts}")
    client.heard(other_pid(client))
    assert [one["new"] for one in changes(client, pause)] == pytest.approx([1.0, 2.0], abs=0.002)
    client.call("Continue", "s", pause["id"])
    found = printed(process)
    assert line("dac1 voltage 0.500 → 1.000 V", "sweep.py").match(found[0]), found
    other.stdin.write(b"3\n")
    other.stdin.flush()
    other.out.expect("set 3")
    second = run(PAUSES)
    assert client.paused()["changes"] == []
    client.call("ContinueAll")
    assert printed(second) == []


def other_pid(client: Client) -> Any:
    return next(one["pid"] for one in client.call("List", name=INSTRUMENTS) if one["name"] == "daq1")


def test_settings_of_the_script_before_and_after_its_pause_are_not_changes(run: Starter, client: Client) -> None:
    waits = run(PAUSES)
    first = client.paused()  # what the next script sets is a change for this pause
    process = run(HOLDS)
    second = client.paused()
    assert second["changes"] == []
    client.call("Continue", "s", second["id"])
    assert printed(process) == []
    assert [one["new"] for one in changes(client, first)] == [3.3, 0.5, 1.5]
    client.call("Continue", "s", first["id"])
    assert len(printed(waits)) == 3


def test_only_the_holder_records_and_only_what_is_a_change(run: Starter, client: Client) -> None:
    run(HOLDS)
    pause = client.paused()
    psu1 = key_of(client, "psu1")

    def record(instrument: Any, **change: Any) -> Any:
        return client.call("Record", "sa{sv}", instrument, change, name=INSTRUMENTS)

    with pytest.raises(AccessDenied, match="psu1 is held by"):
        record(psu1, net="supply2", what="voltage", new=1.0)
    with pytest.raises(NoSuchInstrument):
        record("TCPIP-none", net="supply2", what="voltage", new=1.0)
    assert changes(client, pause) == []
    client.call("Continue", "s", pause["id"])


def test_an_invalid_change_is_refused_and_texts_are_limited(run: Starter, client: Client) -> None:
    run(PAUSES)
    pause = client.paused()
    client.call("Claim", "sa{sv}", "mine", {"net": "n", "name": "mine"}, name=INSTRUMENTS)

    def record(**change: Any) -> Any:
        return client.call("Record", "sa{sv}", "mine", change, name=INSTRUMENTS)

    for wrong in (
        {}, {"net": "n"}, {"net": 1, "what": "v"}, {"net": "n", "what": "v", "new": float("nan")},
        {"net": "n", "what": "v", "old": ["x"]},
    ):  # fmt: skip
        with pytest.raises(InvalidArgument):
            record(**wrong)
    record(net="n" * 5000, what="w\n" * 500, how="h" * 5000, unit="u" * 500, old="o" * 5000, new=2, console=["1"],
           off=1, request="x", user="root", uid=0)  # fmt: skip
    [change] = changes(client, pause)
    assert max(len(text) for text in change.values() if isinstance(text, str)) <= 100
    assert "\n" not in change["what"]
    assert (change["user"], change["uid"], change["new"]) == (ME, os.getuid(), 2.0)
    for number in range(150):
        record(net="n", what="v", old=number, new=number + 1)
    [listed] = [one for one in client.list() if one["id"] == pause["id"]]
    assert (len(listed["changes"]), listed["changes_left_out"]) == (100, 51)
    assert listed["changes"][-1]["new"] == 150.0
    client.call("Release", "s", "mine", name=INSTRUMENTS)
    record(net="n", what="v", new=7)  # it came late
    client.call("Continue", "s", pause["id"])
    assert client.resumed(pause["id"])[1]["changes_left_out"] == 52


def test_changes_survive_a_restart_of_lagerd(
    run: Starter, client: Client, lager: Command, own_station: Station
) -> None:
    lager("supply", "supply2", "voltage", "1")
    process = run(PAUSES)
    pause = client.paused()
    lager("supply", "supply2", "voltage", "2")
    own_station.kill_lagerd()
    own_station.start_lagerd()
    client.paused()
    lager("supply", "supply2", "voltage", "3")
    assert [one["new"] for one in changes(client, pause)] == [2.0, 3.0]
    client.call("Continue", "s", pause["id"])
    assert len(printed(process)) == 2


# What each command sets on a fresh bench, in this order.
EVERY = [
    ("supply supply2 enable", ["supply2 output off → on"]),
    ("supply supply2 voltage 4", ["supply2 voltage 0.000 → 4.000 V"]),
    ("supply supply2 ovp 7", ["supply2 ovp 66.000 → 7.000 V", "supply2 ovp_enabled off → on"]),
    ("supply supply2 ocp 0.8", ["supply2 ocp 1.100 → 0.800 A", "supply2 ocp_enabled off → on"]),
    ("supply supply2 voltage 99", []),  # refused
    ("supply supply2 disable", ["supply2 output on → off"]),
    ("supply supply2 disable", []),
    ("supply supply3 current 2", ["supply3 current 10.000 → 2.000 A"]),
    ("supply supply1 voltage 2", ["supply1 voltage 0.000 → 2.000 V"]),
    ("supply supply1 ovp 3", ["supply1 ovp 21.000 → 3.000 V"]),
    ("battery battery1 mode static", ["battery1 role supply → battery", "battery1 mode ? → static"]),
    ("battery battery1 voc 4", ["battery1 soc 100.000 → 77.778 %", "battery1 voc 4.200 → 4.000 V"]),
    ("battery battery1 capacity 2", ["battery1 capacity 0.010 → 2.000 Ah"]),
    ("battery battery1 current-limit 2", ["battery1 current_limit 0.100 → 2.000 A"]),
    (
        "battery battery1 enable",
        ["battery1 ovp 21.000 → 10.000 V", "battery1 ocp 6.100 → 3.000 A", "battery1 output off → on"],
    ),
    ("battery battery1 disable", ["battery1 output on → off"]),
    ("battery battery1 state", []),
    ("eload eload1 cc 0.5", ["eload1 cc 0.000 → 0.500 A"]),
    ("eload eload1 cr 100", ["eload1 cr 15000.000 → 100.000 Ω", "eload1 mode CC → CR"]),
    ("eload eload1 enable", ["eload1 output off → on"]),
    ("dac dac1 1", ["dac1 voltage 0.000 → 1.000 V"]),
    ("gpo gpo1 1", ["gpo1 output not driven → 1"]),
    ("gpo gpo1 release", ["gpo1 output 1 → not driven"]),
    ("adc adc1", []),
    ("gpi gpi1", []),
]


def test_every_driver_says_what_it_sets(run: Starter, client: Client, lager: Command) -> None:
    run(PAUSES)
    pause = client.paused()
    seen = 0
    for command, expected in EVERY:
        lager(*command.split())
        found = changes(client, pause)[seen:]
        seen += len(found)
        assert [f"{one['net']} {what(one)}" for one in found] == expected, command
        assert {one["how"] for one in found} <= {f"lager {command.split()[0]}"}
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_what_another_thread_of_the_script_sets_is_a_change_with_its_name(
    run: Starter, client: Client, lager: Command
) -> None:
    text = HOLDS.replace(
        "lager.pause(",
        """
import threading, sys
def sweep():
    for line in sys.stdin:
        supply.set_voltage(float(line))
        print("set", line, flush=True)
threading.Thread(target=sweep, daemon=True).start()
lager.pause(""",
    )
    process = run(text, stdin=subprocess.PIPE)
    pause = client.paused()
    process.stdin.write(b"2.5\n")
    process.stdin.flush()
    process.out.expect("set 2.5")
    client.call("Continue", "s", pause["id"])
    [said] = printed(process)
    assert line("supply2 voltage 3.300 → 2.500 V", "script.py").match(said), said


@pytest.mark.variant
def test_what_a_borrower_sets_names_the_borrower_and_is_no_turn_of_a_knob(
    run: Starter, client: Client, lager: Command, station: Station
) -> None:
    process = run(HOLDS)
    pause = client.paused()
    process.err.expect("timeout ")
    lager("supply", "supply2", "current", "0.75", "--through")
    assert lager("lend", pause["id"], "psu1").returncode == 0
    assert lager("supply", "supply2", "voltage", "2").returncode == 0
    at_the_instrument(station, ":SOUR1:CURR 0.6")
    assert lager("return", "psu1").returncode == 0
    client.call("Continue", "s", pause["id"])
    found = printed(process)
    assert line("supply2 current 0.500 → 0.750 A", "lager supply --through").match(found[0]), found
    assert line("supply2 voltage 3.300 → 2.000 V", "lager supply").match(found[1])
    assert re.match(r"supply2 current 0.750 → 0.600 A \(at the instrument, ", found[2])
    assert len(found) == 3


@pytest.mark.variant
def test_what_lager_off_switches_off_names_who_did_it(run: Starter, client: Client, lager: Command) -> None:
    lager("supply", "supply2", "voltage", "2")
    lager("supply", "supply2", "enable")
    process = run(PAUSES)
    pause = client.paused()
    assert lager("off", "supply2", "supply3", "eload1").returncode == 0  # only the first was on
    [change] = changes(client, pause)
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)
    client.call("Continue", "s", pause["id"])
    [said] = printed(process)
    assert line("supply2 output on → off", "lager off").match(said), said
