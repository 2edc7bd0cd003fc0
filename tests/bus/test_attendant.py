"""What reads the Enter, beside a lagerd whose every answer comes when the test says."""

import os
import queue
from contextlib import closing

import pytest

from lager.bus import Call
from lager.errors import LagerError
from tests.client import NAME, PATH, PATIENCE, Client
from tests.processes import LAGER

ASKS = """
import os
print(os.environ["LAGER_PROCESS_ID"], flush=True)
open("asks").close()
print("got", input())
"""


class Lagerd:
    """Owns the name, and keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Call] = queue.SimpleQueue()

    def dispatch(self, call: Call) -> None:
        if call.member == "List":
            self.calls.put(call)


def test_a_pause_that_ended_while_it_was_listed_takes_no_keys(terminal, own_station, script, tmp_path, until_the_end):
    """The news that it has ended and the older answer come as one piece, and are taken up in whichever order."""
    own_station.kill_lagerd()
    client = until_the_end.enter_context(closing(Client(own_station.address)))
    lagerd = Lagerd()

    async def take_over() -> None:
        client.bus.serve(lagerd)
        assert await client.bus.take_name(NAME)

    async def answer(call: Call, pause: dict[str, object]) -> None:
        with client.bus.together():
            call.reply("aa{sv}", [pause])
            client.bus.emit(PATH, NAME, "Resumed", "ssa{sv}", pause["id"], "continued", {})

    def heard_all() -> None:
        with pytest.raises(LagerError):  # the caller has no objects; when it says so, it has heard what came before
            client.do(client.bus.call(call.sender, PATH, "Anything", interface=NAME))

    os.mkfifo(tmp_path / "asks")
    client.do(take_over())
    screen = terminal(LAGER, "python", script(ASKS))
    run = screen.expect("\n").strip()
    call = lagerd.calls.get(timeout=PATIENCE)
    client.do(answer(call, {"id": "1badcafe", "run_id": run, "remaining": 0.0}))
    heard_all()
    screen.type("hello\r")
    screen.expect("hello\n")
    heard_all()
    (tmp_path / "asks").open("w").close()
    screen.expect("got hello")
    assert screen.wait() == 0
