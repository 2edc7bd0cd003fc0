"""A pause does not depend on the script's modules, whatever the script changes before its first pause or later."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.plain_python import ON

PYTHON = sys.executable

WORLDS = {
    "socket.socket is a mock": "enter(mock.patch('socket.socket'))",
    "threads are mocks": "enter(mock.patch('threading.Thread'))",
    "events and locks are mocks": (
        "[enter(mock.patch(f'threading.{name}')) for name in ('Event', 'Lock', 'RLock', 'Condition', 'current_thread')]"
    ),
    "time is a mock": "[enter(mock.patch(f'time.{name}')) for name in ('time', 'monotonic', 'sleep', 'perf_counter')]",
    "the monotonic clock stopped": "enter(mock.patch('time.monotonic', lambda: 5.0))",
    "the clock of freezegun": "import freezegun; enter(freezegun.freeze_time('2020-01-01'))",
    "the environment is empty": "enter(mock.patch.dict(os.environ, {}, clear=True))",
    "the environment is a mock": "enter(mock.patch('os.environ'))",
    "there is no environment": "os.environ = None",
    "the frames are mocks": "enter(mock.patch('sys._getframe'))",
    "no bus in the environment": "os.environ['LAGER_BUS_ADDRESS'] = 'unix:path=/nowhere'",
    "open is a mock": "enter(mock.patch('builtins.open'))",
    "builtins are mocks": "[enter(mock.patch(f'builtins.{n}')) for n in ('print', '__import__', 'sorted', 'input')]",
    "isinstance, len and str are the script's": (
        "import builtins; stack.callback(vars(builtins).update, vars(builtins).copy())\n"
        "vars(builtins).update(len=lambda _: 0, str=lambda *_: '?', isinstance=lambda *_: 1 / 0)"
    ),
    "types and functions are gone": (
        "import builtins; stack.callback(vars(builtins).update, vars(builtins).copy())\n"
        "for n in ('type int float bool str bytes dict list set tuple len repr min max isinstance getattr hasattr '\n"
        "          'super').split():\n"
        "    vars(builtins)[n] = None\n"
        "vars(builtins).update(Exception=None, BaseException=None, OSError=None, ValueError=None, __build_class__=None)"
    ),
    "a thread holds the lock of imports": (
        "import _imp, threading\nheld, over = threading.Event(), threading.Event()\n"
        "def hold():\n    _imp.acquire_lock()\n    held.set()\n    over.wait()\n    _imp.release_lock()\n"
        "threading.Thread(target=hold).start(); held.wait(); stack.callback(over.set)"
    ),
    "the functions of os are mocks": (
        "[enter(mock.patch(f'os.{n}')) for n in 'read write open close fstat getpid getcwd urandom fork stat'.split()]"
    ),
    "the system calls are mocks": (
        "import posix; [enter(mock.patch(f'posix.{n}')) for n in 'stat listdir open getcwd fspath replace'.split()]"
    ),
    "another Python": "[enter(mock.patch(f'sys.{name}')) for name in ('implementation', 'version_info', 'platform')]",
    "paths are mocks": "[enter(mock.patch(f'os.path.{n}')) for n in ('exists', 'abspath', 'isfile', 'samestat')]",
    "select is a mock": "import select; [enter(mock.patch(f'select.{n}')) for n in ('select', 'poll', 'epoll')]",
    "select is cut as gevent does": "import select; del select.epoll, select.poll",
    "asyncio is mocks": (
        "import asyncio; [enter(mock.patch(f'asyncio.{n}')) for n in"
        " ('new_event_loop', 'run', 'SelectorEventLoop', 'Event', 'Lock', 'timeout', 'create_task', 'Future')]"
    ),
    "an event loop policy of its own": (
        "import asyncio\nclass Policy(asyncio.DefaultEventLoopPolicy):\n    def new_event_loop(self): 1 / 0\n"
        "asyncio.set_event_loop_policy(Policy())"
    ),
    "queues are mocks": "import queue; [enter(mock.patch(f'queue.{n}')) for n in ('SimpleQueue', 'Queue')]",
    "sys.path is empty": "sys.path.clear()",
    "sys.path is something else": "sys.path = ['/nowhere', 5]",
    "sys.modules is cleaned": (
        "[sys.modules.pop(n) for n in list(sys.modules) if n.partition('.')[0] in"
        " ('lager', 'lager_startup', 'os', 'io', 'threading', 'socket', 'asyncio', 'typing', 'dataclasses', 're')]"
    ),
    "sys.modules is empty": "enter(mock.patch.dict('sys.modules', clear=True))",
    "a finder that raises": (
        "class Finder:\n    def find_spec(self, *_): raise RuntimeError('no imports today')\n"
        "sys.meta_path.insert(0, Finder())"
    ),
    "no finders": "sys.meta_path.clear(); sys.path_hooks.clear(); sys.path_importer_cache.clear()",
    "no garbage collection": "import gc; gc.disable()",
    "a tracer": "sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "a tracer of threads": (
        "import threading\ndef trace(*_): 1 / 0\nthreading.settrace(trace); threading.setprofile(trace)"
    ),
    "a tight stack": "sys.setrecursionlimit(len(__import__('inspect').stack()) + 60)",
    "blocked signals": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "warnings are errors": "import warnings; warnings.simplefilter('error')",
    "logging is broken": "import logging; logging.Logger.handle = None; logging.raiseExceptions = True",
    "a folder that is gone": "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "another root of the C library's locale": "import locale; locale.setlocale(locale.LC_ALL, 'C')",
    "imports raise": "enter(mock.patch('builtins.__import__', side_effect=ImportError('no')))",
    "files are faked as pyfakefs does": (
        "for name, module in list(sys.modules.items()):\n"
        "    of_files = {n for n, v in vars(module).items() if getattr(v, '__name__', 0) in ('os', 'io', 'fcntl')}\n"
        "    if name.startswith('lager.'): module.__dict__.update(dict.fromkeys(of_files, mock.MagicMock()))"
    ),
    "hooks are gone": "import threading; sys.excepthook = sys.unraisablehook = threading.excepthook = None",
}
PROLOGUE = """import contextlib, os, sys
from unittest import mock
import lager
"""
FIRST = """
with contextlib.ExitStack() as stack:
    enter = stack.enter_context
    {world}
    lager.pause('strange', timeout=60)
sys.__stdout__.write('went on\\n')
"""


def indented(text: Any) -> Any:
    return text.replace("\n", "\n    ")


def end(process: Any) -> Any:
    return process.wait(), process.out.rest(), process.err.rest()


@pytest.mark.parametrize("before", ["", "lager.pause('usual')"], ids=["first", "second"])
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_a_script_that_replaces_parts_of_python_can_pause(run: Any, client: Any, world: Any, before: Any) -> None:
    process = run(PROLOGUE + before + FIRST.format(world=indented(world)))
    if before:
        client.call("Continue", "s", client.paused()["id"])
    pause = client.paused()
    assert pause["label"] == "strange"
    assert pause["thread"].startswith(("MainThread", "Thread-"))
    process.err.expect("paused at script.py:" if "gone" not in world else "script.py:")
    client.call("Continue", "s", pause["id"])
    assert end(process)[:2] == (0, "went on\n")


AUDITED = """
import lager, sys, threading
main = threading.get_ident()
def hook(event, _):
    if threading.get_ident() == main and event.startswith(('open', 'os.', 'import', 'socket.', 'resource.', 'exec')):
        raise RuntimeError(event)
lager.pause('usual', timeout=0.01)
sys.addaudithook(hook)
lager.pause('strange', interactive=True)
print('went on')
"""


def test_an_audit_hook_that_raises_hears_nothing_of_a_pause_in_its_thread(run: Any, client: Any) -> None:
    process = run(AUDITED)
    while (pause := client.paused())["label"] != "strange":
        pass
    client.call("Continue", "s", pause["id"])
    assert end(process)[:2] == (0, "went on\n")


IN_A_FINDER = """
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == 'colorsys': breakpoint()
sys.meta_path.insert(0, Finder())
import colorsys
print('went on')
"""


@pytest.mark.parametrize("code", ["none yet", "kept"])
def test_a_first_pause_in_a_finder_needs_no_module_of_the_script(
    run: Any, client: Any, code: Any, tmp_path: Path
) -> None:
    """Python calls a finder with its lock of imports; its compiler imports modules for names beyond ASCII and \\N{}."""
    folder = {"PYTHONPYCACHEPREFIX": str(tmp_path / "code")} if code == "none yet" else {}
    process = run(IN_A_FINDER, **folder)
    client.call("Continue", "s", client.paused()["id"])
    assert end(process)[:2] == (0, "went on\n")


@pytest.mark.variant
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_in_a_strange_world_a_pause_keeps_its_deadline(run: Any, client: Any, world: Any) -> None:
    process = run(PROLOGUE + FIRST.format(world=indented(world)).replace("timeout=60", "timeout=0.2"))
    assert client.resumed(client.paused()["id"])[0] == "timeout"
    assert end(process)[:2] == (0, "went on\n")


@pytest.mark.variant
@pytest.mark.parametrize(
    "world",
    ["environment is empty", "environment is a mock", "sys.modules is cleaned", "sys.modules is empty", "builtins"],
)
def test_in_a_strange_world_breakpoint_pauses(run: Any, client: Any, world: Any) -> None:
    (text,) = (text for name, text in WORLDS.items() if world in name)
    process = run(PROLOGUE + FIRST.format(world=indented(text)).replace("lager.pause(", "breakpoint("))
    pause = client.paused()
    assert (pause["label"], pause["interactive"]) == ("strange", True)
    client.call("Continue", "s", pause["id"])
    assert end(process)[:2] == (0, "went on\n")


SHADOWS = (
    "collections", "secrets", "random", "queue", "typing", "asyncio", "select", "socket", "threading", "enum", "re",
    "logging", "click", "dbus_next", "contextlib", "dataclasses", "signal", "os", "time", "string", "types", "json",
    "selectors", "array", "math", "lager",
)  # fmt: skip


@pytest.mark.variant
@pytest.mark.parametrize("name", [n for n in SHADOWS if n not in ("os", "time", "contextlib", "lager")])
def test_a_pause_imports_no_file_beside_the_script(start: Any, script: Any, client: Any, name: Any) -> None:
    """It is neither run by the pause, nor hidden by it from the script's own import."""
    script(f"print('{name} of the script')\nPASSWORD = 'x'\n", f"{name}.py")
    script(f"import lager\nlager.pause(interactive=True)\nprint('went on')\nimport {name}\nprint({name}.PASSWORD)\n")
    process = start(PYTHON, "script.py", **ON)
    client.call("Continue", "s", client.paused()["id"])
    assert end(process)[:2] == (0, f"went on\n{name} of the script\nx\n")


@pytest.mark.variant
@pytest.mark.parametrize("name", SHADOWS)
def test_a_breakpoint_imports_no_file_beside_the_script(start: Any, script: Any, client: Any, name: Any) -> None:
    script("1 / 0\n", f"{name}.py")
    script("breakpoint()\nprint('went on')\n")
    process = start(PYTHON, "script.py", **ON)
    client.call("Continue", "s", client.paused()["id"])
    assert end(process)[:2] == (0, "went on\n")


@pytest.mark.variant
def test_a_pause_imports_nothing_from_a_folder_in_pythonpath(
    run: Any, client: Any, script: Any, tmp_path: Path
) -> None:
    for name in ("secrets", "typing", "selectors"):
        script("1 / 0\n", f"{name}.py")
    (tmp_path / "dbus_next").mkdir()
    process = run("breakpoint()\nprint('went on')\n", PYTHONPATH=str(tmp_path))
    client.call("Continue", "s", client.paused()["id"])
    assert end(process)[:2] == (0, "went on\n")


WATCHING = """
import sys, threading, lager
before, seen, modules = set(sys.modules), set(), sys.modules
def watch():
    while "lager.console.server" not in modules:
        seen.update(modules.copy())
watcher = threading.Thread(target=watch)
sys.setswitchinterval(1e-5)
watcher.start()
lager.pause(interactive=True)
watcher.join()
public = {name for name in seen - before if name[0] != "_"} - set(sys.builtin_module_names)
ours = {name for name in public if name.partition(".")[0] == "lager"}
print(len(ours) > 10, sorted(public - ours))
"""


def test_at_no_moment_of_a_pause_the_script_has_another_module(run: Any, client: Any) -> None:
    """Not even while lager imports its own: what the script imports meanwhile, in whatever thread, is its own file."""
    process = run(WATCHING)
    client.call("Continue", "s", client.paused()["id"])
    assert end(process)[:2] == (0, "True []\n")


def test_no_file_beside_the_script_has_any_part_in_a_pause(start: Any, script: Any, client: Any) -> None:
    for name in sys.stdlib_module_names - {"__future__"}:
        script("raise RuntimeError(__name__)", f"{name}.py")
    process = start("lager", "python", script("from lager import pause\npause('one')\nbreakpoint('two')"))
    for label in ("one", "two"):
        pause = client.paused()
        assert pause["label"] == label
        client.call("Continue", "s", pause["id"])
    assert end(process)[0] == 0


@pytest.mark.parametrize("name", ["ctypes.pythonapi", "ctypes.CDLL", "codecs.lookup", "sys._getframe"])
def test_a_console_evaluates_whatever_the_script_replaces(run: Any, client: Any, lager: Any, name: Any) -> None:
    module = name.partition(".")[0]
    run(PROLOGUE + f"import {module}\nmock.patch('{name}').start()\nbreakpoint()")
    done = lager("python", "--console", client.paused()["id"], stdin="6 * 7\n'en' + 'd'\n")
    assert (done.returncode, done.stdout) == (0, "42\n'end'\n")


def test_a_coroutine_that_ends_in_a_console_is_reported_as_elsewhere(run: Any, client: Any, lager: Any) -> None:
    """C code imports `warnings`, and expects it in the script's sys.modules."""
    run("import sys\nassert 'warnings' not in sys.modules\nbreakpoint()")
    done = lager("python", "--console", client.paused()["id"], stdin="async def one(): pass\n\none() and None\n")
    assert "RuntimeWarning: coroutine 'one' was never awaited" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.variant
def test_a_reset_of_the_hook_leads_to_a_pause(run: Any, client: Any) -> None:
    process = run(
        "import sys\nsys.breakpointhook = print\nsys.breakpointhook = sys.__breakpointhook__\nbreakpoint('on')"
    )
    pause = client.paused()
    assert (pause["label"], pause["interactive"]) == ("on", True)
    client.call("Continue", "s", pause["id"])
    assert end(process)[0] == 0


HOOK = """
import ast, importlib.machinery, sys
class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, name):
        return self.source_to_code(self.get_data(self.path), self.path)
    def source_to_code(self, data, path):
        tree = ast.parse(data)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].annotation:
                node.body.insert(0, ast.parse('not_imported').body[0])
        return compile(tree, path, 'exec', dont_inherit=True)
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'lager':
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            spec.loader = Loader(name, spec.origin)
            return spec
sys.meta_path.insert(0, Hook())
"""


def test_a_hook_that_changes_the_code_of_imports_leaves_a_pause_outside_of_a_run_a_no_op(
    start: Any, script: Any
) -> None:
    text = f"{HOOK}\nimport lager\nlager.pause('x', timeout=1)\nimport lager.errors\nprint('went on')"
    assert end(start(PYTHON, script(text))) == (0, "went on\n", "")


@pytest.mark.variant
@pytest.mark.parametrize("call", ["lager.pause('x')", "breakpoint('x')"])
def test_a_hook_that_changes_the_code_of_imports_changes_no_pause(run: Any, client: Any, call: Any) -> None:
    process = run(f"{HOOK}\nimport lager\n{call}\nprint('went on', lager.pause.__name__)")
    pause = client.paused()
    assert (pause["label"], pause["file"].rpartition("/")[2]) == ("x", "script.py")
    client.call("Continue", "s", pause["id"])
    assert end(process)[:2] == (0, "went on pause\n")
