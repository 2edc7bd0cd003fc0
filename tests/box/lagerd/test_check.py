"""`lagerd check`: a healthy box has nothing to do, and each fault is a line that says what to type."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.people import NAME, PATH

JOURNAL = [f"systemd-journald{unit}" for unit in (".socket", "-dev-log.socket", "-audit.socket", ".service")]
NETS = '[instruments.psu1]\nmodel = "DP821"\naddress = "TCPIP::192.168.1.20::INSTR"\n'


@pytest.fixture
def healthy(box: Box) -> Iterator[Box]:
    box.write("/etc/lager/nets.toml", NETS)
    box.run("mkdir", "-p", "/var/log/journal")
    yield box
    box.run("rm", "-f", "/etc/lager/nets.toml")


def check(box: Box, user: Any = "root") -> tuple[int, str]:
    done = box.run("lagerd", "check", user=user, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_healthy_box_has_nothing_to_do(healthy: Box) -> None:
    code, said = check(healthy)
    assert "FAIL" not in said
    assert (code, said.splitlines()[-1]) == (0, "This box is healthy.")
    for part in ("files", "unit", "bus", "version", "polkit", "journal", "group", "config", "nets"):
        assert f"OK    {part}" in said


def test_each_fault_is_a_line_that_says_what_to_type(healthy: Box) -> None:
    healthy.write("/etc/lager/nets.toml", "[instruments.psu1\n")
    healthy.run("systemctl", "stop", "lagerd")
    healthy.run("mv", "/usr/share/dbus-1/system.d/com.lager.conf", "/root/")
    healthy.run("systemctl", "mask", "--runtime", "--now", "polkit")
    healthy.run("systemctl", "stop", *JOURNAL)
    try:
        code, said = check(healthy)
        assert healthy.run("systemctl", "is-active", "lagerd", check=False).stdout == "inactive\n"
    finally:
        healthy.run("systemctl", "start", *JOURNAL)
        healthy.run("systemctl", "unmask", "--runtime", "polkit")
        healthy.run("mv", "/root/com.lager.conf", "/usr/share/dbus-1/system.d/")
        healthy.run("systemctl", "start", "lagerd")
    assert code == 1
    assert "/usr/share/dbus-1/system.d/com.lager.conf. Type: sudo lagerd install" in said
    assert "FAIL  unit       lagerd.service is inactive. Type: sudo systemctl start lagerd.service" in said
    assert "FAIL  bus        com.lager.Breakpoints has no owner. Type: sudo systemctl restart lagerd" in said
    assert "FAIL  journal    systemd-journald is inactive, and the audit is lost. Type: sudo systemctl start" in said
    assert "Type: sudo systemctl restart polkit; until then only its user and root may open a console" in said
    assert "FAIL  nets       The nets file /etc/lager/nets.toml is not TOML" in said
    assert said.splitlines()[-1].endswith(" to fix.")


def test_the_version_is_that_of_the_running_lagerd_and_an_upgrade_says_that_a_restart_is_due(healthy: Box) -> None:
    (commit,) = (healthy.root / "opt/lager/lib").glob("python*/site-packages/lager/commit.txt")
    before = commit.read_text()
    healthy.run("systemctl", "restart", "lagerd")  # so that nothing has asked it for its version yet
    upgraded = commit.with_name("commit.new")
    upgraded.write_text("feedbeef0\n")
    upgraded.replace(commit)  # as pip and dpkg replace a file
    try:
        running = version(healthy)
        assert running.endswith(f"+g{before.strip()}")
        code, said = check(healthy)
        assert code == 1
        (line,) = [line for line in said.splitlines() if line.startswith("FAIL  version")]
        assert f"lagerd {running} runs, and " in line
        assert line.endswith("+gfeedbeef0 is installed. Type: sudo systemctl restart lagerd")
        healthy.run("systemctl", "restart", "lagerd")
        assert version(healthy).endswith("+gfeedbeef0")
        assert "OK    version" in check(healthy)[1]
    finally:
        commit.write_text(before)
        healthy.run("systemctl", "restart", "lagerd")


def version(box: Box) -> Any:
    return json.loads(box.run("busctl", "--json=short", "get-property", NAME, PATH, NAME, "Version").stdout)["data"]


def test_an_outsider_is_told_which_group_he_is_not_in(healthy: Box) -> None:
    code, said = check(healthy, user="mallory")
    assert code == 1
    assert "You are not a member of the group lager. Type: sudo adduser mallory lager, then log in again" in said
