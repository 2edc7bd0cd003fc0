"""lagerd install and uninstall from the wheel, on a fresh machine."""

import re
from typing import Any

import pytest

from tests.box import container
from tests.box.container import Box
from tests.box.trees import tree

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(clean_box: Box) -> tuple[Any, str]:
    """Return the files from before the installation, and the output of the installation."""
    before = tree(clean_box)
    said = container.install(clean_box)
    return before, said


@pytest.fixture
def installed_now(clean_box: Box, installed: tuple[Any, str]) -> None:
    """Whatever another test has removed is there again."""
    if not (clean_box.root / "usr/lib/systemd/system/lagerd.service").exists():
        clean_box.run("lagerd", "install")


@pytest.mark.usefixtures("installed_now")
def test_a_dry_run_changes_nothing(clean_box: Box) -> None:
    before = tree(clean_box)
    said = clean_box.run("lagerd", "uninstall", "--dry-run").stdout
    assert "would remove" in said
    assert "would run     userdel lager" in said
    assert "unchanged" in clean_box.run("lagerd", "install", "--dry-run").stdout
    assert tree(clean_box) == before


def test_what_install_says(clean_box: Box, installed: tuple[Any, str]) -> None:
    _, said = installed
    assert "created       /usr/lib/systemd/system/lagerd.service" in said
    assert "ran           systemctl daemon-reload" in said
    assert "sudo adduser NAME lager" in said
    assert "failed" not in said


@pytest.mark.usefixtures("installed_now")
def test_a_second_install_changes_nothing(clean_box: Box) -> None:
    before = tree(clean_box)
    assert not re.search("created|updated|failed", clean_box.run("lagerd", "install").stdout)
    assert tree(clean_box) == before


@pytest.mark.usefixtures("installed_now")
def test_the_unit_is_correct_and_tight(clean_box: Box) -> None:
    for unit in ("lagerd.service", "lager-notify.service", "lager-start.socket"):
        verified = clean_box.run("systemd-analyze", "verify", unit)
        assert verified.stdout + verified.stderr == ""
    clean_box.run("systemd-analyze", "security", "--threshold=8", "lagerd.service")
    clean_box.run("systemd-analyze", "security", "--threshold=20", "lager-notify.service")


@pytest.mark.usefixtures("installed_now")
def test_systemd_gives_up_neither_lagerd_nor_its_sockets(clean_box: Box) -> None:
    for unit in ("lagerd.service", "lager-safe.socket", "lager-start.socket"):
        limit = clean_box.run("systemctl", "show", "--property=StartLimitIntervalUSec", "--value", unit).stdout
        assert limit == "0\n", unit


@pytest.mark.usefixtures("installed_now")
def test_the_system_knows_what_was_installed(clean_box: Box) -> None:
    assert clean_box.run("systemctl", "is-enabled", "lagerd").stdout == "enabled\n"
    assert clean_box.run("getent", "passwd", "lager").stdout.count(":") == 6
    assert clean_box.run("systemctl", "is-enabled", "lager-start.socket").stdout == "enabled\n"
    assert "com.lager" not in clean_box.run("busctl", "--activatable", "list").stdout
    action = clean_box.run("pkaction", "--verbose", "--action-id", "com.lager.breakpoints.console").stdout
    assert "unix-user:lager" in action
    assert "433497d70d7241eda48a4e98730f6302" in clean_box.run("journalctl", "--list-catalog").stdout


def test_the_bus_accepts_the_whole_policy(clean_box: Box, installed: tuple[Any, str]) -> None:
    said = clean_box.run("journalctl", "--unit=dbus.service", "--output=cat").stdout
    assert not [line for line in said.splitlines() if "lager" in line and re.search("nknown|rror|nvalid", line)]


def test_only_root_may_install(clean_box: Box, installed: tuple[Any, str]) -> None:
    done = clean_box.run("lagerd", "install", user="mallory", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "lagerd: Only root may install lagerd on this machine. Type: sudo lagerd install\n"


def test_a_folder_that_the_service_cannot_read_is_refused(clean_box: Box, installed: tuple[Any, str]) -> None:
    clean_box.run("chmod", "700", container.VENV)
    try:
        done = clean_box.run("lagerd", "install", check=False)
    finally:
        clean_box.run("chmod", "755", container.VENV)
    assert done.returncode == 1
    assert "the user lager cannot read /opt/lager (drwx------)" in done.stderr


def test_uninstall_leaves_only_edited_files(clean_box: Box, installed: tuple[Any, str]) -> None:
    before, _ = installed
    clean_box.run("gpasswd", "-M", "alice,bob", "lager")
    clean_box.run("systemctl", "start", "lagerd")
    clean_box.write("/etc/lager/nets.toml", "# mine\n")
    said = clean_box.run("lagerd", "uninstall").stdout
    assert "kept          /etc/lager/nets.toml (it is yours)" in said
    assert (clean_box.root / "etc/lager/nets.toml").read_text() == "# mine\n"
    clean_box.run("rm", "-r", "/etc/lager")
    after = tree(clean_box)
    assert dict(before.items() ^ after.items()) == {}
    assert clean_box.run("systemctl", "is-active", "lagerd", check=False).stdout == "inactive\n"
    assert [path.name for path in (clean_box.root / "run").glob("lager*")] == []
    assert "433497d70d7241eda48a4e98730f6302" not in clean_box.run("journalctl", "--list-catalog").stdout
    assert "nothing" not in said


@pytest.mark.usefixtures("installed_now")
def test_edited_configuration_survives_an_uninstall_and_an_install(clean_box: Box) -> None:
    clean_box.run("lagerd", "install")
    clean_box.write("/etc/lager/lagerd.toml", "default_timeout = 7\n")
    assert "kept          /etc/lager/lagerd.toml (it was edited)" in clean_box.run("lagerd", "uninstall").stdout
    assert "kept          /etc/lager/lagerd.toml (it was edited)" in clean_box.run("lagerd", "install").stdout
    clean_box.run("systemctl", "start", "lagerd")
    got = clean_box.run(
        "busctl", "get-property", "com.lager.Breakpoints", "/com/lager/Breakpoints", "com.lager.Breakpoints",
        "DefaultTimeout",
    )  # fmt: skip
    assert got.stdout == "d 7\n"
