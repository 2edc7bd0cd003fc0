"""Two users and one instrument on a box: who may read and who may set through a paused script."""

import subprocess
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.people import call, records, restart_polkit

HOLDS = """
import lager
supply = lager.Net.get("supply2", type="supply")
lager.pause("held", timeout=0)
print("went on at", supply.state().voltage_set, flush=True)
"""
RULE = (
    'polkit.addRule(function(action, subject) { if (action.id == "com.lager.instruments.set" && subject.user == "bob")'
    " return polkit.Result.YES; });"
)


@pytest.mark.usefixtures("bench")
def test_members_read_and_only_the_user_root_and_those_with_the_polkit_action_set(box: Box) -> None:
    box.write("/home/alice/holds.py", HOLDS)
    with box.start("lager", "python", "holds.py", user="alice") as run:
        id = run.until(r"  id +([0-9a-f]{8})$")[1]

        def lager(user: Any, *words: Any, check: Any = True) -> "subprocess.CompletedProcess[str]":
            return box.run("lager", "supply", "supply2", *words, "--through", user=user, check=check)

        for user in ("alice", "bob", "root"):
            assert f"through {id}" in lager(user, "voltage").stdout
        assert lager("mallory", "voltage", check=False).returncode != 0
        for words in (("voltage", "1"), ("enable",)):
            refused = lager("bob", *words, check=False)
            assert refused.returncode == 1
            assert "psu1 is held by a script of alice, and you are bob: you may only read it" in refused.stderr
        assert f"1 V, through {id}" in lager("alice", "voltage", "1").stdout
        assert f"2 V, through {id}" in lager("root", "voltage", "2").stdout
        box.write("/etc/polkit-1/rules.d/50-set.rules", RULE)
        restart_polkit(box)
        try:
            assert f"3 V, through {id}" in lager("bob", "voltage", "3").stdout
        finally:
            box.run("rm", "/etc/polkit-1/rules.d/50-set.rules")
            restart_polkit(box)
        call(box, "bob", "Continue", "s", id)
        run.until(r"went on at 3\.0")
        assert run.ended() == 0
    told = records(box, LAGER_EVENT="through", LAGER_BREAKPOINT=id)
    done = [(one["LAGER_BY_USER"], one["LAGER_REASON"]) for one in told]
    assert done == [
        ("alice", "voltage: done"), ("bob", "voltage: done"), ("root", "voltage: done"),
        ("alice", "voltage 1.0: done"), ("root", "voltage 2.0: done"), ("bob", "voltage 3.0: done"),
    ]  # fmt: skip
    denied = [one["LAGER_REASON"] for one in records(box, LAGER_EVENT="denied", LAGER_BY_USER="bob")]
    assert sum("Through: psu1 is held by a script of alice" in reason for reason in denied) == 2
    explained = box.run("journalctl", "-x", "--output=short", f"LAGER_BREAKPOINT={id}", "LAGER_EVENT=through").stdout
    assert "bob used psu1 through a paused script" in explained
    assert "@LAGER" not in explained
