"""A pause where Python itself has reached a limit: a full stack, no more threads, its own end."""

import os
import re
import signal
from typing import Any

import pytest

FULL = """import sys, lager
def down():
    try:
        down()
    except RecursionError:
        {call}
down()
print('went on', sys.getrecursionlimit())
"""


def end(process: Any) -> Any:
    return process.wait(), process.out.rest(), process.err.rest()


@pytest.mark.parametrize("limit", [1000, 200, 5000])
@pytest.mark.parametrize("call", ["lager.pause('deep')", "breakpoint('deep')"])
def test_where_the_stack_is_full_it_pauses_and_leaves_the_limit(run: Any, client: Any, call: Any, limit: Any) -> None:
    process = run(f"import sys; sys.setrecursionlimit({limit})\n{FULL.format(call=call)}")
    pause = client.paused()
    assert (pause["label"], pause["line"], pause["function"]) == ("deep", 7, "down")
    client.call("Continue", "s", pause["id"])
    assert end(process)[:2] == (0, f"went on {limit}\n")


@pytest.mark.variant
def test_where_the_stack_is_fuller_than_any_call_takes_the_script_hears_of_it(run: Any) -> None:
    """It gets an error, as from each other function that it would call there."""
    process = run(
        "import sys, lager\n"
        "def down(calls):\n"
        "    down(calls - 1) if calls else lager.pause('deep', timeout=0.01)\n"
        "told = 0\n"
        "for depth in range(sys.getrecursionlimit() - 40, sys.getrecursionlimit()):\n"
        "    try:\n"
        "        down(depth)\n"
        "    except RecursionError:\n"
        "        told += 1\n"
        "print(told, sys.getrecursionlimit())\n"
    )
    code, out, err = end(process)
    told, limit = map(int, out.split())
    assert (code, limit) == (0, 1000)
    assert 0 < told < 40
    assert err.count("paused at script.py:3") == 40 - told
    assert "cannot pause" not in err


ENDING = {
    "an object of the script": "class Last:\n    def __del__(self): lager.pause('last', timeout=60)\nlast = Last()",
    "a breakpoint of it": "class Last:\n    def __del__(self): breakpoint('last', timeout=60)\nlast = Last()",
    "two pauses of it": (
        "class Last:\n    def __del__(self):\n        lager.pause('last', timeout=60)\n"
        "        lager.pause('last', timeout=60)\nlast = Last()"
    ),
}


@pytest.mark.parametrize("last", ENDING.values(), ids=ENDING)
@pytest.mark.parametrize("before", ["", "lager.pause('before', timeout=0.01)"], ids=["first", "second"])
def test_when_python_ends_it_says_so_and_does_not_wait(run: Any, before: Any, last: Any) -> None:
    code, out, err = end(run(f"import lager\n{before}\n{last}\nprint('went on')\n"))
    assert (code, out) == (0, "went on\n")
    told = "lager: cannot pause here; continuing. Python is ending.\n"
    assert err.count(told) == last.count("timeout")


@pytest.mark.variant
@pytest.mark.parametrize("call", ["lager.pause('atexit')", "breakpoint('atexit')"])
def test_a_function_of_atexit_pauses(run: Any, client: Any, call: Any) -> None:
    process = run(f"import atexit, lager\natexit.register(lambda: {call})\nprint('went on')\n")
    client.call("Continue", "s", client.paused()["id"])
    assert end(process)[:2] == (0, "went on\n")


def test_a_thread_that_pauses_where_there_are_no_more_threads_can_be_waited_for(run: Any) -> None:
    """No thread can start with the stack size that the script has set."""
    process = run(
        "import lager, resource, threading\n"
        "def work():\n"
        "    used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), -1))\n"
        "    threading.stack_size(1 << 30)\n"
        "    lager.pause('crowded', timeout=60)\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
        "print('went on')\n"
    )
    code, out, err = end(process)
    assert (code, out) == (0, "went on\n")
    assert err == (
        "lager: cannot pause here; continuing. The script cannot start another thread. End some of its threads.\n"
    )


NO_DESCRIPTORS = """
import os, resource, sys
{before}
resource.setrlimit(resource.RLIMIT_NOFILE, {limits})
taken = []
while len(taken) < 64:
    try:
        taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        break
{call}
print('same limits', resource.getrlimit(resource.RLIMIT_NOFILE) == {limits})
"""


@pytest.mark.parametrize("call", ["lager.pause('full', interactive=True)", "breakpoint('full')"])
@pytest.mark.parametrize("before", ["import lager", "import lager; lager.pause('usual', timeout=0.01)"])
def test_a_script_without_free_descriptors_pauses_and_has_a_console(
    run: Any, client: Any, lager: Any, before: Any, call: Any
) -> None:
    process = run(NO_DESCRIPTORS.format(before=before, limits="(64, 4096)", call=call))
    pause = client.paused()
    while pause["label"] != "full":
        pause = client.paused()
    done = lager("python", "--console", pause["id"], stdin="len(taken) > 20\n")
    assert (done.returncode, done.stdout) == (0, "True\n")
    client.call("Continue", "s", pause["id"])
    assert (process.wait(), process.out.rest()) == (0, "same limits True\n")


def test_a_script_that_can_have_no_more_descriptors_is_told_so_and_continues(run: Any) -> None:
    text = NO_DESCRIPTORS.format(before="", limits="(64, 64)", call="sys._lager_start.resource = None; breakpoint()")
    process = run(text)
    assert (process.wait(), process.out.rest()) == (0, "same limits True\n")
    err = process.err.rest()
    assert err.startswith("lager: cannot pause here; continuing. OSError(24, 'Too many open files")
    assert "Traceback" not in err


INTERRUPTED = """
import os, signal, sys, lager
files = os.listdir("/proc/self/fd")
start = sys._lager_start
for line in range(40):  # Ctrl-C at each line in turn
    left = line
    def interrupt(frame, event, argument):
        global left
        if not frame.f_code.co_filename.endswith("lager_startup.py"):
            return None
        left -= event == "line"
        if left == 0:
            signal.raise_signal(signal.SIGINT)
        return interrupt
    sys.settrace(interrupt)
    try:
        with start.descriptors():
            pass
    except KeyboardInterrupt:
        pass
    sys.settrace(None)
print(os.listdir("/proc/self/fd") == files)
"""


def test_ctrl_c_at_the_beginning_of_a_pause_leaves_no_descriptor_open(run: Any) -> None:
    assert end(run(INTERRUPTED))[:2] == (0, "True\n")


FULL_LATER = """
import os, resource, signal, lager
def take(*_):
    try:
        while True: taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        {free}
        print("full", flush=True)
taken = []
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
signal.signal(signal.SIGUSR1, take)
lager.load("lager.console.server")  # which takes descriptors for a while
breakpoint("full later")
for one in taken: os.close(one)
print("continues")
"""


NO_MORE = "lager: The called process has no free file descriptor. Close some of its files, or raise its limit"


@pytest.mark.variant
@pytest.mark.parametrize(
    ("free", "words", "out", "err"),
    [
        ("pass", [], "", NO_MORE),
        ("os.close(taken.pop())", [], "2\n", ""),
        ("pass", ["--watch"], "", NO_MORE),
    ],
    ids=["not even one", "one", "a watcher"],
)
def test_a_console_says_that_the_script_has_no_descriptor_left(
    run: Any, client: Any, lager: Any, free: Any, words: Any, out: Any, err: Any
) -> None:
    process = run(FULL_LATER.format(free=free))
    pause = client.paused()
    os.kill(pause["pid"], signal.SIGUSR1)
    process.out.expect("full\n")
    done = lager("python", "--console", pause["id"], *words, stdin="1 + 1\n")
    assert (done.stdout, done.stderr[: len(NO_MORE)]) == (out, err)
    client.call("Continue", "s", pause["id"])
    assert (process.wait(), process.out.rest()) == (0, "continues\n")
    assert "Traceback" not in process.err.rest()


UNREADABLE = r"The files of the module \S+ cannot be read .*any more\. .* its user or its root folder\.\n"
ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can change its root folder")


@ROOT
@pytest.mark.parametrize("call", ["lager.pause()", "breakpoint()"])
def test_a_first_pause_in_another_root_folder_says_what_it_lacks(run: Any, call: Any) -> None:
    process = run(f"import lager, os\nos.mkdir('jail')\nos.chroot('jail')\nos.chdir('/')\n{call}\nprint('went on')")
    code, out, err = end(process)
    assert (code, out) == (0, "went on\n")
    assert re.fullmatch(f"lager: cannot pause here; continuing\\. {UNREADABLE}", err), err


@ROOT
@pytest.mark.variant
def test_a_first_console_in_another_root_folder_says_what_it_lacks(run: Any, client: Any, lager: Any) -> None:
    process = run("import lager, os\nlager.pause()\nos.mkdir('jail')\nos.chroot('jail')\nlager.pause(interactive=True)")
    client.call("Continue", "s", client.paused()["id"])
    pause = client.paused()
    done = lager("python", "--console", pause["id"], stdin="1\n")
    assert re.fullmatch(f"lager: {UNREADABLE}", done.stderr), done.stderr
    client.call("Continue", "s", pause["id"])
    assert end(process)[0] == 0


SUBINTERPRETER = """
import sys
if sys.version_info >= (3, 13): import _interpreters as all
else: import _xxsubinterpreters as all
all.run_string(all.create(), 'import lager; lager.pause()')
print('went on')
"""


@pytest.mark.variant
def test_a_subinterpreter_without_threads_is_told_that_it_cannot_pause(run: Any) -> None:
    code, out, err = end(run(SUBINTERPRETER))
    assert (code, out) == (0, "went on\n"), err
    told = r"lager: cannot pause here; continuing\. A subinterpreter without (daemon )?threads cannot be paused\.\n"
    assert re.fullmatch(told, err), err
