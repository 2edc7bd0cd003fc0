"""A pause whose bus or lagerd is gone: Enter in the terminal of its run resumes it, and it keeps its own timeout."""

import json
import os
import pwd
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import pytest

from lager.breakpoints.terminal.enter_channel import ENTER, name_of
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter, TerminalStarter
from tests.processes import IMPATIENT, LAGER
from tests.station import Station

ONE = "import lager\nlager.pause('here', timeout={timeout})\nprint('went on')\n"
ALONE = IMPATIENT + ONE
SEVERAL = f"""{IMPATIENT}
import lager, os, sys, threading
if not os.fork():
    lager.pause('child', timeout=0)
    print('child went on', flush=True)
    os._exit(0)
thread = threading.Thread(target=lager.pause, args=('thread',), kwargs={{'timeout': 600}})
thread.start()
lager.pause('main', timeout=0)
thread.join()
os.wait()
print('all went on')
"""


def lose_bus(station: Station) -> None:
    station.kill_broker()
    station.lagerd.wait()
    station.kill_lagerd()


def lose_lagerd(station: Station) -> None:
    station.kill_lagerd()


def lose_lagerd_and_then_the_bus(station: Station) -> None:
    station.kill_lagerd()
    station.kill_broker()


LOSSES = (lose_bus, lose_lagerd, lose_lagerd_and_then_the_bus)


def user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def client(own_station: Station, until_the_end: ExitStack) -> Client:
    return until_the_end.enter_context(closing(Client(own_station.address)))


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("timeout", [0, 600])
def test_enter_resumes_a_pause_whose_bus_is_gone(
    terminal: TerminalStarter, own_station: Station, client: Client, script: ScriptWriter, lose: Any, timeout: int
) -> None:
    screen = terminal(LAGER, "python", script(ALONE.format(timeout=timeout)))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    lose(own_station)
    screen.type("\r")
    screen.expect(f"{id} resumed by {user()} with Enter, after ")
    screen.expect("went on")
    screen.expect(f"lager: lagerd has no record of how {id} was resumed: it did not return in time.\n")
    assert screen.wait() == 0


@pytest.mark.variant
def test_enter_resumes_one_pause_after_the_other(
    terminal: TerminalStarter, own_station: Station, client: Client, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(SEVERAL))
    waiting = {client.paused()["id"] for _ in range(3)}
    lose_bus(own_station)
    screen.expect("lost the bus; Enter still resumes the script")
    while waiting:
        screen.type("\r")
        said = screen.expect(f" resumed by {user()} with Enter")
        waiting.remove(re.findall(r"(\w{8}) resumed", said)[-1])
    screen.expect("all went on")
    assert screen.wait() == 0


@pytest.mark.variant
def test_enter_resumes_a_pause_of_a_bus_that_lager_python_never_reached(
    terminal: TerminalStarter, own_station: Station, client: Client, script: ScriptWriter, late: Callable[[], None]
) -> None:
    screen = terminal(LAGER, "python", script(ALONE.format(timeout=0)))
    id = client.paused()["id"]
    lose_bus(own_station)
    late()
    screen.expect("lost the bus; Enter still resumes the script")
    screen.type("\r")
    screen.expect(f"{id} resumed by {user()} with Enter, after ")
    screen.expect("went on")
    assert screen.wait() == 0


@pytest.mark.variant
def test_other_input_is_not_treated_as_enter(
    terminal: TerminalStarter, own_station: Station, client: Client, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(ALONE.format(timeout=0)))
    client.paused()
    screen.expect("  timeout ")
    lose_bus(own_station)
    screen.type("hello\r")
    screen.expect("press Enter on an empty line to resume")
    screen.type("\r")
    screen.expect("went on")
    assert screen.wait() == 0


@pytest.mark.variant
def test_the_keys_belong_to_the_script_once_it_resumes_without_a_bus(
    terminal: TerminalStarter, own_station: Station, client: Client, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(ALONE.format(timeout=0) + "print('got', input())\n"))
    client.paused()
    screen.expect("  timeout ")
    lose_bus(own_station)
    screen.type("\r")
    screen.expect("went on")
    screen.type("hello\r")
    screen.expect("got hello")
    assert screen.wait() == 0


@pytest.mark.parametrize("lose", LOSSES)
def test_a_bus_that_comes_back_has_the_pause_again(
    terminal: TerminalStarter,
    own_station: Station,
    client: Client,
    script: ScriptWriter,
    until_the_end: ExitStack,
    lose: Any,
) -> None:
    screen = terminal(LAGER, "python", script(ONE.format(timeout=0)))
    id = client.paused()["id"]
    lose(own_station)
    if lose is not lose_lagerd:
        own_station.start_broker()
    own_station.start_lagerd()
    again = until_the_end.enter_context(closing(Client(own_station.address)))
    while [pause["id"] for pause in again.list()] != [id]:
        again.paused()
    screen.type("\r")
    assert again.resumed(id)[1]["how"] == "enter"
    screen.expect("went on")
    assert screen.wait() == 0


def test_a_lagerd_that_comes_back_records_the_enter_it_missed(
    terminal: TerminalStarter, own_station: Station, client: Client, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(ONE.format(timeout=0) + "input()\n"))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    lose_bus(own_station)
    screen.type("\r")
    screen.expect("went on")
    own_station.start_broker()
    lagerd = own_station.start_lagerd()
    lagerd.err.expect(f"{user()} resumed breakpoint {id} after ")
    screen.type("\r")
    assert screen.wait() == 0


@pytest.mark.variant
def test_a_lagerd_that_comes_back_records_the_timeout_it_missed(
    run: Starter, own_station: Station, client: Client
) -> None:
    process = run(
        f"{IMPATIENT}import lager, threading\nlager.pause('here', timeout=0.3)\n"
        "print('went on', flush=True)\nthreading.Event().wait()\n"
    )
    id = client.paused()["id"]
    lose_bus(own_station)
    process.out.expect("went on")
    own_station.start_broker()
    lagerd = own_station.start_lagerd()
    lagerd.err.expect(f"Breakpoint {id} resumed automatically after ")


def test_the_next_lagerd_records_a_pause_whose_script_has_ended_meanwhile(
    run: Starter, own_station: Station, client: Client
) -> None:
    process = run(ALONE.format(timeout=0.3))
    id = client.paused()["id"]
    lose_bus(own_station)
    process.err.expect(f"lager: lagerd has no record of how {id} was resumed: it did not return in time.\n")
    assert process.wait() == 0
    own_station.start_broker()
    own_station.start_lagerd().err.expect(f"The script of breakpoint {id} was lost after ")


@pytest.fixture
def freeze(own_station: Station, until_the_end: ExitStack) -> Callable[..., Any]:
    def stop(who: Any) -> int:
        pid = (own_station.broker if who == "broker" else own_station.lagerd).pid
        until_the_end.callback(os.kill, pid, signal.SIGCONT)
        os.kill(pid, signal.SIGSTOP)
        return pid

    return stop


@pytest.mark.parametrize("silent", ["broker", "lagerd"])
def test_enter_resumes_a_pause_whose_bus_or_lagerd_is_frozen(
    terminal: TerminalStarter,
    own_station: Station,
    client: Client,
    script: ScriptWriter,
    silent: str,
    freeze: Callable[..., Any],
) -> None:
    screen = terminal(LAGER, "python", script(ONE.format(timeout=600) + "input()\n"))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    screen.type("hello\r")
    screen.expect("your input was ignored")
    frozen = freeze(silent)
    screen.type("\r")
    screen.expect(f"{id} resumed by {user()} with Enter, after ")
    screen.expect("went on")
    os.kill(frozen, signal.SIGCONT)
    own_station.lagerd.err.expect(f"{user()} resumed breakpoint {id} after ")


@pytest.mark.variant
def test_enter_resumes_a_pause_of_which_lager_python_has_not_heard(
    terminal: TerminalStarter,
    client: Client,
    script: ScriptWriter,
    late: Callable[[], None],
    freeze: Callable[..., Any],
) -> None:
    screen = terminal(LAGER, "python", script(ONE.format(timeout=600)))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    freeze("broker")
    late()
    screen.type("\r")
    screen.expect(f"{id} resumed by {user()} with Enter, after ")
    screen.expect("went on")


@pytest.mark.variant
def test_a_pause_of_which_lager_python_has_not_heard_takes_no_keys_once_it_ends(
    terminal: TerminalStarter,
    client: Client,
    script: ScriptWriter,
    late: Callable[[], None],
    freeze: Callable[..., Any],
) -> None:
    screen = terminal(LAGER, "python", script(ALONE.format(timeout=4) + "print('got', input())\n"))
    client.paused()
    screen.expect("  timeout ")
    freeze("broker")
    late()
    screen.type("wrong\r")
    screen.expect("press Enter on an empty line to resume")
    screen.expect("went on")
    screen.type("hello\r")
    screen.expect("got hello")


@pytest.mark.variant
def test_an_answer_reaches_a_script_whose_bus_is_frozen(
    terminal: TerminalStarter, client: Client, script: ScriptWriter, freeze: Callable[..., Any]
) -> None:
    asks = "import lager\nprint('got', lager.ask('How many?', kind='number', timeout=600))\n"
    screen = terminal(LAGER, "python", script(asks))
    client.paused()
    screen.expect("  timeout ")
    screen.type("none\r")
    screen.expect("is not a valid answer to 'How many?'")
    freeze("broker")
    screen.type("5\r")
    screen.expect("got 5.0")


ASKS = "import lager\nprint('got', lager.ask('How many?', timeout=600, {how}))\nprint('then', input())\n"
MANY = "kind='choice', choices=[f'{n}' + '\\N{SNOWMAN}' * 190 for n in range(100)]"  # more than one read has


@pytest.mark.variant
@pytest.mark.parametrize(
    ("how", "typed", "got"),
    [
        ("kind='number'", "5", "5.0"),
        ("kind='number', default=7", "", "7.0"),
        (MANY, "99" + "\N{SNOWMAN}" * 190, "99\N{SNOWMAN}"),
    ],
    ids=["answer", "default", "long"],
)
def test_a_question_of_which_lager_python_has_not_heard_is_answered(
    terminal: TerminalStarter,
    client: Client,
    script: ScriptWriter,
    late: Callable[[], None],
    freeze: Callable[..., Any],
    how: str,
    typed: str,
    got: str,
) -> None:
    screen = terminal(LAGER, "python", script(ASKS.format(how=how)))
    client.paused()
    screen.expect("  timeout ")
    freeze("broker")
    late()
    screen.type(f"{typed}\r")
    screen.expect(f"got {got}")
    screen.type("hello\r")
    screen.expect("then hello")


OUTLASTS = f"""{IMPATIENT}
import lager, lager.breakpoints.carrier, threading
lager.breakpoints.carrier._DEFAULT_TIMEOUT = 0.1
thread = threading.Thread(target=lager.pause, args=('one',), kwargs={{'timeout': 1}})
thread.start()
threading.Thread(target=lager.pause, args=('other',), kwargs={{'timeout': %s}}, daemon=True).start()
thread.join()
print('first went on', flush=True)
threading.Event().wait()
"""


@pytest.mark.variant
@pytest.mark.parametrize("timeout", [0, 600])
def test_a_pause_outlasts_the_default_time_without_a_bus(
    run: Starter, own_station: Station, client: Client, timeout: int
) -> None:
    process = run(OUTLASTS % timeout)
    ids = {pause["label"]: pause["id"] for pause in (client.paused(), client.paused())}
    lose_bus(own_station)
    process.out.expect("first went on")
    process.err.expect("timed out, and lagerd did not answer")
    assert f"{ids['one']} resumed automatically" in process.err.text
    assert f"{ids['other']} resumed" not in process.err.text


FORGED = """
import os, socket, sys
os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1].replace('@', chr(0)))
listener.listen()
print('listens', flush=True)
while True:
    peer = listener.accept()[0]
    try:
        peer.send(%r)
    except OSError:
        pass
    print('asked', flush=True)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_the_enter_of_another_user_resumes_nothing(
    start: Starter, run: Starter, own_station: Station, client: Client
) -> None:
    process = run(ONE.format(timeout=600))
    pause = client.paused()
    forger = start(sys.executable, "-c", FORGED % ENTER, name_of(pause["run_id"]).replace("\0", "@"))
    forger.out.expect("listens\n")
    lose_bus(own_station)
    forger.out.expect("asked\n")
    forger.out.expect("asked\n")
    assert "resumed" not in process.err.text


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_another_user_takes_no_keys(terminal: TerminalStarter, client: Client, script: ScriptWriter) -> None:
    screen = terminal(
        LAGER, "python", script("import os\nprint(os.environ['LAGER_PROCESS_ID'])\nprint('got', input())\n")
    )
    run_id = screen.expect("\n").strip()
    told = subprocess.run(
        [sys.executable, "-c", TELLS, json.dumps(name_of(run_id))], capture_output=True, text=True, check=True
    ).stdout
    assert told == "hung up\n"
    screen.type("\r")
    screen.expect("got \n")
    assert screen.wait() == 0


TELLS = """
import json, os, socket, sys
os.setuid(65534)
while True:
    try:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(json.loads(sys.argv[1]))
        break
    except ConnectionRefusedError:
        peer.close()
try:
    peer.send(b'1badcafe')
    print('answered' if peer.recv(1) else 'hung up')
except ConnectionError:
    print('hung up')
"""
