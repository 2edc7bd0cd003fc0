"""What reads the Enter, and what asks for a pause, beside a lagerd whose every answer comes when the test says."""

import os
import queue
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from lager.bus.received import Call
from lager.errors import Failed, LagerError
from tests.client import NAME, PATH, Client
from tests.fixtures import ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER, PATIENCE, limited
from tests.station import Station

ASKS = """
import os
print(os.environ["LAGER_PROCESS_ID"], os.getpid(), flush=True)
open("asks").close()
print("got", input())
"""


class Lagerd:
    """Owns the name, and keeps the calls that it gets, without Identify unless it `keeps_all`."""

    keeps_all = False

    def __init__(self, client: Client) -> None:
        self.client = client
        self.calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        client.do(self._take_over())

    async def _take_over(self) -> None:
        self.client.bus.serve(self)
        assert await self.client.bus.take_name(NAME)

    def dispatch(self, call: Call) -> None:
        if call.member != "Identify" or self.keeps_all:
            self.calls.put(call)

    async def answer(self, call: Call, *pauses: dict[str, object]) -> None:
        call.reply("aa{sv}", list(pauses))

    def resumed(self, id: str) -> None:
        self.client.bus.emit(PATH, NAME, "Resumed", "ssa{sv}", id, "continued", {})


@pytest.fixture
def lagerd(own_station: Station, tmp_path: Path, until_the_end: ExitStack) -> Lagerd:
    own_station.kill_lagerd()
    os.mkfifo(tmp_path / "asks")
    return Lagerd(until_the_end.enter_context(closing(Client(own_station.address))))


def test_a_pause_that_ended_while_it_was_listed_takes_no_keys(
    terminal: TerminalStarter, lagerd: Lagerd, script: ScriptWriter, tmp_path: Path
) -> None:
    """The news that it has ended and the older answer come as one piece, and are taken up in whichever order."""
    client = lagerd.client

    async def answer(call: Call, run: str) -> None:
        with client.bus.together():
            await lagerd.answer(call, {"id": "1badcafe", "run_id": run, "remaining": 0.0})
            lagerd.resumed("1badcafe")

    def heard_all() -> None:
        with pytest.raises(LagerError):  # the caller has no objects; when it says so, it has heard what came before
            client.do(client.bus.call(call.sender, PATH, "Anything", interface=NAME))

    screen = terminal(LAGER, "python", script(ASKS))
    run = screen.expect("\n").split()[0]
    call = lagerd.calls.get(timeout=PATIENCE)
    client.do(answer(call, run))
    heard_all()
    screen.type("hello\r")
    screen.expect("hello\n")
    heard_all()
    (tmp_path / "asks").open("w").close()
    screen.expect("got hello")
    assert screen.wait() == 0


def test_each_enter_declares_its_kind_of_caller(
    terminal: TerminalStarter, lagerd: Lagerd, script: ScriptWriter
) -> None:
    """A lagerd that many others have called since has forgotten it."""
    screen = terminal(LAGER, "python", script(ASKS))
    run = screen.expect("\n").split()[0]
    call = lagerd.calls.get(timeout=PATIENCE)
    lagerd.keeps_all = True
    lagerd.client.do(lagerd.answer(call, {"id": "1badcafe", "run_id": run, "remaining": 0.0}))
    screen.type("\r")
    said = [lagerd.calls.get(timeout=PATIENCE) for _ in range(2)]
    assert [(one.member, *one.args) for one in said] == [("Identify", "enter"), ("Continue", "1badcafe")]


def test_the_enter_key_works_after_lagerd_stops_and_returns(
    terminal: TerminalStarter, lagerd: Lagerd, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(ASKS))
    run = screen.expect("\n").split()[0]
    call = lagerd.calls.get(timeout=PATIENCE)

    async def refuse_and_tell() -> None:
        call.fail(Failed("lagerd is stopping.", "Try again when it is back."))
        pause = {"id": "1badcafe", "run_id": run, "remaining": 0.0}
        lagerd.client.bus.emit(PATH, NAME, "Paused", "sa{sv}", "1badcafe", pause)

    lagerd.client.do(refuse_and_tell())
    screen.type("\r")
    call = lagerd.calls.get(timeout=PATIENCE)
    assert (call.member, call.args) == ("Continue", ["1badcafe"])
    assert "stopping" not in screen.screen.text


@pytest.mark.variant
def test_a_pause_that_ended_while_it_was_listed_does_not_count_as_the_requested_one(
    terminal: TerminalStarter, start: Starter, lagerd: Lagerd, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(ASKS))
    run, pid = screen.expect("\n").split()
    lagerd.client.do(lagerd.answer(lagerd.calls.get(timeout=PATIENCE)))
    asking = start(*limited("lager_cli.runs.request_pause._PATIENCE", 0.5), "python", "--pause", run)
    stale = {"id": "1badcafe", "run_id": run, "pid": int(pid), "thread": "MainThread", "remaining": 0.0}
    stale |= {"file": "script.py", "line": 1, "function": "<module>", "label": "", "interactive": False}
    call = lagerd.calls.get(timeout=PATIENCE)

    async def tell_and_answer() -> None:
        lagerd.resumed("1badcafe")
        await lagerd.answer(call, stale)

    lagerd.client.do(tell_and_answer())
    assert "already" not in asking.err.rest()
    assert lagerd.calls.get(timeout=PATIENCE).member == "Pause"
