"""The Debian package: built from a commit, installed without a network, upgraded under pauses, and removed."""

import contextlib
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.box import container
from tests.box.container import Box
from tests.box.packages import BUILD_SECONDS, CHECKOUT, apt, bare, build, install, put
from tests.box.people import held, listed, paused, stands, start
from tests.box.trees import tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
OF_APT = ("/var/lib/apt/", "/var/lib/dpkg/", "/var/lib/PackageKit/")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of one commit more."""
    checkout = tmp_path_factory.mktemp("newer") / "checkout"
    git = ["git", "-c", "safe.directory=*", "-c", "user.name=lager", "-c", "user.email=lager@localhost"]
    subprocess.run([*git, "clone", "--quiet", CHECKOUT, checkout], check=True, timeout=BUILD_SECONDS)
    commit = [*git, "commit", "--quiet", "--allow-empty", "--message", "a commit more"]
    subprocess.run(commit, cwd=checkout, check=True, timeout=BUILD_SECONDS)
    return build(checkout, tmp_path_factory.mktemp("package-newer"))


@contextlib.contextmanager
def three_pauses(box: Box) -> Iterator[set[Any]]:
    """Three scripts that are paused, one of which holds an instrument; afterwards each is resumed."""
    box.run("gpasswd", "-M", "alice,bob", "lager")
    one, other = paused(box, "alice", 3000), paused(box, "bob", 3000, interactive=True)
    with one.process, other.process:
        holder = start(box, "alice", 3000, holding="psu1")
        with (third := stands(holder)).process:
            yield {one.id, other.id, third.id}
            assert held(box).keys() == {"psu1"}
            for each, user in ((one, "alice"), (other, "bob"), (third, "alice")):
                box.run("lager", "python", "--continue", each.id, user=user)
                assert f"resumed by {user}" in each.goes_on()


def test_a_bare_box_is_installed_without_a_network_and_left_without_a_trace(package: Path) -> None:
    with bare() as box:
        nothing = tree(box)
        said = install(box, package)
        assert "created       /usr/lib/systemd/system/lagerd.service" in said
        assert box.run("systemctl", "is-active", "lagerd").stdout == "active\n"
        assert box.run("dpkg", "--verify", "lager-box").stdout == ""
        assert re.fullmatch(r"lager, version 0\.\d+\.\d+\S*\n", box.run("lager", "--version", user="alice").stdout)
        for page in ("lager.1", "lager-supply.1", "lagerd.8", "nets.toml.5", "com.lager.Breakpoints.5"):
            name, _, section = page.rpartition(".")
            assert box.run("man", "--where", section, name).stdout.endswith(f"/{page}.gz\n")
        assert "_lager_completion" in box.run("cat", "/usr/share/bash-completion/completions/lager").stdout
        with three_pauses(box) as ids:
            assert listed(box).keys() == ids
        box.write("/etc/lager/nets.toml", "# mine\n")
        apt(box, "purge", "lager-box")
        assert (box.root / "etc/lager/nets.toml").read_text() == "# mine\n"
        box.run("rm", "-r", "/etc/lager")
        assert not (box.root / "opt/lager").exists()
        assert not (box.root / "run/lager").exists()
        left = {path for path, _ in tree(box).items() ^ nothing.items()}
        assert {path for path in left if not path.startswith(OF_APT)} == set()


def test_edited_configuration_survives_a_removal_and_not_a_purge(package: Path) -> None:
    with bare() as box:
        install(box, package)
        box.write("/etc/lager/lagerd.toml", "default_timeout = 7\n")
        apt(box, "remove", "lager-box")
        assert not (box.root / "opt/lager").exists()
        assert (box.root / "etc/lager/lagerd.toml").read_text() == "default_timeout = 7\n"
        install(box, package)
        assert (box.root / "etc/lager/lagerd.toml").read_text() == "default_timeout = 7\n"
        apt(box, "purge", "lager-box")
        assert not (box.root / "etc/lager").exists()


def test_three_pauses_survive_an_upgrade_and_a_downgrade(package: Path, newer: Path) -> None:
    with bare() as box:
        install(box, package)
        with three_pauses(box) as ids:
            for file in (newer, package, newer):
                version = box.run("lagerd", "--version").stdout
                install(box, file)
                assert box.run("lagerd", "--version").stdout != version
                assert listed(box).keys() == ids


def test_three_pauses_survive_the_upgrade_from_an_installation_by_hand(wheel: Path, package: Path) -> None:
    with container.booted(wheel) as box:
        container.install(box)
        box.run("systemctl", "start", "lagerd")
        with three_pauses(box) as ids:
            if box.run(
                "/opt/lager/bin/python", "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))", check=False
            ).returncode:
                pytest.fail("the box of this test has another Python than Debian 12")
            install(box, package)
            assert listed(box).keys() == ids


def test_a_foreign_environment_is_not_touched(package: Path) -> None:
    with bare() as box:
        box.write("/opt/lager/bin/python", "#!/bin/sh\nexit 1\n", mode=0o755)
        box.run("dpkg", "--unpack", put(box, package))
        done = box.run("dpkg", "--configure", "lager-box", check=False)
        assert done.returncode != 0
        assert "Move it away, and install again: sudo mv /opt/lager /opt/lager.old" in done.stderr
        box.run("mv", "/opt/lager", "/opt/lager.old")
        box.run("dpkg", "--configure", "lager-box")
        assert box.run("systemctl", "is-active", "lagerd").stdout == "active\n"
        assert (box.root / "opt/lager.old/bin/python").read_text() == "#!/bin/sh\nexit 1\n"


def test_two_builds_of_one_commit_are_identical(package: Path, tmp_path: Path) -> None:
    again = build(CHECKOUT, tmp_path)
    assert again.name == package.name
    assert digest(again) == digest(package)


def test_lintian_finds_nothing(package: Path) -> None:
    needs.nothing_more("" if shutil.which("lintian") else "apt-get install lintian")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package],
        capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def digest(file: Any) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
