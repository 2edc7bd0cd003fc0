"""`lager status`: the whole bench on one screen, read without disturbing other users."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScreenStarter, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.patterns import search
from tests.processes import LAGER
from tests.station import Station

HOLDS = """
import lager, sys, threading
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
adc = lager.Net.get("adc1", type="adc")
if sys.argv[1:]:
    print("holding", flush=True)
    threading.Event().wait()
else:
    lager.pause("held")
"""
CLAIMS = """
import lager, sys
print("begin", flush=True)
for _ in range(int(sys.argv[1])):
    for name, type in (("supply2", "supply"), ("adc4", "adc"), ("eload1", "eload")):
        lager.Net.get(name, type=type).close()
print("never busy", flush=True)
"""
INSTRUMENTS = "com.lager.Instruments"

pytestmark = pytest.mark.usefixtures("bench")


def nets_of(lager: Command) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(lager("status", "--json").stdout)["nets"]}


def test_every_net_is_read_free_or_through_the_pause_of_its_holder(
    own_station: Station, run: Starter, client: Client, lager: Command
) -> None:
    assert lager("supply", "supply1", "voltage", "5").returncode == 0
    run(HOLDS)
    pause = client.paused()
    shown = lager("status")
    assert (shown.returncode, shown.stderr) == (0, ""), shown
    rows = {line.split()[0]: line for line in shown.stdout.splitlines() if line}
    assert re.match(r"1 paused  1 run  16 nets, 1 on\n", shown.stdout)
    assert re.search(rf"{pause['id']}  held +script.py:11", rows[pause["id"]])
    assert re.search(rf"on CV +3\.\d+ V  [\d.]+ m?A +pause {pause['id']}, \S+ script.py", rows["supply2"])
    assert re.search(rf"off +0.000 V  0.000 A +pause {pause['id']}", rows["supply3"])  # the other output of psu1
    assert re.search(r"adc +- +3\.\d+ V +pause", rows["adc1"])
    assert re.search(r"off +0.000 V  0.000 A +-$", rows["eload1"])
    assert rows["battery1"].endswith("works as a supply, not as a battery.")
    found = nets_of(lager)
    assert found["supply2"]["through"] == pause["id"]
    assert found["supply2"]["state"]["voltage_set"] == 3.3
    assert found["supply2"]["measured"]["voltage"] == pytest.approx(3.3, abs=0.1)
    assert found["eload1"]["held_by"] is None


def test_what_a_running_script_holds_is_not_read(own_station: Station, run: Starter, lager: Command) -> None:
    process = run(HOLDS, "hold")
    process.out.expect("holding")
    found = nets_of(lager)
    for name in ("supply2", "supply3", "adc1"):
        assert found[name]["held_by"]["script"] == "script.py"
        assert (found[name]["state"], set(found[name]["measured"].values())) == (None, set())
    assert found["adc4"]["measured"] == {"voltage": 0.0}


def test_a_question_is_marked(own_station: Station, run: Starter, client: Client, lager: Command) -> None:
    run("import lager\nlager.ask('LED green?')\n")
    id = client.paused()["id"]
    shown = lager("status").stdout
    assert "1 paused, of which 1 asks" in shown
    assert re.search(rf"{id}  asks: LED green\?", shown)


@pytest.mark.variant
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("rounds", [15, 40, pytest.param(3334, marks=pytest.mark.slow)])  # of three claims
def test_no_claim_is_refused_while_others_look_continuously(start: Starter, run: Starter, rounds: int) -> None:
    watchers = [start(LAGER, "status", "--watch", "--json") for _ in range(2)]
    for watcher in watchers:
        watcher.out.expect("}\n")
    process = run(CLAIMS, str(rounds))
    process.out.expect("never busy\n", 2900)
    assert process.wait() == 0


def test_looks_are_neither_signalled_nor_recorded(
    own_station: Station, run: Starter, client: Client, lager: Command
) -> None:
    run(HOLDS)
    client.paused()
    client.passed.clear()
    assert lager("status").returncode == 0
    assert lager("adc", "adc4").returncode == 0
    told = client.expect("Claimed", lambda signal: signal.args[1]["net"] == "adc4")
    assert [signal.args[1]["net"] for signal in client.passed if signal.member == "Claimed"] in ([], ["adc4"]), told


def test_an_instrument_that_does_not_answer_costs_only_its_own_nets(
    own_station: Station, lager: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(own_station.env["LAGER_NETS"]).read_text()
    port = search(r'\[instruments.psu1\]\n.*\naddress = "TCPIP0::127.0.0.1::(\d+)::', text).group(1)
    (tmp_path / "nets.toml").write_text(text.replace(f"::{port}::", "::1::"))
    monkeypatch.setitem(own_station.env, "LAGER_NETS", str(tmp_path / "nets.toml"))
    shown = lager("status")
    assert shown.returncode == 1
    assert "2 with a problem" in shown.stdout
    rows = {line.split()[0]: line for line in shown.stdout.splitlines() if line}
    assert "cannot be reached" in rows["supply2"]
    assert "0.000 V" in rows["adc1"]


def test_without_nets_it_still_shows_the_pauses(
    own_station: Station, run: Starter, client: Client, lager: Command, tmp_path: Path
) -> None:
    run("import lager\nlager.pause('here')\n")
    id = client.paused()["id"]
    shown = lager("status", LAGER_NETS=str(tmp_path / "none.toml"))
    assert shown.returncode == 1
    assert id in shown.stdout
    assert "There is no nets file" in shown.stdout


def test_watching_needs_a_terminal_or_json(lager: Command) -> None:
    refused = lager("status", "--watch")
    assert (refused.returncode, "add --json" in refused.stderr) == (2, True)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
def test_the_screen_is_live(
    own_station: Station, screen: ScreenStarter, run: Starter, client: Client, lager: Command, columns: int, rows: int
) -> None:
    view = screen(LAGER, "status", "--watch", columns=columns, rows=rows)
    view.until(lambda shown: re.search(r"supply2 +supply +off", shown) and re.search(r"gpo1 +gpio +- +1", shown))
    assert max(map(len, view.lines)) <= columns
    assert lager("dac", "dac1", "1.5").returncode == 0
    view.until(lambda shown: re.search(r"dac1 +dac +- +1\.5\d\d V", shown))
    run(HOLDS)
    id = client.paused()["id"]
    view.until(lambda shown: re.search(rf"supply2 +supply +on CV +3\.\d+ V.*pause {id[:5]}", shown))
    assert "1 paused  1 run  16 nets, 1 on" in view.lines[0]
    client.call("Continue", "s", id)
    view.until(
        lambda shown: "0 paused  0 runs" in shown and re.search(r"supply2 +supply +on CV +3\.\d+ V.* -$", shown, re.M)
    )
    view.type("q")
    assert view.wait() == 0


def test_more_lines_than_fit_can_be_scrolled(own_station: Station, screen: ScreenStarter) -> None:
    view = screen(LAGER, "status", "--watch", columns=80, rows=10)
    view.sees("more lines below")
    view.sees("supply2")
    view.type("G")
    view.until(lambda shown: "uart1" in shown and "more lines" not in shown)
    view.until(lambda shown: re.search(r"gpi1 +gpio +- +1", shown))
    view.type("g")
    view.sees("0 paused")
    view.type("\x03")
    assert view.wait() == 0


@pytest.mark.variant
def test_the_status_of_a_box_is_shown(near: Loopback, lager: Command) -> None:
    shown = lager("status", "--box", "near")
    assert (shown.returncode, "16 nets" in shown.stdout) == (0, True), shown


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_outputs_that_are_on_have_a_colour_unless_it_is_switched_off(
    terminal: TerminalStarter, run: Starter, client: Client, env: Any, coloured: bool
) -> None:
    run(HOLDS)
    client.paused()
    shown = terminal(LAGER, "status", **{"TERM": "xterm-256color", **env})
    assert shown.wait() == 0
    assert ("\x1b[94m" in shown.screen.text) == coloured
    assert "\x1b" in shown.screen.text or not coloured


def test_only_the_chosen_nets_are_read_and_the_others_are_as_they_were(start: Starter) -> None:
    watch = start(LAGER, "status", "--watch", "--json", "--chosen", stdin=subprocess.PIPE)

    def read() -> set[str]:
        nets = json.loads(watch.out.expect("\n"))["nets"]
        return {net["name"] for net in nets if not net.get("unread")}

    assert read() == set()
    for words, names in (('["supply2", "adc1"]', {"supply2", "adc1"}), ('["adc1", 5]', {"adc1"}), ("7", {"adc1"})):
        watch.stdin.write(f"{words}\n".encode())
        watch.stdin.flush()
        while read() != names:
            pass
    watch.stdin.close()
    assert watch.wait() == 0
