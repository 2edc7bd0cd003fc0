"""`lager status` of many boxes: one table, one live screen, or a line of JSON for each; and nothing is left of it. The
same of `lager breakpoints --watch`."""

import json
import os
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lager_cli.linux import process_tree
from tests.bus.boxes.tables import TWO_BOXES
from tests.client import Client
from tests.fixtures import Command, ScreenStarter, Starter
from tests.loopback import Loopback
from tests.processes import LAGER, PATIENCE, Process
from tests.screen import Screen

TABLE = f"""{TWO_BOXES}[boxes.refusing]
ssh = "refusing"
[boxes.stranger]
ssh = "stranger"
[boxes.foreign]
ssh = "near"
command = "{{folder}}/foreign"
[boxes.without]
ssh = "near"
command = "{{folder}}/nothing"
[boxes.mute]
ssh = "mute"
[groups]
lab = ["near", "other"]
dead = ["refusing", "stranger", "foreign", "without", "mute"]
"""
FOREIGN = f"""#!{sys.executable}
import os
from lager_cli.boxes.session import protocol
protocol.PROTOCOL = 99
os.write(1, protocol.greeting('9.9.9'))
os.read(0, 1)
"""
PAUSES = "import lager\nlager.pause('before load', timeout=60)\n"


@pytest.fixture
def lab(near: Loopback) -> Iterator[Loopback]:
    """Two boxes that answer, and five dead ones: refused, a strange host key, another version, none, a mute sshd."""
    near.table(TABLE.format(folder=near.folder))
    (near.folder / "foreign").write_text(FOREIGN)
    (near.folder / "foreign").chmod(0o755)
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        settings = f"Host mute\n HostName 127.0.0.1\n Port {mute.getsockname()[1]}\n"
        config = near.folder / "ssh.conf"
        config.write_text(settings + config.read_text())
        yield near


@contextmanager
def nothing_is_left_of(process: Any) -> Iterator[set[Any]]:
    """All processes of this one, also those on its boxes, end in the block or soon after."""
    pids = {process.pid, *process_tree.descendants(process.pid)}
    fds = []
    for pid in pids:
        try:
            fds.append(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
    try:
        yield pids
        ends = time.monotonic() + PATIENCE
        for fd in fds:
            assert select.select([fd], [], [], max(ends - time.monotonic(), 0))[0], "a process is left"
    finally:
        for fd in fds:
            os.close(fd)


def until(process: Any, accept: Any) -> Any:
    """Return the first line of JSON that is taken."""
    while not accept(found := json.loads(process.out.expect("\n").splitlines()[-1])):
        pass
    return found


def lose_the_session(watch: Any) -> None:
    """End the lager on the box that has answered."""
    (session,) = [
        pid
        for pid in process_tree.descendants(watch.pid)
        if Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").endswith(b"\0session")
    ]
    os.kill(session, signal.SIGKILL)


def test_each_box_has_a_line_and_a_dead_box_has_the_reason(
    lager: Command, bench: Process, lab: Loopback, run: Starter, client: Client
) -> None:
    run(PAUSES)
    client.paused()
    done = lager("status", "--box", "@lab,@dead", "--limit", "6")
    assert done.returncode == 1
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["BOX", "STATE", "PAUSED", "RUNS", "NETS", "ON", "WHY"]
    shown = {row.split()[0]: row.split(maxsplit=1)[1] for row in rows}
    assert re.match(r"\w+ +1 +1 +16 +0", shown["near"])
    assert re.match(r"\w+ +1 +1 +16 +0", shown["other"])
    for name, why in {
        "refusing": "The box refusing refuses ssh",
        "stranger": "The host key of the box stranger is unknown",
        "foreign": "The box foreign has lager 9.9.9",
        "without": "There is no command",
        "mute": "no answer within 6 s",
    }.items():
        assert why in shown[name], shown
    found = json.loads(lager("status", "--json", "--box", "@lab").stdout)
    assert [(one["box"], len(one["pauses"]), len(one["nets"])) for one in found] == [("near", 1, 16), ("other", 1, 16)]


def ends_with_its_pause(shown: Screen, client: Client, script: Process, id: str) -> None:
    """A pause that is resumed leaves the screen, and q leaves nothing behind."""
    client.call("Continue", "s", id)
    assert script.wait() == 0
    shown.until(lambda text: id not in text)
    with nothing_is_left_of(shown):
        shown.type("q")
        assert shown.wait() == 0


SCREENS = {
    "@lab,refusing": ("refusing +no connection .*refuses ssh", "2 of 3 boxes answer"),
    "@lab,@dead": (
        "refusing +no connection .*refuses ssh", "stranger +no connection", "foreign +other version .*9.9.9",
        "without +failed .*no command", "mute +late .*6 s", "2 of 7 boxes answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("boxes", SCREENS)
def test_one_screen_shows_each_box_its_pauses_and_why_a_box_is_missing(
    lab: Loopback, screen: ScreenStarter, client: Client, run: Starter, boxes: str
) -> None:
    shown = screen(LAGER, "status", "--watch", "--box", boxes, "--limit", "6", columns=120, rows=40)
    for words in (r"near +(ok|problem) +0", r"other +(ok|problem) +0", *SCREENS[boxes]):
        shown.matches(words)
    script = run(PAUSES)
    id = client.paused()["id"]
    shown.until(lambda text: all(re.search(rf"{box} +{id} +before load", text) for box in ("near", "other")))
    ends_with_its_pause(shown, client, script, id)


@pytest.mark.variant
def test_the_pauses_of_many_boxes_are_on_one_screen(
    lab: Loopback, screen: ScreenStarter, client: Client, run: Starter
) -> None:
    shown = screen(LAGER, "breakpoints", "--watch", "--box", "@lab,foreign,refusing", columns=140, rows=40)
    for words in (
        "2 of 4 boxes answer  0 paused", "refusing: no connection: .*refuses ssh", "foreign: other version: .*9.9.9",
    ):  # fmt: skip
        shown.matches(words)
    script = run(PAUSES)
    id = client.paused()["id"]
    shown.until(lambda text: all(re.search(rf"{box} +{id} +before load", text) for box in ("near", "other")))
    rows = [line for line in shown.lines if id in line]
    shown.until(lambda text: not any(row in text for row in rows))  # the time left is counted down here
    ends_with_its_pause(shown, client, script, id)


def test_each_change_on_one_of_many_boxes_is_a_line(
    lab: Loopback, start: Starter, client: Client, run: Starter
) -> None:
    run(PAUSES)
    id = client.paused()["id"]
    words = ("breakpoints", "--watch", "--box", "near,refusing")
    watch, lines = start(LAGER, *words, "--json"), start(LAGER, *words)
    assert until(watch, lambda one: one.get("event"))["pause"]["id"] == id
    assert until(watch, lambda one: one["box"] == "near" and "state" in one) == {
        "box": "near", "state": "ok", "error": None,
    }  # fmt: skip
    lines.out.expect(id)
    lines.err.expect("refusing: no connection: The box refusing refuses ssh")
    client.call("Extend", "sd", id, 10.0)
    extended = until(watch, lambda one: one.get("event") == "extended")
    assert (extended["box"], extended["error"]) == ("near", None)
    lose_the_session(watch)
    assert until(watch, lambda one: one["box"] == "near" and one["error"])["state"] == "no connection"
    client.call("Continue", "s", id)
    ended = until(watch, lambda one: one.get("event"))
    assert (ended["event"], ended["pause"]["id"]) in (("lost", id), ("continued", id))
    lines.out.expect("continued")
    with nothing_is_left_of(watch):
        watch.kill(signal.SIGINT)
        assert watch.wait() == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_after_ctrl_c_a_closed_terminal_or_a_kill(
    lab: Loopback, start: Starter, client: Client, number: Any
) -> None:
    watch = start(LAGER, "status", "--watch", "--json", "--box", "near,mute,other")
    for box in ("near", "other"):
        until(watch, lambda one, box=box: one["box"] == box and "pauses" in one)
    with nothing_is_left_of(watch) as pids:
        assert len(pids) > 8  # lager, three ssh, sshd and lager on two boxes
        watch.kill(number)
        assert watch.wait() == (-9 if number == signal.SIGKILL else 128 + number)


def test_a_box_that_is_back_is_shown_again(lab: Loopback, start: Starter, client: Client) -> None:
    watch = start(LAGER, "status", "--watch", "--json", "--box", "near,refusing")
    until(watch, lambda one: one["box"] == "near" and one["error"] is None)
    assert "refuses" in until(watch, lambda one: one["box"] == "refusing")["error"]
    lose_the_session(watch)
    assert "connecting again" in until(watch, lambda one: one["box"] == "near" and one["error"])["error"]
    until(watch, lambda one: one["box"] == "near" and one["error"] is None)


@pytest.mark.variant
def test_the_lines_end_when_their_reader_has_gone(lab: Loopback, start: Starter, client: Client) -> None:
    watch = start("sh", "-c", f"{LAGER} status --watch --json --box near,refusing | head -1; echo ended")
    watch.out.expect("ended")


@pytest.mark.variant
@pytest.mark.parametrize(
    ("said", "why"),
    [("{}", "cannot be read"), ("[1]", "cannot be read"), ("x" * (5 << 20), "more than 4 MB")],
    ids=["a table", "a list", "too much"],
)
def test_a_box_that_talks_nonsense_is_told_apart(lab: Loopback, start: Starter, said: Any, why: str) -> None:
    (lab.folder / "said").write_text(said)
    lab.answering(
        "import os, time\nfrom lager_cli.boxes.session.protocol import *\n"
        "os.write(1, greeting('1'))\n"
        f"said = open({str(lab.folder / 'said')!r}).read() + '\\n'\n"
        "for at in range(0, len(said), 60000):\n"
        "    part = said[at : at + 60000].encode()\n"
        "    data = head(FrameKind.DATA, Stream.OUT, len(part)) + part\n"
        "    while data:\n        data = data[os.write(1, data):]\n"
        "time.sleep(60)\n"
    )  # fmt: skip
    watch = start(LAGER, "status", "--watch", "--json", "--box", "other,other2")
    assert why in until(watch, lambda one: one["box"] == "other")["error"]


@pytest.mark.variant
def test_a_closed_terminal_ends_the_screen_and_all_that_belongs_to_it(
    lab: Loopback, screen: ScreenStarter, client: Client
) -> None:
    shown = screen(LAGER, "status", "--watch", "--box", "near,mute,other", columns=120)
    shown.sees("2 of 3 boxes answer")
    with nothing_is_left_of(shown), open(os.devnull, "rb") as nowhere:
        os.dup2(nowhere.fileno(), shown._fd)
