"""pause() with a hostile user on a broken machine: it pauses, or says why not, and the script continues."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.processes import LAGER

PYTHON = sys.executable
ON = {"LAGER_PROCESS_ID": "4f0c4a52-3a8e-4c62-a2c1-3b35a1c9c001"}
EVIL = "a\x1b[31m\x1b]0;owned\x07\r\n\x08\x9b2J\u202e\u2028z"
SHOWN = r"a\x1b[31m\x1b]0;owned\x07\r\n\x08\x9b2J\u202e\u2028z"
AS_WRITTEN = ascii(EVIL)


def ended(process):
    """Exit code, output and errors of a process that ends on its own."""
    out, err = process.out.rest(), process.err.rest()
    return process.wait(), out, err


@pytest.mark.parametrize("value", ["off", "0", "False", "no", " OFF ", "\tNo\n"])
def test_switched_off_it_is_a_no_op(run, value):
    process = run("import lager\nlager.pause('x')\nbreakpoint()\nprint('went on')\n", LAGER_BREAKPOINTS=value)
    assert ended(process) == (0, "went on\n", "")


@pytest.mark.parametrize("value", ["", "on"])
def test_anything_else_leaves_it_on(run, client, value):
    run("import lager\nlager.pause('x')\n", LAGER_BREAKPOINTS=value)
    client.call("Continue", "s", client.paused()["id"])


def test_outside_a_run_it_is_a_no_op(start, script):
    text = "import lager, sys\nlager.pause(object(), timeout='x')\nprint('lager.breakpoints.pause' in sys.modules)\n"
    assert ended(start(PYTHON, script(text))) == (0, "False\n", "")


TIMEOUTS = ["'abc'", "float('nan')", "float('inf')", "-1", "True", "10**30", "10**400", "b'5'", "[]", "1j", "Evil()"]
EVIL_NUMBER = """
class Evil:
    def __float__(self): raise ZeroDivisionError('float')
    def __repr__(self): raise ZeroDivisionError('repr')
"""


def test_timeouts_that_are_none(run, client):
    text = f"import lager\n{EVIL_NUMBER}\nfor timeout in [{', '.join(TIMEOUTS)}]:\n    lager.pause(timeout=timeout)\n"
    process = run(text, LAGER_BREAKPOINT_TIMEOUT="123")
    for _ in TIMEOUTS:
        pause = client.paused()
        assert pause["timeout"] == 123
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 0
    assert err.count("is not a number of seconds; using the default") == len(TIMEOUTS)
    assert "Traceback" not in err


def test_an_argument_that_is_neither_true_nor_false_gives_no_console(run, client):
    """As an array of numpy or a table of pandas raises where it is asked."""
    process = run(
        "import lager\nclass Array:\n    def __bool__(self): raise ValueError('ambiguous')\n"
        "    __repr__ = __bool__\nlager.pause(interactive=Array())\nbreakpoint(interactive=Array())\n"
    )
    for line in (5, 6):
        pause = client.paused()
        assert (pause["interactive"], pause["line"]) == (False, line)
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert (code, err.count("lager: interactive=Array is neither true nor false; using False.\n")) == (0, 2)


def test_a_timeout_may_be_a_number_as_text_and_pause_has_a_module_of_its_own(run, client):
    process = run(
        "from lager.breakpoint import pause\nfor timeout in ['90', ' 0.5e2 ', '0']:\n    pause('x', timeout=timeout)\n"
    )
    for timeout in (90, 50, 0):
        pause = client.paused()
        assert (pause["timeout"], pause["line"]) == (timeout, 3)
        client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


@pytest.mark.parametrize("value", ["nan", "-1", "5 s", "\x1b[2J"])
def test_an_invalid_timeout_variable(run, client, value):
    process = run("import lager\nlager.pause()\n", LAGER_BREAKPOINT_TIMEOUT=value)
    pause = client.paused()
    assert pause["timeout"] == 300
    client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 0
    assert "is not a number of seconds; using the default" in err
    assert "\x1b" not in err


LABELS = {
    "'x' * 10**6": "x" * 199 + "…",
    "b'bytes \\xff'": r"bytes \xff",
    "'\\ud800\\udfff'": r"\ud800\udfff",
    AS_WRITTEN: SHOWN,
    "Raises()": "<Raises that cannot be shown>",
    "Wrong()": "<Wrong that cannot be shown>",
    "Odd('odd')": "odd",
    "'\\x00'": r"\x00",
    "None": "",
    "0": "0",
    "''": "",
    "object": "<class 'object'>",
}
LABEL_CLASSES = """
class Raises:
    def __str__(self): raise ValueError('no')
class Wrong:
    def __str__(self): return 5
class Odd(str):
    def __getitem__(self, key): raise ValueError('no')
    def __str__(self): return self
"""


def test_labels_of_any_kind(run, client, lager):
    process = run(f"import lager\n{LABEL_CLASSES}\nfor label in [{', '.join(LABELS)}]:\n    lager.pause(label)\n")
    for expected in LABELS.values():
        pause = client.paused()
        assert pause["label"] == expected
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 0
    assert "Traceback" not in err
    assert "\x1b" not in err


def test_nothing_of_a_label_reaches_a_terminal(terminal, script, client):
    """The banner, the table and a refusal, as bytes on a terminal: only its own bold may be in them."""
    name = script(f"import lager\ndef f():\n    lager.pause({AS_WRITTEN})\nf()\n", "evil\x1b[31m\x07name.py")
    screen = terminal(LAGER, "python", name)
    pause = client.paused()
    screen.expect("  timeout ")
    table = terminal(LAGER, "breakpoints")
    refused = terminal(LAGER, "python", "--continue", EVIL)
    missing = terminal(LAGER, "python", EVIL)
    option = terminal(LAGER, "python", "--env", EVIL, "x.py")
    unknown = terminal(LAGER, "python", "--" + EVIL)
    assert [one.wait() for one in (table, refused, missing, option, unknown)] == [0, 1, 2, 2, 2]
    client.call("Continue", "s", pause["id"])
    assert screen.wait() == 0
    for one in (screen, table, refused, missing, option, unknown):
        shown = one.screen.text.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert not [c for c in shown if not c.isprintable() and c != "\n"], shown
    assert SHOWN in screen.screen.text
    assert r"evil\x1b[31m\x07name.py" in screen.screen.text
    assert SHOWN[:16] in table.screen.text  # as much as fits beside the rest


def test_a_function_with_a_name_like_that(run, client):
    text = (
        f"import lager\ndef f():\n    lager.pause()\nf.__code__ = f.__code__.replace(co_qualname={AS_WRITTEN})\nf()\n"
    )
    process = run(text)
    pause = client.paused()
    assert pause["function"] == SHOWN
    client.call("Continue", "s", pause["id"])
    assert "\x1b" not in ended(process)[2]


def test_a_table_on_a_stream_that_knows_few_letters(run, client, lager):
    run("import lager\nlager.pause('5 €')\n")
    pause = client.paused()
    done = lager("breakpoints", PYTHONIOENCODING="latin-1")
    client.call("Continue", "s", pause["id"])
    assert done.returncode == 0
    assert r"5 \u20ac" in done.stdout


def test_the_file_is_named_rightly_after_chdir(run, client, tmp_path):
    process = run("import os, lager\nos.chdir('/')\nlager.pause()\n")
    pause = client.paused()
    assert pause["file"] == str(tmp_path / "script.py")
    client.call("Continue", "s", pause["id"])
    assert ended(process)[0] == 0


def test_in_a_folder_that_is_gone(run, client):
    text = "import os, lager\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')\nexec('lager.pause()')\n"
    text += "exec(compile('lager.pause()', 'here.py', 'exec'))\n"
    process = run(text)
    assert client.call("Continue", "s", client.paused()["id"])
    pause = client.paused()
    assert pause["file"].endswith("here.py")
    client.call("Continue", "s", pause["id"])
    assert ended(process)[0] == 0


def test_no_bus(start, script, tmp_path):
    name = script("import lager\nlager.pause()\nprint('went on')\n")
    process = start(PYTHON, name, **ON, LAGER_BUS_ADDRESS=f"unix:path={tmp_path}/nobody")
    code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert err.startswith("lager: cannot pause here; continuing. The bus at unix:path=")
    assert err.count("\n") == 1


NONSENSE = ["nonsense", "tcp:host=localhost,port=1", "unix:path=", "unix:", ";", "%", EVIL]


@pytest.mark.parametrize("address", NONSENSE)
def test_an_address_of_nonsense(run, address):
    code, out, err = ended(run("import lager\nlager.pause()\nprint('went on')\n", LAGER_BUS_ADDRESS=address))
    assert (code, out) == (0, "went on\n")
    assert err.count("cannot pause here; continuing") == 1
    assert "cannot be reached" in err  # the command says it too, if the script leaves it the time
    assert "Traceback" not in err
    assert "\x1b" not in err


@contextlib.contextmanager
def listener(backlog=16):
    with tempfile.TemporaryDirectory(prefix="lager-test-", dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as one:
        one.bind(f"{folder}/bus")
        one.listen(backlog)
        yield one, f"unix:path={folder}/bus"


def test_a_bus_that_hangs_up(start, script):
    with listener() as (server, address):
        process = start(
            PYTHON, script("import lager\nlager.pause()\nprint('went on')\n"), **ON, LAGER_BUS_ADDRESS=address
        )
        server.accept()[0].close()
        code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert "cannot pause here" in err


def test_a_bus_that_says_nothing(start, script):
    """A short pause gives up soon, and keeps no descriptor; the command does not outstay its script."""
    text = """
import lager, os
for n in range(2):
    lager.pause(timeout=0.001)
    print(len(os.listdir('/proc/self/fd')))
"""
    with listener() as (_, address):
        script("print('went on')\n", "short.py")
        short = start(LAGER, "python", "short.py", LAGER_BUS_ADDRESS=address)
        process = start(PYTHON, script(text), **ON, LAGER_BUS_ADDRESS=address)
        assert ended(short) == (0, "went on\n", "")
        code, out, err = ended(process)
    assert code == 0
    first, second = out.split()
    assert first == second
    assert err.count("lagerd does not answer") == 2


def test_a_bus_whose_queue_is_full(start, script):
    with listener(backlog=0) as (_, address), contextlib.ExitStack() as stack:
        path = address.removeprefix("unix:path=")
        for _ in range(3):
            filler = stack.enter_context(socket.socket(socket.AF_UNIX))
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(path)
        process = start(
            PYTHON, script("import lager\nlager.pause()\nprint('went on')\n"), **ON, LAGER_BUS_ADDRESS=address
        )
        code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert "cannot pause here" in err


def test_the_bus_dies_while_paused(run, client, own_station):
    text = "import lager\nlager.pause(timeout=2)\nlager.pause()\nprint('went on')\n"
    process = run(text)
    client.paused()
    own_station.kill_broker()
    code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert "resumed automatically: timed out, and lagerd did not answer" in err
    assert "cannot pause here; continuing. The bus at" in err


def test_lagerd_is_stopped_while_paused(run, client, own_station):
    process = run("import lager\nlager.pause(timeout=2)\nlager.pause(timeout=0.1)\nprint('went on')\n")
    first = client.paused()
    os.kill(own_station.lagerd.pid, signal.SIGSTOP)
    code, out, err = ended(process)
    os.kill(own_station.lagerd.pid, signal.SIGCONT)
    assert (code, out) == (0, "went on\n")
    assert "resumed automatically: timed out, and lagerd did not answer" in err
    assert "cannot pause here; continuing. lagerd does not answer." in err
    client.resumed(first["id"])
    if client.list():  # lagerd hears of the second one only now, and perhaps first that its script has ended
        client.expect("Resumed")
    assert client.list() == []


def test_without_lagerd_and_without_an_address(start, script, tmp_path):
    """An embedded daemon is not started by a pause, only by a command."""
    name = script("import lager\nlager.pause()\nprint('went on')\n")
    code, out, err = ended(start(PYTHON, name, **ON, LAGER_BUS_ADDRESS="", XDG_RUNTIME_DIR=str(tmp_path)))
    assert (code, out) == (0, "went on\n")
    assert err.startswith("lager: cannot pause here")


needs_root = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("unshare"), reason="only root can make a mount namespace to be read-only in"
)


@needs_root
@pytest.mark.parametrize("runtime", ["read-only", "absent", "a file"])
def test_the_runtime_folder_cannot_be_used(script, station, tmp_path, runtime):
    name = script("import lager\nlager.pause()\nprint('went on')\n")
    folder = tmp_path / "runtime"
    setup = {"read-only": f"mkdir {folder}; mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}",
             "absent": "true", "a file": f"touch {folder}"}[runtime]  # fmt: skip
    command = f"{setup} && mkdir {tmp_path}/tmp && exec {PYTHON} {name}"
    env = {**station.env, **ON, "LAGER_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(folder), "TMPDIR": f"{tmp_path}/tmp"}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr
    assert done.stderr.startswith("lager: cannot pause here")
    assert done.stderr.count("\n") == 1


def test_standard_error_closed(start, script, client):
    script("import lager, sys\nlager.pause('x', timeout='y')\nprint('went on', sys.stderr)\n")
    process = start("/bin/sh", "-c", f"exec {LAGER} python script.py 2>&-")
    client.call("Continue", "s", client.paused()["id"])
    assert process.out.rest() == "went on None\n"
    assert process.wait() == 0


@pytest.mark.parametrize("how", ["sys.stderr = None", "sys.stderr = 5", "sys.stderr.close()", "os.close(2)"])
def test_standard_error_lost_on_the_way(run, client, how):
    process = run(f"import lager, os, sys\n{how}\nlager.pause('x', timeout='y')\nprint('went on')\n")
    client.call("Continue", "s", client.paused()["id"])
    assert process.out.rest() == "went on\n"


@pytest.fixture
def keys():
    """Both ends of a pipe: to be a standard input, and to type into it."""
    ours, theirs = os.pipe()
    with open(ours, "rb") as stdin, open(theirs, "wb", buffering=0) as typist:
        yield stdin.fileno(), typist


def test_standard_error_is_a_full_pipe(start, script, client, keys):
    """It blocks where print() would block, and nowhere else: lagerd keeps the time."""
    text = """
import lager, os, threading
reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True: os.write(writer, b'x' * 4096)
except BlockingIOError:
    pass
os.set_blocking(writer, True)
os.dup2(writer, 2)
thread = threading.Thread(target=lager.pause, args=('full',), kwargs={'timeout': 0.2})
thread.start()
input()
os.read(reader, 1 << 20)
thread.join()
print('went on')
"""
    process = start(LAGER, "python", script(text), stdin=keys[0])
    assert client.resumed(client.paused()["id"]) == ("timeout", {})
    keys[1].write(b"\n")
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0


def test_in_a_thread_at_the_end_of_the_interpreter(run, client):
    text = """
import lager, threading
threading.Thread(target=lager.pause, args=('last',)).start()
"""
    process = run(text)
    client.call("Continue", "s", client.paused()["id"])
    assert ended(process)[0] == 0


def test_a_daemon_thread_does_not_run_on_when_the_script_ends(start, script, client, keys):
    text = """
import lager, threading
def stand():
    lager.pause('in a daemon thread')
    print('ran on')
threading.Thread(target=stand, daemon=True).start()
input()
"""
    process = start(LAGER, "python", script(text), stdin=keys[0])
    id = client.paused()["id"]
    process.err.expect("  timeout ")
    keys[1].write(b"\n")
    code, out, err = ended(process)
    assert (code, out) == (0, "")
    assert "cannot pause" not in err
    assert client.resumed(id)[0] == "gone"


def test_in_atexit(run, client):
    """Python 3.12 and later start no thread then; a pause before keeps its own."""
    text = """
import atexit, lager
@atexit.register
def last():
    lager.pause('at exit', timeout=0.3)
    print('went on')
"""
    code, out, err = ended(run(text))
    assert (code, out) == (0, "went on\n")
    assert "Traceback" not in err


def test_called_by_nothing_of_python(run, client):
    process = run("import atexit, lager\natexit.register(lager.pause, 'at exit')\nlager.pause('first')\n")
    for label in ("first", "at exit"):
        pause = client.paused()
        assert pause["label"] == label
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert (code, "Traceback" in err) == (0, False)


def test_after_all_descriptors_were_closed(run, client):
    """As a script does that becomes a daemon."""
    text = """
import os, lager
lager.pause('before', interactive=True)
os.closerange(3, 1000)
taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
lager.pause('after', interactive=True)
print('went on', all(os.fstat(fd) for fd in taken))
"""
    process = run(text)
    for label in ("before", "after"):
        pause = client.paused()
        assert pause["label"] == label
        client.call("Continue", "s", pause["id"])
    code, out, err = ended(process)
    assert (code, out, "Traceback" in err) == (0, "went on True\n", False)


def test_in_a_finalizer(run, client):
    text = """
import gc, lager
class Dying:
    def __del__(self):
        lager.pause('dying', timeout=0.3)
lager.pause('first', timeout=0.01)
one = Dying()
del one
two = Dying()
two.me = two
del two
gc.collect()
three = Dying()
print('went on')
"""
    code, out, err = ended(run(text))
    assert (code, out) == (0, "went on\n")
    assert "Traceback" not in err


def test_in_a_signal_handler_while_paused(run, client):
    text = """
import lager, os, signal
signal.signal(signal.SIGUSR1, lambda *_: lager.pause('in the handler'))
lager.pause('outside')
print('went on')
"""
    process = run(text)
    outer = client.paused()
    os.kill(outer["pid"], signal.SIGUSR1)
    inner = client.paused()
    assert inner["label"] == "in the handler"
    client.call("Continue", "s", outer["id"])
    client.call("Continue", "s", inner["id"])
    code, out, err = ended(process)
    assert (code, out) == (0, "went on\n")
    assert "Traceback" not in err


def test_in_signal_handlers_at_any_moment_of_a_first_pause(run):
    text = """
import lager, signal
count = 0
def handler(*_):
    global count
    count += 1
    if count >= 20:
        signal.setitimer(signal.ITIMER_REAL, 0)  # else they stand in each other for ever where pauses take long
    lager.pause(timeout=0.001)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.02)
while count < 20:
    lager.pause(timeout=0.01)
print('went on')
"""
    code, out, err = ended(run(text))
    assert (code, out) == (0, "went on\n")
    assert "Traceback" not in err


def test_isolated(start, script, client):
    process = start(PYTHON, "-I", script("import lager\nlager.pause('alone')\nprint('went on')\n"), **ON)
    pause = client.paused()
    assert (pause["label"], pause["run_id"]) == ("alone", ON["LAGER_PROCESS_ID"])
    client.call("Continue", "s", pause["id"])
    assert ended(process)[:2] == (0, "went on\n")


def test_at_the_limit_of_recursion(run):
    text = """
import lager, sys
sys.setrecursionlimit(300)
def deeper(n):
    lager.pause('deep', timeout=0.001)
    if n: deeper(n - 1)
    return n
def dig():
    dig_deeper(0)
reached = 0
def dig_deeper(n):
    global reached
    reached = n
    dig_deeper(n + 1)
try:
    dig()
except RecursionError:
    pass
deepest = reached
def down(n):
    if n: return down(n - 1)
    lager.pause('deep', timeout=0.001)
for spare in range(12, 60):  # below that no call fits, and Python says so
    down(deepest - spare)
print('went on')
lager.pause('shallow', timeout=0.001)
"""
    code, out, err = ended(run(text))
    assert (code, out) == (0, "went on\n"), err
    assert "Traceback" not in err
    assert "shallow" in err


def test_odd_globals(run, client):
    process = run("import lager\nglobals()[5] = 6\n__file__ = 7\nbreakpoint()\nprint('went on')\n")
    pause = client.paused()
    assert pause["interactive"]
    client.call("Continue", "s", pause["id"])
    assert ended(process)[:2] == (0, "went on\n")


def test_breakpoint_takes_what_pause_takes(run, client):
    process = run("breakpoint('a label', timeout=9, interactive=False)\nbreakpoint()\n")
    first = client.paused()
    assert (first["label"], first["timeout"], first["interactive"]) == ("a label", 9, False)
    client.call("Continue", "s", first["id"])
    second = client.paused()
    assert (second["label"], second["timeout"], second["interactive"]) == ("", 300, True)
    client.call("Continue", "s", second["id"])
    assert ended(process)[0] == 0
    assert Path(second["file"]).name == "script.py"


CI = "import lager\nlager.pause('x', timeout=0.01)\nprint('went on')\n"


@pytest.mark.parametrize(
    ("env", "options", "pauses"),
    [
        ({"CI": "true"}, (), False),
        ({"CI": "true", "LAGER_BREAKPOINTS": "on"}, (), True),
        ({"CI": "1"}, ("--env", "LAGER_BREAKPOINTS=on"), True),
        ({"CI": "1"}, ("--pause-on-error",), True),
        ({"CI": "false"}, (), True),
        ({"CI": ""}, (), True),
    ],
)
def test_a_build_server_does_not_pause_unless_the_job_asks_for_it(run, env, options, pauses):
    process = run(CI, options=options, **env)
    assert process.out.rest() == "went on\n"
    said = process.err.rest()
    assert ("paused at" in said) == pauses
    assert ("pauses are off, because CI is set" in said) != pauses
