"""Lends and returns, while lender, borrowers and lagerd are killed at random: never two users, never one lost."""

import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lager.errors import LagerError
from lager.nets import file
from lagerd.bench.bench import Bench
from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from lagerd.bench.transports.tcp import Peer
from tests.client import Client
from tests.processes import PATIENCE, Process
from tests.station import Station

INSTRUMENTS = "com.lager.Instruments"
LENDER = """
import lager, sys
while True:
    try:
        with lager.Net.get("out", type="supply", wait=120) as supply:
            supply.set_voltage(3.3)
            print("holds", flush=True)
            lager.pause("lend it", timeout=0)
            print("back", supply.state().net, flush=True)
    except lager.InstrumentBusy as error:
        print("back without it:", error, flush=True)
"""
BORROWER = """
import lager, random
while True:
    try:
        with lager.Net.get("out", type="supply", wait=120) as supply:
            for _ in range(random.randint(1, 20)):
                supply.voltage()
    except lager.LagerError as error:
        print(type(error).__name__, flush=True)
"""


class Users:
    """Which connection talks to the instrument. Two that take turns are two users."""

    def __init__(self) -> None:
        self.now: Peer | None = None
        self.before: set[Peer] = set()
        self.conflicts = 0

    def heard(self, peer: Peer) -> None:
        if peer is not self.now:
            if self.now is not None:
                self.before.add(self.now)
            self.now = peer
        self.conflicts += peer in self.before


class Lends:
    def __init__(self, station: Station, folder: Path, users: Users, seed: int) -> None:
        self.station, self.folder, self.users = station, folder, users
        self.random = random.Random(seed)
        self.key = file.load(station.env["LAGER_NETS"]).instruments["psu1"].key
        for name, text in (("lender.py", LENDER), ("borrower.py", BORROWER)):
            (folder / name).write_text(text)
        self.lender = self._start("lender.py")
        self.borrowers = [self._start("borrower.py") for _ in range(2)]
        self.lent = 0

    def once(self) -> None:
        with contextlib.closing(Client(self.station.address)) as client:
            self.lender.out.expect("holds\n", 150)
            pause = self._pause(client)
            if self._call(client, "Lend", "ssa{sv}", pause["id"], self.key, {}):
                self.lent += 1
            time.sleep(self.random.random() * 0.3)  # how far the others come is left to chance
            dead = False
            for deed in self.random.sample(
                ["lender", "borrower", "lagerd", "return", "continue"], self.random.randint(1, 3)
            ):
                if deed == "lender":
                    os.kill(pause["pid"], signal.SIGKILL)
                    dead = True
                elif deed == "borrower":
                    place = self.random.randrange(2)
                    self.borrowers[place].close()
                    self.borrowers[place] = self._start("borrower.py")
                elif deed == "lagerd":
                    self.station.kill_lagerd()
                    self.station.start_lagerd()
                elif not dead:
                    self._call(client, deed.title(), "s", self.key if deed == "return" else pause["id"])
            if dead:
                self.lender.close()
                self.lender = self._start("lender.py")
            else:
                self._call(client, "Continue", "s", pause["id"])
                self.lender.out.expect("back", PATIENCE)
            assert self.users.conflicts == 0

    def close(self) -> None:
        for process in (self.lender, *self.borrowers):
            process.close()

    def _pause(self, client: Client) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for pause in client.list():
                if pause["label"] == "lend it":
                    return pause
        raise AssertionError("the lender does not pause")

    def _call(self, client: Client, member: str, signature: str, *values: object) -> bool:
        name = {"Continue": "com.lager.Breakpoints"}.get(member, INSTRUMENTS)
        try:
            client.call(member, signature, *values, name=name, timeout=30)
        except LagerError:  # it came too early, too late, or to a lagerd that was killed
            return False
        return True

    def _start(self, script: str) -> Process:
        env = {**self.station.env, "LAGER_PROCESS_ID": "4f0c4a52-3a8e-4c62-a2c1-3b35a1c9c001"}
        return Process([sys.executable, script], env, self.folder)


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Users:
    found, received = Users(), Peer.data_received

    def data_received(peer: Peer, data: bytes) -> None:
        found.heard(peer)
        received(peer, data)

    monkeypatch.setattr(Peer, "data_received", data_received)
    return found


def lend(station: Station, folder: Path, users: Users, times: int, seed: int) -> Lends:
    bench = folder / "bench"
    bench.mkdir()
    with running(Bench({"psu1": DP821()}, [NetEntry("out", "supply", "psu1", 1)]), bench):
        nets = folder / "safe.toml"
        nets.write_text((bench / "nets.toml").read_text() + 'safe = "off"\n')
        station.env["LAGER_NETS"] = str(nets)
        with contextlib.closing(Lends(station, folder, users, seed)) as lends:
            for number in range(times):
                try:
                    lends.once()
                except (AssertionError, LagerError) as error:
                    raise AssertionError(f"lend {number} of seed {seed}: {error}") from error
            return lends


@pytest.mark.variant
@pytest.mark.parametrize(("times", "seed"), [(3, 11), (5, 1)])
def test_an_instrument_has_one_user_whoever_is_killed(
    own_station: Station, users: Users, tmp_path: Path, times: int, seed: int
) -> None:
    lend(own_station, tmp_path, users, times, seed)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_an_instrument_has_one_user_in_1000_lends(own_station: Station, users: Users, tmp_path: Path) -> None:
    times = int(os.environ.get("LENDS", "1000"))
    lends = lend(own_station, tmp_path, users, times, seed=int(os.environ.get("SEED", "2")))
    print(f"{lends.lent} lends in {times} rounds")
