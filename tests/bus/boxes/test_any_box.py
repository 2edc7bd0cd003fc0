"""`lager python --any`: nets are claimed for a script before it starts, here or on the first box with them free."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.loopback import Loopback
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

TAKES = """
import sys
from lager import Net, NetType
with Net.get("supply2", type=NetType.PowerSupply):
    print("has it", flush=True)
    sys.stdin.readline()
print("gave it back", flush=True)
sys.stdin.readline()
"""
LEAVES = "import sys; print('runs', flush=True); sys.stdin.readline()"
BUSY = 75


@pytest.fixture
def lab(near: Loopback, bench: Process, station: Station) -> Loopback:
    """The boxes near and other, with a lagerd in common, on which supply2 is another instrument."""
    text = Path(station.env["LAGER_NETS"]).read_text()
    (near.folder / "nets.toml").write_text(
        text.replace(
            '[nets.supply2]\ntype = "supply"\ninstrument = "psu1"',
            '[nets.supply2]\ntype = "supply"\ninstrument = "smu1"',
        )
    )
    for name, path in (("one", station.env["LAGER_NETS"]), ("two", near.folder / "nets.toml")):
        (near.folder / name).write_text(f'#!/bin/sh\nexport LAGER_NETS={path}\nexec {LAGER} "$@"\n')
        (near.folder / name).chmod(0o755)
    near.table(
        f'[boxes.near]\nssh = "near"\ncommand = "{near.folder}/one"\n'
        f'[boxes.other]\nssh = "other"\ncommand = "{near.folder}/two"\n'
        '[boxes.refusing]\nssh = "refusing"\n'
        '[groups]\nrack2 = ["near", "other"]\nhalf = ["refusing", "near"]\n'
    )
    return near


def type_into(process: Any, keys: Any) -> None:
    process.stdin.write(keys.encode())
    process.stdin.flush()


def held(lager: Command) -> dict[Any, Any]:
    return {one["name"]: one["reserved"] for one in json.loads(lager("instruments", "--json").stdout)}


def test_a_script_takes_over_what_was_claimed_for_it_and_the_rest_ends_with_the_run(
    run: Starter, lager: Command, bench: Process
) -> None:
    one = run(TAKES, options=("--any", "supply2,adc1"), stdin=PIPE)
    one.out.expect("has it")
    assert held(lager) == {"psu1": False, "daq1": True}
    refused = lager("adc", "adc1")
    assert refused.returncode == BUSY
    assert "script.py" in refused.stderr
    assert "reserved" in refused.stderr
    type_into(one, "\n")
    one.out.expect("gave it back")
    assert held(lager) == {"daq1": True}
    type_into(one, "\n")
    assert one.wait(PATIENCE) == 0
    assert held(lager) == {}


def test_nothing_is_claimed_where_one_of_the_nets_is_busy(run: Starter, lager: Command, bench: Process) -> None:
    one = run(LEAVES, options=("--any", "supply2"), stdin=PIPE)
    one.out.expect("runs")
    for nets in ("adc1,supply2", "supply2,adc1"):
        done = lager("python", "--any", nets, "-c", "print('ran')")
        assert (done.returncode, done.stdout) == (BUSY, "")
        assert held(lager) == {"psu1": True}


@pytest.mark.variant
def test_a_run_waits_in_line_and_can_be_interrupted(
    run: Starter, start: Starter, client: Client, bench: Process
) -> None:
    one = run(LEAVES, options=("--any", "supply2"), stdin=PIPE)
    one.out.expect("runs")
    waiting = [start(LAGER, "python", "--any", "supply2", "--wait", "60", "-c", "print('ran')") for _ in range(2)]
    for _ in waiting:
        client.expect("Queued")
    waiting[0].kill(signal.SIGINT)
    assert waiting[0].wait(PATIENCE) == 130
    type_into(one, "\n")
    assert waiting[1].wait(PATIENCE) == 0
    waiting[1].out.expect("ran")


def test_an_unknown_net_and_options_that_need_others_are_refused(lager: Command, bench: Process) -> None:
    done = lager("python", "--any", "nothing", "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing" in done.stderr
    for words in (["--wait", "5", "-c", "1"], ["--any", "supply2", "--continue"]):
        assert lager("python", *words).returncode == 2


def test_a_detached_run_keeps_what_was_claimed(
    lager: Command, script: ScriptWriter, client: Client, bench: Process, tmp_path: Path
) -> None:
    name = script("import lager; lager.pause('here', timeout=60)")
    done = lager("python", "--detach", "--any", "supply2", name)
    assert done.returncode == 0, done.stderr
    client.paused()
    assert held(lager) == {"psu1": True}
    client.call("ContinueAll")
    assert lager("python", "--reattach", done.stdout.split()[0]).returncode == 0
    assert held(lager) == {}


def test_the_first_box_that_has_the_nets_free_runs_the_script(
    start: Starter, script: ScriptWriter, run: Starter, lager: Command, lab: Loopback
) -> None:
    name = script(TAKES, "takes.py")
    words = ("python", "--box", "@rack2", "--any", "supply2")
    busy = run(LEAVES, options=("--any", "supply2"), stdin=PIPE)
    busy.out.expect("runs")
    first = start(LAGER, *words, name, stdin=PIPE)
    first.err.expect("runs on other")
    first.out.expect("has it")
    refused = lager(*words, name)
    assert refused.returncode == BUSY
    assert "near: psu1 is held by" in refused.stderr
    assert "other: smu1 is held by" in refused.stderr
    waiting = start(LAGER, *words, "--wait", "60", name, stdin=PIPE)
    type_into(first, "\n")
    waiting.err.expect("runs on other")
    waiting.out.expect("has it")
    for one, keys in ((busy, "\n"), (first, "\n"), (waiting, "\n\n")):
        type_into(one, keys)
        assert one.wait(PATIENCE) == 0
    assert held(lager) == {}


@pytest.mark.variant
def test_boxes_that_cannot_be_used_are_reported_and_left_out(
    lager: Command, script: ScriptWriter, lab: Loopback
) -> None:
    name = script("import os; print(os.environ['LAGER_BOX'])")
    done = lager("python", "--box", "@half", "--any", "supply2", name)
    assert (done.returncode, done.stdout) == (0, "near\n"), done.stderr
    done = lager("python", "--box", "@half", "--any", "nothing", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert "refusing: The box refusing refuses ssh" in done.stderr
    assert "near: " in done.stderr
    assert "another version" not in done.stderr


TURN = """
import os, sys
from lager import Net, NetType
taken = sys.argv[1] + os.environ.get("LAGER_BOX", "")
os.close(os.open(taken, os.O_CREAT | os.O_EXCL))
with Net.get("supply2", type=NetType.PowerSupply):
    os.unlink(taken)  # free from the end of the block
"""
ATTEMPTS = int(os.environ.get("ATTEMPTS", "200"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", [(), ("--box", "@rack2")], ids=["here", "two boxes"])
def test_no_two_runs_get_one_instrument_in_200_attempts(
    lager: Command, script: ScriptWriter, lab: Loopback, where: Any
) -> None:
    words = ("python", *where, "--any", "supply2", "--wait", "10m", script(TURN), str(lab.folder / "taken"))
    with ThreadPoolExecutor(8) as pool:
        done = [*pool.map(lambda _: lager(*words), range(ATTEMPTS))]
    assert {one.returncode for one in done} == {0}, next(one.stderr for one in done if one.returncode)
