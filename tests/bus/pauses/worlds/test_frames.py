"""Nothing of the caller outlives a call, and what the script's own signal handlers raise passes through a pause."""

import os
import signal
import sys
from typing import Any

import pytest

from tests.bus.pauses.plain_python import ON

PYTHON = sys.executable
# In a fresh process, which has imported nothing of ours before, and without a collector that would help.
FREED = """
import gc, sys, threading, weakref
gc.disable()
class Local:
    pass
def work():
    local = Local()
    refs.append(weakref.ref(local))
    {call}
refs = []
{start}
print(refs[0]() is None)
"""
CALLS = {
    "pause": "import lager; lager.pause(timeout=0.01)",
    "breakpoint": "breakpoint(timeout=0.01)",
    "pause that raises": (
        "import lager\n    try: lager.pause(timeout=0.01, on_timeout='raise')\n    except Exception: pass"
    ),
    "Net": "from lager import Net, NetType; Net.get('supply2', type=NetType.PowerSupply).close()",
    "Net that is refused": (
        "from lager import Net, NetType\n    try: Net.get('supply2', NetType.PowerSupply)\n    except Exception: pass"
    ),
    "Net that is missing": (
        "from lager import Net, NetType\n    try: Net.get('none', type=NetType.PowerSupply)\n    except Exception: pass"
    ),
}
STARTS = {
    "at once": "work()",
    "in a thread": "thread = threading.Thread(target=work); thread.start(); thread.join(); del thread",
}


@pytest.mark.parametrize("start_", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_first_call_keeps_nothing_of_its_caller(start: Any, script: Any, bench: Any, call: Any, start_: Any) -> None:
    process = start(PYTHON, script(FREED.format(call=call, start=start_)), **ON)
    assert (process.wait(), process.out.rest()) == (0, "True\n"), process.err.rest()


@pytest.mark.variant
@pytest.mark.parametrize("address", ["unix:path=/nowhere", "nonsense"])
@pytest.mark.parametrize("call", ["pause", "Net that is refused"])
def test_a_first_call_without_a_bus_keeps_nothing_of_its_caller(
    start: Any, script: Any, bench: Any, call: Any, address: Any
) -> None:
    process = start(PYTHON, script(FREED.format(call=CALLS[call], start="work()")), **ON, LAGER_BUS_ADDRESS=address)
    assert (process.wait(), process.out.rest()) == (0, "True\n"), process.err.rest()


@pytest.mark.variant
def test_outside_of_a_run_a_first_net_keeps_nothing_of_its_caller(start: Any, script: Any, bench: Any) -> None:
    process = start(PYTHON, script(FREED.format(call=CALLS["Net"], start="work()")))
    assert (process.wait(), process.out.rest()) == (0, "True\n"), process.err.rest()


@pytest.mark.parametrize("variables", [ON, {}], ids=["run", "no run"])
def test_a_function_that_returns_releases_its_supply(start: Any, script: Any, bench: Any, variables: Any) -> None:
    text = """
from lager import Net, NetType
def power_on():
    psu = Net.get("supply2", type=NetType.PowerSupply)
    psu.set_voltage(3.3)
    psu.enable()
def power_off():
    Net.get("supply2", type=NetType.PowerSupply).disable()
try:
    power_on()
finally:
    power_off()
print(Net.get("supply2", type=NetType.PowerSupply).state().enabled)
"""
    process = start(PYTHON, script(text), **variables)
    assert (process.wait(), process.out.rest()) == (0, "False\n"), process.err.rest()


HANDLED = """
import functools, lager, os, signal, sys
class Mine(Exception):
    pass
class Watchdog:
    def bark(self, *_): raise {error}('mine')
    __call__ = bark
def once(_, frame):
    del frame
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    raise {error}('mine')
signal.signal(signal.SIGALRM, {handler})
{before}
try:
    {call}
except {error} as error:
    print('passed through', sys.gettrace())
"""


@pytest.mark.parametrize(
    "error", ["TimeoutError", "RecursionError", "lager.PauseTimeout", "OSError", "Mine", "RuntimeError", "ValueError"]
)
@pytest.mark.parametrize(
    "handler",
    ["Watchdog().bark", "Watchdog()", "lambda *_: Watchdog().bark()", "functools.partial(Watchdog(), 1)", "once"],
)
def test_what_a_signal_handler_raises_passes_through_a_pause(run: Any, client: Any, error: Any, handler: Any) -> None:
    process = run(HANDLED.format(error=error, handler=handler, before="", call="lager.pause('x')"))
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pause["pid"], signal.SIGALRM)
    assert client.resumed(pause["id"])[0] == "interrupted"
    assert (process.wait(), process.out.rest()) == (0, "passed through None\n")
    assert "cannot pause" not in process.err.rest()


@pytest.mark.variant
@pytest.mark.parametrize("error", ["lager.PauseTimeout", "TimeoutError"])
def test_what_a_signal_handler_raises_passes_through_a_question(run: Any, client: Any, error: Any) -> None:
    call = "lager.ask('sure?', default=True, timeout=60)"
    process = run(HANDLED.format(error=error, handler="Watchdog()", before="", call=call))
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pause["pid"], signal.SIGALRM)
    assert client.resumed(pause["id"])[0] == "interrupted"
    assert (process.wait(), process.out.rest()) == (0, "passed through None\n")
    assert "cannot ask" not in process.err.rest()


@pytest.mark.variant
def test_an_error_of_a_signal_handler_passes_while_the_first_pause_is_prepared(run: Any, client: Any) -> None:
    before = "signal.setitimer(signal.ITIMER_REAL, 0.01)"
    process = run(HANDLED.format(error="TimeoutError", handler="Watchdog()", before=before, call="lager.pause('x')"))
    assert (process.wait(), process.out.rest()) == (0, "passed through None\n")
    assert "cannot pause" not in process.err.rest()


@pytest.mark.variant
def test_an_error_of_a_signal_handler_passes_while_standard_error_is_full(run: Any, client: Any) -> None:
    before = """
reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True: os.write(writer, b'x' * 4096)
except BlockingIOError:
    pass
os.set_blocking(writer, True)
os.dup2(writer, 2)"""
    process = run(HANDLED.format(error="TimeoutError", handler="Watchdog()", before=before, call="breakpoint()"))
    os.kill(client.paused()["pid"], signal.SIGALRM)
    assert (process.wait(), process.out.rest()) == (0, "passed through None\n")


ELSEWHERE = """
import lager, signal, threading
def raising(*_): raise TimeoutError('mine')
signal.signal(signal.SIGALRM, raising)
def raise_it():
    input()
    signal.pthread_kill(threading.get_ident(), signal.SIGALRM)
threading.Thread(target=raise_it).start()
try:
    {call}
except TimeoutError:
    print('passed through', signal.set_wakeup_fd(-1))
"""


@pytest.mark.parametrize("call", ["lager.pause('x', timeout=0)", "lager.ask('sure?', default=True, timeout=0)"])
def test_a_signal_that_does_not_wake_the_main_thread_ends_its_pause(
    run: Any, client: Any, gate: Any, call: Any
) -> None:
    # As one that comes just before the main thread begins to wait.
    process = run(ELSEWHERE.format(call=call), stdin=gate[0])
    pause = client.paused()
    process.err.expect("  timeout ")
    os.write(gate[1], b"\n")
    assert client.resumed(pause["id"])[0] == "interrupted"
    assert (process.wait(), process.out.rest()) == (0, "passed through -1\n")


@pytest.mark.variant
def test_the_event_loop_of_a_paused_script_hears_of_signals(run: Any, client: Any) -> None:
    text = """
import asyncio, lager, signal
async def main():
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, told.set)
    lager.pause('x')
    await told.wait()
    print('heard', flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = run(text)
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pause["pid"], signal.SIGALRM)
    client.call("Continue", "s", pause["id"])
    process.out.expect("heard")


@pytest.mark.variant
def test_a_signal_handler_pauses_while_its_thread_imports_a_module_of_lager(run: Any, client: Any) -> None:
    text = """
import lager, signal
signal.signal(signal.SIGALRM, lambda *_: lager.pause('x', interactive=True))
with lager.fork_lock.wait:
    signal.raise_signal(signal.SIGALRM)
print('done')
"""
    process = run(text)
    client.call("Continue", "s", client.paused()["id"])
    assert (process.wait(), process.out.rest()) == (0, "done\n")
