"""lager python --pause-on-error: an error that nothing will catch pauses where it was raised, and no other error
does."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.on_error.pause_words import AFTER, BEFORE, ON
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER, Process, ended


def without_banner(err: str) -> str:
    lines = err.splitlines(keepends=True)
    return "".join(
        line for line in lines if not line.startswith(("lager: ", "  id  ", "  resume ", "  console ", "  timeout "))
    )


SUPPLY = """
from lager import Net, NetType
def measure(supply):
    reading = 7.5
    raise ValueError(f"{reading} V is out of range")
"""
WITH = """
with Net.get("supply2", type=NetType.PowerSupply) as supply:
    supply.set_voltage(3.3)
    supply.enable()
    try:
        measure(supply)
    finally:
        supply.disable()
"""
GENERATOR = """
import contextlib
@contextlib.contextmanager
def powered():
    supply = Net.get("supply2", type=NetType.PowerSupply)
    supply.set_voltage(3.3)
    supply.enable()
    try:
        yield supply
    finally:
        supply.disable()
        supply.close()
with contextlib.ExitStack() as stack:
    supply = stack.enter_context(powered())
    try:
        measure(supply)
    except KeyError:
        pass
    except ValueError:
        supply.disable()
        raise
"""


@pytest.mark.parametrize("text", [SUPPLY + WITH, SUPPLY + GENERATOR])
def test_the_supply_stays_on_while_the_error_is_looked_at(
    run: Starter, client: Client, lager: Command, bench: Process, text: Any
) -> None:
    process = run(text, options=ON)
    pause = client.paused()
    assert pause["label"] == f"ValueError: 7.5 V is out of range, {BEFORE}"
    assert (pause["function"], pause["line"], pause["interactive"]) == ("measure", 5, True)
    busy = lager("supply", "supply2", "state")
    assert busy.returncode == 75
    assert f"lager python --console {pause['id']}" in busy.stderr
    source = "reading\nsupply.state().enabled\n"
    assert lager("python", "--console", pause["id"], stdin=source).stdout == "7.5\nTrue\n"
    client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 1
    assert err.endswith("ValueError: 7.5 V is out of range\n")
    assert "output   off" in lager("supply", "supply2", "state").stdout


def test_a_supply_that_the_script_has_closed_is_free_and_on(
    run: Starter, client: Client, lager: Command, bench: Process
) -> None:
    text = (
        'with Net.get("supply2", type=NetType.PowerSupply) as s:\n    s.set_voltage(3.3)\n    s.enable()\nmeasure(0)\n'
    )
    run(SUPPLY + text, options=ON)
    pause = client.paused()
    assert "output   on" in lager("supply", "supply2", "state").stdout
    client.call("Continue", "s", pause["id"])


PLACES = {
    "in a function": ("def f():\n    1 / 0\nf()\n", 2, BEFORE),
    "at the top": ("1 / 0\n", 1, BEFORE),
    "in a class body": ("class A:\n    1 / 0\n", 2, BEFORE),
    "a key": ("{}['x']\n", 1, BEFORE),
    "in __init__": ("class A:\n    def __init__(self):\n        {}['x']\nA()\n", 3, BEFORE),
    "in a property": ("class A:\n    @property\n    def p(self):\n        1 / 0\nA().p\n", 4, BEFORE),
    "in a loop over a generator": ("def g():\n    yield 1\n    1 / 0\nfor _ in g(): pass\n", 3, BEFORE),
    "in a key function": ("sorted([1, 2], key=lambda x: 1 / 0)\n", 1, BEFORE),
    "decorated": ("import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\n"
                  "@d\ndef f(): assert 0\nf()\n", 7, BEFORE),
    "through a partial": ("import functools\ndef f(x): 1 / x\nfunctools.partial(f, 0)()\n", 2, BEFORE),
    "kept by a task": ("import asyncio\nasync def f():\n    1 / 0\nasyncio.run(f())\n", 3, AFTER),
    "kept by a future": ("from concurrent.futures import ThreadPoolExecutor as E\ndef f(): 1 / 0\n"
                         "with E() as e: r = e.submit(f)\nr.result()\n", 2, AFTER),
    "raised again by a handler": (
        "def f():\n    try:\n        1 / 0\n    except Exception as e:\n        if e: pass\n        raise\nf()\n",
        3, BEFORE),
    "perhaps put aside": (
        "def f():\n    try:\n        1 / 0\n    except Exception as e:\n        if e: raise\nf()\n", 3, AFTER),
    "in a with that nobody can read": (
        "class M:\n    def __enter__(self): return 1\n    def __exit__(self, *a): return bool(0)\nwith M(): 1 / 0\n",
        4, AFTER),
    "a wrong name in an import": ("import lager.nothing\n", 1, BEFORE),
}  # fmt: skip
THREADS = """
import pathlib, sys, threading
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
codes = [compile(file.read_text(), str(file), "exec") for file in files]
threads = [threading.Thread(target=exec, args=(code, {"__name__": "s"})) for code in codes]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_a_pause_on_error_says_where_and_when_it_pauses(run: Starter, client: Client, tmp_path: Path) -> None:
    """Each in a thread of its own, all paused at the same time."""
    (tmp_path / "places").mkdir()
    for name, (text, _, _) in PLACES.items():
        (tmp_path / "places" / f"{name}.py").write_text(text)
    process = run(THREADS, "places", options=ON)
    found = {}
    for _ in PLACES:
        pause = client.paused()
        found[Path(pause["file"]).stem] = (pause["line"], pause["label"].rpartition(", ")[2])
    assert found == {name: (line, when) for name, (_, line, when) in PLACES.items()}
    client.call("ContinueAll")
    code, _, err = ended(process)
    assert code == 0
    assert err.count("lager: paused at") == err.count("Exception in thread") == len(PLACES)
    assert not client.list()


HEALTHY = Path(__file__).with_name("healthy")


def test_a_caught_error_never_pauses(start: Starter) -> None:
    runs = [
        start(LAGER, "python", *ON, str(HEALTHY / f"{name}.py"), LAGER_BREAKPOINT_TIMEOUT="1")
        for name in ("language", "library")
    ]
    assert [ended(process) for process in runs] == [(0, "healthy\n", "")] * 2


SAME = {
    "an error": ("def f():\n    raise ValueError('x')\nf()\n", 1),
    "a chain": ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e\n", 1),
    "an exit code": ("import sys\ntry:\n    sys.exit(7)\nfinally:\n    print('f')\n", 7),
    "a word at the end": ("raise SystemExit('bye')\n", 1),
    "wrong syntax": ("def f(:\n", 1),
    "wrong syntax in a module": ("import pathlib\npathlib.Path('m.py').write_text('x = (')\nimport m\n", 1),
    "a hook of its own": ("import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__)\n1 / 0\n", 1),
    "a full stack": ("def f():\n    f()\nf()\n", 1),
    "plain surroundings": (
        "import os, sys, subprocess\nprint(sys.excepthook is sys.__excepthook__, 'LAGER_PAUSE_ON_ERROR' in os.environ,"
        " __name__, sys.argv, __file__)\nsubprocess.run([sys.executable, '-c', '1 / 0'])\n", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_script_ends_as_without_pause_on_error(run: Starter, start: Starter, client: Client, name: str) -> None:
    text, code = SAME[name]
    process = run(text, options=ON, LAGER_BREAKPOINT_TIMEOUT="0.01")
    found = ended(process)
    expected = ended(start(sys.executable, "script.py"))
    if name != "a full stack":  # which is one frame lower
        assert without_banner(found[2]) == expected[2]
    assert found[:2] == expected[:2]
    assert expected[0] == code
    paused = name not in ("an exit code", "a word at the end", "wrong syntax", "plain surroundings")
    assert found[2].count("lager: paused at") == paused


@pytest.mark.variant
def test_a_module_and_a_folder(start: Starter, tmp_path: Path, client: Client) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "main.py").write_text("import helper\nhelper.f(0)\n")
    (tmp_path / "part" / "helper.py").write_text("def f(x):\n    return 1 / x\n")
    (tmp_path / "part" / "__init__.py").touch()
    folder = start(LAGER, "python", *ON, "part")
    assert (pause := client.paused())["label"].endswith(BEFORE)
    assert (pause["function"], pause["line"]) == ("f", 2)
    client.call("ContinueAll")
    (tmp_path / "part" / "helper2.py").write_text("x = {}\nx['y']\n")
    module = start(LAGER, "python", *ON, "-m", "part.helper2", PYTHONPATH="part")
    assert (pause := client.paused())["label"] == f"KeyError: 'y', {BEFORE}"
    client.call("ContinueAll")
    assert folder.wait() == module.wait() == 1


def test_it_is_off_where_breakpoints_are(run: Starter) -> None:
    code, out, err = ended(run("1 / 0\n", options=ON, LAGER_BREAKPOINTS="off"))
    assert (code, out) == (1, "")
    assert "lager" not in err


@pytest.mark.variant
def test_the_script_may_switch_it_off(run: Starter) -> None:
    assert "lager: " not in ended(run("import os\nos.environ['LAGER_BREAKPOINTS'] = 'off'\n1 / 0\n", options=ON))[2]


def test_an_interrupt_ends_the_pause_and_shows_both_errors(run: Starter, client: Client, lager: Command) -> None:
    process = run("try:\n    1 / 0\nfinally:\n    print('put away')\n", options=ON)
    assert lager("python", "--console", client.paused()["id"], stdin="__name__\n").stdout == "'__main__'\n"
    process.kill(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, "put away\n")
    assert "ZeroDivisionError: division by zero\n" in err
    assert err.endswith("KeyboardInterrupt\n")


WATCHED = """
import signal
from lager import PauseTimeout
def bark(*_): raise {error}('watchdog')
signal.signal(signal.SIGALRM, bark)
{text}
"""


@pytest.mark.parametrize("error", ["TimeoutError", "PauseTimeout", "ValueError", "KeyboardInterrupt"])
def test_what_a_signal_handler_raises_takes_the_place_of_the_error(run: Starter, client: Client, error: str) -> None:
    text = f"try:\n    1 / 0\nexcept {error} as found:\n    print(repr(found.__context__))\nfinally:\n    print('away')"
    process = run(WATCHED.format(error=error, text=text), options=ON)
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pause["pid"], signal.SIGALRM)
    code, out, err = ended(process)
    assert (code, out) == (0, "ZeroDivisionError('division by zero')\naway\n"), err
    assert "cannot pause" not in err


@pytest.mark.variant
def test_what_a_signal_handler_raises_after_all_has_ended_is_shown_below_the_error(
    run: Starter, client: Client
) -> None:
    text = "import sys\ndef end(): raise RecursionError('deep')\nend()"
    process = run(WATCHED.format(error="TimeoutError", text=text), options=ON)
    pause = client.paused()
    process.err.expect("  timeout ")
    os.kill(pause["pid"], signal.SIGALRM)
    code, _, err = ended(process)
    assert (code, "cannot pause" in err) == (1, False)
    assert "RecursionError: deep\nWhile it was paused, this was raised: TimeoutError('watchdog')\n" in err


@pytest.mark.variant
def test_a_trace_function_of_the_script_only_loses_the_before(run: Starter, client: Client) -> None:
    process = run("import sys\nsys.settrace(None)\ntry:\n    1 / 0\nfinally:\n    print('put away')\n", options=ON)
    pause = client.paused()
    assert pause["label"].endswith(AFTER if sys.version_info < (3, 12) else BEFORE)
    client.call("ContinueAll")
    assert ended(process)[0] == 1


def test_pause_on_error_without_a_bus_changes_nothing(run: Starter) -> None:
    code, _, err = ended(run("1 / 0\n", options=ON, LAGER_BUS_ADDRESS="unix:path=/nowhere"))
    assert code == 1
    assert "ZeroDivisionError: division by zero\n" in err
    assert err.count("cannot pause here") == 1


GROUPS = {
    "one": ("work(1)", "ValueError: 1 V", 8),
    "two": ("work(1), work(2)", "ValueError: 1 V (and 1 more)", 8),
    "a group in a group": ("inner()", "ValueError: 3 V", 8),
    "of the script": ("grouped()", "ExceptionGroup: readings (1 sub-exception)", 15),
}


@pytest.mark.variant
@pytest.mark.parametrize("name", GROUPS)
def test_a_group_of_errors_that_python_made_pauses_at_the_first_error(run: Starter, client: Client, name: str) -> None:
    works, label, line = GROUPS[name]
    text = f"""
import asyncio
async def main(*works):
    async with asyncio.TaskGroup() as group:
        for one in works:
            group.create_task(one)
async def work(volts):
    raise ValueError(f"{{volts}} V")
async def inner():
    await main(work(3))
async def grouped():
    errors = []
    try: await work(1)
    except ValueError as error: errors.append(error)
    raise ExceptionGroup("readings", errors)
asyncio.run({"grouped()" if name == "of the script" else f"main({works})"})
"""
    process = run(text, options=ON)
    pause = client.paused()
    assert (pause["line"], pause["label"].rpartition(", ")[0]) == (line, label)
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 1
