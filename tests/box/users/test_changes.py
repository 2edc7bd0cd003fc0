"""What two users change on a box while a script is paused: who did it, as the bus knows it."""

import contextlib
import re

import pytest

from tests.box.container import Box
from tests.box.people import call, records
from tests.patterns import search

HOLDS = """
import lager
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
lager.pause("held", timeout=0)
print("goes on", flush=True)
"""
WAITS = """
import lager
lager.pause("waits", timeout=0)
print("goes on", flush=True)
"""
FORGES = """
import sys
from lager.daemon import lease_calls
change = {"net": "supply2", "what": "voltage", "old": 0.0, "new": 9.0, "how": "lager supply", "user": "alice", "uid": 0}
lease_calls.of_this_process().record(sys.argv[1], [change], wait=True)
"""


@pytest.mark.usefixtures("bench")
def test_each_user_is_named_and_only_the_holder_reports(box: Box) -> None:
    box.write("/home/alice/holds.py", HOLDS)
    box.write("/home/bob/waits.py", WAITS)
    box.write("/home/bob/forges.py", FORGES)
    with contextlib.ExitStack() as stack:
        alice = stack.enter_context(box.start("lager", "python", "holds.py", user="alice"))
        held = alice.until(r"  id +([0-9a-f]{8})$")[1]
        bob = stack.enter_context(box.start("lager", "python", "waits.py", user="bob"))
        waits = bob.until(r"  id +([0-9a-f]{8})$")[1]
        key = box.run("lager", "instruments", "--json", user="bob").stdout
        key = search(r'"instrument": "([^"]+)"', key)[1]
        box.run("python", "/home/bob/forges.py", key, user="bob", check=False)
        box.run("lager", "dac", "dac1", "1.5", user="bob")
        box.run("lager", "supply", "supply2", "voltage", "2", "--through", user="root")
        box.run("lager", "supply", "supply2", "voltage", "4", "--through", user="alice")
        shown = box.run("lager", "breakpoints", "show", held, user="bob").stdout
        assert re.search(r"^  dac1 voltage 0\.000 → 1\.500 V \(bob, lager dac, [\d:]{8}\)$", shown, re.MULTILINE)
        for id, run in ((held, alice), (waits, bob)):
            call(box, "bob", "Continue", "s", id)
            run.until("goes on")
            found = re.findall(r"^  (\S+ \S+ \S+ → \S+ V) \((\w+), (lager [^,]+),", "".join(run.seen), re.MULTILINE)
            assert found == [
                ("dac1 voltage 0.000 → 1.500 V", "bob", "lager dac"),
                ("supply2 voltage 3.300 → 2.000 V", "root", "lager supply --through"),
                ("supply2 voltage 2.000 → 4.000 V", "alice", "lager supply --through"),
            ]
    told = [one for one in records(box, LAGER_EVENT="changed") if held in one["LAGER_BREAKPOINT"]]
    done = [(one["LAGER_BY_USER"], one["LAGER_NET"], one["LAGER_NEW"]) for one in told]
    assert done == [("bob", "dac1", "1.500"), ("root", "supply2", "2.000"), ("alice", "supply2", "4.000")]
    assert "changed" in box.run("lager", "history", user="root").stdout
    explained = box.run("journalctl", "-x", "--output=short", "LAGER_EVENT=changed").stdout
    assert "root changed supply2 during a pause" in explained
    assert "@LAGER" not in explained
