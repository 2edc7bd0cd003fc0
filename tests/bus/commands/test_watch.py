"""`lager breakpoints --watch`: a table that is updated on a terminal, and lines in a pipe."""

import json
import os
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScreenStarter, ScriptWriter, Starter
from tests.processes import LAGER
from tests.screen import SIZES
from tests.station import Station

WATCH = (LAGER, "breakpoints", "--watch")
KEYS = "j/k select  c continue  e +5m  E extend  o console  ? help  q leave"
SCRIPT = "import lager\nlager.pause({!r}, interactive={}, timeout={})\n"


MANY = """
import lager, threading
for n in range(30):
    threading.Thread(target=lager.pause, args=(f"n{n}",)).start()
"""


@pytest.fixture
def pause(start: Starter, script: ScriptWriter, client: Client) -> Callable[..., dict[str, Any]]:
    """Start a script that pauses; what lagerd tells of it."""

    def starter(label: str, *, interactive: bool = True, timeout: float = 300) -> dict[str, Any]:
        start(LAGER, "python", script(SCRIPT.format(label, interactive, timeout), f"{label}.py"))
        return client.paused()

    return starter


@pytest.fixture
def own(own_station: Station) -> Station:
    """No other boxes and configuration are known."""
    return own_station


def selected(view: Any) -> str:
    """The id in the selected row; the row says so also without colours."""
    rows = [line for line in view.lines if line.startswith("> ")]
    return rows[0][2:10] if rows else ""


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_table_updates_itself(
    own: Station, screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client, columns: Any, rows: Any
) -> None:
    view = screen(*WATCH, columns=columns, rows=rows)
    view.until(lambda shown: "No script is paused." in shown and shown.endswith(KEYS))
    assert view.lines == ["No script is paused.", *[""] * (rows - 2), f"0 paused  {KEYS}"]
    one = pause("one")
    view.until(lambda shown: re.search("4m(5[0-8]|[0-4].)s", shown))
    two = pause("two", timeout=0)
    view.until(lambda shown: "2 paused" in shown)
    assert view.lines[0].split() == ["ID", "LABEL", "WHERE", "SCRIPT", "RUN", "USER", "PAUSED", "LEFT", "CONSOLES"]
    assert view.lines[1].split()[:4] == [">", one["id"], "one", "one.py:2"]
    assert view.lines[2].split()[:3] == [two["id"], "two", "two.py:2"]
    assert "no limit" in view.lines[2]
    client.call("Extend", "sd", one["id"], 600.0)
    view.sees("14m5")
    client.call("Continue", "s", one["id"])
    view.until(lambda shown: one["id"] not in shown)
    assert selected(view) == ""
    client.call("Continue", "s", two["id"])
    view.sees("No script is paused.")
    view.type("q")
    assert view.wait() == 0


def test_the_keys_of_the_table_act_on_the_selected_pause(
    own: Station, screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client
) -> None:
    pauses = [pause("one"), pause("two", interactive=False)]
    view = screen(*WATCH)
    view.sees("2 paused")
    assert selected(view) == pauses[0]["id"]
    for keys, index in (
        ("j", 1),
        ("j", 1),
        ("k", 0),
        ("\x1b[B", 1),
        ("\x1b[A", 0),
        ("G", 1),
        ("\x1b[H", 0),
        ("\x1b[F", 1),
    ):
        view.type(keys)
        view.until(partial(lambda id, _: selected(view) == id, pauses[index]["id"]))
    view.type("o")
    view.sees("has no console")
    view.type("e")
    view.until(lambda shown: re.search(f"{pauses[1]['id']} has (9m..s|10m00s) left.", shown))
    view.type("E")
    view.sees("extend by:")
    view.type("1h\r")
    view.until(lambda shown: re.search("has 1h(0.|10)m left.", shown))
    view.type("Eq\r")
    view.sees("That is not a valid duration.")
    view.type("E0")
    view.sees("extend by: 0")
    view.type("\x1b")
    view.until(lambda shown: "extend by" not in shown)
    view.type("E0\r")
    view.sees("waits until it is resumed.")
    view.sees("no limit")
    view.type("?")
    view.sees("any key          return to the table")
    view.type("c")
    view.sees("2 paused")
    view.type("c")
    view.sees(f"Resumed {pauses[1]['id']}.")
    reason, by = client.resumed(pauses[1]["id"])
    assert (reason, by["how"]) == ("continued", "cli")
    view.until(lambda _: selected(view) == "")
    view.type("c")
    view.sees("Nothing is selected: press j or k.")
    assert [pause["id"] for pause in client.list()] == [pauses[0]["id"]]
    view.type("\x03")
    assert view.wait() == 0


def test_a_key_after_a_console_waits_until_the_pauses_are_listed_again(
    own: Station, screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client
) -> None:
    first, second = pause("one"), pause("two")
    view = screen(*WATCH)
    view.sees("2 paused")
    view.type("jo")
    view.sees(">>>")
    os.kill(own.lagerd.pid, signal.SIGSTOP)
    view.type("\x04")
    view.sees(f"The console of {second['id']} has ended.")
    view.type("c?")  # the help shows that both have been read
    view.sees("any key          return to the table")
    os.kill(own.lagerd.pid, signal.SIGCONT)
    assert client.resumed(second["id"])[0] == "continued"
    assert [one["id"] for one in client.list()] == [first["id"]]


def test_a_console_opens_from_the_table_and_returns_to_it(
    own: Station, screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client
) -> None:
    first, second = pause("one"), pause("two")
    view = screen(*WATCH)
    view.sees("2 paused")
    view.type("j\r")
    view.sees(">>>")
    client.expect("Extended", lambda s: s.args[0] == second["id"] and s.args[2]["why"] == "attached")
    view.type("6 * 7\r")
    view.until(lambda shown: re.search(r"\n42\n>>>", shown))
    view.type("\x04")
    view.sees(f"The console of {second['id']} has ended.")
    view.type("k\r")
    view.sees(">>>")
    client.call("Continue", "s", first["id"])
    view.sees(f"The console of {first['id']} has ended.")
    view.until(
        lambda shown: second["id"] in shown and first["id"] not in shown.replace("console of " + first["id"], "")
    )
    view.type("q")
    assert view.wait() == 0


@pytest.mark.variant
@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_the_last_minute_stands_out(
    own: Station, screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client, env: Any
) -> None:
    pause("long")
    pause("short", timeout=50)
    view = screen(*WATCH, **env)
    view.sees("2 paused")
    rows = {label: next(n for n, line in enumerate(view.lines) if f" {label} " in line) for label in ("short", "long")}
    urgent, other = (view.seen.buffer[rows[label]][2] for label in ("short", "long"))
    assert (urgent.fg == other.fg) == bool(env)
    client.call("ContinueAll")
    view.type("q")
    assert view.wait() == 0


@pytest.mark.variant
def test_the_table_scrolls_and_follows_the_size_of_the_terminal(
    own: Station, screen: ScreenStarter, client: Client, start: Starter, script: ScriptWriter
) -> None:
    start(LAGER, "python", script(MANY))
    ids = [client.paused()["id"] for _ in range(30)]
    ids = [pause["id"] for pause in sorted(client.list(), key=lambda pause: (pause["since"], pause["id"]))]
    view = screen(*WATCH)
    view.sees("30 paused")
    assert [id in view.shown for id in ids] == [True] * 22 + [False] * 8
    view.type("G")
    view.until(lambda _: selected(view) == ids[29])
    assert [id in view.shown for id in ids] == [False] * 8 + [True] * 22
    view.type("\x1b[5~")
    view.until(lambda _: selected(view) == ids[7])
    view.resize(100, 10)
    view.until(lambda shown: len(shown.splitlines()) == 10 and selected(view) == ids[7])
    view.resize(40, 50)
    view.until(lambda shown: all(id in shown for id in ids))
    assert max(len(line) for line in view.lines) <= 40
    view.type("q")
    assert view.wait() == 0


def test_the_table_survives_restarts_of_lagerd_and_the_bus(
    own: Station, screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client
) -> None:
    one = pause("one")
    view = screen(*WATCH)
    view.sees("1 paused")
    own.kill_lagerd()
    view.sees("lagerd is down; waiting for it.")
    assert one["id"] in view.shown
    own.start_lagerd()
    view.sees("1 paused")
    view.type("c")
    view.sees(f"Resumed {one['id']}.")
    assert client.resumed(one["id"])[1]["how"] == "cli"
    own.kill_broker()
    view.sees("The bus is down; waiting for it.")
    own.kill_lagerd()
    (own.folder / "bus").unlink()
    own.start_broker()
    own.start_lagerd()
    view.sees("0 paused")
    view.type("q")
    assert view.wait() == 0


@pytest.mark.variant
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_terminal_is_left_as_it_was(screen: ScreenStarter, number: Any) -> None:
    command = (
        "stty -a > before; lager breakpoints --watch; echo code $?; stty -a > after; cmp before after && echo same"
    )
    view = screen("/bin/bash", "--norc", "-c", command)
    view.sees("q leave")
    (watching,) = Path(f"/proc/{view.pid}/task/{view.pid}/children").read_text().split()
    os.kill(int(watching), number)
    view.sees("same")
    assert f"code {143 if number == signal.SIGTERM else 0}" in view.shown
    assert "\x1b[?1049l" in view.screen.text
    view.wait()


def test_a_pipe_gets_a_line_for_each_change(
    own: Station, start: Starter, pause: Callable[..., dict[str, Any]], client: Client
) -> None:
    before = pause("before")
    watching = [start(*WATCH), start(*WATCH, "--json")]
    for process in watching:
        process.out.expect("standing")
    after = pause("after")
    client.call("Extend", "sd", after["id"], 600.0)
    console = start("/bin/sh", "-c", f"(echo 'print(42)'; sleep 600) | lager python --console {after['id']}")
    console.out.expect("42")
    console.close()
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    client.call("Continue", "s", before["id"])
    os.kill(after["pid"], signal.SIGKILL)
    client.resumed(after["id"])
    own.kill_lagerd()
    for process in watching:
        process.err.expect("lager: lagerd is down; waiting for it.\n")
    own.start_lagerd()
    for process in watching:
        process.err.expect("lager: lagerd is back.\n")
        process.kill(signal.SIGINT)
        assert process.wait() == 130
        process.out.rest()
    told = [("standing", before), ("paused", after), ("extended", after), ("attached", after), ("detached", after)]
    happened = [(event, one["id"]) for event, one in [*told, ("continued", before), ("gone", after)]]
    head, *lines = [line for line in watching[0].out.text.splitlines() if not line.startswith("console")]
    assert head.split()[:3] == ["EVENT", "ID", "LABEL"]
    assert [tuple(line.split()[:2]) for line in lines] == happened
    assert lines[-2].endswith(f"resumed by {before['user']} over D-Bus")
    assert lines[-1].endswith("ended with its script")
    objects = [json.loads(line) for line in watching[1].out.text.splitlines()]
    objects = [one for one in objects if one["event"] != "console"]
    assert [(one["event"], one["pause"]["id"]) for one in objects] == happened
    assert all(one.keys() == {"event", "time", "pause", "by"} for one in objects)
    assert objects[1]["pause"]["label"] == "after"
    assert objects[2]["pause"]["remaining"] > 800
    assert objects[3]["pause"]["attached"] == [before["user"]]
    assert objects[5]["by"] == {"uid": os.getuid(), "user": before["user"], "pid": os.getpid(), "how": "bus"}


def test_a_closed_pipe_ends_the_watch_even_without_changes(start: Starter) -> None:
    process = start("/bin/bash", "-c", "lager breakpoints --watch | head -1; echo ${PIPESTATUS[0]}")
    assert process.out.expect("\n").startswith("EVENT")
    process.out.expect("141\n")
    assert process.wait() == 0
    assert process.err.rest() == ""


def test_a_missing_lagerd_is_reported(own: Station, start: Starter, screen: ScreenStarter) -> None:
    own.kill_lagerd()
    process = start(*WATCH)
    assert process.wait() == 1
    assert "lagerd does not answer" in process.err.rest()
    view = screen(*WATCH)
    assert view.wait() == 1
    assert "lagerd does not answer" in view.shown


def test_a_dumb_terminal_gets_lines(
    screen: ScreenStarter, pause: Callable[..., dict[str, Any]], client: Client
) -> None:
    view = screen(*WATCH, TERM="dumb", columns=200)
    one = pause("one")
    view.sees(one["id"])
    assert "\x1b" not in view.screen.text
    client.call("Continue", "s", one["id"])
    view.sees("over D-Bus")
    view.type("\x03")
    assert view.wait() == 130
