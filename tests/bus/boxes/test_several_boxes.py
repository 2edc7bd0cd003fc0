"""Groups and patterns of boxes: commands that read show one table, and commands that act do so on all boxes."""

import json
from pathlib import Path

import pytest

from lager_cli.boxes.names import box_table
from tests.bus.boxes.tables import TWO_BOXES
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.loopback import Loopback
from tests.processes import PATIENCE

TABLE = f"""{TWO_BOXES}[boxes.refusing]
ssh = "refusing"
[groups]
both = ["near", "@second"]
second = ["other"]
"""


@pytest.fixture
def lab(near: Loopback) -> Loopback:
    near.table(TABLE)
    return near


@pytest.mark.variant
@pytest.mark.parametrize("named", ["@both", "near,other", "[no]*e[ar]*"])
def test_a_group_and_a_pattern_are_shown_as_one_table(
    lager: Command, lab: Loopback, client: Client, run: Starter, named: str
) -> None:
    run("import lager\nlager.pause(timeout=60)")
    id = client.paused()["id"]
    found = json.loads(lager("breakpoints", "--json", "--box", named).stdout)
    assert [(one["box"], one["id"]) for one in found] == [("near", id), ("other", id)]
    client.call("ContinueAll")


def test_a_command_acts_on_each_box_and_fails_if_one_box_fails(
    lager: Command, lab: Loopback, client: Client, run: Starter
) -> None:
    script = run("import lager\nlager.pause(timeout=60)")
    id = client.paused()["id"]
    done = lager("extend", id, "20m", "--box", "near,refusing")
    assert done.returncode == 1
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["BOX", "RESULT"]
    assert [row.split()[0] for row in sorted(rows)] == ["near", "refusing"]
    assert "refusing" in done.stderr
    assert client.list()[0]["remaining"] > 1100
    done = lager("continue", "--box", "@second")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Resumed {id}." in done.stdout
    assert script.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [(["adc", "adc1", "--box", "@both"], "--box accepts one box here"),
     (["runs", "--box", "@x"], "Unknown group @x"), (["continue", "--box", "x*"], "No configured box matches")],
)  # fmt: skip
def test_a_command_for_one_box_refuses_several_and_unknown_boxes(
    lager: Command, lab: Loopback, words: list[str], why: str
) -> None:
    done = lager(*words)
    assert done.returncode == 1
    assert why in done.stderr


@pytest.mark.variant
def test_a_group_of_one_is_that_box(lager: Command, lab: Loopback) -> None:
    assert lager("adc", "adc1", "--box", "@second").returncode == lager("adc", "adc1", "--box", "other").returncode


@pytest.mark.variant
def test_the_time_of_each_box_can_be_limited(lager: Command, lab: Loopback) -> None:
    lab.table(f'{TABLE}\n[boxes.slow]\nssh = "near"\ncommand = "{lab.folder}/slow"\n')
    (lab.folder / "slow").write_text("#!/bin/sh\nexec sleep 60\n")
    (lab.folder / "slow").chmod(0o755)
    done = lager("breakpoints", "--box", "slow,near", "--limit", "5")
    assert done.returncode == 1
    assert "no answer within 5 s" in done.stdout
    assert lager("breakpoints", "--box", "slow,near", "--limit", "0").returncode == 2


def test_groups_are_named_listed_and_removed_by_commands(lager: Command, tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    for name in ("bench3", "bench4"):
        lager("boxes", "add", name, "bench.example.com", **env)
    assert lager("boxes", "group", "rack2", "bench*", **env).stdout == "@rack2 is bench3, bench4.\n"
    assert "@rack2" in lager("boxes", **env).stdout
    for refused in (["@rack2", "bench3"], ["lab", "@lab"], ["lab", "x\ny"], ["lab", "nothing*"], ["a,b", "bench3"]):
        assert lager("boxes", "group", *refused, **env).returncode == 1
    assert "lab" not in lager("boxes", **env).stdout
    lager("boxes", "group", "rack2", **env)
    assert "@rack2" not in lager("boxes", **env).stdout


def test_an_inventory_adds_only_new_boxes_and_groups(lager: Command, tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    lager("boxes", "add", "bench3", "mine", **env)
    hosts = {"_meta": {}, "rack2": {"hosts": ["bench3", "bench4", "-oProxyCommand=x"]}, "x,y": {"hosts": ["bench4"]}}
    (tmp_path / "hosts.json").write_text(json.dumps(hosts))
    done = lager("boxes", "import", str(tmp_path / "hosts.json"), **env)
    assert done.stdout == "Added 1 box and 1 group.\n"
    assert "left out: '-oProxyCommand=x' is not a valid box name" in done.stderr
    assert "left out: 'x,y' is not a valid name for a box or a group" in done.stderr
    assert "@rack2  bench3, bench4  " in lager("boxes", **env).stdout
    assert [one["ssh"] for one in json.loads(lager("boxes", "--json", **env).stdout)] == ["mine", "bench4"]
    assert lager("boxes", "import", **env).returncode == 2


def test_the_boxes_of_the_user_take_precedence_over_those_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lager").mkdir()
    (tmp_path / "lager" / "config.toml").write_text('[boxes.a]\nssh = "mine"\n')
    (tmp_path / "boxes.toml").write_text('[boxes.a]\nssh = "x"\n[boxes.b]\nssh = "y"\n[groups]\nlab = ["a", "b"]\n')
    monkeypatch.setattr(box_table, "SYSTEM", tmp_path / "boxes.toml")
    assert box_table.find("a").ssh == "mine"
    assert box_table.find("b").ssh == "y"
    assert box_table.several("@lab") == ["a", "b"]


@pytest.mark.parametrize(
    "words", [("breakpoints", "--watch", "--json"), ("continue",), ("python", "--any", "supply2", "-c", "1")]
)
def test_a_group_without_a_box_is_refused_in_one_sentence(
    lager: Command, lab: Loopback, words: tuple[str, ...]
) -> None:
    lab.table("[groups]\nlab = []\n")
    done = lager(words[0], "--box", "@lab", *words[1:])
    assert (done.returncode, done.stdout) == (1, "")
    assert "@lab contains no boxes." in done.stderr


@pytest.mark.parametrize("command", ["breakpoints", "status"])
def test_an_error_says_what_named_the_unknown_boxes(lager: Command, lab: Loopback, command: str) -> None:
    for more in ((), ("--watch", "--json")):
        done = lager(command, *more, LAGER_BOX="@nothing")
        assert done.returncode == 1
        assert "(LAGER_BOX names this box)" in done.stderr


@pytest.mark.parametrize("text", ["groups = 3", '[groups]\nlab = "a"', "[groups]\nlab = [1]"])
def test_groups_that_are_not_lists_are_reported(lager: Command, lab: Loopback, text: str) -> None:
    lab.table(text)
    done = lager("breakpoints", "--box", "@lab")
    assert done.returncode == 1
    assert "groups that are not lists of names" in done.stderr
