"""A simulated bench whose instruments have a watchdog, on a clock that a test moves on."""

import threading
from pathlib import Path
from typing import Any

from lager.drivers.replay import Leases
from lager.instruments.net import Net
from lager.nets import file
from lager.nets.model import Nets
from lagerd.bench.bench import Bench
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.supplies.keysight_e36300 import E36312A

SUPPLY = 'type = "supply"\ninstrument = "psu1"\nchannel = 1\n'


class Clock:
    """The time of a simulated bench, and of what waits for it in this process. A test moves it on."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self.sleepers: list[float] = []

    def time(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """In place of Event.wait: return True once the event is set, False after these seconds of this clock."""
        with self._changed:
            until = self.now + seconds
            self.sleepers.append(until)
            self._changed.notify_all()
            while not event.is_set() and self.now < until:
                self._changed.wait(0.002)  # the event has no part in this condition
            self.sleepers.remove(until)
            self._changed.notify_all()
            return event.is_set()

    def go_on(self, seconds: float) -> None:
        """Move on in the steps of whatever waits, each of which has done its work before the next one."""
        ends = self.now + seconds
        with self._changed:
            while self.now < ends:
                due = min([*self.sleepers, ends])
                self.now = min(max(due, self.now), ends)
                self._changed.notify_all()
                if not self._changed.wait_for(lambda: all(until > self.now for until in self.sleepers), 10):
                    raise AssertionError("a keepalive that is due does not ask")
                if self.sleepers_expected and not self._changed.wait_for(lambda: self.sleepers, 10):
                    raise AssertionError("a keepalive does not wait again")

    sleepers_expected = False


class Simulated:
    """A bench with an E36312A and a T7 on the clock of the test."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.psu = E36312A(clock.time)
        self.daq = T7(clock=clock.time)
        self.bench = Bench({"psu1": self.psu, "daq1": self.daq})
        self.folder = folder

    def nets(self, **nets: str) -> Nets:
        text = (self.folder / "nets.toml").read_text()
        text += "".join(f"\n[nets.{name}]\n{lines}\n" for name, lines in nets.items())
        return file.parse(text)

    def impatient(self, **nets: str) -> Nets:
        """The nets on a supply that is given little time for an answer."""
        path = self.folder / "nets.toml"
        path.write_text(path.read_text().replace('model = "E36312A"\n', 'model = "E36312A"\ntimeout = 0.2\n'))
        return self.nets(**nets)


def get(nets: Nets, name: str, **options: Any) -> Any:
    return Net.get(name, nets.net(name).type, nets=nets, claim=Leases(), **options)


def supply_is_on(simulated: Simulated) -> bool:
    simulated.psu.settle()
    return simulated.psu.outputs[0].on
