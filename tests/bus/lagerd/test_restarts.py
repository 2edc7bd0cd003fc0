"""lagerd crashes, returns or stays away while scripts are paused: no pause is lost, and none lasts forever."""

import os
import queue
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import pytest

from lager.errors import BusError, InvalidArgument, NoDaemon, TooMany
from tests.client import NAME, PATH, Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.processes import IMPATIENT, LAGER, LAGERD, PATIENCE, finished
from tests.station import Station

ONE = "import lager\nlager.pause('stands')\nprint('went on')\n"
FIFTY = """
import lager, threading
threads = [threading.Thread(target=lager.pause, args=(n,), kwargs={'timeout': 100 + n}) for n in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print('went on')
"""


def listed(client: Client) -> dict[Any, Any]:
    """The pauses by id, once all scripts have had their time to come back."""
    return {pause["id"]: pause for pause in client.list()}


@pytest.mark.slow
def test_fifty_pauses_survive_a_restart_of_lagerd(run: Starter, client: Client, own_station: Station) -> None:
    processes = [run(FIFTY) for _ in range(5)]
    ids = [client.paused()["id"] for _ in range(50)]
    client.call("Extend", "sd", ids[0], 1000.0)
    client.call("Extend", "sd", ids[1], 0.0)
    before, began = listed(client), time.monotonic()
    own_station.kill_lagerd()
    own_station.start_lagerd()
    for _ in before:
        client.paused()
    after, took = listed(client), time.monotonic() - began
    assert len(after) == 50
    assert after.keys() == before.keys()
    for id, pause in before.items():
        back = after[id]
        assert {**back, "remaining": 0} == {**pause, "remaining": 0}
        if pause["remaining"]:
            assert pause["remaining"] - took - 1 <= back["remaining"] <= pause["remaining"]
        else:
            assert back["remaining"] == 0
    assert after[ids[1]]["remaining"] == 0
    assert after[ids[0]]["remaining"] > 1000
    for id in ids[:10]:
        assert client.call("Continue", "s", id) == id
    assert client.call("ContinueAll") == 40
    for process in processes:
        assert process.out.rest() == "went on\n"
        assert process.wait() == 0
    assert client.list() == []


def test_pauses_that_return_are_all_accepted_above_a_new_limit(
    run: Starter, client: Client, own_station: Station
) -> None:
    processes = [run("import lager\nlager.pause(timeout=0)\nprint('went on')\n") for _ in range(3)]
    ids = {client.paused()["id"] for _ in processes}
    own_station.kill_lagerd()
    config = own_station.folder / "lagerd.toml"
    config.write_text("[limits]\npauses = 2\n")
    own_station._command = (LAGERD, f"--config={config}")
    own_station.start_lagerd()
    assert {client.paused()["id"] for _ in processes} == ids
    assert listed(client).keys() == ids
    assert [process.popen.poll() for process in processes] == [None] * 3
    with pytest.raises(TooMany):
        client.call("Pause", "a{sv}", {"id": "0123abcd"})
    assert client.call("ContinueAll") == 3
    for process in processes:
        assert process.out.rest() == "went on\n"
    assert list((own_station.folder / "lager/pauses").iterdir()) == []


def test_no_other_pause_takes_the_id_of_one_that_has_not_returned(
    run: Starter, client: Client, own_station: Station
) -> None:
    """Another process, which is there before the script is."""
    process = run(ONE)
    pause = client.paused()
    os.kill(pause["pid"], signal.SIGSTOP)
    own_station.kill_lagerd()
    own_station.start_lagerd()
    for details in ({"id": pause["id"]}, {"id": pause["id"], "remaining": 5.0, "since": 1.0}):
        with pytest.raises(InvalidArgument, match="in use"):
            client.call("Pause", "a{sv}", details)
    os.kill(pause["pid"], signal.SIGCONT)
    assert client.paused()["id"] == pause["id"]
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "went on\n"


class Refusing:
    """A lagerd that takes back nothing."""

    def __init__(self, client: Client) -> None:
        self.refused: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._client = client
        client.bus.serve(self)
        assert client.do(client.bus.take_name(NAME))

    def close(self) -> None:
        """Leave the bus."""
        self._client.do(self._leave())

    async def _leave(self) -> None:
        self._client.bus.close()

    def dispatch(self, call: Any) -> None:
        if call.member == "Pause":
            call.fail(TooMany("No."))
            self.refused.put(call.args[0]["id"])


@pytest.fixture
def refusing(own_station: Station, until_the_end: ExitStack) -> Callable[..., Any]:
    """Take the place of the lagerd of the station."""

    def take_over() -> Refusing:
        own_station.kill_lagerd()
        return Refusing(other)

    other = until_the_end.enter_context(closing(Client(own_station.address)))
    return take_over


@pytest.mark.variant
def test_a_pause_that_is_refused_when_it_returns_lasts_until_its_own_timeout(
    run: Starter, client: Client, refusing: Callable[..., Any]
) -> None:
    process = run(f"{IMPATIENT}import lager\nlager.pause(timeout=1.5)\nprint('went on')\n")
    id = client.paused()["id"]
    assert refusing().refused.get(timeout=PATIENCE) == id
    process.err.expect("resumed automatically")
    assert process.out.rest() == "went on\n"


@pytest.mark.variant
def test_a_pause_without_a_timeout_returns_to_the_next_lagerd_that_accepts_it(
    run: Starter, client: Client, own_station: Station, refusing: Callable[..., Any]
) -> None:
    process = run("import lager\nlager.pause(timeout=0)\nprint('went on')\n")
    id = client.paused()["id"]
    refuser = refusing()
    for _ in range(3):
        assert refuser.refused.get(timeout=PATIENCE) == id
    assert process.popen.poll() is None
    refuser.close()
    own_station.start_lagerd()
    assert client.paused()["id"] == id
    client.call("Continue", "s", id)
    assert process.out.rest() == "went on\n"


class Resuming(Refusing):
    """A lagerd that dies between the signal by which a script resumes and the reply to its pause."""

    def dispatch(self, call: Any) -> None:
        if call.member == "Pause" and call.args[0]["label"] == "first":
            ended = call.args[0]["id"], "continued", {"user": "anna", "how": "bus"}
            self._client.bus.emit(PATH, NAME, "Resumed", "ssa{sv}", *ended, to=call.sender)


def test_a_script_that_has_resumed_does_not_pause_again_at_the_next_lagerd(
    run: Starter, client: Client, own_station: Station, until_the_end: ExitStack
) -> None:
    process = run("import lager\nlager.pause('first', timeout=0)\nprint('went on')\nlager.pause('second', timeout=0)\n")
    assert client.paused()["label"] == "first"
    own_station.kill_lagerd()
    resuming = Resuming(until_the_end.enter_context(closing(Client(own_station.address))))
    process.out.expect("went on\n")
    resuming.close()
    own_station.start_lagerd()
    second = client.paused()
    client.heard(second["pid"])
    assert [pause["label"] for pause in client.list()] == ["second"] == [second["label"]]
    client.call("Continue", "s", second["id"])
    assert process.wait() == 0


@pytest.mark.variant
def test_an_early_continue_waits_for_the_script(run: Starter, client: Client, own_station: Station) -> None:
    """The script is stopped while lagerd starts, so that it is certainly late."""
    process = run(ONE)
    pause = client.paused()
    os.kill(pause["pid"], signal.SIGSTOP)
    own_station.kill_lagerd()
    own_station.start_lagerd()
    answer = client.start(client.bus.call(NAME, PATH, "Continue", "s", pause["id"]))
    os.kill(pause["pid"], signal.SIGCONT)
    assert answer.result(PATIENCE) == [pause["id"]]
    assert process.out.rest() == "went on\n"


def test_a_script_resumes_at_its_timeout_if_lagerd_never_comes_back(
    run: Starter, client: Client, own_station: Station
) -> None:
    process = run(f"{IMPATIENT}import lager\nlager.pause(timeout=2)\nprint('went on')\n")  # in which lagerd dies
    client.paused()
    own_station.kill_lagerd()
    process.err.expect("resumed automatically: timed out, and lagerd did not answer")
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0


def test_the_deadline_is_reached_while_lagerd_is_away(run: Starter, client: Client, own_station: Station) -> None:
    """A lagerd that starts within the grace period ends the pause as a timeout."""
    process = run("import lager\nlager.pause(timeout=0.3)\nprint('went on')\n")
    id = client.paused()["id"]
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert client.resumed(id)[0] == "timeout"
    assert process.out.rest() == "went on\n"


def test_a_pause_without_lagerd_is_skipped_with_a_note(run: Starter, own_station: Station) -> None:
    own_station.kill_lagerd()
    process = run("import lager.breakpoints.carrier as carrier\ncarrier.PATIENCE = 0.5\n" + ONE)
    process.err.expect("cannot pause here; continuing. lagerd does not answer. Start it with:")
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0


@pytest.mark.variant
def test_a_pause_just_before_lagerd_is_there(
    start: Starter, script: ScriptWriter, client: Client, own_station: Station
) -> None:
    own_station.kill_lagerd()
    process = start(LAGER, "python", script("print('up', flush=True)\n" + ONE))
    process.out.expect("up")
    own_station.start_lagerd()
    client.call("Continue", "s", client.paused()["id"])
    assert process.out.rest() == "\nwent on\n"


@pytest.mark.slow
def test_pauses_survive_five_crashes_in_a_row(run: Starter, client: Client, own_station: Station) -> None:
    process = run("import lager\nlager.pause(timeout=200)\nprint('went on')\n")
    first = client.paused()
    for _ in range(5):
        own_station.kill_lagerd()
        own_station.start_lagerd()
        assert client.paused()["id"] == first["id"]
    [pause] = client.list()
    assert pause["since"] == first["since"]
    assert 200 - 60 < pause["remaining"] < 200
    client.call("Continue", "s", first["id"])
    assert process.out.rest() == "went on\n"
    assert process.err.rest().count("paused at") == 1


def test_sigterm_is_not_an_error_and_loses_nothing(run: Starter, client: Client, own_station: Station) -> None:
    process = run(ONE)
    id = client.paused()["id"]
    lagerd = own_station.lagerd
    lagerd.kill(signal.SIGTERM)
    assert lagerd.wait() == 0
    assert "Traceback" not in lagerd.err.rest()
    lagerd.close()
    own_station.start_lagerd()
    assert client.call("Continue", "s", id) == id
    assert process.wait() == 0


@pytest.mark.variant
def test_ctrl_c_while_lagerd_is_away(
    terminal: TerminalStarter, script: ScriptWriter, client: Client, own_station: Station
) -> None:
    screen = terminal(
        LAGER, "python", script("import lager\ntry:\n    lager.pause()\nfinally:\n    print('put away')\n")
    )
    client.paused()
    screen.expect("  timeout ")
    own_station.kill_lagerd()
    screen.type("\x03")
    screen.expect("put away")
    assert screen.wait() == 130
    own_station.start_lagerd()
    assert client.list() == []


@pytest.mark.variant
def test_the_script_gets_the_keys_after_it_resumed_without_lagerd(
    terminal: TerminalStarter, script: ScriptWriter, client: Client, own_station: Station
) -> None:
    text = f"{IMPATIENT}import lager\nlager.pause(timeout=0.5)\nprint('got', input('name? '))\n"
    screen = terminal(LAGER, "python", script(text))
    client.paused()
    screen.expect("  timeout ")
    own_station.kill_lagerd()
    screen.expect("name? ")
    screen.type("\r")
    screen.expect("got \n")
    assert screen.wait() == 0


@pytest.mark.variant
def test_enter_after_lagerd_came_back(
    terminal: TerminalStarter, script: ScriptWriter, client: Client, own_station: Station
) -> None:
    screen = terminal(LAGER, "python", script(ONE))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert client.paused()["id"] == id
    screen.type("\r")
    assert client.resumed(id)[1]["how"] == "enter"
    screen.expect("went on")
    assert screen.wait() == 0


@pytest.mark.variant
def test_a_script_that_dies_while_lagerd_is_away(run: Starter, client: Client, own_station: Station) -> None:
    run(ONE)
    pause = client.paused()
    own_station.kill_lagerd()
    os.kill(pause["pid"], signal.SIGKILL)
    own_station.start_lagerd()
    assert client.list() == []


def test_commands_without_lagerd_say_so(own_station: Station, lager: Command) -> None:
    own_station.kill_lagerd()
    for arguments in (["breakpoints"], ["python", "--continue", "12345678"], ["python", "--continue-all"]):
        done = lager(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("lager: lagerd does not answer")
        assert done.stderr.count("\n") == 1
        assert "Start it with" in done.stderr


def test_a_second_lagerd_refuses(own_station: Station, client: Client) -> None:
    done = finished([LAGERD], own_station.env, own_station.folder)
    assert done.returncode == 1
    assert done.stderr == f"lagerd: Another lagerd is already running on {own_station.address}. Stop it first.\n"
    assert client.list() == []


def test_lagerd_without_a_bus_says_so(own_station: Station) -> None:
    own_station.kill_broker()
    done = finished([LAGERD], own_station.env, own_station.folder)
    assert done.returncode == 1
    assert done.stderr.startswith("lagerd: The bus at unix:path=")
    assert done.stderr.count("\n") == 1
    assert own_station.lagerd.wait() == 1


def test_a_call_is_answered_when_lagerd_dies_meanwhile(run: Starter, client: Client, own_station: Station) -> None:
    """Pause, as another client makes it: the bus answers at once when lagerd has gone."""
    details = {"id": "0123abcd", "label": "by hand"}
    answer = client.start(client.bus.call(NAME, PATH, "Pause", "a{sv}", details, timeout=None))
    client.paused()
    own_station.kill_lagerd()
    with pytest.raises(NoDaemon):
        answer.result(PATIENCE)
    with pytest.raises(BusError):
        client.list()


def test_a_pause_is_not_refused_while_lagerd_stops(client: Client, own_station: Station) -> None:
    """Both are there when lagerd looks: the call, and that it is to stop."""
    lagerd = own_station.lagerd
    lagerd.kill(signal.SIGSTOP)
    answer = client.start(client.bus.call(NAME, PATH, "Pause", "a{sv}", {"id": "1badcafe", "timeout": 100.0}))
    client.do(client.bus.owner(NAME))
    lagerd.kill(signal.SIGTERM)
    lagerd.kill(signal.SIGCONT)
    with pytest.raises(NoDaemon):
        answer.result(PATIENCE)
    assert lagerd.wait() == 0
