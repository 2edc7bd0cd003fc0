"""The words of the commands of the public lager project: values with protections, defaults, waiting and holding."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER
from tests.station import Station

pytestmark = pytest.mark.usefixtures("bench")


@pytest.fixture(autouse=True)
def own_configuration(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's file is the test's own: other tests run beside it."""
    monkeypatch.setitem(station.env, "XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def defaults(lager: Command) -> "Iterator[Callable[..., subprocess.CompletedProcess[str]]]":
    """Sets default nets, and removes them after the test."""
    yield lambda *words: lager("defaults", "add", *words)
    lager("defaults", "delete-all", "--yes")


LINES = {
    "supply supply2 set": "",
    "supply supply2 voltage 3.3 --ovp 3.6 --ocp 500mA --yes": "3.3 V",
    "supply supply2 ovp": "3.6 V",
    "supply supply2 current 0.4 --ocp 0.5 --ovp 5": "0.4 A",
    "supply supply2 voltage --ovp 5.5": r"[\d.e-]+ V",
    "supply supply2 clear-ovp": "",
    "supply supply2 clear-ocp": "",
    "supply supply2 enable --yes": "",
    "supply supply2 disable --yes": "",
    "battery battery1 set": "",
    "battery battery1 batt-full 4.1": "4.1 V",
    "battery battery1 batt-empty 3.1V": "3.1 V",
    "battery battery1 ovp 4.5": "4.5 V",
    "battery battery1 ocp 2": "2 A",
    "battery battery1 model 18650": "1",
    "battery battery1 model": "1",
    "battery battery1 clear": "",
    "battery battery1 clear-ovp": "",
    "battery battery1 clear-ocp": "",
    "battery battery1 enable --yes": "",
    "battery battery1 disable --yes": "",
    "eload eload1 mode cw": "CP",
    "eload eload1 mode": "CP",
    "gpo gpo1 low": "0",
    "gpo gpo1 toggle": "1",
    "gpi gpi1 --wait-for high --timeout 10": r"gpi1 is 1 after 0\.\d\d s",
    "gpi gpi1 --wait-for 1 --scan-rate 1000 --scans-per-read 2 --poll-interval 0.01": r"gpi1 is 1 after .*",
    "uart uart1 serial-port": "/.*",
    "dac dac1 1.5 --yes": r"1\.5\d* V",
}


def test_each_command_line_of_the_public_manual_does_what_it_says(lager: Command) -> None:
    for line, printed in LINES.items():
        done = lager(*line.split())
        assert (line, done.returncode, done.stderr) == (line, 0, "")
        assert re.fullmatch(printed, done.stdout.strip()), (line, done.stdout)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("supply supply2 voltage 3.3 --ovp 3.0", "its ovp of 3 would be below the voltage of 3.3"),
        ("supply supply2 voltage 3.3 --ovp high", "'high' is not valid for ovp."),
        ("supply supply2 enable --ovp 5", "need the action voltage or current"),
        ("supply supply2 voltage 3 --ovp 4 --through", "do not work with --through"),
        ("supply supply2 volt 3", "'volt' is not one of state, voltage"),
        (
            "supply voltage 3.3",
            "Name a net (supply1, supply2, supply3), or set a default: lager defaults add --supply-net",
        ),
        ("dac 3.3", "Name a net (dac1)"),
        ("gpo high", "Name a net (gpi1, gpo1)"),
        ("gpo gpo1", "gpo needs a level"),
        ("gpo gpo1 1 0", "gpo takes one level"),
        ("gpo gpo1 release --hold", "--hold needs a level"),
        ("gpi gpi1 --timeout 3", "need --wait-for"),
        ("gpi gpi1 --wait-for up", "'up' is not a level"),
        ("uart uart1 --xonxoff --rtscts", "at most one of"),
        ("uart uart1 --flow-control none --rtscts", "at most one of"),
        ("uart uart1 --flow-control rts", "should be one of none, xonxoff, rtscts, dsrdtr, not 'rts'"),
        ("python --yes nothing.py", "--yes needs --kill or --kill-all"),
        ("uart uart1 --parity most", "'most' is not one of"),
        ("defaults add", "Give at least one option"),
    ],
)
def test_an_invalid_command_line_is_refused_in_one_sentence(lager: Command, line: str, said: str) -> None:
    done = lager(*line.split())
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_waiting_for_a_level_fails_at_its_timeout(lager: Command) -> None:
    lager("gpo", "gpo1", "low")
    done = lager("gpi", "gpi1", "--wait-for", "high", "--timeout", "0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gpi1 did not change to 1 within 0.1 s." in done.stderr


def test_a_held_line_is_released_by_ctrl_c(start: Starter, lager: Command) -> None:
    lager("gpo", "gpo1", "low")
    holding = start(LAGER, "gpo", "gpo1", "high", "--hold")
    holding.err.expect("holding gpo1 at 1; press Ctrl-C to release it")
    assert "gpo1" in lager("instruments").stdout
    os.kill(holding.pid, signal.SIGINT)
    holding.err.expect("gpo1 is an input again")
    assert holding.wait() == 0
    assert json.loads(lager("gpo", "gpo1", "release", "--json").stdout) == {"net": "gpo1", "gpo": 1}


@pytest.mark.parametrize("command", ["supply", "battery", "eload", "adc", "dac", "gpi", "gpo", "uart"])
def test_without_a_net_the_nets_of_the_type_are_listed(lager: Command, command: str) -> None:
    type = "gpio" if command in ("gpi", "gpo") else command
    listed = lager(command).stdout.splitlines()
    every = json.loads(lager("nets", "--json").stdout)
    assert [line.split()[0] for line in listed] == ["NET", *(net["name"] for net in every if net["type"] == type)]


def test_a_default_net_stands_for_a_net_that_is_left_out(
    lager: Command, defaults: "Callable[..., subprocess.CompletedProcess[str]]"
) -> None:
    defaults("--supply-net", "supply3", "--dac-net", "dac1", "--gpio-net", "gpo1")
    assert lager("supply", "voltage", "2.5").stdout == "2.5 V\n"
    assert "supply3 (channel 2)" in lager("supply").stdout
    assert "supply2 (channel 1)" in lager("supply", "supply2").stdout
    assert lager("dac", "0.5").stdout == lager("dac").stdout == "0.500488 V\n"
    assert lager("gpo", "HIGH").stdout == "1\n"
    assert lager("gpi").stdout == "1\n"
    assert json.loads(lager("defaults", "--json").stdout)["supply-net"] == "supply3"
    assert lager("defaults", "delete", "supply-net").returncode == 0
    assert "Name a net" in lager("supply", "voltage").stderr
    assert lager("defaults", "delete", "supply-net").returncode == 1


@pytest.mark.parametrize("table", ["default_nets = 5", "[default_nets]\nsupply = 2"])
def test_a_file_with_wrong_defaults_is_named_and_not_changed(lager: Command, tmp_path: Path, table: str) -> None:
    file = tmp_path / "home" / "lager" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(table)
    for line in ("supply voltage 3", "defaults", "defaults add --dac-net dac1"):
        done = lager(*line.split(), XDG_CONFIG_HOME=str(tmp_path / "home"))
        assert done.returncode == 1
        assert "default_nets" in done.stderr
    assert file.read_text() == table


@pytest.mark.parametrize("passed_on", ["[1]", "{", "5", '{"supply": 5}'])
def test_defaults_that_a_desk_has_passed_on_may_be_anything(lager: Command, passed_on: str) -> None:
    done = lager("supply", "voltage", LAGER_DEFAULT_NETS=passed_on)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_all_runs_of_the_user_are_ended_at_once(start: Starter, lager: Command, client: Client) -> None:
    for _ in range(2):
        start(LAGER, "python", "-d", "-c", "from lager import pause; pause('here')")
        client.paused()
    ended = lager("python", "--kill-all", "--yes")
    assert ended.returncode == 0
    assert ended.stdout.count("Ended ") == 2
    assert lager("python", "--kill-all").stdout == "You have no active runs.\n"
