"""`lager off`: what it switches off, what it leaves on, and what it reports."""

import json
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.instruments.safe_bench import INSTRUMENTS, SafeBench
from tests.bus.instruments.safety.holding import HOLD, listed, told
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER


def rows(done: Any) -> dict[str, tuple[bool, str]]:
    """The rows of `lager off --json`: whether each net is off, and what was done or why not."""
    return {row["net"]: (row["off"], row["done"] or row["reason"]) for row in json.loads(done.stdout)}


PAUSED = HOLD.replace("signal.pause()", "pause('look')").replace("import Net", "import Net, pause")


def test_off_switches_off_what_is_free_and_reads_it_back(nets: SafeBench, lager: Command) -> None:
    assert lager("supply", "supply2", "enable").returncode == 0
    assert lager("supply", "supply3", "enable").returncode == 0  # which has no safe state
    done = lager("off", "--json")
    assert done.returncode == 0, done.stdout
    assert not nets.is_on(1)
    assert not nets.is_on(2)
    found = rows(done)
    assert found["supply2"] == found["supply3"] == found["eload1"] == (True, "output off")
    assert found["dac1"] == (True, "0 V")
    assert found["gpo1"] == (True, "not driven")
    assert "adc1" not in found


def test_off_leaves_a_dac_without_a_safe_state_and_says_so(nets: SafeBench, lager: Command) -> None:
    assert lager("dac", "dac1", "2.5").returncode == 0
    assert lager("gpo", "gpo1", "1").returncode == 0
    done = lager("off")
    assert done.returncode == 1
    assert re.search(r"dac1 +daq1 +NO +left at 2.5 V: it has no safe state in the nets file", done.stdout)
    assert re.search(r"gpo1 +daq1 +NO +left at level 1", done.stdout)
    assert float(lager("dac", "dac1").stdout.split()[0]) == pytest.approx(2.5, abs=0.01)
    nets.add(dac1='safe = "off"', gpo1='safe = "off"')
    assert lager("off").returncode == 0
    assert float(lager("dac", "dac1").stdout.split()[0]) == pytest.approx(0, abs=0.01)


def unplugged(text: str) -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nothing listens there now
    address = tomllib.loads(text)["instruments"]["load1"]["address"]
    return text.replace(address, f"TCPIP::127.0.0.1::{port}::SOCKET")


def another_model(text: str) -> str:
    return text.replace("DL3021", "DL3031")


# An instrument that is there has answered at once; one that is not is tried again for seven seconds.
@pytest.mark.parametrize(("fault", "why"), [(another_model, "DL3021"), (unplugged, "cannot be reached")])
def test_off_twice_at_once_and_beside_an_instrument_that_fails(
    nets: SafeBench, lager: Command, start: Starter, fault: Any, why: str
) -> None:
    assert lager("supply", "supply2", "enable").returncode == 0
    nets.path.write_text(fault(nets.path.read_text()))
    both = [start(LAGER, "off", "--json") for _ in range(2)]
    for one in both:
        found = {row["net"]: row for row in json.loads(one.out.rest())}
        assert found["supply2"]["off"] is True
        assert found["eload1"]["off"] is False
        assert why in found["eload1"]["reason"]
        assert one.wait() == 1
    assert not nets.is_on()


def test_off_of_one_net_leaves_the_others(nets: SafeBench, lager: Command) -> None:
    for net in ("supply2", "supply3"):
        assert lager("supply", net, "enable").returncode == 0
    assert lager("off", "supply3").returncode == 0
    assert (nets.is_on(1), nets.is_on(2)) == (True, False)
    done = lager("off", "suply2", "supply2")
    assert done.returncode == 1
    assert "supply2" in done.stdout
    assert not nets.is_on(1)  # though the other name is wrong


def test_off_reaches_through_a_pause_and_the_script_goes_on(
    nets: SafeBench, run: Starter, client: Client, lager: Command
) -> None:
    script = run(PAUSED + "print(supply.state().enabled)\n")
    pause = client.paused()
    assert nets.is_on()
    done = lager("off", "--json")
    assert done.returncode == 0, done.stdout
    assert rows(done)["supply2"] == (True, "output off")
    assert not nets.is_on()
    client.call("Continue", "s", pause["id"])
    script.out.expect("False")
    assert script.wait() == 0


def test_off_leaves_a_running_script_alone_and_says_who_it_is(
    nets: SafeBench, holder: Callable[..., Any], lager: Command
) -> None:
    process = holder()
    done = lager("off")
    assert done.returncode == 1
    assert re.search(r"supply2 +psu1 +NO +held by \w+: script.py since [\d:]+\.", done.stdout)
    assert re.search(r"eload1 +load1 +yes +output off", done.stdout)
    assert nets.is_on()
    process.kill()


def test_off_waits_for_no_statement_in_a_console(
    nets: SafeBench, run: Starter, client: Client, lager: Command, start: Starter
) -> None:
    run(PAUSED.replace("pause('look')", "pause('look', interactive=True)"))
    pause = client.paused()
    console = start(LAGER, "python", "--console", pause["id"], stdin=subprocess.PIPE)
    console.stdin.write(b"print('busy'); import threading; threading.Event().wait(100)\n")
    console.stdin.flush()
    console.out.expect("busy")
    assert rows(lager("off", "supply2", "--json"))["supply2"] == (True, "output off")
    assert not nets.is_on()
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_off_gives_up_on_a_console_that_keeps_the_instrument_and_says_what_to_do(
    nets: SafeBench, run: Starter, client: Client, lager: Command, start: Starter
) -> None:
    run(PAUSED.replace("pause('look')", "pause('look', interactive=True)"))
    pause = client.paused()
    console = start(LAGER, "python", "--console", pause["id"], stdin=subprocess.PIPE)
    held = "print('busy')\n while True: pass"
    console.stdin.write(f"with supply.session.exchange():\n {held}\n\n".encode())
    console.stdin.flush()
    console.out.expect("busy")
    off, said = rows(lager("off", "supply2", "--json"))["supply2"]
    assert (off, said) == (False, "A console keeps the instrument in the middle of an exchange; press Ctrl-C in it.")
    console.popen.send_signal(signal.SIGINT)
    assert console.wait() == 130
    assert rows(lager("off", "supply2", "--json"))["supply2"] == (True, "output off")
    client.call("Continue", "s", pause["id"])


IMPATIENT = (
    "import lagerd.instruments.safety.off as off; off._SCRIPT_SECONDS = 1.0; from lagerd.main import main; main()"
)


@pytest.mark.variant
@pytest.mark.parametrize("own_station", [(sys.executable, "-c", IMPATIENT)], indirect=True, ids=["impatient"])
def test_off_says_which_paused_script_is_stopped(
    nets: SafeBench, start: Starter, script: ScriptWriter, client: Client, lager: Command
) -> None:
    process = start(sys.executable, script(PAUSED), LAGER_PROCESS_ID="4f0c4a52")
    pause = client.paused()
    process.kill(signal.SIGSTOP)
    off, said = rows(lager("off", "supply2", "--json"))["supply2"]
    assert not off
    assert re.search(rf"script.py since \S+, is paused, but did not answer .* Check it with: ps {process.pid}$", said)
    assert nets.is_on()
    process.kill()
    assert client.resumed(pause["id"])[0] == "gone"
    told(client, "MadeSafe", nets.key())


def test_off_reaches_a_quarantined_instrument_which_stays_quarantined(
    nets: SafeBench, holder: Callable[..., Any], client: Client, lager: Command
) -> None:
    process = holder()
    text = nets.path.read_text()
    nets.path.write_text(text.replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    nets.path.write_text(text)
    assert rows(lager("off", "supply2", "--json"))["supply2"] == (True, "output off")
    assert not nets.is_on()
    assert [lease["quarantined"] for lease in listed(client)] == [True]
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)


def test_off_of_either_role_of_an_instrument_leaves_its_role(nets: SafeBench, lager: Command) -> None:
    assert lager("battery", "battery1", "enable").returncode == 0
    found = rows(lager("off", "--json"))
    assert found["battery1"] == (True, "output off")
    assert nets.ask("smu1", ":ENTR:FUNC?").startswith("SIM")
