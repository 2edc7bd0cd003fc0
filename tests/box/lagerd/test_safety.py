"""Safe states on a booted box: the unit that sets them, and what a reboot finds."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.box import people
from tests.box.container import Box

NETS = "/etc/lager/nets.toml"
_HOLD = """
import signal
from lager import Net
supply = Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
print("on", flush=True)
signal.pause()
"""
SAFE = '[nets.supply2]\nsafe = "off"\n'


@pytest.fixture
def nets(box: Box) -> Iterator[str]:
    """A simulated bench in the box, whose supply2 has a safe state; the text of its nets file."""
    box.run("mkdir", "-p", "-m", "700", "/opt/bench")
    with box.start("python", "-m", "lagerd.bench", "--folder", "/opt/bench", "--ready-fd", "1") as bench:
        bench.until("ready")
        text = (box.root / "opt/bench/nets.toml").read_text().replace("[nets.supply2]\n", SAFE)
        box.write(NETS, text)
        box.write("/opt/hold.py", _HOLD)
        yield text
        (box.root / NETS.lstrip("/")).unlink()


@pytest.fixture
def holder(box: Box, nets: str) -> Iterator[Any]:
    started = box.start("sh", "-c", "echo pid $$; exec python /opt/hold.py", user="alice")
    with started:
        pid = started.until(r"^pid (\d+)$")[1]
        started.until("^on$")
        yield pid


def is_on(box: Box) -> bool:
    """Whether the supply's own panel says so; asked by another user."""
    return bool(
        json.loads(box.run("lager", "supply", "supply2", "--json", "--wait", "30", user="bob").stdout)["enabled"]
    )


def events(box: Box) -> list[dict[str, Any]]:
    box.run("journalctl", "--sync")
    return [record for record in json.loads(box.run("lager", "history", "--json").stdout) if "event" in record]


def test_a_unit_switches_off_what_a_killed_script_left_on(box: Box, holder: Any) -> None:
    assert re.search(r"safe +- *supply2|supply2", box.run("lager", "instruments").stdout)
    box.run("kill", "-KILL", holder)
    assert not is_on(box)
    made = [record for record in events(box) if record["event"] == "made-safe"][-1]
    assert (made["by_user"], made["reason"]) == ("alice", "supply2 output off")
    log = box.run("journalctl", "-u", "lager-safe@*", "--no-pager").stdout
    assert "Set the safe state of an instrument" in log
    assert "rror" not in log


@pytest.mark.variant
def test_a_reboot_finds_a_claim_that_was_never_released(box: Box, holder: Any) -> None:
    box.run("systemctl", "kill", "--signal=KILL", "lagerd")
    box.run("systemctl", "stop", "lagerd")
    box.run("kill", "-KILL", holder)
    box.run("sh", "-c", "rm -f /run/lager/leases/*")  # as /run is empty after a reboot
    box.run("systemctl", "start", "lagerd")
    assert not is_on(box)


def test_a_users_own_nets_file_does_not_decide_what_is_safe(box: Box, nets: str) -> None:
    """Where root's file has no safe state, what the user's file calls safe cannot be done: in doubt, quarantine."""
    box.write(NETS, nets.replace(SAFE, "[nets.other]\n"))
    box.write("/home/alice/nets.toml", nets)
    started = box.start(
        "env", "LAGER_NETS=/home/alice/nets.toml", "sh", "-c", "echo pid $$; exec python /opt/hold.py", user="alice"
    )
    with started:
        pid = started.until(r"^pid (\d+)$")[1]
        started.until("^on$")
        box.run("kill", "-KILL", pid)
        refused = box.run("lager", "supply", "other", "--wait", "30", user="bob", check=False)
        assert "psu1 may be energised: supply2: It is not in /etc/lager/nets.toml." in " ".join(refused.stderr.split())
        assert "quarantined" in box.run("lager", "instruments").stdout
        box.run("lager", "instruments", "clear", "psu1", "--yes", user="bob")
        cleared = [record for record in events(box) if record["event"] == "cleared"][-1]
        assert cleared["by_user"] == "bob"
        box.write(NETS, nets)
        box.run("lager", "supply", "supply2", "disable", user="bob")


def test_the_unit_is_reached_by_lagerd_alone(box: Box) -> None:
    socket = box.run("stat", "-c", "%U %a", "/run/lager-safe/socket").stdout.strip()
    assert socket == "lager 600"
    state = box.run("stat", "-c", "%U %a", "/var/lib/lager").stdout.strip()
    assert state == "lager 700"
    assert people.held(box) == {}


def test_lager_off_works_through_the_pause_of_another_user(box: Box, nets: str) -> None:
    paused = _HOLD.replace("import Net", "import Net, pause").replace("signal.pause()", "pause('look', timeout=0)")
    box.write("/opt/paused.py", paused)
    with box.start("lager", "python", "/opt/paused.py", user="alice") as script:
        id = script.until(r"  id +([0-9a-f]{8})")[1]
        said = box.run("lager", "off", "supply2", "supply3", user="bob").stdout
        assert re.search(r"supply2 +psu1 +yes +output off", said)
        assert re.search(r"supply3 +psu1 +yes +output off", said)
        off = [record for record in events(box) if record["event"] == "off"][-1]
        assert (off["by_user"], off["instrument"]) == ("bob", "psu1")
        box.run("lager", "continue", id, user="bob")
        assert script.ended() == 0
    assert not is_on(box)
    assert box.run("lager", "supply", "supply2", "enable", user="bob").returncode == 0
    assert box.run("lager", "off", user="alice").returncode == 0  # by the unit
    assert not is_on(box)
    refused = box.run("lager", "off", user="mallory", check=False)
    assert refused.returncode != 0


# A supply that keeps its state over a reboot of the box, as one with its own mains does; here in a file.
_SUPPLY = """
import asyncio, pathlib
from lagerd.bench.models.supplies.rigol_dp800 import DP821

kept = pathlib.Path("/opt/supply-is-on")
supply = DP821()
if kept.exists():
    supply.handle(":OUTP CH1,ON")

async def serve(reader, writer):
    while line := await reader.readline():
        answer = supply.handle(line.decode().strip())
        (kept.touch if supply.outputs[0].on else lambda: kept.unlink(missing_ok=True))()
        if answer is not None:
            writer.write(answer.encode() + b"\\n")
    writer.close()

async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", 5025) as server:
        await server.serve_forever()

asyncio.run(main())
"""
_UNIT = """
[Unit]
Before=lagerd.service
[Service]
ExecStart=/opt/lager/bin/python /opt/supply.py
[Install]
WantedBy=multi-user.target
"""
_NETS = """
[instruments.psu1]
model = "DP821"
address = "TCPIP::127.0.0.1::5025::SOCKET"
[nets.supply2]
type = "supply"
instrument = "psu1"
channel = 1
safe = "off"
"""


def test_what_a_script_left_on_at_a_reboot_is_off_after_it(rebooting_box: Box) -> None:
    box = rebooting_box
    for path, text in (
        ("/opt/supply.py", _SUPPLY), ("/etc/systemd/system/supply.service", _UNIT), (NETS, _NETS),
        ("/opt/hold.py", _HOLD),
    ):  # fmt: skip
        box.write(path, text)
    box.run("systemctl", "enable", "--now", "supply")
    box.run("systemctl", "enable", "lagerd")
    with box.start("python", "/opt/hold.py", user="alice") as script:
        script.until("^on$")
        box.run("systemctl", "stop", "lagerd")  # which hears of nothing, as in a power cut
        box.run("systemctl", "kill", "--signal=KILL", "supply")
        assert (box.root / "opt/supply-is-on").exists()
    # The script has been killed. The parent of a process in a box is outside: a shutdown would wait for it.
    box = box.rebooted()
    assert not is_on(box)
    made = [record for record in events(box) if record["event"] == "made-safe"][-1]
    assert (made["by_user"], made["reason"]) == ("alice", "supply2 output off")


_UNTIL_OFF = """
import socket, time
from lager.nets import file
host, port = file.load("/etc/lager/nets.toml").instruments["psu1"].address.split("::")[1:3]
began = time.monotonic()
with socket.create_connection((host, int(port)), timeout=30) as line, line.makefile() as answers:
    answer = ""
    while answer != "OFF":
        line.sendall(b":OUTP? CH1\\n")
        answer = answers.readline().strip()
print(round((time.monotonic() - began) * 1000))
"""


@pytest.fixture
def looking(box: Box) -> Iterator[Any]:
    """The id of a pause of bob's."""
    box.write("/opt/look.py", "import lager\nlager.pause('look', timeout=0)\n")
    with box.start("lager", "python", "/opt/look.py", user="bob") as script:
        id = script.until(r"  id +([0-9a-f]{8})")[1]
        yield id
        box.run("lager", "continue", id, user="bob")
        script.until(r"supply2 output on → off \(alice, safe state of")
        assert script.ended() == 0


def test_the_unit_switches_off_without_lagerd_and_the_next_lagerd_reports_it(
    box: Box, looking: Any, holder: Any
) -> None:
    """A lagerd that cannot start does not keep it from that."""
    box.run("sh", "-c", "until systemctl is-active -q 'lager-safe@*'; do sleep 0.05; done")
    box.write("/run/systemd/system/lagerd.service.d/late.conf", "[Service]\nExecStartPre=sleep 5\n")
    box.run("systemctl", "daemon-reload")
    try:
        box.run("systemctl", "kill", "--signal=KILL", "lagerd")
        box.run("kill", "-KILL", holder)
        took = box.run("python", "-c", _UNTIL_OFF)
        assert int(took.stdout) < 5000, "it waited for the next lagerd"
    finally:
        box.run("rm", "-r", "/run/systemd/system/lagerd.service.d")
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "restart", "lagerd")
    assert not is_on(box)
    made, changed = ([one for one in events(box) if one["event"] == event][-1] for event in ("made-safe", "changed"))
    assert (made["by_user"], made["reason"]) == ("alice", "supply2 output off")
    said = [changed[key] for key in ("by_user", "net", "what", "old", "new", "breakpoint")]
    assert said == ["alice", "supply2", "output", "on", "off", looking]
