"""Random kills with outputs on: whatever is killed, and in whichever order, nothing stays on."""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from lager.errors import LagerError, Quarantined
from tests.bus.instruments.safe_bench import INSTRUMENTS, SafeBench
from tests.client import Client
from tests.processes import LAGER, Process, children
from tests.station import Station

HOLD = """
import signal, sys
from lager import Net
supply = Net.get("supply2", type="supply", wait=60)
supply.set_voltage(3.3)
supply.enable()
print("on", flush=True)
signal.pause()
"""


class Switched(threading.Thread):
    """Watches the supply itself until it is off."""

    def __init__(self, nets: SafeBench) -> None:
        super().__init__()
        self._nets, self._took = nets, 0.0

    def start(self) -> None:
        self._began = time.monotonic()
        super().start()

    def run(self) -> None:
        while self._nets.is_on():
            time.sleep(0.005)
        self._took = time.monotonic() - self._began

    def seconds(self) -> float:
        self.join()
        return self._took


class Kills:
    """One bench, and a script on it that is killed again and again."""

    def __init__(self, station: Station, nets: SafeBench, folder: Path, seed: int) -> None:
        self.station, self.nets, self.folder = station, nets, folder
        self.random, self.key = random.Random(seed), nets.key()
        self.off_after: list[float] = []  # where lagerd lived on
        self.off_after_start: list[float] = []  # where it was killed, too
        self.off_after_one: list[float] = []  # where one of the processes that switch off was killed as well
        self.off_after_all: list[float] = []  # where all of them were
        self.quarantined = 0
        self.order: list[tuple[float, str]] = []  # until off, and what was killed
        (folder / "hold.py").write_text(HOLD)

    def once(self) -> None:
        """Start a script, kill random processes, and check that the output is off before another process holds the
        instrument."""
        with contextlib.closing(self._script()) as script:
            script.out.expect("on\n")
            assert self.nets.is_on()
            pids = self._pids(script)
            text = self.nets.path.read_text()
            if fails := self.random.random() < 0.1:
                self.nets.path.write_text("")  # nothing says any more what is safe
            killed = self.random.sample(["script", "lager python", "lagerd"], self.random.randint(1, 3))
            off = Switched(self.nets)
            for name in [*killed, *([] if "script" in killed else ["script"])]:
                if name == "lagerd":
                    self.station.kill_lagerd()
                else:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pids[name], signal.SIGKILL)
                if name == "script":
                    off.start()
            lived = self.station.has_lagerd
            if not lived:
                self.station.start_lagerd()
            took = self.off_after if lived else self.off_after_start
            if not fails and (fate := self.random.random()) < 0.4:
                every = fate < 0.2
                self._kill_safe_process(every)
                killed.append("all safe processes" if every else "safe process")
                took = self.off_after_all if every else self.off_after_one
            client = Client(self.station.address)
            with contextlib.closing(client):
                if fails:
                    self._end_quarantine(client, text)
                    off.seconds()
                    return
                fd = client.do(self._claim(client), 90)
            assert not self.nets.is_on()
            took.append(off.seconds())
            self.order.append((off.seconds(), ", ".join(killed)))
            os.close(fd)

    def _end_quarantine(self, client: Client, text: str) -> None:
        with pytest.raises(Quarantined):
            os.close(client.do(self._claim(client), 90))
        self.quarantined += 1
        self.nets.path.write_text(text)
        self.nets.tell("psu1", ":OUTP CH1,OFF")
        client.call("Clear", "s", self.key, name=INSTRUMENTS)

    def _script(self) -> Process:
        command = [LAGER, "python", "hold.py"] if self.random.random() < 0.5 else [sys.executable, "hold.py"]
        return Process(command, self.station.env, self.folder)

    def _pids(self, script: Process) -> dict[str, int]:
        scripts = [
            pid
            for pid in children(script.pid)
            if Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1:2] == ["hold.py"]
        ]
        return {"lager python": script.pid, "script": scripts[0] if scripts else script.pid}

    def _kill_safe_process(self, every: bool) -> None:
        """Kill one of the processes that are kept ready, or all of them, and those that they have forked."""
        kept = children(self.station.lagerd.pid)
        for process in kept if every else kept and [self.random.choice(kept)]:
            for pid in (*children(process), process):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

    async def _claim(self, client: Client) -> int:
        details = {"net": "x", "name": "psu1", "wait": 80.0}
        got = await client.bus.call(
            INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", self.key, details, timeout=85.0
        )
        return int(got[0])


def kill(station: Station, nets: SafeBench, folder: Path, times: int, seed: int) -> Kills:
    kills = Kills(station, nets, folder, seed)
    for number in range(times):
        try:
            kills.once()
        except (AssertionError, LagerError) as error:
            raise AssertionError(f"kill {number} of seed {seed}: {error}") from error
    return kills


@pytest.mark.parametrize(("times", "seed"), [(3, 20), (6, 1)])
def test_nothing_stays_on_after_kills_at_random(
    own_station: Station, nets: SafeBench, tmp_path: Path, times: int, seed: int
) -> None:
    kill(own_station, nets, tmp_path, times, seed)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_nothing_stays_on_after_500_kills_at_random(own_station: Station, nets: SafeBench, tmp_path: Path) -> None:
    times = int(os.environ.get("KILLS", "500"))
    kills = kill(own_station, nets, tmp_path, times, seed=int(os.environ.get("SEED", "2")))
    for what, took in (
        ("lagerd lived", sorted(kills.off_after)),
        ("lagerd was killed, too", sorted(kills.off_after_start)),
        ("one process that switches off was killed as well", sorted(kills.off_after_one)),
        ("all processes that switch off were killed as well", sorted(kills.off_after_all)),
    ):
        if took:
            p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
            print(f"{len(took)} kills where {what}, until off: p50 {p50:.3f} s, p99 {p99:.3f} s")
    for seconds, killed in sorted(kills.order, reverse=True)[:5]:
        print(f"{seconds:.3f} s after {killed}")
    print(f"{kills.quarantined} ended in quarantine")
