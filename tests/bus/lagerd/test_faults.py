"""What the stress run has found, one test each: a full disk, a clock that steps, a lagerd that is ending."""

import asyncio
import fcntl
import os
import resource
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lager.bus.facade import Bus, owner_rule
from lager.errors import Failed, InstrumentBusy
from lagerd.breakpoints.interface import Breakpoints
from lagerd.breakpoints.table.kept_pauses import KeptPauses
from lagerd.breakpoints.table.pauses import from_details
from lagerd.callers.clients import Clients
from tests.client import NAME, Client
from tests.station import Station

INSTRUMENTS = "com.lager.Instruments"
CLOCK = str(Path(__file__).parents[2] / "stress" / "clock")


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """No file of the process may grow; for a process this is what a full disk is."""
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def claim(client: Client, **details: object) -> int:
    lock: int = client.call("Claim", "sa{sv}", "psu1", details, name=INSTRUMENTS)
    return lock


def test_a_claim_on_a_full_disk(own_station: Station, client: Client) -> None:
    with full_disk(own_station.lagerd.pid):
        with pytest.raises(
            Failed, match=r"^psu1 cannot be claimed: .* cannot be written \(File too large\)\. Free some space"
        ):
            claim(client)
        assert client.call("List", name=INSTRUMENTS) == []
        assert list((own_station.folder / "lager" / "leases").iterdir()) == []
    os.close(claim(client))


def test_a_waiting_claim_reports_a_full_disk(own_station: Station, client: Client) -> None:
    fd = claim(client)
    waiting = [client.start(client.bus.call(INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", "psu1",
                                            {"wait": 60.0})) for _ in range(2)]  # fmt: skip
    for _ in waiting:
        client.expect("Queued")
    with full_disk(own_station.lagerd.pid):
        os.close(fd)
        for one in waiting:
            with pytest.raises(Failed, match="cannot be claimed"):
                one.result(20)
    assert client.call("List", name=INSTRUMENTS) == []


def test_a_lease_that_outlived_a_lagerd_leaves_no_descriptor_behind(own_station: Station, client: Client) -> None:
    """The holder's connection is lost but its process is alive, so lagerd watches the process until the release."""
    folder = Path(f"/proc/{own_station.lagerd.pid}/fd")
    claim(client)
    client.call("List")  # after which the copy that was sent is closed
    before = len(list(folder.iterdir()))
    held = claim_from_another_connection(client, own_station)
    assert len(client.call("List", name=INSTRUMENTS)) == len(client.call("List", name=INSTRUMENTS)) == 2
    assert len(list(folder.iterdir())) > before
    os.close(held)
    assert client.expect("Released", lambda s: s.args[0] == "psu2").args[1] == "gone"
    client.call("List")
    assert len(list(folder.iterdir())) == before


def claim_from_another_connection(client: Client, station: Station) -> int:
    """The lease of a connection that has ended."""

    async def take() -> int:
        bus = await Bus.connect(station.address)
        fd = (await bus.call(INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", "psu2", {}))[0]
        await client.bus.add_match(owner_rule(bus.name))
        bus.close()
        return int(fd)

    fd = int(client.do(take()))
    client.expect("NameOwnerChanged")
    return fd


def test_the_log_has_the_duration_of_a_pause_after_a_clock_step(tmp_path: Path, own_station: Station) -> None:
    shift = tmp_path / "shift"
    shift.write_bytes(struct.pack("d", 0))
    own_station.kill_lagerd()
    own_station.env |= {"PYTHONPATH": CLOCK, "STRESS_CLOCK": str(shift)}
    lagerd = own_station.start_lagerd()
    client = Client(own_station.address)
    try:
        answer = client.start(client.bus.call(NAME, "/com/lager/Breakpoints", "Pause", "a{sv}", {"id": "0123abcd"}))
        client.paused()
        with shift.open("r+b") as file:
            file.write(struct.pack("d", -3600.0))
        client.call("Continue", "s", "0123abcd")
        assert answer.result(20) == ["continued"]
    finally:
        client.close()
    assert float(lagerd.err.expect(" s: continued").rpartition("after ")[2].removesuffix(" s: continued")) < 60


def test_a_deadline_after_the_bus_was_left_ends_nothing(own_station: Station) -> None:
    async def recorded() -> list[str]:
        bus = await Bus.connect(own_station.address)
        breakpoints = Breakpoints(bus, Clients(bus), KeptPauses(own_station.folder / "kept"))
        ends: list[str] = []
        breakpoints.hooks.record = lambda what, *_: ends.append(what)
        details = {"id": "0123abcd", "timeout": 0.01}
        pause = from_details(details, owner=":1.1", uid=0, user="", pid=1, default=1.0)
        breakpoints.pauses.add(pause)
        bus.close()
        ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.02, ended.set_result, None)
        await ended
        return ends

    assert asyncio.run(recorded()) == []


def test_a_stop_signals_no_timeout_twice(own_station: Station, client: Client) -> None:
    """Pauses end at every moment around the stop; each end in the log also had its signal."""
    lagerd = own_station.lagerd
    for n in range(60):
        details = {"id": f"{n:08x}", "timeout": 0.2 + n / 1000}
        client.start(client.bus.call(NAME, "/com/lager/Breakpoints", "Pause", "a{sv}", details, timeout=None))
    client.expect("Resumed", lambda s: s.args[0] == f"{20:08x}")
    lagerd.kill(signal.SIGTERM)
    assert lagerd.wait() == 0
    log = lagerd.err.rest()
    client.expect("NameOwnerChanged", lambda s: s.args[2] == "")
    told = sum(signal.member == "Resumed" for signal in client.passed) + 1
    assert log.count("resumed automatically") == told
    assert "Traceback" not in log
    assert "Warning" not in log


def test_a_release_that_comes_late_takes_nothing_from_the_next_holder(client: Client, own_station: Station) -> None:
    """Another caller saw that it was free before its holder released it; the next lease is of the same connection."""
    first = claim(client)
    again = client.start(client.bus.call(INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", "psu1",
                                         {"wait": 60.0}))  # fmt: skip
    client.expect("Queued")
    fcntl.flock(first, fcntl.LOCK_UN)
    with pytest.raises(InstrumentBusy):
        claim(client)
    second = again.result(20)[0]
    client.call("Release", "s", "psu1", name=INSTRUMENTS)
    assert len(client.call("List", name=INSTRUMENTS)) == 1
    fcntl.flock(second, fcntl.LOCK_UN)
    client.call("Release", "s", "psu1", name=INSTRUMENTS)
    assert client.call("List", name=INSTRUMENTS) == []
    for fd in (first, second):
        os.close(fd)


def test_a_late_release_is_accepted(client: Client, own_station: Station) -> None:
    """Another caller holds it by now, and no call is denied."""
    first = claim(client)
    fcntl.flock(first, fcntl.LOCK_UN)
    other = Client(own_station.address)
    try:
        held = claim(other)
        client.call("Release", "s", "psu1", name=INSTRUMENTS)
        assert len(client.call("List", name=INSTRUMENTS)) == 1
    finally:
        other.close()
    os.close(held)
    os.close(first)
