"""While lagerd is not running, and from one lagerd to the next: no safe state is forgotten, and none is set twice."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.instruments.safe_bench import SafeBench
from tests.bus.instruments.safety.holding import HOLD, claim, listed, told, until_kept_ready
from tests.client import Client
from tests.fixtures import Starter
from tests.processes import children
from tests.station import Station


def test_a_script_that_dies_while_no_lagerd_runs_is_found_by_the_next_one(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    process = holder()
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def made_safe_without_lagerd(station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client) -> None:
    """A script is killed and its output goes off while lagerd is not running; the next lagerd has reported it."""
    process = holder()
    until_kept_ready(station)
    station.kill_lagerd()
    process.kill()
    while nets.is_on():
        time.sleep(0.01)
    station.start_lagerd()
    told(client, "MadeSafe", nets.key())


@pytest.mark.variant
def test_what_a_script_leaves_on_while_there_is_no_lagerd_is_off_at_once(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    made_safe_without_lagerd(own_station, holder, nets, client)  # and it is recorded
    os.close(claim(client, nets.key(), wait=60.0))


def test_what_is_switched_off_while_there_is_no_lagerd_is_a_change_of_the_pauses_of_others(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client, run: Starter
) -> None:
    run("import lager; lager.pause('look')")
    client.paused()
    made_safe_without_lagerd(own_station, holder, nets, client)
    (pause,) = client.list()
    (change,) = pause["changes"][-1:]
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)
    assert change["how"].startswith("safe state of script")


@pytest.mark.variant
def test_what_the_next_lagerd_makes_safe_is_a_change_of_the_pauses_that_return_to_it(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client, run: Starter
) -> None:
    run("import lager; lager.pause('look')")
    client.paused()
    process = holder()
    until_kept_ready(own_station)
    for child in children(own_station.lagerd.pid):
        os.kill(child, signal.SIGKILL)
    own_station.kill_lagerd()
    process.kill()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    (pause,) = client.list()
    (change,) = pause["changes"][-1:]
    assert (change["net"], change["what"], change["old"], change["new"]) == ("supply2", "output", True, False)


@pytest.mark.variant
def test_a_script_that_closed_its_net_leaves_it_on_whatever_happens_to_lagerd(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    process = holder(HOLD.replace("signal.pause()", "supply.close(); print('closed', flush=True); signal.pause()"))
    process.out.expect("closed")
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    own_station.start_lagerd()
    os.close(claim(client, nets.key(), wait=60.0))
    assert nets.is_on()


def test_a_claim_that_was_never_released_is_found_after_a_reboot(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    process = holder()
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    for lock in (own_station.folder / "lager/leases").iterdir():  # as /run is empty after a reboot
        lock.unlink()
    own_station.start_lagerd()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
    assert listed(client) == []  # so the record of the claim is gone, too
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert listed(client) == []


@pytest.mark.variant
def test_lagerd_is_killed_while_the_instrument_is_made_safe(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    process = holder()
    process.kill()
    client.expect("Released", lambda s: s.args[0] == nets.key())
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.close(claim(client, nets.key(), wait=60.0))
    assert not nets.is_on()
    assert listed(client) == []


def test_a_restart_of_lagerd_forgets_no_safe_state(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    process = holder()
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert [lease["safe"] for lease in listed(client)] == [["supply2"]]
    process.kill()
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()


def test_a_release_waits_for_the_next_lagerd(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client, tmp_path: Path
) -> None:
    closes = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.01)\nsupply.close()\n"
    process = holder(HOLD.replace("signal.pause()", closes))
    own_station.kill_lagerd()
    (tmp_path / "go").touch()
    own_station.start_lagerd()
    assert process.wait() == 0
    client.expect("Released", lambda s: s.args[:2] == [nets.key(), "released"])
    assert nets.is_on()
