"""pause() at odd moments and without what it writes to: it pauses, or says why not, and the script continues."""

import os
import signal
from typing import Any

import pytest

from tests.bus.pauses.plain_python import ON, PYTHON
from tests.processes import LAGER, ended


@pytest.mark.variant
def test_a_pause_works_with_a_closed_standard_error(start: Any, script: Any, client: Any) -> None:
    script("import lager, sys\nlager.pause('x', timeout='y')\nprint('went on', sys.stderr)\n")
    process = start("/bin/sh", "-c", f"exec {LAGER} python script.py 2>&-")
    client.call("Continue", "s", client.paused()["id"])
    assert process.out.rest() == "went on None\n"
    assert process.wait() == 0


@pytest.mark.parametrize("how", ["sys.stderr = None", "sys.stderr = 5", "sys.stderr.close()", "os.close(2)"])
def test_a_pause_works_when_standard_error_breaks(run: Any, client: Any, how: Any) -> None:
    process = run(f"import lager, os, sys\n{how}\nlager.pause('x', timeout='y')\nprint('went on')\n")
    client.call("Continue", "s", client.paused()["id"])
    assert process.out.rest() == "went on\n"


def test_a_pause_works_when_standard_error_is_a_full_pipe(start: Any, script: Any, client: Any, gate: Any) -> None:
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
    process = start(LAGER, "python", script(text), stdin=gate[0])
    assert client.resumed(client.paused()["id"]) == ("timeout", {})
    os.write(gate[1], b"\n")
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0


@pytest.mark.variant
def test_a_thread_can_pause_at_the_end_of_the_interpreter(run: Any, client: Any) -> None:
    text = """
import lager, threading
threading.Thread(target=lager.pause, args=('last',)).start()
"""
    process = run(text)
    client.call("Continue", "s", client.paused()["id"])
    assert ended(process)[0] == 0


def test_a_daemon_thread_does_not_run_on_when_the_script_ends(start: Any, script: Any, client: Any, gate: Any) -> None:
    text = """
import lager, threading
def stand():
    lager.pause('in a daemon thread')
    print('ran on')
threading.Thread(target=stand, daemon=True).start()
input()
"""
    process = start(LAGER, "python", script(text), stdin=gate[0])
    id = client.paused()["id"]
    process.err.expect("  timeout ")
    os.write(gate[1], b"\n")
    code, out, err = ended(process)
    assert (code, out) == (0, "")
    assert "cannot pause" not in err
    assert client.resumed(id)[0] == "gone"


def test_a_function_of_atexit_can_pause(run: Any, client: Any) -> None:
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


@pytest.mark.variant
def test_a_pause_works_when_c_code_calls_it(run: Any, client: Any) -> None:
    process = run("import atexit, lager\natexit.register(lager.pause, 'at exit')\nlager.pause('first')\n")
    for label in ("first", "at exit"):
        pause = client.paused()
        assert pause["label"] == label
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert (code, "Traceback" in err) == (0, False)


DAEMON = """
import os, select, socket, lager
lager.pause('before', interactive=True)
os.closerange(3, 1000)
taken = [{take} for _ in range(20)]
lager.pause('after', interactive=True)
print('went on', all(os.fstat(getattr(one, 'fileno', lambda: one)()) for one in taken))
"""


@pytest.mark.parametrize("take", ["select.epoll()", "os.open(os.devnull, os.O_RDONLY)", "socket.socket()"])
def test_a_pause_works_after_all_descriptors_were_closed(run: Any, client: Any, take: Any) -> None:
    """As a script does that becomes a daemon. Others have their numbers by the next pause."""
    process = run(DAEMON.format(take=take))
    for label in ("before", "after"):
        pause = client.paused()
        assert pause["label"] == label
        client.call("Continue", "s", pause["id"])
    code, out, err = ended(process)
    assert (code, out, "Traceback" in err) == (0, "went on True\n", False)


@pytest.mark.variant
def test_all_descriptors_are_closed_by_another_thread_during_a_pause(run: Any) -> None:
    text = """
import lager, os, select, threading
from lager.process import threads
def close():
    while not threads.paused: pass
    os.closerange(3, 1000)
    taken.extend(select.epoll() for _ in range(20))
taken = []
threading.Thread(target=close).start()
lager.pause('x', timeout=1)
lager.pause('y', timeout=0.1)
print('went on', len(taken))
"""
    assert ended(run(text))[:2] == (0, "went on 20\n")


@pytest.mark.variant
def test_a_finalizer_can_pause(run: Any, client: Any) -> None:
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


def test_a_signal_handler_can_pause_during_a_pause(run: Any, client: Any) -> None:
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


@pytest.mark.variant
def test_signal_handlers_can_pause_at_any_moment_of_a_first_pause(run: Any) -> None:
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


@pytest.mark.variant
def test_an_isolated_interpreter_can_pause(start: Any, script: Any, client: Any) -> None:
    process = start(PYTHON, "-I", script("import lager\nlager.pause('alone')\nprint('went on')\n"), **ON)
    pause = client.paused()
    assert (pause["label"], pause["run_id"]) == ("alone", ON["LAGER_PROCESS_ID"])
    client.call("Continue", "s", pause["id"])
    assert ended(process)[:2] == (0, "went on\n")


@pytest.mark.variant
def test_a_script_at_the_recursion_limit_can_pause(run: Any) -> None:
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
