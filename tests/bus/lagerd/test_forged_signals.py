"""Any client of a bus can send a signal to any other: a forged signal of lagerd changes nothing."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.client import NAME, PATH, Client
from tests.fixtures import ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER
from tests.station import Station

# A signal's member, and arguments that are none of lagerd's.
MALFORMED = [("Paused", "", ()), ("Paused", "s", ("x",)), ("Resumed", "u", (5,)), ("Extended", "as", (["x"],))]


@pytest.fixture
def forger(station: Station, until_the_end: ExitStack) -> Client:
    return until_the_end.enter_context(closing(Client(station.address)))


@pytest.fixture
def forge(forger: Client) -> Callable[..., None]:
    """Send a signal that looks like one of lagerd's to everybody, and to each connection by name; return when each
    has taken it up."""

    def send(member: Any, signature: Any, *values: Any) -> None:
        async def spread() -> list[Any]:
            names = [name for name in await forger.bus.names() if name.startswith(":") and name != forger.bus.name]
            for to in ("", *names):
                forger.bus.emit(PATH, NAME, member, signature, *values, to=to)
            return names

        forger.do(spread())

    return send


def pids(forger: Client) -> Any:
    async def ask() -> set[Any]:
        names = [name for name in await forger.bus.names() if name.startswith(":") and name != forger.bus.name]
        return {(await forger.bus.credentials(name))["ProcessID"] for name in names}

    return forger.do(ask())


def settled(forger: Client, own_station: Station) -> None:
    """Each process on the bus but lagerd has taken up what it was sent."""
    for pid in pids(forger) - {own_station.lagerd.pid}:
        forger.heard(pid)


@pytest.mark.variant
def test_a_forged_end_leaves_the_enter_to_its_run(
    terminal: TerminalStarter,
    script: ScriptWriter,
    client: Client,
    forger: Client,
    forge: Callable[..., None],
    own_station: Station,
) -> None:
    screen = terminal(LAGER, "python", script("import lager\nlager.pause()\nprint('went on')\n"))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    forge("Resumed", "ssa{sv}", id, "continued", {"user": "nobody", "uid": 1, "pid": 1, "how": "bus"})
    settled(forger, own_station)
    screen.type("\r")
    assert client.resumed(id)[1]["how"] == "enter"
    screen.expect("went on")
    assert screen.wait() == 0


def test_a_forged_pause_takes_no_keys_of_the_script(
    terminal: TerminalStarter,
    script: ScriptWriter,
    client: Client,
    forger: Client,
    forge: Callable[..., None],
    own_station: Station,
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "asks")
    text = """
import lager
lager.pause("first")
print("busy", flush=True)
open("asks").close()
print("got", repr(input("name? ")))
"""
    screen = terminal(LAGER, "python", script(text))
    first = client.paused()
    client.call("Continue", "s", first["id"])
    client.resumed(first["id"])  # which everybody has been told by then
    screen.expect("busy")
    forge("Paused", "sa{sv}", "feedbeef", {**first, "id": "feedbeef", "remaining": 100.0})
    settled(forger, own_station)
    screen.type("anna\r")
    settled(forger, own_station)
    open(tmp_path / "asks", "w").close()
    screen.expect("got 'anna'")
    assert screen.wait() == 0


@pytest.mark.variant
@pytest.mark.parametrize("as_json", [True, False])
def test_a_watch_shows_only_what_lagerd_sent(
    start: Starter,
    run: Starter,
    client: Client,
    forger: Client,
    forge: Callable[..., None],
    own_station: Station,
    as_json: bool,
) -> None:
    watch = start(LAGER, "breakpoints", "--watch", *(["--json"] if as_json else []))
    process = run("import lager\nlager.pause('real')\n")
    pause = client.paused()
    watch.out.expect(pause["id"])
    forge("Resumed", "ssa{sv}", pause["id"], "continued", {"user": "forger", "uid": 1, "pid": 1, "how": "bus"})
    forge("Paused", "sa{sv}", "feedbeef", {**pause, "id": "feedbeef"})
    forge("Extended", "sda{sv}", pause["id"], 5.0, {"user": "forger", "why": "extended"})
    for member, signature, values in MALFORMED:
        forge(member, signature, *values)
    settled(forger, own_station)
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
    told = watch.out.expect("continued")
    watch.kill(2)
    told += watch.out.rest()
    assert "forger" not in told
    assert "feedbeef" not in told
    assert watch.err.rest().strip() == ""
    if as_json:
        assert json.loads(told.splitlines()[-1])["event"] == "continued"


@pytest.mark.variant
def test_a_forged_end_is_not_the_end_of_a_console(
    start: Starter, run: Starter, client: Client, forger: Client, forge: Callable[..., None], own_station: Station
) -> None:
    process = run("import lager\nlager.pause('real', interactive=True)\n")
    id = client.paused()["id"]
    console = start(LAGER, "python", "--console", id, stdin=-1)
    console.stdin.write(b"print('one', 'line')\n")
    console.stdin.flush()
    console.out.expect("one line")
    forge("Resumed", "ssa{sv}", id, "continued", {"user": "forger", "uid": 1, "pid": 1, "how": "bus"})
    settled(forger, own_station)
    console.stdin.write(b"print('another', 'line')\n")
    console.stdin.flush()
    console.out.expect("another line")
    client.call("Continue", "s", id)
    assert process.wait() == 0
    assert "forger" not in console.out.rest() + console.err.rest()


def test_a_forged_end_does_not_end_the_pause_of_a_script(
    run: Starter, client: Client, forger: Client, forge: Callable[..., None], own_station: Station
) -> None:
    process = run("import lager\nlager.pause('real')\nprint('went on')\n")
    id = client.paused()["id"]
    forge("Resumed", "ssa{sv}", id, "continued", {"user": "forger", "uid": 1, "pid": 1, "how": "bus"})
    settled(forger, own_station)
    assert process.popen.poll() is None
    assert [pause["id"] for pause in client.list()] == [id]
    client.call("Continue", "s", id)
    assert "forger" not in process.err.rest()
