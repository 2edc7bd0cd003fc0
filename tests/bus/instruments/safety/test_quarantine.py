"""What cannot be made safe is quarantined: no one can claim it until a person clears it."""

import contextlib
import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from lager.errors import Quarantined
from tests import documents
from tests.bus.instruments.safe_bench import INSTRUMENTS, SafeBench
from tests.bus.instruments.safety.holding import claim, listed, told, until_kept_ready
from tests.client import Client
from tests.fixtures import Command, TerminalStarter
from tests.processes import LAGER, Process, children
from tests.station import Station


def test_an_instrument_that_cannot_be_made_safe_is_quarantined_until_it_is_cleared(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, client: Client, lager: Command
) -> None:
    """Also after lagerd was killed and started again."""
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))  # so that it does not identify itself as this
    process.kill()
    details = told(client, "Quarantined", nets.key())
    assert "DP832" in details["reason"]
    assert nets.is_on()
    own_station.kill_lagerd()
    own_station.start_lagerd()
    for wait in (0.0, 30.0):
        with pytest.raises(Quarantined, match=r"psu1 may be energised: .*lager instruments clear psu1"):
            claim(client, nets.key(), wait=wait)
    nets.add(supply2='safe = "off"')
    refused = lager("supply", "supply2")
    assert refused.returncode == 1
    assert "psu1 may be energised" in refused.stderr
    assert [lease["quarantined"] for lease in listed(client)] == [True]
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)
    assert told(client, "Cleared", nets.key())["uid"] == os.getuid()
    assert listed(client) == []
    own_station.kill_lagerd()
    own_station.start_lagerd()
    os.close(claim(client, nets.key()))


@pytest.mark.slow
def test_a_process_that_is_stopped_while_it_makes_safe_ends_in_quarantine(
    own_station: Station, holder: Callable[..., Any], nets: SafeBench, bench: Process, client: Client
) -> None:
    process = holder()
    until_kept_ready(own_station)
    bench.kill(signal.SIGSTOP)  # so that the instrument does not answer
    process.kill()
    stopped: list[int] = []
    while not stopped:
        stopped = [worker for child in children(own_station.lagerd.pid) for worker in children(child)]
    stopped += children(own_station.lagerd.pid)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        own_station.kill_lagerd()
        bench.kill(signal.SIGCONT)
        own_station.start_lagerd()
        assert [lease["reason"] for lease in listed(client)] == ["is being made safe"]
        details = told(client, "Quarantined", nets.key())
        assert details["reason"] == "supply2: the process that makes this safe is stuck."
        with pytest.raises(Quarantined, match="may be energised: supply2: the process that makes this safe is stuck"):
            claim(client, nets.key(), wait=60.0)
        assert nets.is_on()
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.variant
def test_the_quarantined_come_first_in_the_list_and_are_cleared_by_name(
    holder: Callable[..., Any], nets: SafeBench, client: Client, lager: Command, terminal: TerminalStarter
) -> None:
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    shown = lager("instruments").stdout
    assert re.match(
        r"psu1 has been quarantined since \S+: it may be energised.*DP832.*\n.*lager instruments clear psu1\n", shown
    )
    refused = lager("instruments", "clear", "psu1")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    asked = terminal(LAGER, "instruments", "clear", "psu1")
    asked.expect("Is psu1 safe to use?")
    asked.type("n\n")
    assert asked.wait() == 1
    assert len(listed(client)) == 1
    asked = terminal(LAGER, "instruments", "clear", "psu1")
    asked.expect("Is psu1 safe to use?")
    asked.type("y\n")
    assert asked.wait() == 0
    assert listed(client) == []
    assert lager("instruments", "clear", "psu1", "--yes").returncode == 1


def test_the_documented_end_of_a_quarantine(
    holder: Callable[..., Any], nets: SafeBench, client: Client, lager: Command
) -> None:
    process = holder()
    nets.path.write_text(nets.path.read_text().replace("DP821", "DP832"))
    process.kill()
    told(client, "Quarantined", nets.key())
    documented = documents.steps("safety.md", "quarantine")
    assert len(documented) == 2
    for step in documented:
        done = lager(*step.command.split()[1:])
        step.check(done.returncode, done.stdout, done.stderr)
    assert listed(client) == []
