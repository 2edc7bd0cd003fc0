"""Lending between two users of a box, and by those who have the polkit action."""

import subprocess
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.people import call, records, restart_polkit
from tests.box.users.test_through import RULE

LENDER = """
import lager
supply = lager.Net.get("supply2", type="supply")
lager.pause("lent", timeout=0)
print("went on at", supply.state().voltage_set, flush=True)
"""


@pytest.mark.usefixtures("bench")
def test_the_user_root_and_those_with_the_polkit_action_lend_and_one_user_borrows(box: Box) -> None:
    box.write("/home/alice/lender.py", LENDER)
    with box.start("lager", "python", "lender.py", user="alice") as run:
        id = run.until(r"  id +([0-9a-f]{8})$")[1]

        def lager(user: Any, *words: Any, check: Any = True) -> "subprocess.CompletedProcess[str]":
            return box.run("lager", *words, user=user, check=check)

        refused = lager("bob", "lend", id, "psu1", "--to", "bob", check=False)
        assert refused.returncode != 0
        assert "psu1 is held by a script of alice, and you are bob: you may not lend it" in refused.stderr
        assert lager("mallory", "lend", id, "psu1", check=False).returncode != 0
        box.write("/etc/polkit-1/rules.d/50-set.rules", RULE)
        restart_polkit(box)
        try:
            assert (
                "psu1 is lent to bob for 5m00s" in lager("bob", "lend", id, "psu1", "--to", "bob", "--for", "5m").stdout
            )
        finally:
            box.run("rm", "/etc/polkit-1/rules.d/50-set.rules")
            restart_polkit(box)
        for user in ("alice", "root"):
            busy = lager(user, "supply", "supply2", "voltage", "1", check=False)
            assert busy.returncode == 75
            assert "psu1 is held by alice" in busy.stderr
            assert ", lent to bob until " in " ".join(busy.stderr.split())
        assert lager("bob", "supply", "supply2", "voltage", "2").stdout == "2 V\n"
        assert lager("mallory", "return", "psu1", check=False).returncode != 0
        assert lager("bob", "return", "psu1").stdout == "psu1 is back.\n"
        assert lager("bob", "supply", "supply2", "voltage", "3", check=False).returncode == 75
        assert lager("root", "lend", id, "psu1").returncode == 0
        assert lager("bob", "supply", "supply2", "voltage", "4").stdout == "4 V\n"
        refused = lager("bob", "return", "psu1", check=False)
        assert "psu1 is lent by alice to others, and you are bob" in " ".join(refused.stderr.split())
        call(box, "bob", "Continue", "s", id)
        run.until(r"went on at 4\.0")
        assert run.ended() == 0
    told = [(one["LAGER_EVENT"], one["LAGER_BY_USER"]) for one in records(box, LAGER_INSTRUMENT="psu1")
            if one["LAGER_EVENT"] in ("lent", "returned")]  # fmt: skip
    assert [event for event, _ in told] == ["lent", "returned", "lent", "returned"]
    assert [user for event, user in told if event == "lent"] == ["bob", "root"]
