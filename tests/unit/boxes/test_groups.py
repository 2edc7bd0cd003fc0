"""What --box of several stands for, and boxes that other programs know."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lager.errors import BoxError
from lager_cli.boxes.names import box_table, inventory
from lager_cli.boxes.names.box_groups import expand, is_several
from tests.documents import ROOT

BOXES = ["bench3", "bench4", "test1"]
GROUPS = {
    "rack2": ["bench4", "far"], "lab": ["@rack2", "bench*"], "round": ["@other"], "other": ["@round"], "empty": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("bench3", ["bench3"]),
        ("a,bench3, a", ["a", "bench3"]),
        ("@rack2", ["bench4", "far"]),
        ("@lab", ["bench4", "far", "bench3"]),
        ("bench*,test1", ["bench3", "bench4", "test1"]),
        ("bench[34]", ["bench3", "bench4"]),
        ("@all", BOXES),
        ("anna@host", ["anna@host"]),
    ],
)
def test_each_box_comes_once_in_its_order(named: str, found: list[str]) -> None:
    assert expand(named, BOXES, GROUPS) == found


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("@rack", r"Unknown group @rack\. Did you mean @rack2\?"),
        ("@", "name of the group is missing after @"),
        ("x*", r"No configured box matches 'x\*'"),
        ("@round", "contains itself"),
        ("a,@nothing", "Unknown group @nothing"),
        ("@empty", "@empty contains no boxes"),
        ("@empty,@empty", "@empty,@empty contains no boxes"),
    ],
)
def test_a_name_without_boxes_is_refused_in_one_sentence(named: str, why: str) -> None:
    with pytest.raises(BoxError, match=why):
        expand(named, BOXES, GROUPS)


def test_all_without_a_box_is_a_sentence() -> None:
    with pytest.raises(BoxError, match="@all contains no boxes"):
        expand("@all", [], {})


@pytest.mark.timeout(20)
def test_groups_in_groups_may_be_deep_and_named_often() -> None:
    groups = {f"g{number}": [f"@g{number + 1}", f"@g{number + 1}", "@empty"] for number in range(3000)}
    assert expand("@g0", [], {**groups, "g3000": ["last"], "empty": []}) == ["last"]
    with pytest.raises(BoxError, match="contains itself"):
        expand("@g0", [], {**groups, "g3000": ["@g7"], "empty": []})


@pytest.mark.parametrize(
    ("named", "several"), [("a", False), ("a@b", False), ("a,b", True), ("@a", True), ("a?", True)]
)
def test_names_that_may_stand_for_several_boxes_are_recognised(named: str, several: bool) -> None:
    assert is_several(named) == several


ANSIBLE = {
    "_meta": {"hostvars": {"bench3": {"ansible_host": "10.0.0.3", "ansible_user": "anna", "ansible_port": 2222}}},
    "all": {"children": ["ungrouped", "lab"]},
    "lab": {"children": ["rack2"], "hosts": ["bench5"]},
    "rack2": {"hosts": ["bench3", "bench4"]},
    "ungrouped": {"hosts": ["lonely"]},
    "empty": {},
}


def test_an_ansible_inventory_gives_destinations_and_groups(tmp_path: Path) -> None:
    (tmp_path / "hosts.json").write_text(json.dumps(ANSIBLE))
    found = inventory.of_ansible(tmp_path / "hosts.json")
    assert found.boxes == {
        "bench3": "ssh://anna@10.0.0.3:2222", "bench4": "bench4", "bench5": "bench5", "lonely": "lonely",
    }  # fmt: skip
    assert found.groups == {"lab": ["bench5", "@rack2"], "rack2": ["bench3", "bench4"]}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"_meta": []}, "_meta"),
        ({"_meta": {"hostvars": []}}, "hostvars"),
        ({"_meta": None, "rack2": ["bench3"]}, "rack2"),
        ({"_meta": None, "rack2": {"hosts": 5}}, "rack2"),
        ({"_meta": None, "rack2": {"hosts": "bench3"}}, "rack2"),
        ({"_meta": None, "rack2": {"hosts": [["bench3"]]}}, "rack2"),
        ({"_meta": None, "rack2": {"children": {"a": None}}}, "rack2"),
    ],
)
def test_an_inventory_of_another_form_is_a_sentence(tmp_path: Path, said: Any, name: str) -> None:
    (tmp_path / "hosts.json").write_text(json.dumps(said))
    with pytest.raises(BoxError, match=f"'{name}' in the inventory does not have the form of ansible-inventory"):
        inventory.of_ansible(tmp_path / "hosts.json")


def test_addresses_and_older_names_of_variables_give_destinations(tmp_path: Path) -> None:
    variables = {
        "six": {"ansible_host": "fe80::1%eth0", "ansible_port": 2222, "ansible_user": "anna"},
        "plain": {"ansible_host": "fe80::2"},
        "older": {"ansible_ssh_host": "10.0.0.9", "ansible_ssh_user": "anna", "ansible_ssh_port": "2200"},
        "nothing": None,
    }
    said = {"_meta": {"hostvars": variables}, "rack2": {"hosts": None, "children": None}}
    (tmp_path / "hosts.json").write_text(json.dumps(said))
    assert inventory.of_ansible(tmp_path / "hosts.json").boxes == {
        "six": "ssh://anna@[fe80::1%eth0]:2222", "plain": "fe80::2", "older": "ssh://anna@10.0.0.9:2200",
        "nothing": "nothing",
    }  # fmt: skip


def test_another_form_of_inventory_is_read_by_ansible_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ansible-inventory"
    program.write_text(f"#!/bin/sh\ntest \"$1 $2 $3\" = '--list -i {tmp_path}/hosts' && cat {tmp_path}/listed\n")
    program.chmod(0o755)
    (tmp_path / "listed").write_text(json.dumps(ANSIBLE))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for text in ("[rack2]\nbench3\n", '{"rack2": {"hosts": {"bench3": {"ansible_host": "10.0.0.3"}}}}'):
        (tmp_path / "hosts").write_text(text)
        assert inventory.of_ansible(tmp_path / "hosts").boxes["bench3"] == "ssh://anna@10.0.0.3:2222"
    (tmp_path / "listed").write_text("[]")
    with pytest.raises(BoxError, match="is not an Ansible inventory"):
        inventory.of_ansible(tmp_path / "hosts")
    (tmp_path / "listed").unlink()
    with pytest.raises(BoxError, match="ansible-inventory cannot read"):
        inventory.of_ansible(tmp_path / "hosts")
    with pytest.raises(BoxError, match="There is no file"):
        inventory.of_ansible(tmp_path / "nothing")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(BoxError, match="ansible-inventory is not installed here"):
        inventory.of_ansible(tmp_path / "hosts")


def test_the_hosts_of_ssh_are_those_that_are_no_patterns(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host bench3 *.lab !x\n  User anna\nhost=bench4\nInclude more/*\nHost *\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one").write_text("Host far\nInclude more/*\n")
    assert [*inventory.of_ssh(tmp_path / "config").boxes] == ["bench3", "bench4", "far"]
    (tmp_path / "config").write_text(
        'HOST\t"a b" c # not d\nHost = "e"\nHost "open\nInclude "more/o*" **/* ["\nInclude more/one config\n#Host f\n\n'
    )
    assert [*inventory.of_ssh(tmp_path / "config").boxes] == ["a b", "c", "e", "far"]
    with pytest.raises(BoxError, match="There is no file"):
        inventory.of_ssh(tmp_path / "nothing")


def test_the_example_of_the_file_in_the_docs_is_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "desk.md").read_text(), re.DOTALL)
    (tmp_path / "lager").mkdir()
    (tmp_path / "lager" / "config.toml").write_text(example)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert [box.ssh for box in box_table.find_several("@lab")] == [
        "anna@bench3.example.com", "ssh://bench4.example.com:2222", "ben@test7",
    ]  # fmt: skip
    assert box_table.default() == "bench3"
