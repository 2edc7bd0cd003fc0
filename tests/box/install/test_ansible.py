"""The Ansible role of contrib/: sets up a booted box, and a second run changes nothing."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.box import container, packages
from tests.box.container import Box

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ANSIBLE = Path(__file__).parents[3] / "contrib" / "ansible"
PLAYBOOK = Path("/usr/bin/ansible-playbook")
NETS = '[instruments.{0}]\nmodel = "DP821"\naddress = "TCPIP::10.0.0.{1}::INSTR"\n'
VARIABLES = {
    "lager_box_pip_arguments": "--no-index --root-user-action=ignore",
    "lager_box_users": ["alice", "carol"],
    "lager_box_nets": NETS.format("psu1", 1),
    "lager_box_benches": {"thermal": NETS.format("psu2", 2)},
    "lager_box_configuration": "default_timeout = 7\n",
}


def play(box: Box, **variables: Any) -> tuple[int, dict[Any, int], str]:
    """Run the role in the box, which is the controller, too. Return its exit code, its counts, and what it said."""
    (package,) = (box.root / "opt/dist").iterdir()
    given = {**VARIABLES, "lager_box_package": f"/opt/dist/{package.name}", **variables}
    box.write("/root/ansible/variables.json", json.dumps(given))
    done = box.run(
        *(PLAYBOOK, "--connection=local", "--inventory=localhost,", "--extra-vars=@/root/ansible/variables.json"),
        *("--extra-vars=ansible_python_interpreter=/usr/bin/python3", "/root/ansible/play.yml"),
        check=False, timeout=600,
    )  # fmt: skip
    counts = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
    return done.returncode, counts, done.stdout + done.stderr


@pytest.fixture
def bare(wheel: Path) -> Iterator[Box]:
    needs.nothing_more("" if PLAYBOOK.exists() else "apt-get install ansible-core")
    with container.booted(wheel) as box:
        bring_the_role(box)
        yield box


def bring_the_role(box: Box) -> None:
    shutil.copytree(ANSIBLE, box.root / "root/ansible")
    box.write("/root/ansible/play.yml", "- hosts: all\n  roles: [lager_box]\n")


def test_the_role_sets_a_box_up_once(bare: Box) -> None:
    code, counts, said = play(bare)
    assert (code, counts["failed"]) == (0, 0), said
    assert bare.run("systemctl", "is-active", "lagerd").stdout == "active\n"
    assert bare.run("id", "--name", "--groups", "carol").stdout.split() == ["carol", "lager"]
    assert "psu2" in bare.run("lager", "nets", "check", "--bench", "thermal", "--json", check=False).stdout
    assert bare.run("lagerd", "check-config").stdout.count("is correct.") == 2
    code, counts, said = play(bare)
    assert (code, counts["changed"]) == (0, 0), said
    code, counts, said = play(bare, lager_box_nets="[instruments.psu1\n")
    assert (code, counts["failed"]) == (2, 1), said
    assert "is not TOML" in said
    assert (bare.root / "etc/lager/nets.toml").read_text() == VARIABLES["lager_box_nets"]
    code, counts, said = play(bare, lager_box_nets=NETS.format("psu1", 3))
    assert (code, counts["changed"]) == (0, 2), said


def test_the_role_installs_the_debian_package_and_a_second_run_changes_nothing(package: Path) -> None:
    needs.nothing_more("" if PLAYBOOK.exists() else "apt-get install ansible-core")
    with packages.bare() as box:
        bring_the_role(box)
        packages.put(box, package)
        code, counts, said = play(box)
        assert (code, counts["failed"]) == (0, 0), said
        assert box.run("dpkg-query", "--show", "--showformat=${Status}", "lager-box").stdout == "install ok installed"
        assert box.run("systemctl", "is-active", "lagerd").stdout == "active\n"
        assert box.run("id", "--name", "--groups", "carol").stdout.split() == ["carol", "lager"]
        assert box.run("lagerd", "check-config").stdout.count("is correct.") == 2
        code, counts, said = play(box)
        assert (code, counts["changed"]) == (0, 0), said


def test_ansible_lint_finds_nothing() -> None:
    needs.nothing_more("" if shutil.which("ansible-lint") else "apt-get install ansible-lint")
    done = subprocess.run(
        ["ansible-lint", "--offline", "--nocolor", "site.yml", "roles/lager_box"],
        cwd=ANSIBLE, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
