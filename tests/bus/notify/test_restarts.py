"""No message is sent twice and none about an open pause is lost, whatever is killed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.notify.conftest import Receiver
from tests.client import NAME, Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER, Process
from tests.station import Station

PAUSE = 'from lager import pause\npause("{label}")\n'


def test_a_killed_notifier_sends_each_message_once(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    first = notifier(there.url, more='events = ["paused"]')
    run(PAUSE.format(label="told"))
    told = client.paused()["id"]
    assert told in there.next()["message"]
    first.err.expect("told url 1")
    first.kill()
    first.wait()
    run(PAUSE.format(label="unseen"))
    unseen = client.paused()["id"]
    second = notifier(there.url, more='events = ["paused"]')
    assert unseen in there.next()["message"]
    second.err.expect("told url 1")
    second.kill(signal.SIGTERM)
    assert second.wait() == 0
    assert there.all() == []


@pytest.mark.variant
def test_a_message_that_was_on_its_way_is_sent_again_rather_than_lost(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver("hang")
    first = notifier(there.url, more='events = ["paused"]')
    run(PAUSE.format(label="x"))
    id = client.paused()["id"]
    there.next()
    first.kill()
    first.wait()
    there.process.kill()
    there.process.wait()
    again = receiver(port=there.port)
    second = notifier(there.url, more='events = ["paused"]')
    assert id in again.next()["message"]
    second.err.expect("told url 1")
    assert again.all() == []


@pytest.mark.variant
def test_a_killed_lagerd_makes_no_message_come_twice(
    notifier: Callable[..., Process],
    receiver: Callable[..., Receiver],
    run: Starter,
    own_station: Station,
    client: Client,
) -> None:
    there = receiver()
    notes = notifier(there.url, more='events = ["paused"]')
    script = run(PAUSE.format(label="x") + PAUSE.format(label="y"))
    id = client.paused()["id"]
    assert id in there.next()["message"]
    own_station.kill_lagerd()
    notes.err.expect("lagerd is down; waiting for it.")
    own_station.start_lagerd()
    client.call("Continue", "s", id)
    client.expect("Paused", lambda signal: signal.args[1]["label"] == "y")
    assert "label     y" in there.next()["message"]
    client.call("ContinueAll")
    assert script.wait() == 0
    assert there.all() == []


def test_a_notifier_waits_for_a_lagerd_that_is_stopped_and_never_starts_it(
    notifier: Callable[..., Process],
    receiver: Callable[..., Receiver],
    run: Starter,
    own_station: Station,
    start: Starter,
) -> None:
    there = receiver()
    own_station.kill_lagerd()
    process = start(LAGER, "notify", "--foreground", "--config", _config(own_station, there.url))
    process.err.expect("lagerd is down; waiting for it.")
    own_station.start_lagerd()
    process.err.expect("sending to url 1")
    run(PAUSE.format(label="x"))
    assert "label     x" in there.next()["message"]


def _config(station: Station, url: Any) -> str:
    path = station.folder / "notify.toml"
    path.write_text(f'urls = ["{url}"]\n')
    return str(path)


def test_only_one_notifier_runs(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], lager: Command, configured: Callable[..., str]
) -> None:
    there = receiver()
    notifier(there.url)
    second = lager("notify", "--foreground", "--config", configured(there.url))
    assert second.returncode == 1
    assert second.stderr.endswith("\nlager: lager notify is running already. End the other one first.\n")


def test_forged_signals_send_no_message(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notifier(there.url)
    forged = {"id": "00000000", "label": "forged", "consoles": 0, "remaining": 0.0, "since": 0.0, "began": 0.0}
    client.do(_emit(client, forged))
    run(PAUSE.format(label="real"))
    assert "real" in there.next()["title"]


async def _emit(client: Client, details: Any) -> None:
    client.bus.emit("/com/lager/Breakpoints", NAME, "Paused", "sa{sv}", details["id"], details)


@pytest.mark.parametrize("mode", ["take", "hang"])
def test_ctrl_c_ends_it_and_its_processes(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client, mode: str
) -> None:
    there = receiver(mode)
    notes = notifier(there.url)
    run(PAUSE.format(label="x"))
    client.paused()
    there.next()
    if mode == "take":
        notes.err.expect("told url 1")
    children = Path(f"/proc/{notes.pid}/task/{notes.pid}/children").read_text().split()
    assert children
    notes.kill(signal.SIGINT)
    assert notes.wait() == 0
    for pid in children:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        assert state == "Z"


@pytest.mark.variant
def test_a_restarted_bus_is_followed_again(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, own_station: Station
) -> None:
    there = receiver()
    notes = notifier(there.url)
    own_station.kill_lagerd()
    own_station.kill_broker()
    notes.err.expect("The bus is down; waiting for it.")
    own_station.start_broker()
    own_station.start_lagerd()
    notes.err.expect("lager: sending to ")
    run(PAUSE.format(label="x"))
    assert "label     x" in there.next()["message"]


@pytest.mark.variant
def test_a_process_that_sends_is_started_again_if_it_is_killed(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notes = notifier(there.url, more='events = ["paused"]')  # others' crashes are made safe beside it
    run(PAUSE.format(label="x") + PAUSE.format(label="y"))
    first = client.paused()["id"]
    assert first in there.next()["message"]
    notes.err.expect("told url 1")
    (sender,) = Path(f"/proc/{notes.pid}/task/{notes.pid}/children").read_text().split()
    os.kill(int(sender), signal.SIGKILL)
    client.call("Continue", "s", first)
    assert client.paused()["id"] in there.next()["message"]
    notes.err.expect("told url 1")
    assert there.all() == []


def test_without_a_place_for_what_was_told_it_says_so(lager: Command, configured: Callable[..., str]) -> None:
    done = lager(
        "notify", "--foreground", "--config", configured("json://127.0.0.1:9/"), XDG_STATE_HOME="/proc/nothing"
    )
    assert done.returncode == 1
    assert "lager: Cannot write /proc/nothing/lager/notify/told: " in done.stderr
