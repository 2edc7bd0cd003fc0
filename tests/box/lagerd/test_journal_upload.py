"""`lagerd install --journal-upload`: the history of a box on a collector, over a link that fails."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.box import conftest
from tests.box.container import Box

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PROGRAM = Path("/usr/lib/systemd/systemd-journal-upload")
REMOTE = "/var/log/journal/remote"
PAGE = Path(__file__).parents[3] / "docs" / "fleet.md"
URL = "http://10.77.0.2:19532"
CLAIM = (
    *("busctl", "call", "com.lager.Instruments", "/com/lager/Instruments", "com.lager.Instruments"),
    *("Claim", "sa{sv}"),
)
UNITS = {"box": "systemd-journal-upload.service", "collector": "systemd-journal-remote.service"}


@pytest.fixture
def pair(wheel: Path) -> Iterator[tuple[Box, Box]]:
    """A box and a collector, which a cable joins."""
    needs.nothing_more("" if PROGRAM.exists() else "apt-get install systemd-journal-remote")
    with conftest.in_use(wheel) as box, conftest.in_use(wheel) as collector:
        cable = ["ip", "link", "add", "cable0", "netns", str(box.leader), "type", "veth"]
        name = f"c{os.getpid()}"
        subprocess.run([*cable, "peer", "name", name], check=True)
        subprocess.run(["ip", "link", "set", name, "netns", str(collector.leader), "name", "cable0"], check=True)
        for end, address in ((box, "10.77.0.1/24"), (collector, "10.77.0.2/24")):
            end.run("ip", "address", "add", address, "dev", "cable0")
            end.run("ip", "link", "set", "cable0", "up")
        yield box, collector


def claimed(box: Box, *names: Any) -> None:
    for name in names:
        box.run(*CLAIM, name, "1", "net", "s", "supply7", user="alice")


def history(box: Box, *words: Any) -> list[Any]:
    return [
        (one["time"], one["event"], one["instrument"])
        for one in json.loads(box.run("lager", "history", "--json", *words).stdout)
        if one["instrument"].startswith("sent-")
    ]


def arrived(collector: Any, name: Any) -> None:
    """Wait until the release of an instrument is in the collected journals."""
    some = f"until journalctl --directory={REMOTE} --quiet --lines=1 | grep -q .; do sleep 0.1; done"
    collector.run("sh", "-c", some, timeout=300)  # without an entry, --follow ends
    with collector.start(
        "journalctl", f"--directory={REMOTE}", "--follow", "--lines=all", "--output=cat", f"LAGER_INSTRUMENT={name}"
    ) as journal:
        journal.until(f"released {name}", timeout=300)


def serving(collector: Any) -> None:
    """Set the collector up as docs/fleet.md says for plain http."""
    unit, *_ = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.S)
    collector.write("/etc/systemd/system/systemd-journal-remote.service.d/http.conf", unit)
    collector.run("systemctl", "daemon-reload")
    collector.run("systemctl", "enable", "--now", "systemd-journal-remote.socket")


def test_over_a_link_that_fails_nothing_is_lost_and_nothing_comes_twice(pair: tuple[Box, Box]) -> None:
    box, collector = pair
    serving(collector)
    said = box.run("lagerd", "install", "--journal-upload", URL).stdout
    assert f"The whole journal of this machine is sent to {URL}, not only the records of lagerd." in said
    again = box.run("lagerd", "install", "--journal-upload", URL).stdout
    assert "unchanged     /etc/systemd/journal-upload.conf.d/lager.conf" in again
    claimed(box, "sent-1", "sent-2")
    arrived(collector, "sent-2")
    assert f"OK    upload     {UNITS['box']} is active." in box.run("lagerd", "check", check=False).stdout
    box.run("ip", "link", "set", "cable0", "down")
    claimed(box, "sent-3", "sent-4")
    box.run("systemctl", "kill", "--signal=KILL", UNITS["box"], check=False)
    claimed(box, "sent-5")
    collector.run("systemctl", "restart", UNITS["collector"])
    box.run("ip", "link", "set", "cable0", "up")
    arrived(collector, "sent-5")
    collector.run("systemctl", "kill", "--signal=KILL", UNITS["collector"])
    claimed(box, "sent-6")
    box.run("systemctl", "restart", "lagerd", UNITS["box"])
    claimed(box, "sent-7")
    arrived(collector, "sent-7")
    sent = history(box)
    assert len(sent) == 14
    assert sorted(history(collector, "--directory", REMOTE)) == sorted(sent)


def test_after_the_removal_nothing_is_sent_any_more(pair: tuple[Box, Box]) -> None:
    box, _ = pair
    box.run("lagerd", "install", "--journal-upload", URL)
    assert box.run("systemctl", "is-enabled", UNITS["box"]).stdout == "enabled\n"
    said = box.run("lagerd", "uninstall").stdout
    assert "removed       /etc/systemd/journal-upload.conf.d/lager.conf" in said
    assert box.run("systemctl", "is-active", UNITS["box"], check=False).stdout == "inactive\n"
    assert box.run("systemctl", "is-enabled", UNITS["box"], check=False).stdout == "disabled\n"


TLS_URL = "https://collector.example.com:19532"


def certified(box: Box, collector: Any) -> None:
    """Set both up as docs/fleet.md says for https."""
    section = PAGE.read_text().partition("## Certificates")[2]
    made, there, here = re.findall(r"```console\n(.*?)```", section, re.S)
    remote, upload = re.findall(r"```ini\n(.*?)```", section, re.S)
    typed(collector, made)
    typed(collector, there)
    collector.write("/etc/systemd/journal-remote.conf.d/tls.conf", remote)
    box.write("/root/ca.pem", (collector.root / "root/ca.pem").read_text())
    typed(box, here)
    box.write("/etc/systemd/journal-upload.conf.d/tls.conf", upload)
    box.write("/etc/hosts", "127.0.0.1 localhost\n10.77.0.2 collector.example.com\n")
    collector.run("rm", "-rf", "/etc/systemd/system/systemd-journal-remote.service.d")
    collector.run("systemctl", "daemon-reload")
    collector.run("systemctl", "stop", UNITS["collector"], "systemd-journal-remote.socket")
    collector.run("systemctl", "enable", "--now", "systemd-journal-remote.socket")


def typed(box: Box, block: Any) -> None:
    for line in block.splitlines():
        box.run("sh", "-c", line.removeprefix("$ ").removeprefix("sudo "))


def test_over_https_with_an_own_authority_and_to_no_other_collector(pair: tuple[Box, Box]) -> None:
    box, collector = pair
    certified(box, collector)
    box.run("lagerd", "install", "--journal-upload", TLS_URL)
    claimed(box, "sent-tls")
    arrived(collector, "sent-tls")
    made, *_ = re.findall(r"^\$ (openssl req -x509 -newkey.*)$", PAGE.read_text(), re.M)
    box.run("sh", "-c", made)  # another authority
    box.run("install", "ca.pem", "/etc/journal-tls/ca.pem")
    with box.start("journalctl", "--follow", "--lines=0", f"--unit={UNITS['box']}") as said:
        box.run("systemctl", "restart", UNITS["box"], check=False)
        said.until("(?i)certificate", timeout=300)
    assert (
        "FAIL  upload     The journal is not sent to the collector." in box.run("lagerd", "check", check=False).stdout
    )
