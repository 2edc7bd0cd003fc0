"""A net that only the traceback of an error keeps alive is no longer in use, so it can be opened again."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.plain_python import ON
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import Process

SWITCHED_ON = """
import asyncio, contextlib, gc, sys
from lager import Net, NetType
gc.disable()
def supply():
    return Net.get("supply2", type=NetType.PowerSupply)
class Rig:
    def __init__(self):
        self.outputs = {"main": [supply()]}
    def on(self):
        self.outputs["main"][0].enable()
def power_on():
    psu = supply()
    psu.enable()
    raise RuntimeError("out of range")
def power_off():
    supply().disable()
"""
LEFT = {
    "an error on its way": """
try:
    try: power_on()
    finally: power_off()
except RuntimeError: pass""",
    "an error that is handled while another one is on its way": """
try:
    try: power_on()
    except RuntimeError:
        try: raise ValueError
        finally: power_off()
except ValueError: pass""",
    "an attribute of an object": """
def work():
    rig = Rig()
    rig.on()
    1 / 0
try: work()
except ZeroDivisionError: power_off()""",
    "an error that is kept": """
try: power_on()
except RuntimeError as error: kept = error
power_off()""",
    "the result of a task": """
async def work():
    psu = supply()
    await asyncio.sleep(0)
    psu.enable()
    raise RuntimeError
async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    power_off()
    assert task.exception()
asyncio.run(main())""",
    "variables that were looked at": """
try: power_on()
except RuntimeError as error:
    traceback = error.__traceback__
    while traceback: traceback.tb_frame.f_locals; traceback = traceback.tb_next
    power_off()""",
    "an error of lager": """
def work():
    psu = supply()
    psu.enable()
    psu.set_voltage(-1)
try: work()
except Exception: power_off()""",
}


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
@pytest.mark.parametrize("variables", [ON, {}], ids=["run", "no run"])
def test_a_function_that_an_error_has_left_releases_its_supply(
    start: Starter, script: ScriptWriter, bench: Process, text: Any, variables: Any
) -> None:
    process = start(sys.executable, script(f"{SWITCHED_ON}{text}\nprint(supply().state().enabled)\n"), **variables)
    assert (process.wait(), process.out.rest()) == (0, "False\n"), process.err.rest()


REFUSED = """
def refused():
    try: Net.get("supply3", type=NetType.PowerSupply)  # of the same instrument
    except Exception as error: print(type(error).__name__)
"""
HELD = {
    "by a generator that waits": """
@contextlib.contextmanager
def powered():
    psu = supply()
    try: yield psu
    except RuntimeError: yield psu.name
held = powered().gen
next(held)
kept = RuntimeError()
print(held.throw(kept))
refused()
held.close()""",
    "by a function that runs": """
def work():
    psu = supply()
    try: 1 / 0
    except ZeroDivisionError: refused()
    print(psu.name)
work()""",
    "by the script": """
def work():
    psu = supply()
    nets.append(psu)
    1 / 0
nets = []
try: work()
except ZeroDivisionError: refused()
print(nets[0].name, nets[0].is_open())""",
}


@pytest.mark.parametrize("text", HELD.values(), ids=HELD)
def test_a_net_that_is_in_use_stays_open(start: Starter, script: ScriptWriter, bench: Process, text: Any) -> None:
    process = start(sys.executable, script(f"{SWITCHED_ON}{REFUSED}{text}\n"), **ON)
    assert process.wait() == 0, process.err.rest()
    assert sorted(process.out.rest().split()) in (["NetConflict", "supply2"], ["NetConflict", "True", "supply2"])


TESTS = """
import gc, pytest
from lager import Net, NetType
gc.disable()
@pytest.fixture
def psu():
    return Net.get("supply2", type=NetType.PowerSupply)
def test_fails(psu):
    psu.enable()
    assert psu.state().enabled is None
def test_finds_it_free(psu):
    psu.disable()
@pytest.fixture
def powered():
    Net.get("supply2", type=NetType.PowerSupply).enable()
    yield
    Net.get("supply2", type=NetType.PowerSupply).disable()
def test_fails_with_a_net_of_its_own(powered):
    psu = Net.get("supply2", type=NetType.PowerSupply)
    assert psu.state().enabled is None
"""


@pytest.mark.variant
@pytest.mark.parametrize("words", [[], ["--showlocals"], ["-n", "1"]], ids=["plain", "showlocals", "xdist"])
def test_a_failing_test_releases_its_net(lager: Command, tmp_path: Path, bench: Process, words: Any) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *words]
    done = lager("python", "-m", "pytest", *options, "test_it.py")
    assert "2 failed, 1 passed" in done.stdout, done.stdout
    assert "output   off" in lager("supply", "supply2", "state").stdout
