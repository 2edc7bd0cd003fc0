"""An error of lager's pauses where the script called lager, also if Python called it for the script."""

import pytest

from tests.bus.pauses.on_error.pause_words import BEFORE, ON
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import Process, ended

OF_LAGER = {
    "a limit": "s.set_voltage(1e6)",
    "a wrong value": "s.set_voltage('x')",
    "a net that is not there": "Net.get('nothing', type=NetType.PowerSupply)",
    "an instrument that has gone": "bench_ends() or s.state()",
    "in a with": "contextlib.ExitStack().enter_context(Net.get('nothing', type=NetType.PowerSupply))",
}
USING_LAGER = """
import contextlib, os, signal, threading, lager
from lager import Net, NetType
def bench_ends(): os.kill({pid}, signal.SIGKILL)
def use(s):
    local = 7.5
    {statement}
s = Net.get("supply2", type=NetType.PowerSupply)
try:
    use(s)
finally:
    print("put away")
"""


@pytest.mark.parametrize("name", OF_LAGER)
def test_an_error_of_lagers_pauses_where_the_script_called_lager(
    run: Starter, client: Client, lager: Command, bench: Process, name: str
) -> None:
    process = run(USING_LAGER.format(statement=OF_LAGER[name], pid=bench.pid), options=ON)
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == ("script.py", 7, "use")
    assert pause["label"].endswith(BEFORE)
    assert lager("python", "--console", pause["id"], stdin="local, s.config.name\n").stdout == "(7.5, 'supply2')\n"
    if name == "a limit":  # lager has released its locks
        assert lager("python", "--console", pause["id"], stdin="s.state().enabled\n").stdout == "False\n"
    client.call("Continue", "s", pause["id"])
    code, out, _ = ended(process)
    assert (code, out) == (1, "put away\n")


@pytest.mark.variant
def test_lager_has_released_its_locks_when_its_error_pauses(
    run: Starter, client: Client, lager: Command, bench: Process
) -> None:
    """The console may ask it anew."""
    process = run(USING_LAGER.format(statement=OF_LAGER["an instrument that has gone"], pid=bench.pid), options=ON)
    pause = client.paused()
    asked = lager("python", "--console", pause["id"], stdin="s.state()\n")
    assert "cannot be reached" in asked.stderr
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 1


CALLED_BY_PYTHON = {
    "the target of a thread": """
import threading
def main():
    local = 7.5
    thread = threading.Thread(target=Net.get, args=("nothing", NetType.ADC))
    thread.start()
    thread.join()
main()""",
    "work of a thread pool": """
from concurrent.futures import ThreadPoolExecutor
def main():
    local = 7.5
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(Net.get, "nothing", NetType.ADC)
        asked.result()
main()""",
    "to_thread": """
import asyncio
async def main():
    local = 7.5
    await asyncio.sleep(0)

    await asyncio.to_thread(Net.get, "nothing", NetType.ADC)
asyncio.run(main())""",
    "a stack of exits": """
import contextlib
def main():
    local = 7.5


    with contextlib.ExitStack() as stack:
        stack.callback(Net.get, "nothing", NetType.ADC)
main()""",
    "a thread of a group": """
import asyncio
async def main():
    local = 7.5


    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(Net.get, "nothing", NetType.ADC))
asyncio.run(main())""",
    "a thread of a group in a group": """
import asyncio
async def main(local=7.5):
    async with asyncio.TaskGroup() as group:
        group.create_task(inner())
async def inner(local=7.5):
    async with asyncio.TaskGroup() as group: group.create_task(asyncio.to_thread(Net.get, "nothing", NetType.ADC))
asyncio.run(main())""",
    "a task of a group": """
import asyncio
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(work())
async def work(local=7.5):
    Net.get("nothing", NetType.ADC)
asyncio.run(main())""",
}


@pytest.mark.variant
@pytest.mark.parametrize("name", CALLED_BY_PYTHON)
def test_an_error_of_lagers_that_python_called_pauses_in_the_script(
    run: Starter, client: Client, lager: Command, bench: Process, name: str
) -> None:
    process = run(f"from lager import Net, NetType{CALLED_BY_PYTHON[name]}", options=ON)
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"]) == ("script.py", 7)
    assert pause["label"].startswith("NoSuchNet: There is no net 'nothing'")
    assert lager("python", "--console", pause["id"], stdin="local\n").stdout == "7.5\n"
    client.call("Continue", "s", pause["id"])
    assert process.wait() == (0 if name.startswith("the target") else 1)
