"""The bench beside a paused script: free instruments respond, busy ones say who holds them and what to do."""

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from lager.drivers.scripted_instrument import ScriptedInstrument
from tests.processes import LAGER
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

EXAMPLE = str(Path(__file__).parents[4] / "examples/inspect_bench.py")
pytestmark = pytest.mark.usefixtures("bench")


@pytest.fixture
def paused(start, client):
    """The README's example, paused while it holds daq1."""
    process = start(LAGER, "python", EXAMPLE)
    pause = client.paused()
    return process, pause


def number(shown: str) -> float:
    return float(shown.split()[0])


def test_commands_work_beside_the_paused_example(paused, client, lager):
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


def test_a_busy_instrument_says_who_holds_it_where_and_what_to_do(paused, client, lager):
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


def test_a_holder_below_this_folder_is_shown_by_its_relative_path(run, client, lager):
    run("import lager\nadc = lager.Net.get('adc1', type=lager.NetType.ADC)\nlager.pause('held')\n")
    id = client.paused()["id"]
    refused = lager("adc", "adc1").stderr
    assert ": script.py (net adc1) since " in refused
    assert ", paused at script.py:3 (held), for another " in refused
    client.call("Continue", "s", id)


HOLD = "from lager import Net, NetType, pause\nsupply = Net.get('supply2', type='supply')\n"


def test_the_refusal_of_a_script_says_what_a_script_can_do(run, client, start, script):
    run(HOLD + "pause('held')\n")
    id = client.paused()["id"]
    text = "from lager import Net\ntry:\n    Net.get('supply3', type='PowerSupply')\nexcept Exception as error:\n"
    said = start("python", script(text + "    print(error)\n", "second.py")).out.rest()
    assert "psu1 is held by" in said
    assert "Wait for it with wait=SECONDS in Net.get." in said
    assert said.endswith(f"lager python --continue {id}\n")
    assert "--wait" not in said
    client.call("Continue", "s", id)
    said = start("python", script("import second, signal\n" + HOLD + "import os\nprint('holding')\nsignal.pause()\n"))
    said.out.expect("holding")
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
def test_a_command_that_the_holder_started_says_so(run, begin):
    text = HOLD + "import os, subprocess\ncommand = ['lager', 'supply', 'supply3', 'state']\n" + begin + "\n"
    process = run(text)
    assert process.wait() == 0
    said = process.err.rest()
    assert "psu1 is held by" in said
    assert (
        "the script that started this command. Use the net supply2 in that script, or close() it there first." in said
    )
    assert "--wait" not in said


def test_a_script_that_the_holder_started_says_so(run, script):
    script(
        "from lager import Net\ntry:\n    Net.get('supply3', 'supply')\nexcept Exception as error:\n    print(error)\n",
        "second.py",
    )
    said = run(HOLD + "import subprocess\nsubprocess.run(['python', 'second.py'])\n").out.rest()
    assert "the script that started this one" in said


def test_a_second_claim_by_the_holder_itself_says_so(run):
    text = HOLD + (
        "from lager.instruments.net import identify\n"
        "try:\n    identify(supply.config.instrument, net='supply3')\nexcept Exception as error:\n    print(error)\n"
    )
    said = run(text).out.rest()
    assert "in this script. Use the net supply2, or close() it first." in said


def test_a_command_waits_for_a_busy_instrument(paused, client, start):
    process, pause = paused
    waiting = start(LAGER, "adc", "adc2", "--wait", "30")
    client.expect("Queued")
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
    assert waiting.wait() == 0
    assert waiting.out.rest().endswith(" V\n")


def test_two_channels_of_one_supply(run, lager):
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


def test_a_script_killed_while_it_holds_frees_it_at_once(paused, client, lager):
    _, pause = paused
    os.kill(pause["pid"], signal.SIGKILL)
    client.expect("Released")
    assert lager("adc", "adc1").returncode == 0


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("-1", 1, "supply2: -1 V is "), ("-1.5 V", 1, "supply2: -1.5 V is "), ("1000", 1, "over its limit of"),
        ("٣", 2, "'٣' is not valid for voltage. Give a decimal number in V, such as 3.3, 3.3V or 500mV."),
        ("1_0", 2, "'1_0' is not valid"), ("nan", 2, "'nan' is not valid"), ("-inf", 2, "'-inf' is not valid"),
        ("-٣", 2, "'-٣' is not valid"), ("500mA", 2, "'500mA' is not valid"), ("", 2, "'' is not valid"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_the_valid_ones(lager, value, code, said):
    before = lager("supply", "supply2", "--json").stdout
    refused = lager("supply", "supply2", "voltage", value, "--wait", "1")
    assert refused.returncode == code
    assert said in refused.stderr
    assert "No such option" not in refused.stderr
    assert lager("supply", "supply2", "--json").stdout == before


@pytest.mark.parametrize("typed", [("2500mV",), ("2.5", "V"), ("--", "2.5V"), ("2.5e0", "--json")])
def test_a_value_may_have_its_unit(lager, typed):
    done = lager("supply", "supply2", "voltage", *typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(lager("supply", "supply2", "--json").stdout)["voltage_set"] == 2.5


@pytest.mark.parametrize("words", [["adc", "adc1", "-1"], ["supply", "-1"], ["supply", "supply2", "-1"]])
def test_a_negative_number_is_never_taken_for_an_option(lager, words):
    done = lager(*words)
    assert done.returncode in (1, 2)
    assert "-1" in done.stderr
    assert "No such option" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [["adc", "adc1", "--wait", "1_0"], ["adc", "adc1", "--wait", "-1"], ["uart", "uart1", "--baudrate", "9_600"],
     ["python", "x", "--timeout", "٣"], ["python", "--reattach", "x", "--tail", "1_0"]],
)  # fmt: skip
def test_every_number_of_an_option_is_decimal(lager, words):
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
def test_every_command_answers(lager, command):
    for arguments, expected in ANSWERS[command].items():
        done = lager(command, *arguments.split())
        assert (done.returncode, done.stderr) == (0, ""), arguments
        if isinstance(expected, dict):
            assert done.stdout == "", arguments
            state = json.loads(lager(command, arguments.split()[0], "state", "--json").stdout)
            assert {key: state[key] for key in expected} == expected, arguments
        else:
            assert re.fullmatch(rf"{expected}\n?", done.stdout), f"{arguments}: {done.stdout}"


def test_clear_resets_what_has_tripped(lager):
    for words in ("ovp 2", "voltage 1", "enable", "voltage 3"):
        assert lager("supply", "supply2", *words.split()).returncode == 0, words
    tripped = json.loads(lager("supply", "supply2", "state", "--json").stdout)
    assert (tripped["enabled"], tripped["ovp_tripped"]) == (False, True)
    assert "  ovp      2.000 V, on, TRIPPED" in lager("supply", "supply2", "state").stdout
    assert lager("supply", "supply2", "voltage", "1").returncode == 0
    assert lager("supply", "supply2", "clear").returncode == 0
    cleared = json.loads(lager("supply", "supply2", "state", "--json").stdout)
    assert (cleared["enabled"], cleared["ovp_tripped"]) == (False, False)


def test_reading_a_driven_line_leaves_it_driven(lager):
    lager("gpo", "gpo1", "0")
    for _ in range(2):
        assert lager("gpi", "gpo1").stdout == "0\n"
        # FIO0 is tied to it.
        assert lager("gpi", "gpi1").stdout == "0\n"
    assert lager("gpo", "gpo1", "release").stdout == "1\n"
    assert lager("gpi", "gpi1").stdout == "1\n"


def test_json_of_each(lager):
    assert json.loads(lager("adc", "adc4", "--json").stdout)["net"] == "adc4"
    state = json.loads(lager("supply", "supply2", "state", "--json").stdout)
    assert (state["net"], state["channel"], state["enabled"]) == ("supply2", 1, False)
    nets = json.loads(lager("nets", "--json").stdout)
    assert {"name", "type", "instrument", "model", "address", "channel", "limits"} <= nets[0].keys()


@pytest.mark.parametrize(
    "command", ["supply nothere", "supply adc1", "adc supply2", "supply supply2 voltage abc", "gpo gpo1 2", "gpo gpo1"]
)
def test_wrong_use_is_one_sentence_and_a_hint(lager, command):
    done = lager(*command.split())
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_command_for_another_type_names_the_right_one(lager):
    for net, kind, right in (("supply2", "supply", "supply"), ("gpo1", "gpio", "gpi")):
        done = lager("adc", net)
        assert done.returncode == 1
        assert done.stderr == f"lager: The net {net} is of type {kind}, not adc. Try: lager {right} {net}\n"


ASKS = "echo help | {lager} uart uart1", "echo help > asks; {lager} uart uart1 < asks", "{lager} uart uart1 <<< help"


@pytest.mark.parametrize("command", ASKS)
def test_input_piped_to_a_uart_gets_its_answer(start, command):
    process = start("/bin/bash", "-c", command.format(lager=LAGER))
    assert process.out.rest() == "commands: *IDN? | echo TEXT | rail | help\n"
    assert process.err.rest() == ""
    assert process.wait() == 0


def test_input_piped_to_a_uart_of_a_box_gets_its_answer(start, near):
    for stdin in ("< asks", "< /dev/null"):
        process = start("/bin/bash", "-c", f"echo help > asks; {LAGER} uart uart1 --box near {stdin}")
        assert ("commands: *IDN?" in process.out.rest()) == (stdin == "< asks")
        assert process.wait() == 0


@pytest.mark.parametrize("stdin", ["< /dev/null", "<&-"])
def test_a_uart_with_nothing_to_send_reads_until_the_line_is_quiet(start, stdin):
    process = start("/bin/bash", "-c", f"{LAGER} uart uart1 {stdin}")
    assert process.out.rest() + process.err.rest() == ""
    assert process.wait() == 0


def test_a_long_file_to_a_uart_loses_nothing(start, tmp_path):
    words = [f"{number:07}" for number in range(5000)]
    (tmp_path / "asks").write_text("".join(f"echo {word}\n" for word in words))
    process = start("/bin/bash", "-c", f"{LAGER} uart uart1 < asks | cat")
    assert process.out.rest().split() == words


def test_quiet_for_waits_for_a_slow_answer(start, bench, client, tmp_path):
    """The line is quiet for a second before its first answer."""
    slow = "import os, pty, sys, time, tty; m, s = pty.openpty(); tty.setraw(s); print(os.ttyname(s), flush=True)\n"
    slow += "got = os.read(m, 100); time.sleep(1); os.write(m, got.upper()); os.read(m, 100)\n"
    device = start(sys.executable, "-c", slow)
    nets = tmp_path / "slow.toml"
    address = device.out.expect("\n").strip()
    nets.write_text(f'[instruments.u]\naddress = "{address}"\n[nets.slow]\ntype = "uart"\ninstrument = "u"\n')
    process = start("/bin/bash", "-c", f"echo hi | {LAGER} uart slow --quiet-for 5", LAGER_NETS=str(nets))
    process.out.expect("HI\n")
    device.close()
    assert "Check its cable" in process.err.rest()
    assert process.wait() == 1


@pytest.mark.parametrize("stdin", ["", "<<< ping", "< /dev/zero"])
def test_a_uart_whose_adapter_is_unplugged_says_so_and_what_to_check(terminal, tmp_path, stdin):
    adapter, port = os.openpty()
    nets = tmp_path / "adapter.toml"
    path = os.ttyname(port)
    nets.write_text(f'[instruments.dut]\naddress = "{path}"\n[nets.dut]\ntype = "uart"\ninstrument = "dut"\n')
    command = f"{LAGER} uart dut --quiet-for 60 {stdin}"
    screen = terminal("/bin/bash", "--norc", "-c", f"{command}; echo code $?", LAGER_NETS=str(nets))
    if stdin:
        assert os.read(adapter, 4)
    else:
        screen.expect("press Ctrl-] to leave")
    os.close(port)
    os.write(adapter, b"hello\n")
    screen.expect("hello")
    os.close(adapter)
    said = screen.expect("code 1")
    assert f"The connection to dut (serial at {path}) was lost: " in said
    assert "Check its cable and power" in said
    assert "Traceback" not in said


def test_uart_on_a_terminal_leaves_with_ctrl_bracket(terminal):
    screen = terminal(LAGER, "uart", "uart1")
    screen.expect("press Ctrl-] to leave")
    screen.type("*IDN?\r\n")
    screen.expect("BENCH UART")
    screen.type("\x1d")
    assert screen.wait() == 0


def test_a_terminated_uart_command_restores_the_terminal(terminal):
    kept = "stty -a > before; lager uart uart1; echo code $?; stty -a > after; cmp before after && echo same"
    screen = terminal("/bin/bash", "--norc", "-c", kept)
    screen.expect("press Ctrl-] to leave")
    [uart] = Path(f"/proc/{screen.pid}/task/{screen.pid}/children").read_text().split()
    os.kill(int(uart), signal.SIGTERM)
    assert "code 143" in screen.expect("same")


def test_check_lists_the_nets_that_share_a_terminal(lager, station, tmp_path):
    text = Path(station.env["LAGER_NETS"]).read_text()
    assert "terminal" not in lager("nets", "check").stdout
    text += '[nets.vdd]\ntype = "supply"\ninstrument = "psu1"\nchannel = 1\nmax_voltage = 3.3\n'
    (tmp_path / "nets.toml").write_text(text)
    told = "supply2 shares a terminal with vdd, channel 1 of psu1: it keeps the max_voltage of vdd, 3.3."
    done = lager("nets", "check", LAGER_NETS=str(tmp_path / "nets.toml"))
    assert done.returncode == 0
    assert told in done.stdout.splitlines()
    listed = json.loads(lager("nets", "check", "--json", LAGER_NETS=str(tmp_path / "nets.toml")).stdout)
    assert told in next(row for row in listed if row["instrument"] == "psu1")["shared_terminals"]
    refused = lager("supply", "supply2", "voltage", "5", LAGER_NETS=str(tmp_path / "nets.toml"))
    assert refused.returncode == 1
    assert "5 V is over its limit of 3.3 V" in refused.stderr


def test_a_state_with_a_missing_answer_shows_the_rest(lager, tmp_path):
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


def test_a_coupled_output_is_read_and_switched_off_but_not_set(lager, tmp_path):
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


def test_import_of_another_list(lager, tmp_path):
    saved = [
        {
            "name": "supply9",
            "role": "power-supply",
            "instrument": "Rigol_DP821",
            "address": "TCPIP::1.2.3.4::INSTR",
            "pin": 1,
        },
        {"name": "cam", "role": "webcam", "instrument": "Logitech", "address": "x", "pin": 0},
    ]
    (tmp_path / "saved.json").write_text(json.dumps(saved))
    done = lager("nets", "import", "saved.json")
    assert done.returncode == 0
    assert "[nets.supply9]" in done.stdout
    assert "cam" in done.stderr
    it = "dp821-1 (DP821 at TCPIP::1.2.3.4::INSTR), channel 1"
    assert f"supply9 is a net of type supply on {it}\n" in done.stderr


def test_import_writes_nothing_if_a_limit_would_be_lost(lager, tmp_path):
    saved = {"name": "supply9", "role": "power-supply", "instrument": "Rigol_DP821", "address": "TCPIP::1.2.3.4::INSTR"}
    limits = {"safety_limits": {"max_voltage": 3.6}}
    (tmp_path / "saved.json").write_text(json.dumps([{**saved, "pin": 1, **limits}]))
    imported = lager("nets", "import", "saved.json")
    assert "max_voltage = 3.6\n" in imported.stdout
    assert "channel 1, max_voltage 3.6\n" in imported.stderr
    lost = {"name": "supply8", "pin": 2, "safety_limits": {"max_temperature": 40}}
    (tmp_path / "saved.json").write_text(json.dumps([{**saved, "pin": 1, **limits}, {**saved, **lost}]))
    done = lager("nets", "import", "saved.json", "--output", "nets.toml")
    assert done.returncode == 1
    assert "'supply8' (entry 2) has the limit max_temperature = 40" in done.stderr
    assert "nothing was written" in done.stderr
    assert not (tmp_path / "nets.toml").exists()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_each_net_is_one_row_on_a_terminal(lager, screen, columns):
    names = [net["name"] for net in json.loads(lager("nets", "--json").stdout)]
    one = screen(LAGER, "nets", columns=columns, rows=40)
    one.wait()
    assert [line.split()[0] for line in one.lines] == ["NET", *names]


def test_a_long_result_wraps_within_its_column(bench, screen, tmp_path):
    nets = tmp_path / "gone.toml"
    nets.write_text('[instruments.psu1]\nmodel = "DP821"\naddress = "TCPIP::127.0.0.1::1::SOCKET"\ntimeout = 0.5\n')
    one = screen(LAGER, "nets", "check", LAGER_NETS=str(nets))
    assert one.wait() == 1
    first, *more, total = one.lines[1:]
    assert first.startswith("FAIL   psu1        DP821  psu1 (")
    assert more
    assert all(line.startswith(" " * 26) and line[26] != " " for line in more)
    assert total == "0 OK, 1 FAIL."


def test_a_long_message_is_broken_between_words_on_a_terminal(screen, lager, tmp_path):
    nets = tmp_path / "nets.toml"
    nets.write_text(f'[instruments.a]\nmodel = "DP821"\naddress = "{"word " * 40}"\n')
    one = screen(LAGER, "nets", LAGER_NETS=str(nets))
    assert one.wait() == 1
    told = lager("nets", LAGER_NETS=str(nets)).stderr
    assert len(one.lines) > told.count("\n")
    assert " ".join(one.shown.split()) == " ".join(told.split())


EVIL = "evil\\u001b[2J\\nlager: All is well."


def test_a_wrong_nets_file_has_a_line_for_each_mistake_and_no_escape(lager, tmp_path):
    nets = tmp_path / "nets.toml"
    nets.write_text(
        '[instruments.a]\nmodel = "DP821"\naddress = "here"\ntimeout = "x"\n'
        '[nets.b]\ntype = "supply"\ninstrument = "a"\nchannel = 7\nmax_voltage = -1\n'
        f'[nets."{EVIL}"]\ntype = "adc"\ninstrument = "c"\nrange = 3\n'
    )
    done = lager("nets", LAGER_NETS=str(nets))
    first, *mistakes, last = done.stderr.splitlines()
    assert first.endswith("has 6 mistakes:")
    assert [line.split(": ")[0].split()[0] for line in mistakes] == [
        "instruments.a.address", "instruments.a.timeout", "nets.b.channel", "nets.b.max_voltage",
        "nets.evil\\x1b[2J\\nlager", "nets.evil\\x1b[2J\\nlager",
    ]  # fmt: skip
    assert all(line.startswith("  ") for line in (*mistakes, last))


def test_a_choice_that_is_missing_is_shown_in_lines(lager):
    done = lager("completion")
    assert done.stderr.endswith("Choose from:\n  bash,\n  zsh,\n  fish\n")


def test_a_wrong_nets_file_is_refused_with_all_its_mistakes(lager, tmp_path):
    (tmp_path / "nets.toml").write_text(
        '[instruments.a]\nmodel = "DP821"\n[nets.b]\ntype = "suply"\ninstrument = "c"\n'
    )
    done = lager("nets", LAGER_NETS=str(tmp_path / "nets.toml"))
    assert done.returncode == 1
    for part in ("nets.toml", "instruments.a.address", "nets.b.type", "nets.b.instrument"):
        assert part in done.stderr
