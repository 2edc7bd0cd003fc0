"""Commands that use a held instrument through the paused script that holds it."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.errors import AccessDenied, Failed, InvalidArgument, NoSuchInstrument
from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.bus.instruments.while_paused.held_instrument import HeldInstrument
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.loopback import Loopback
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

HOLDS_SUPPLY = """
import lager
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
lager.pause("held")
print("after:", supply.state().voltage_set, flush=True)
"""
HOLDS_ADC = """
import lager
adc = lager.Net.get("adc1", type="adc")
lager.pause("held")
print("after:", adc.input(), flush=True)
"""

pytestmark = pytest.mark.usefixtures("bench")


@pytest.fixture
def held(run: Starter, client: Client) -> Callable[..., Any]:
    """Start a script and return it with its pause."""

    def holder(text: Any, **env: Any) -> tuple[Process, dict[str, Any]]:
        process = run(text, **env)
        return process, client.paused()

    return holder


def key(client: Client, pause: Any) -> str:
    leases = client.call("List", name=INSTRUMENTS)
    return str(next(one["instrument"] for one in leases if pause["id"] in one["pauses"]))


def through(client: Client, instrument: Any, net: Any, action: Any, **arguments: Any) -> Any:
    return json.loads(
        client.call("Through", "sssa{sv}", instrument, net, action, arguments, name=INSTRUMENTS, timeout=None)
    )


def test_a_reading_is_made_inside_the_paused_script_and_says_so(
    held: Callable[..., Any], client: Client, lager: Command
) -> None:
    process, pause = held(HOLDS_SUPPLY)
    read = lager("supply", "supply2", "voltage", "--through")
    assert re.fullmatch(rf"3\.[23]\d* V, through {pause['id']}\n", read.stdout), read
    state = lager("supply", "supply2", "--through").stdout.splitlines()
    assert state[0] == f"supply2 (channel 1), through {pause['id']}"
    assert "(set 3.300 V)" in state[2]
    shown = json.loads(lager("supply", "supply2", "voltage", "--json", LAGER_THROUGH="1").stdout)
    assert shown["through"] == pause["id"]
    assert shown["voltage"] == pytest.approx(3.3, abs=0.1)
    assert lager("supply", "supply2", "voltage", "--no-through", LAGER_THROUGH="1").returncode == 75
    client.call("Continue", "s", pause["id"])
    process.out.expect("after: 3.3")


@pytest.fixture
def slow(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldInstrument]:
    """A bench of one instrument that does not answer the query for its voltage."""
    instrument = HeldInstrument(":MEAS:ALL? CH1")
    nets = tmp_path / "slow.toml"
    nets.write_text(
        f'[instruments.psu1]\nmodel = "DP821"\naddress = "{instrument.visa}"\ntimeout = 60\n'
        '[nets.supply2]\ntype = "supply"\ninstrument = "psu1"\nchannel = 1\nmax_voltage = 5\n'
    )
    monkeypatch.setitem(station.env, "LAGER_NETS", str(nets))
    yield instrument
    instrument.close()


HOLDS = """
import lager
supply = lager.Net.get("supply2", type="supply")
lager.pause("held", interactive=True)
print("goes on", flush=True)
"""


def test_a_resume_waits_for_the_one_question_under_way_and_nothing_is_asked_after_it(
    slow: HeldInstrument, held: Callable[..., Any], client: Client, start: Starter
) -> None:
    process, pause = held(HOLDS)
    reading = start(LAGER, "supply", "supply2", "state", "--through")
    assert slow.asked.wait(PATIENCE)
    client.call("Continue", "s", pause["id"])
    client.heard(pause["pid"])
    assert "goes on" not in process.out.text
    slow.go.set()
    process.out.expect("goes on")
    assert "resumed before it answered" in reading.err.rest()
    assert reading.wait() == 1
    assert ":OUTP:MODE? CH1" not in slow.heard  # which a state asks next


def test_a_setting_that_has_begun_is_finished_before_the_resume(
    held: Callable[..., Any], client: Client, start: Starter, slow: HeldInstrument
) -> None:
    slow._held = ":SOUR1:VOLT 3.3"
    process, pause = held(HOLDS)
    setting = start(LAGER, "supply", "supply2", "voltage", "3.3", "--through")
    assert slow.asked.wait(PATIENCE)
    client.call("Continue", "s", pause["id"])
    slow.go.set()
    assert setting.out.rest() == f"3.3 V, through {pause['id']}\n"
    process.out.expect("goes on")
    begun = slow.heard.index(":SOUR1:VOLT 3.3")
    assert slow.heard[begun + 1 : begun + 3] == [":SYST:ERR?", ":SOUR1:VOLT?"]


def test_a_request_waits_two_seconds_for_a_statement_and_is_refused_with_its_name(
    held: Callable[..., Any], client: Client, lager: Command, start: Starter
) -> None:
    process, pause = held(HOLDS)
    statement = "import threading; print('begun'); threading.Event().wait(60)\n"
    console = start(LAGER, "python", "--console", pause["id"], stdin=subprocess.PIPE)
    console.stdin.write(statement.encode())
    console.stdin.flush()
    console.out.expect("begun")
    refused = lager("supply", "supply2", "voltage", "--through")
    assert refused.returncode == 75
    assert re.search(r"The script is busy with a statement of console \d+ of \w+", refused.stderr), refused.stderr
    client.call("Continue", "s", pause["id"])
    process.out.expect("goes on")


@pytest.mark.variant
def test_what_the_paused_thread_is_just_using_fails_at_once(
    held: Callable[..., Any], client: Client, lager: Command
) -> None:
    _, pause = held(HOLDS.replace("lager.pause", "with supply.session.exchange(): lager.pause"))
    refused = lager("supply", "supply2", "voltage", "--through")
    assert "The paused thread is in the middle of a call on psu1" in refused.stderr
    assert refused.returncode == 75
    said = lager("python", "--console", pause["id"], stdin="supply.voltage()\n")
    assert "InstrumentError: The paused thread is in the middle of a call on psu1" in said.stderr
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_a_thread_that_waits_for_the_paused_one_continues_after_the_resume(
    held: Callable[..., Any], client: Client
) -> None:
    text = """
import lager, threading
supply = lager.Net.get("supply2", type="supply")
def measure():
    print("measured", supply.voltage(), flush=True)
with supply.session.exchange():
    thread = threading.Thread(target=measure)
    thread.start()
    lager.pause("held")
thread.join()
"""
    process, pause = held(text)
    client.call("Continue", "s", pause["id"])
    process.out.expect("measured")
    assert process.wait() == 0


def test_a_free_instrument_and_a_running_holder_answer_as_without_it(
    held: Callable[..., Any], client: Client, lager: Command, start: Starter, script: ScriptWriter
) -> None:
    _, pause = held(HOLDS_ADC)
    assert "through" not in lager("supply", "supply2", "voltage", "--through").stdout
    client.call("Continue", "s", pause["id"])
    name = script("import lager\nadc = lager.Net.get('adc1', 'adc')\nprint('holds', flush=True)\ninput()\n", "runs.py")
    running = start("python", name, stdin=subprocess.PIPE)
    running.out.expect("holds")
    busy = lager("adc", "adc1", "--through")
    assert busy.returncode == 75
    assert "daq1 is held by" in busy.stderr
    assert "--through" not in busy.stderr


def test_any_net_is_read_and_only_open_ones_are_set(held: Callable[..., Any], client: Client, lager: Command) -> None:
    process, pause = held(HOLDS_SUPPLY)
    assert lager("supply", "supply3", "--through").stdout.startswith("supply3 (channel 2), through ")
    refused = lager("supply", "supply3", "voltage", "1", "--through")
    assert "does not have supply3 open, so it can only be read through it. It has open: supply2" in refused.stderr
    assert lager("supply", "supply2", "disable", "--through").stdout == f"supply2 disable, through {pause['id']}\n"
    assert lager("supply", "supply2", "voltage", "2", "--through").stdout == f"2 V, through {pause['id']}\n"
    client.call("Continue", "s", pause["id"])
    process.out.expect("after: 2.0")


@pytest.mark.parametrize(("ours", "theirs"), [(2.5, None), (None, 2.5), (2.5, 3.0)])
def test_the_smaller_limit_of_both_nets_files_holds(
    held: Callable[..., Any],
    client: Client,
    lager: Command,
    station: Station,
    tmp_path: Path,
    ours: float | None,
    theirs: float | None,
) -> None:
    def limited(name: Any, limit: Any) -> str:
        text = Path(station.env["LAGER_NETS"]).read_text()
        found = re.sub(r"(\[nets.supply2\]\n(?:\w.*\n)*?)max_voltage.*\n", r"\1", text)
        head = "[nets.supply2]\n"
        assert head in found
        (tmp_path / name).write_text(found.replace(head, f"{head}max_voltage = {limit}\n" if limit else head))
        return str(tmp_path / name)

    _, pause = held(HOLDS_SUPPLY.replace("3.3", "1"), LAGER_NETS=limited("theirs.toml", theirs))
    refused = lager("supply", "supply2", "voltage", "2.6", "--through", LAGER_NETS=limited("ours.toml", ours))
    assert "supply2: 2.6 V is over its limit of 2.5 V" in refused.stderr
    client.call("Continue", "s", pause["id"])


def test_an_action_that_is_not_in_the_table_is_refused(held: Callable[..., Any], client: Client) -> None:
    _, pause = held(HOLDS_SUPPLY)
    psu1 = key(client, pause)
    refusals: list[tuple[str, dict[str, Any], str]] = [
        ("__init__", {}, "not an action"),
        ("close", {}, "not an action"),
        ("state", {"value": 1.0}, "takes no value"),
        ("soc", {}, "not possible with supply2"),
        ("voltage", {"value": ["1"]}, "not an argument"),
        ("voltage", {"may_set": True}, "not an argument"),
        ("voltage", {"value": "5"}, "not a valid voltage"),
        ("voltage", {"value": True}, "not a valid voltage"),
        ("voltage", {"value": float("nan")}, "not a valid voltage"),
        ("voltage", {"type": "battery"}, "In the nets file of the script, supply2 is a net of type supply"),
        ("voltage", {"channel": 2}, "In the nets file of the script, supply2 is"),
        ("voltage", {"value": 1.0, "max_voltage": float("nan")}, "'nan' is not valid for the argument max_voltage"),
        ("voltage", {"value": 1.0, "max_current": "0.5"}, "'0.5' is not valid for the argument max_current"),
        ("voltage", {"value": 1.0, "max_power": -1.0}, "'-1.0' is not valid for the argument max_power"),
        ("voltage", {"channel": "1"}, "'1' is not valid for the argument channel"),
        ("state", {"direction": "out"}, "'out' is not valid for the argument direction"),
        ("state", {"look": "yes"}, "'yes' is not valid for the argument look"),
    ]
    for action, arguments, said in refusals:
        with pytest.raises((InvalidArgument, Failed), match=said):
            through(client, psu1, "supply2", action, **arguments)
    with pytest.raises(Failed, match="There is no net 'nothing' in the nets file of the script"):
        through(client, psu1, "nothing", "state")
    with pytest.raises(InvalidArgument, match=r"psu1 \(DP821 .*\) has no net of type battery"):
        through(client, psu1, "nothing", "state", type="battery")
    with pytest.raises(NoSuchInstrument):
        through(client, "nobody-holds-this", "supply2", "state")
    assert through(client, psu1, "mine", "voltage", type="supply", channel=2)["value"] == pytest.approx(0, abs=0.1)
    client.call("Continue", "s", pause["id"])


def test_only_lagerd_reaches_the_script(held: Callable[..., Any], client: Client) -> None:
    _, pause = held(HOLDS_SUPPLY)

    async def ask() -> None:
        for name in await client.bus.names():
            if name.startswith(":") and (await client.bus.credentials(name)).get("ProcessID") == pause["pid"]:
                details = {"id": pause["id"], "net": "supply2", "action": "state"}
                await client.bus.call(
                    name, "/com/lager/Script", "Through", "a{sv}", details, interface="com.lager.Script"
                )

    with pytest.raises(AccessDenied, match="Only lagerd"):
        client.do(ask())
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_through_works_after_a_restart_of_lagerd(
    own_station: Station, held: Callable[..., Any], client: Client, lager: Command
) -> None:
    process, pause = held(HOLDS_SUPPLY)
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert f", through {pause['id']}" in lager("supply", "supply2", "voltage", "--through").stdout
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


HOSTILE = """
import sys, time, threading, json, os
sys.meta_path.clear(); sys.path.clear(); sys.path_hooks.clear(); os.environ.clear()
time.sleep = None
threading.Thread.start = None
"""


@pytest.mark.variant
def test_nothing_that_the_script_did_to_python_stops_a_reading(
    held: Callable[..., Any], client: Client, lager: Command
) -> None:
    process, pause = held(HOLDS_SUPPLY.replace('lager.pause("held")', HOSTILE.strip() + '\nlager.pause("held")'))
    assert f", through {pause['id']}" in lager("supply", "supply2", "voltage", "--through").stdout
    client.call("Continue", "s", pause["id"])
    process.out.expect("after: 3.3")


@pytest.mark.variant
def test_a_uart_is_not_offered_and_other_nets_are(held: Callable[..., Any], client: Client, lager: Command) -> None:
    _, pause = held(
        "import lager\nuart = lager.Net.get('uart1', 'uart')\nadc = lager.Net.get('adc1', 'adc')\nlager.pause('held')\n"
    )
    assert "--through" not in lager("uart", "uart1").stderr
    offered = lager("adc", "adc1").stderr
    assert offered.endswith(f"with --through, or resume it: lager python --continue {pause['id']}\n")
    client.call("Continue", "s", pause["id"])


def test_the_check_of_the_nets_asks_a_held_instrument_through_its_script(
    held: Callable[..., Any], client: Client, lager: Command
) -> None:
    _, pause = held(HOLDS_ADC)
    checked = lager("nets", "check", "--through")
    assert checked.returncode == 0
    assert re.search(rf"daq1 +T7 +LabJack,T7, through {pause['id']}\n", checked.stdout), checked.stdout
    assert re.search(r"psu1 +DP821 +RIGOL TECHNOLOGIES,DP821,[^ ]*\n", checked.stdout)
    assert lager("nets", "check").returncode == 1
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_through_works_from_another_machine(
    near: Loopback, held: Callable[..., Any], client: Client, lager: Command
) -> None:
    _, pause = held(HOLDS_ADC)
    asked = lager("adc", "adc1", "--box", "near", LAGER_THROUGH="1")
    assert asked.stdout.endswith(f" V, through {pause['id']}\n"), asked
    client.call("Continue", "s", pause["id"])
