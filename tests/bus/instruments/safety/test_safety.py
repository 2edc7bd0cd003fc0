"""What stays on: a script that is killed leaves its nets in their safe state, or its instrument quarantined."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib

import pytest

from lager.errors import InstrumentBusy, Quarantined
from tests import documents
from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.client import Client
from tests.processes import LAGER, children

HOLD = """
from lager import Net
import sys, signal
supply = Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
print("on", flush=True)
signal.pause()
"""


@pytest.fixture
def holder(nets, start, script):
    """Start a script that holds supply2 with its output on."""

    def begin(text: str = HOLD, *before: str):
        process = start(*before, sys.executable, script(text))
        process.out.expect("on\n")
        assert nets.is_on()
        return process

    return begin


def told(client: Client, member: str, key: str) -> dict:
    return client.expect(member, lambda s: s.args[0] == key).args[1]


def listed(client: Client) -> list[dict]:
    return client.call("List", name=INSTRUMENTS)


def claim(client: Client, key: str, **details) -> int:
    return client.call("Claim", "sa{sv}", key, {"net": "x", "name": "psu1", **details}, name=INSTRUMENTS)


def until_kept_ready(station) -> None:
    """Wait for the process that acts without lagerd: until it has a session of its own, it is killed with lagerd."""
    while not any(os.getsid(child) == child for child in children(station.lagerd.pid)):
        time.sleep(0.01)


def test_a_killed_script_leaves_its_supply_off(holder, nets, client):
    process = holder()
    process.kill()
    details = told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert details["reason"] == "supply2 output off"
    assert not details["quarantined"]
    assert listed(client) == []


FORKS = """
import ctypes, os, signal, threading, time, lager
from lager.process import threads
threading.Thread(target=lager.pause, args=["look"], daemon=True).start()
while not threads.paused:
    time.sleep(0.01)
child = ctypes.PyDLL(None).fork()  # as a library does it, which Python does not notice
if child == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
os.waitpid(child, os.WUNTRACED)
print("child", child, flush=True)
signal.pause()
"""


def test_a_killed_script_leaves_nothing_on_and_no_pause_whatever_a_stopped_child_of_it_has_open(
    start, script, nets, client
):
    """The child has a copy of the lease, and one of the connection to lagerd."""
    process = start(sys.executable, script(HOLD.replace("signal.pause()", FORKS)), LAGER_PROCESS_ID="4f0c4a52")
    pause = client.paused()
    process.out.expect("child")  # it ends with the session of the test
    process.kill()
    assert client.resumed(pause["id"])[0] == "gone"
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert (client.list(), listed(client)) == ([], [])


def test_the_safe_state_of_a_crashed_script_is_a_change_of_the_pauses_of_others(holder, nets, client, run):
    run("import lager; lager.pause('look')")
    pause = client.paused()
    holder().kill()
    told(client, "MadeSafe", nets.key())
    (change,) = next(one for one in client.list() if one["id"] == pause["id"])["changes"][-1:]
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)
    assert change["how"].startswith("safe state of script")


def test_a_claim_that_waits_comes_after_the_safe_state(holder, nets, client, station):
    process = holder()
    waiter = Client(station.address)
    try:
        waiting = waiter.start(
            waiter.bus.call(
                INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", nets.key(), {"net": "x", "wait": 60.0}
            )
        )
        client.expect("Queued")
        process.kill()
        os.close(waiting.result(60)[0])
        assert not nets.is_on()
    finally:
        waiter.close()


def test_a_claim_that_does_not_wait_says_that_the_instrument_is_being_made_safe(holder, nets, bench, client, lager):
    process = holder()
    bench.kill(signal.SIGSTOP)  # so that the instrument does not answer
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    refused = lager("supply", "supply2", "enable")
    assert [lease["reason"] for lease in listed(client)] == ["is being made safe"]
    bench.kill(signal.SIGCONT)
    assert refused.returncode == 75
    assert re.search(r"psu1 is being made safe since \S+, because script.py of \w+ ended", refused.stderr)
    assert "--wait" in refused.stderr
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


@pytest.fixture
def ended(nets, start, script, client, station):
    """Run a script that switches supply2 on and then ends in this way; return whether it stays on."""

    def run(end: str, *command: str, opened: str = "") -> bool:
        text = HOLD.replace('"supply")', f'"supply"{opened})').replace("signal.pause()", end)
        with contextlib.closing(start(*command, script(text))) as process:
            process.out.expect("on\n")
            process.wait()
        with contextlib.suppress(InstrumentBusy):
            os.close(claim(client, nets.key(), wait=60.0))
        client.expect("Released", lambda s: s.args[0] == nets.key())
        return nets.is_on()

    return run


RUN = (LAGER, "python")
PLAIN = (sys.executable,)
NORMAL = [
    "supply.close(); supply = None; sys.exit(1)",
    "supply.close()", "with supply: pass", "del supply", "pass", "sys.exit(0)", "sys.exit()",
    "try:\n    with supply:\n        raise ValueError\nexcept ValueError:\n    pass", "sys.last_value = ValueError()",
]  # fmt: skip
CRASH = [
    "raise ValueError", "raise KeyboardInterrupt", "sys.exit(3)", "sys.exit('no')", "import os; os._exit(0)",
    "import os; os.kill(os.getpid(), signal.SIGTERM)", "import os; os.execv('/bin/true', ['true'])",
    "def main():\n    raise ValueError\nmain()",
    "with supply:\n    raise ValueError",
    "try:\n    with supply:\n        raise ValueError\nexcept ValueError:\n    sys.exit(1)",
    "raise SystemExit(2)",
    "def main(own):\n    global supply\n    supply = None\n    sys.exit(1)\nmain(supply)",
]  # fmt: skip


# Without `lager python` the script finds out more by itself.
PLAIN_NORMAL = ["pass", "sys.exit(0)", "sys.last_value = ValueError(); sys.exit(0)"]
PLAIN_CRASH = ["raise ValueError", "raise KeyboardInterrupt", "sys.exit(3)", "raise SystemExit(2)"]


@pytest.mark.parametrize("command", [RUN, PLAIN], ids=["run", "plain"])
def test_a_script_that_ends_normally_leaves_the_output_as_it_is(ended, command):
    ends = [*NORMAL, "raise SystemExit(0)", "raise SystemExit"] if command is RUN else PLAIN_NORMAL
    assert [end for end in ends if not ended(end, *command)] == []


@pytest.mark.parametrize("command", [RUN, PLAIN], ids=["run", "plain"])
def test_a_script_that_crashes_leaves_its_nets_safe(ended, command):
    assert [end for end in (CRASH if command is RUN else PLAIN_CRASH) if ended(end, *command)] == []


def test_a_script_whose_parent_is_killed_cannot_tell_how_it_ended(ended):
    assert not ended("import os; os.kill(os.getppid(), 9); sys.exit(0)", *RUN)


def test_safe_after_always_makes_each_close_of_a_script_safe(nets, ended, lager):
    nets.add(supply2='safe = "off"\nsafe_after = "always"')
    assert [end for end in ("supply.close()", "pass", "sys.exit(0)", "with supply: pass") if ended(end, *PLAIN)] == []
    assert lager("supply", "supply2", "enable").returncode == 0
    assert nets.is_on()  # a command is no script


def test_off_on_exit_needs_nothing_in_the_nets_file(nets, ended, start, script):
    nets.add()
    for end in ("supply.close()", "pass", "sys.exit(0)", "import os; os._exit(0)", "raise ValueError"):
        assert not ended(end, *PLAIN, opened=", off_on_exit=True"), end
    process = start(sys.executable, "-c", "from lager import Net; Net.get('dac1', type='dac', off_on_exit=True)")
    assert process.wait() == 1
    assert "dac1 has no safe state" in process.err.rest()


def test_a_safe_state_sets_its_values_in_their_order(nets, ended):
    nets.add(supply2='safe = {voltage = 0.5, output = "off"}')
    assert not ended("import os; os._exit(0)", *PLAIN)
    assert float(nets.ask("psu1", ":SOUR1:VOLT?")) == pytest.approx(0.5)


def test_what_close_cannot_make_safe_is_left_to_lagerd(nets, start, script, client, bench):
    nets.add(supply2='safe = "off"\nsafe_after = "always"')
    process = start(
        *PLAIN, script(HOLD.replace("signal.pause()", "sys.stdin.readline(); supply.close()")), stdin=subprocess.PIPE
    )
    process.out.expect("on\n")
    bench.kill(signal.SIGSTOP)
    process.popen.stdin.write(b"\n")
    process.popen.stdin.flush()
    process.err.expect("supply2 could not be made safe")
    bench.kill(signal.SIGCONT)
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def test_a_command_leaves_the_output_as_it_is(nets, lager, client):
    for words in (["voltage", "3.3"], ["enable"], ["state"]):
        assert lager("supply", "supply2", *words).returncode == 0
    assert nets.is_on()
    assert listed(client) == []


def test_a_net_without_a_safe_state_is_free_at_once_and_stays_on(nets, holder, client):
    nets.add()
    process = holder()
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    os.close(claim(client, nets.key()))
    assert nets.is_on()


def test_an_instrument_that_cannot_be_made_safe_is_quarantined_until_it_is_cleared(holder, nets, client, lager):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))  # so that it does not identify itself as this
    process.kill()
    details = told(client, "Quarantined", nets.key())
    assert "DP832" in details["reason"]
    assert nets.is_on()
    for wait in (0.0, 30.0):
        with pytest.raises(Quarantined, match=r"psu1 may be energised: .*lager instruments clear psu1"):
            claim(client, nets.key(), wait=wait)
    nets.add(supply2='safe = "off"')
    refused = lager("supply", "supply2")
    assert refused.returncode == 1
    assert "psu1 may be energised" in refused.stderr
    assert [lease["quarantined"] for lease in listed(client)] == [True]
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)
    assert told(client, "Cleared", nets.key())["uid"] == os.getuid()
    assert listed(client) == []
    os.close(claim(client, nets.key()))


def test_a_quarantine_outlives_lagerd(own_station, holder, nets, client):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    own_station.kill_lagerd()
    own_station.start_lagerd()
    with pytest.raises(Quarantined, match="psu1 may be energised"):
        claim(client, nets.key())
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.close(claim(client, nets.key()))


def test_a_script_that_dies_while_no_lagerd_runs_is_found_by_the_next_one(own_station, holder, nets, client):
    process = holder()
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def made_safe_without_lagerd(station, holder, nets, client) -> None:
    """A script is killed, and its output goes off, while there is no lagerd; the next lagerd has told of it."""
    process = holder()
    until_kept_ready(station)
    station.kill_lagerd()
    process.kill()
    while nets.is_on():
        time.sleep(0.01)
    station.start_lagerd()
    told(client, "MadeSafe", nets.key())


def test_what_a_script_leaves_on_while_there_is_no_lagerd_is_off_at_once(own_station, holder, nets, client):
    made_safe_without_lagerd(own_station, holder, nets, client)  # and it is recorded
    os.close(claim(client, nets.key(), wait=60.0))


def test_what_is_switched_off_while_there_is_no_lagerd_is_a_change_of_the_pauses_of_others(
    own_station, holder, nets, client, run
):
    run("import lager; lager.pause('look')")
    client.paused()
    made_safe_without_lagerd(own_station, holder, nets, client)
    (pause,) = client.list()
    (change,) = pause["changes"][-1:]
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)
    assert change["how"].startswith("safe state of script")


def test_what_the_next_lagerd_makes_safe_is_a_change_of_the_pauses_that_return_to_it(
    own_station, holder, nets, client, run
):
    run("import lager; lager.pause('look')")
    client.paused()
    process = holder()
    until_kept_ready(own_station)
    for child in children(own_station.lagerd.pid):
        os.kill(child, signal.SIGKILL)
    own_station.kill_lagerd()
    process.kill()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    (pause,) = client.list()
    (change,) = pause["changes"][-1:]
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)


def test_a_script_that_closed_its_net_leaves_it_on_whatever_happens_to_lagerd(own_station, holder, nets, client):
    process = holder(HOLD.replace("signal.pause()", "supply.close(); print('closed', flush=True); signal.pause()"))
    process.out.expect("closed")
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    own_station.start_lagerd()
    os.close(claim(client, nets.key(), wait=60.0))
    assert nets.is_on()


def test_a_claim_that_was_never_released_is_found_after_a_reboot(own_station, holder, nets, client):
    process = holder()
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    for lock in (own_station.folder / "lager/leases").iterdir():  # as /run is empty after a reboot
        lock.unlink()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert listed(client) == []  # so the record of the claim is gone, too
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert listed(client) == []


def test_lagerd_is_killed_while_the_instrument_is_made_safe(own_station, holder, nets, client):
    process = holder()
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.close(claim(client, nets.key(), wait=60.0))
    assert not nets.is_on()
    assert listed(client) == []


@pytest.mark.slow
def test_a_process_that_is_stopped_while_it_makes_safe_ends_in_quarantine(own_station, holder, nets, bench, client):
    process = holder()
    until_kept_ready(own_station)
    bench.kill(signal.SIGSTOP)  # so that the instrument does not answer
    process.kill()
    stopped: list[int] = []
    while not stopped:
        stopped = [worker for child in children(own_station.lagerd.pid) for worker in children(child)]
    stopped += children(own_station.lagerd.pid)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        own_station.kill_lagerd()
        bench.kill(signal.SIGCONT)
        own_station.start_lagerd()
        assert [lease["reason"] for lease in listed(client)] == ["is being made safe"]
        details = told(client, "Quarantined", nets.key())
        assert details["reason"] == "supply2: the process that makes this safe is stuck."
        with pytest.raises(Quarantined, match="may be energised: supply2: the process that makes this safe is stuck"):
            claim(client, nets.key(), wait=60.0)
        assert nets.is_on()
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_restart_of_lagerd_forgets_no_safe_state(own_station, holder, nets, client):
    process = holder()
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert [lease["safe"] for lease in listed(client)] == [["supply2"]]
    process.kill()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def test_a_release_waits_for_the_next_lagerd(own_station, holder, nets, client, tmp_path):
    closes = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.01)\nsupply.close()\n"
    process = holder(HOLD.replace("signal.pause()", closes))
    own_station.kill_lagerd()
    (tmp_path / "go").touch()
    own_station.start_lagerd()
    assert process.wait() == 0
    client.expect("Released", lambda s: s.args[:2] == [nets.key(), "released"])
    assert nets.is_on()


def test_several_nets_of_one_instrument_are_made_safe_together(nets, start, script, client):
    nets.add(dac1='safe = "off"', gpo1='safe = "off"', gpi1='safe = "release"')
    text = """
from lager import Net
import signal
dac = Net.get("dac1", type="dac")
dac.output(2.5)
line = Net.get("gpo1", type="gpio")
line.output(1)
Net.get("gpi1", type="gpio").output(1)
print("on", flush=True)
signal.pause()
"""
    process = start(sys.executable, script(text))
    process.out.expect("on\n")
    process.kill()
    details = told(client, "MadeSafe", nets.key("daq1"))
    assert details["safe"] == ["dac1", "gpo1"]  # the third was closed
    assert details["reason"] == "dac1 0 V; gpo1 level 0"


def test_the_quarantined_come_first_in_the_list_and_are_cleared_by_name(holder, nets, client, lager, terminal):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    shown = lager("instruments").stdout
    assert re.match(
        r"psu1 is quarantined since \S+: it may be energised.*DP832.*\n.*lager instruments clear psu1\n", shown
    )
    refused = lager("instruments", "clear", "psu1")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    asked = terminal(LAGER, "instruments", "clear", "psu1")
    asked.expect("Is psu1 safe to use?")
    asked.type("n\n")
    assert asked.wait() == 1
    assert len(listed(client)) == 1
    asked = terminal(LAGER, "instruments", "clear", "psu1")
    asked.expect("Is psu1 safe to use?")
    asked.type("y\n")
    assert asked.wait() == 0
    assert listed(client) == []
    assert lager("instruments", "clear", "psu1", "--yes").returncode == 1


def test_the_documented_end_of_a_quarantine(holder, nets, client, lager):
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    documented = documents.steps("safety.md", "quarantine")
    assert len(documented) == 2
    for step in documented:
        done = lager(*step.command.split()[1:])
        step.check(done.returncode, done.stdout, done.stderr)
    assert listed(client) == []


def rows(done) -> dict[str, tuple[bool, str]]:
    """The rows of `lager off --json`: whether each net is off, and what was done or why not."""
    return {row["net"]: (row["off"], row["done"] or row["reason"]) for row in json.loads(done.stdout)}


PAUSED = HOLD.replace("signal.pause()", "pause('look')").replace("import Net", "import Net, pause")


def test_off_switches_off_what_is_free_and_reads_it_back(nets, lager):
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


def test_off_leaves_a_dac_without_a_safe_state_and_says_so(nets, lager):
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


def test_off_twice_at_once_and_beside_an_instrument_that_is_unplugged(nets, lager, start):
    assert lager("supply", "supply2", "enable").returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody listens there any more
    text = nets.path.read_text()
    address = tomllib.loads(text)["instruments"]["load1"]["address"]
    nets.path.write_text(text.replace(address, f"TCPIP::127.0.0.1::{port}::SOCKET"))
    both = [start(LAGER, "off", "--json") for _ in range(2)]
    for one in both:
        found = {row["net"]: row for row in json.loads(one.out.rest())}
        assert found["supply2"]["off"] is True
        assert found["eload1"]["off"] is False
        assert "cannot be reached" in found["eload1"]["reason"]
        assert one.wait() == 1
    assert not nets.is_on()


def test_off_of_one_net_leaves_the_others(nets, lager):
    for net in ("supply2", "supply3"):
        assert lager("supply", net, "enable").returncode == 0
    assert lager("off", "supply3").returncode == 0
    assert (nets.is_on(1), nets.is_on(2)) == (True, False)
    done = lager("off", "suply2", "supply2")
    assert done.returncode == 1
    assert "supply2" in done.stdout
    assert not nets.is_on(1)  # though the other name is wrong


def test_off_reaches_through_a_pause_and_the_script_goes_on(nets, run, client, lager):
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


def test_off_leaves_a_running_script_alone_and_says_who_it_is(nets, holder, lager):
    process = holder()
    done = lager("off")
    assert done.returncode == 1
    assert re.search(r"supply2 +psu1 +NO +held by \w+: script.py since [\d:]+\.", done.stdout)
    assert re.search(r"eload1 +load1 +yes +output off", done.stdout)
    assert nets.is_on()
    process.kill()


def test_off_waits_for_no_statement_in_a_console(nets, run, client, lager, start):
    run(PAUSED.replace("pause('look')", "pause('look', interactive=True)"))
    pause = client.paused()
    console = start(LAGER, "python", "--console", pause["id"], stdin=subprocess.PIPE)
    console.popen.stdin.write(b"print('busy'); import threading; threading.Event().wait(100)\n")
    console.popen.stdin.flush()
    console.out.expect("busy")
    assert rows(lager("off", "supply2", "--json"))["supply2"] == (True, "output off")
    assert not nets.is_on()
    client.call("Continue", "s", pause["id"])


def test_off_gives_up_on_a_console_that_keeps_the_instrument_and_says_what_to_do(nets, run, client, lager, start):
    run(PAUSED.replace("pause('look')", "pause('look', interactive=True)"))
    pause = client.paused()
    console = start(LAGER, "python", "--console", pause["id"], stdin=subprocess.PIPE)
    held = "print('busy')\n while True: pass"
    console.popen.stdin.write(f"with supply.session.exchange():\n {held}\n\n".encode())
    console.popen.stdin.flush()
    console.out.expect("busy")
    off, said = rows(lager("off", "supply2", "--json"))["supply2"]
    assert (off, said) == (False, "A console keeps the instrument in the middle of an exchange; press Ctrl-C in it.")
    console.popen.send_signal(signal.SIGINT)
    assert console.wait() == 130
    assert rows(lager("off", "supply2", "--json"))["supply2"] == (True, "output off")
    client.call("Continue", "s", pause["id"])


def test_off_reaches_a_quarantined_instrument_which_stays_quarantined(nets, holder, client, lager):
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


def test_off_of_either_role_of_an_instrument_leaves_its_role(nets, lager):
    assert lager("battery", "battery1", "enable").returncode == 0
    found = rows(lager("off", "--json"))
    assert found["battery1"] == (True, "output off")
    assert nets.ask("smu1", ":ENTR:FUNC?").startswith("SIM")
