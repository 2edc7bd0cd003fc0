"""What each command of a net does, the values that it takes, and what it says to wrong ones."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.scripted_instrument import ScriptedInstrument
from tests.fixtures import Command
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

pytestmark = pytest.mark.usefixtures("bench")


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("-1", 1, "supply2: -1 V is "), ("-1.5 V", 1, "supply2: -1.5 V is "), ("1000", 1, "over its limit of"),
        ("٣", 2, "'٣' is not valid for voltage. Give a decimal number in V, such as 3.3, 3.3V or 500mV."),
        ("1_0", 2, "'1_0' is not valid"), ("nan", 2, "'nan' is not valid"), ("-inf", 2, "'-inf' is not valid"),
        ("-٣", 2, "'-٣' is not valid"), ("500mA", 2, "'500mA' is not valid"), ("", 2, "'' is not valid"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_the_valid_ones(lager: Command, value: str, code: int, said: str) -> None:
    before = lager("supply", "supply2", "--json").stdout
    refused = lager("supply", "supply2", "voltage", value, "--wait", "1")
    assert refused.returncode == code
    assert said in refused.stderr
    assert "No such option" not in refused.stderr
    assert lager("supply", "supply2", "--json").stdout == before


@pytest.mark.parametrize("typed", [("2500mV",), ("2.5", "V"), ("--", "2.5V"), ("2.5e0", "--json")])
def test_a_value_may_have_its_unit(lager: Command, typed: tuple[str, ...]) -> None:
    done = lager("supply", "supply2", "voltage", *typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(lager("supply", "supply2", "--json").stdout)["voltage_set"] == 2.5


@pytest.mark.parametrize("words", [["adc", "adc1", "-1"], ["supply", "-1"], ["supply", "supply2", "-1"]])
def test_a_negative_number_is_never_taken_for_an_option(lager: Command, words: list[str]) -> None:
    done = lager(*words)
    assert done.returncode in (1, 2)
    assert "-1" in done.stderr
    assert "No such option" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [["adc", "adc1", "--wait", "1_0"], ["adc", "adc1", "--wait", "-1"], ["uart", "uart1", "--baudrate", "9_600"],
     ["python", "x", "--timeout", "٣"], ["python", "--reattach", "x", "--tail", "1_0"]],
)  # fmt: skip
def test_every_number_of_an_option_is_decimal(lager: Command, words: list[str]) -> None:
    done = lager(*words)
    assert done.returncode == 2
    assert done.stderr.rstrip().splitlines()[-1].startswith(f"Error: Invalid value for '{words[-2]}': '")


VOLTS = r"-?\d+(\.\d+)? V"
# What each prints, as a pattern; of those that print nothing, what the state then says.
ANSWERS: dict[str, dict[str, str | dict[str, object]]] = {
    "supply": {
        "supply1 state": r"supply1 \(channel \d\)\n  output   off\n(.*\n)+",
        "supply2 voltage 2.5": "2.5 V",
        "supply2 current 0.5": "0.5 A",
        "supply2 ovp 9": "9 V",
        "supply2 ocp 0.9": "0.9 A",
        "supply2 enable": {"enabled": True, "voltage": 2.5, "voltage_set": 2.5, "ovp": 9.0, "ocp": 0.9},
        "supply2 voltage": VOLTS,
        "supply2 disable": {"enabled": False, "voltage": 0.0},
        "supply2 ovp 2": "2 V",
        "supply2 voltage 1": "1 V",
        "supply2 clear": {"enabled": False, "ovp_tripped": False, "ovp_enabled": True},
    },
    "battery": {
        "battery1 mode dynamic": "dynamic",
        "battery1 soc 50": "50 %",
        "battery1 voc": VOLTS,
        "battery1 capacity 1": "1 Ah",
        "battery1 current-limit 0.5": "0.5 A",
        "battery1 enable": {"enabled": True, "mode": "dynamic", "capacity": 1.0, "current_limit": 0.5},
        "battery1 disable": {"enabled": False},
        "battery1 clear": {"enabled": False, "tripped": None},
    },
    "eload": {
        "eload1 cc 0.2": "0.2 A",
        "eload1 cv 3": "3 V",
        "eload1 cr 100": "100 Ω",
        "eload1 cp 1": "1 W",
        "eload1 enable": {"enabled": True, "mode": "CP", "level": 1.0},
        "eload1 disable": {"enabled": False, "mode": "CP", "power": 0.0},
        "eload1 state": r"eload1\n  input    off\n  mode     CP \(set 1\.000 W\)\n(.*\n)+",
    },
    "dac": {"dac1 1.5": r"1\.(5|499\d*|500\d*) V", "dac1": r"1\.(5|499\d*|500\d*) V"},
    "gpo": {"gpo1 1": "1", "gpo1 low": "0", "gpo1 ON": "1", "gpo1 release": "1"},
    "gpi": {"gpi1": "[01]"},
    "adc": {"adc3": VOLTS},
    "nets": {"": r"(.*\n)*supply2 .*\n(.*\n)*", "check": r"(.*\n)*.*RIGOL TECHNOLOGIES,DP821.*\n(.*\n)*"},
}


@pytest.mark.parametrize("command", ANSWERS)
def test_every_command_answers(lager: Command, command: Any) -> None:
    for arguments, expected in ANSWERS[command].items():
        done = lager(command, *arguments.split())
        assert (done.returncode, done.stderr) == (0, ""), arguments
        if isinstance(expected, dict):
            assert done.stdout == "", arguments
            state = json.loads(lager(command, arguments.split()[0], "state", "--json").stdout)
            assert {key: state[key] for key in expected} == expected, arguments
        else:
            assert re.fullmatch(rf"{expected}\n?", done.stdout), f"{arguments}: {done.stdout}"


def test_clear_resets_what_has_tripped(lager: Command) -> None:
    for words in ("ovp 2", "voltage 1", "enable", "voltage 3"):
        assert lager("supply", "supply2", *words.split()).returncode == 0, words
    tripped = json.loads(lager("supply", "supply2", "state", "--json").stdout)
    assert (tripped["enabled"], tripped["ovp_tripped"]) == (False, True)
    assert "  ovp      2.000 V, on, TRIPPED" in lager("supply", "supply2", "state").stdout
    assert lager("supply", "supply2", "voltage", "1").returncode == 0
    assert lager("supply", "supply2", "clear").returncode == 0
    cleared = json.loads(lager("supply", "supply2", "state", "--json").stdout)
    assert (cleared["enabled"], cleared["ovp_tripped"]) == (False, False)


def test_reading_a_driven_line_leaves_it_driven(lager: Command) -> None:
    lager("gpo", "gpo1", "0")
    for _ in range(2):
        assert lager("gpi", "gpo1").stdout == "0\n"
        # FIO0 is tied to it.
        assert lager("gpi", "gpi1").stdout == "0\n"
    assert lager("gpo", "gpo1", "release").stdout == "1\n"
    assert lager("gpi", "gpi1").stdout == "1\n"


def test_each_command_prints_json(lager: Command) -> None:
    assert json.loads(lager("adc", "adc4", "--json").stdout)["net"] == "adc4"
    state = json.loads(lager("supply", "supply2", "state", "--json").stdout)
    assert (state["net"], state["channel"], state["enabled"]) == ("supply2", 1, False)
    nets = json.loads(lager("nets", "--json").stdout)
    assert {"name", "type", "instrument", "model", "address", "channel", "limits"} <= nets[0].keys()


@pytest.mark.parametrize(
    "command", ["supply nothere", "supply adc1", "adc supply2", "supply supply2 voltage abc", "gpo gpo1 2", "gpo gpo1"]
)
def test_wrong_use_is_one_sentence_and_a_hint(lager: Command, command: str) -> None:
    done = lager(*command.split())
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_command_for_another_type_names_the_right_one(lager: Command) -> None:
    for net, kind, right in (("supply2", "supply", "supply"), ("gpo1", "gpio", "gpi")):
        done = lager("adc", net)
        assert done.returncode == 1
        assert done.stderr == f"lager: The net {net} is of type {kind}, not adc. Try: lager {right} {net}\n"


def test_a_state_with_a_missing_answer_shows_the_rest(lager: Command, tmp_path: Path) -> None:
    place = next(index for index, (asked, _) in enumerate(dp800.STATE) if asked == ":OUTP:OVP:QUES? CH1")
    script = [*dp800.STATE[:place], (":OUTP:OVP:QUES? CH1", "?!"), *dp800.OPEN, *dp800.STATE[place + 1 :]]
    with ScriptedInstrument(*script, *script, *script) as instrument:
        text = f'[instruments.it]\nmodel = "DP821"\naddress = "{instrument.visa}"\n'
        text += '[nets.vdd]\ntype = "supply"\ninstrument = "it"\nchannel = 1\n'
        (tmp_path / "nets.toml").write_text(text)
        here = {"LAGER_NETS": str(tmp_path / "nets.toml")}
        shown = lager("supply", "vdd", **here)
        listed = lager("supply", "vdd", "state", "--json", **here)
        ovp = lager("supply", "vdd", "ovp", **here)
    assert (shown.returncode, listed.returncode, ovp.returncode) == (1, 1, 0)
    assert "  voltage   3.300 V (set 3.300 V)" in shown.stdout
    assert "  not read  ovp_tripped: it (DP821" in shown.stdout
    assert json.loads(listed.stdout)["ovp_tripped"] is None
    assert list(json.loads(listed.stdout)["unread"]) == ["ovp_tripped"]
    assert ovp.stdout == "8.8 V\n"


def test_a_coupled_output_is_read_and_switched_off_but_not_set(lager: Command, tmp_path: Path) -> None:
    identity = ("*IDN?", "RIGOL TECHNOLOGIES,DP832,DP8C1,00.01.16")
    opened = [identity]
    script = [*opened, *dp800.STATE[1:], *opened, *dp800.DISABLE[1:], *opened, (":OUTP:TRAC? CH1", "ON")]
    with ScriptedInstrument(*script) as instrument:
        text = f'[instruments.it]\nmodel = "DP832"\naddress = "{instrument.visa}"\n'
        text += '[nets.vdd]\ntype = "supply"\ninstrument = "it"\nchannel = 1\n'
        (tmp_path / "nets.toml").write_text(text)
        here = {"LAGER_NETS": str(tmp_path / "nets.toml")}
        assert lager("supply", "vdd", **here).returncode == 0
        assert lager("supply", "vdd", "disable", **here).returncode == 0
        refused = lager("supply", "vdd", "voltage", "5", **here)
    assert refused.returncode == 1
    assert "CH1 and CH2 of it" in refused.stderr
    assert "track each other" in refused.stderr


def test_a_choice_that_is_missing_is_shown_in_lines(lager: Command) -> None:
    done = lager("completion")
    assert done.stderr.endswith("Choose from:\n  bash,\n  zsh,\n  fish\n")
