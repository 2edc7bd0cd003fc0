"""`keepalive` and `deadman` of a net: what they may say, and what they do on simulated instruments."""

import contextlib
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench
from lager.errors import InstrumentTimeout, NetsFileError, Rejected
from lager.instruments import upkeep
from lager.instruments.drivers.data_acquisition.labjack_t7 import set_watchdog
from lager.instruments.net import Net
from lager.instruments.safety.safe_state import Here, after_crash, make_safe
from lager.nets import file
from lager.nets.model import NetConfig, Nets
from lagerd.bench.bench import Bench
from lagerd.bench.faults import Fault
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.thread import running

_BENCH = """
[instruments.psu1]
model = "E36312A"
address = "TCPIP::10.0.0.1::INSTR"
[instruments.psu2]
model = "DP821"
address = "TCPIP::10.0.0.2::INSTR"
[instruments.daq1]
model = "T7"
address = "10.0.0.3"
[instruments.port1]
address = "/dev/ttyUSB0"
"""
SUPPLY = 'type = "supply"\ninstrument = "psu1"\nchannel = 1\n'


def only(net: str) -> NetConfig:
    return file.parse(f"{_BENCH}[nets.out]\n{net}\n").net("out")


@pytest.mark.parametrize(
    ("lines", "keepalive", "deadman"),
    [
        ("keepalive = 20", 20, 0),
        ("keepalive = 1.5", 1.5, 0),
        ("deadman = 30", 10, 30),
        ("deadman = 30\nkeepalive = 5", 5, 30),
        ("", 0, 0),
    ],
)
def test_a_deadman_implies_a_keepalive_of_a_third(lines: str, keepalive: float, deadman: int) -> None:
    net = only(SUPPLY + lines)
    assert (net.keepalive, net.deadman) == (keepalive, deadman)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (SUPPLY + "keepalive = 0.5", r"nets\.out\.keepalive: should be 1 to 3600 seconds, not 0\.5"),
        (SUPPLY + "keepalive = true", r"keepalive: should be 1 to 3600 seconds, not True"),
        (SUPPLY + 'keepalive = "20"', r"keepalive: should be 1 to 3600 seconds, not '20'"),
        (SUPPLY + "keepalive = nan", r"keepalive: should be 1 to 3600 seconds"),
        (SUPPLY + "deadman = 30\nkeepalive = 20", r"keepalive: should be at most 10, a third of deadman, not 20"),
        (SUPPLY + "deadman = 2", r"deadman: should be a whole number of seconds from 3 to 3600, not 2"),
        (SUPPLY + "deadman = 30.5", r"deadman: should be a whole number of seconds"),
        (SUPPLY + "deadman = true", r"deadman: should be a whole number of seconds"),
        (
            'type = "supply"\ninstrument = "psu2"\nchannel = 1\ndeadman = 30',
            r"deadman: a DP821 has no watchdog of its own; models that have one: E36312A, T7",
        ),
        (
            'type = "adc"\ninstrument = "daq1"\nchannel = 0\ndeadman = 30',
            r"deadman: a net of type adc has no output to be switched off",
        ),
        (
            'type = "uart"\ninstrument = "port1"\nkeepalive = 30',
            r"keepalive: no query is harmless for every device",
        ),
        ('type = "uart"\ninstrument = "port1"\ndeadman = 30', r"deadman: a serial has no watchdog of its own"),
    ],
)
def test_a_mistake_in_a_watchdog_rejects_the_file(net: str, said: str) -> None:
    with pytest.raises(NetsFileError, match=said):
        only(net)


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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(upkeep, "wait", clock.wait)
    return clock


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


@pytest.fixture
def simulated(tmp_path: Path, clock: Clock) -> Iterator[Simulated]:
    found = Simulated(tmp_path, clock)
    with running(found.bench, tmp_path):
        yield found


def get(nets: Nets, name: str, **options: Any) -> Any:
    return Net.get(name, nets.net(name).type, nets=nets, claim=Leases(), **options)


def alive() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lager-keepalive"]


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(10)
    return not any(thread.is_alive() for thread in threads)


def test_an_open_net_is_asked_as_often_as_the_file_says(simulated: Simulated, clock: Clock) -> None:
    nets = simulated.nets(out=SUPPLY + "keepalive = 20")
    asked: list[float] = []
    handle = simulated.psu.handle

    def noted(message: str) -> str | None:
        asked.append(clock.now)
        return handle(message)

    with get(nets, "out") as supply:
        simulated.psu.handle = noted  # type: ignore[method-assign]
        clock.sleepers_expected = True
        clock.go_on(1800)
        assert asked == [20.0 * number for number in range(1, 91)]
        assert not simulated.psu.watchdog.armed
        assert supply.state().voltage_set == 0


def test_nothing_wakes_up_without_a_keepalive(simulated: Simulated) -> None:
    with get(simulated.nets(out=SUPPLY), "out"):
        assert not alive()


@pytest.mark.parametrize("how", ["close", "delete", "crash"])
def test_a_keepalive_ends_with_the_net(how: str, simulated: Simulated) -> None:
    from lager.instruments import holdings

    supply = get(simulated.nets(out=SUPPLY + "keepalive = 20"), "out")
    (thread,) = alive()
    if how == "close":
        supply.close()
    elif how == "crash":
        holding = holdings.held(supply.config.instrument.key)
        assert holding is not None
        holding.crash()
    del supply
    gc.collect()
    assert ended([thread])


def test_of_several_nets_the_shortest_keepalive_counts(simulated: Simulated) -> None:
    nets = simulated.nets(one=SUPPLY + "keepalive = 20", two=SUPPLY.replace("= 1", "= 2") + "keepalive = 5")
    with get(nets, "one", share=True) as one:
        first = alive()
        with get(nets, "two", share=True):
            assert ended(first)
            second = alive()
            assert len(second) == 1
        assert ended(second)
        assert len(alive()) == 1
        assert one.voltage() == 0
    assert ended(alive())


def test_a_keepalive_never_asks_while_an_exchange_is_under_way(simulated: Simulated, clock: Clock) -> None:
    asked: list[float] = []
    with get(simulated.nets(out=SUPPLY + "keepalive = 20"), "out") as supply:
        handle = simulated.psu.handle

        def noted(message: str) -> str | None:
            asked.append(clock.now)
            return handle(message)

        simulated.psu.handle = noted  # type: ignore[method-assign]
        clock.sleepers_expected = True
        with supply.session.exchange():
            clock.go_on(25)
            assert asked == []
        clock.go_on(1)
        assert asked == [26]
        clock.go_on(20)
        assert asked == [26, 46]


def test_a_keepalive_that_fails_says_so_once_and_the_net_works_again(
    simulated: Simulated, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with get(simulated.impatient(out=SUPPLY + "keepalive = 20"), "out") as supply:
        supply.set_voltage(3)
        simulated.psu.faults.inject(Fault.CUT, count=4)
        clock.sleepers_expected = True
        clock.go_on(200)
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert said[0].startswith("lager: the keepalive of psu1 failed: The connection to psu1 ")
        assert supply.voltage() == 0


def test_a_script_arms_the_watchdog_before_its_output_is_on(simulated: Simulated, clock: Clock) -> None:
    with get(simulated.nets(out=SUPPLY + "deadman = 30"), "out") as supply:
        supply.set_voltage(3)
        assert not simulated.psu.watchdog.armed
        supply.enable()
        assert (simulated.psu.watchdog.armed, simulated.psu.watchdog.seconds) == (True, 30)
        clock.sleepers_expected = True
        clock.go_on(1800)
        assert simulated.psu.outputs[0].on
    assert not simulated.psu.watchdog.armed
    clock.sleepers_expected = False
    clock.go_on(1800)
    assert supply_is_on(simulated)


def supply_is_on(simulated: Simulated) -> bool:
    simulated.psu.settle()
    return simulated.psu.outputs[0].on


def test_a_command_disarms_what_a_dead_script_has_armed(
    simulated: Simulated, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.psu.handle("OUTP:PROT:WDOG ON")
    monkeypatch.setattr("sys.argv", ["/usr/bin/lager", "supply"])
    with get(simulated.nets(out=SUPPLY + "deadman = 30"), "out") as supply:
        supply.enable()
    clock.go_on(600)
    assert supply_is_on(simulated)
    assert not simulated.psu.watchdog.armed


def test_a_net_without_deadman_leaves_the_watchdog_alone(simulated: Simulated) -> None:
    simulated.psu.handle("OUTP:PROT:WDOG ON")
    with get(simulated.nets(out=SUPPLY), "out") as supply:
        supply.enable()
    assert simulated.psu.watchdog.armed


def test_a_watchdog_that_does_not_take_its_setting_keeps_the_output_off(simulated: Simulated) -> None:
    simulated.psu.watchdog.arm = lambda armed: None  # type: ignore[method-assign]
    with get(simulated.nets(out=SUPPLY + "deadman = 30"), "out") as supply:
        with pytest.raises(Rejected, match=r"watchdog of psu1 .* reads back off instead of 30"):
            supply.enable()
        assert not supply_is_on(simulated)


def test_after_a_crash_the_outputs_that_a_watchdog_guards_go_off_and_a_clear_resets_it(
    simulated: Simulated, clock: Clock
) -> None:
    from lager.instruments import holdings

    nets = simulated.nets(out=SUPPLY + "deadman = 30")
    supply = get(nets, "out")
    supply.enable()
    holding = holdings.held(supply.config.instrument.key)
    assert holding is not None
    holding.crash()
    supply.close()
    clock.go_on(30)
    assert supply_is_on(simulated)
    clock.go_on(1)
    assert not supply_is_on(simulated)
    with get(nets, "out") as again:
        with pytest.raises(Rejected, match=r"its watchdog has probably tripped.*lager supply out clear"):
            again.enable()
        again.clear()
        again.enable()
        assert supply_is_on(simulated)


@pytest.mark.parametrize("deadman", ["deadman = 30", ""], ids=["guarded", "beside a guarded net"])
def test_a_command_that_resets_what_the_watchdog_latched_has_no_hurry(
    deadman: str, simulated: Simulated, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/lager", "supply"])
    nets = simulated.nets(out=SUPPLY + deadman, other=SUPPLY.replace("= 1", "= 2") + "deadman = 30")
    simulated.psu.handle("OUTP:PROT:WDOG:DEL 30;:OUTP:PROT:WDOG ON;:OUTP ON,(@1)")
    clock.go_on(31)
    for use in ("clear", "enable"):
        with get(nets, "out") as supply:
            getattr(supply, use)()
        clock.go_on(600)
    assert supply_is_on(simulated)


def test_a_safe_state_disarms_the_watchdog_once_everything_that_it_guards_is_safe(simulated: Simulated) -> None:
    nets = simulated.nets(
        one=SUPPLY + 'deadman = 30\nsafe = "off"', two=SUPPLY.replace("= 1", "= 2") + 'deadman = 30\nsafe = "off"'
    )
    here = Here.on(nets.instruments["psu1"].key, nets)
    for names, armed in ((["one"], True), (["one", "two"], False)):
        simulated.psu.handle("OUTP:PROT:WDOG ON;:OUTP ON,(@1,2)")
        done = list(make_safe(after_crash(here, names), seconds=5))
        assert done == [(name, "", "output off") for name in names]
        assert simulated.psu.watchdog.armed is armed


def test_a_net_is_safe_also_if_its_watchdog_stays_armed(simulated: Simulated) -> None:
    nets = simulated.nets(one=SUPPLY + 'deadman = 30\nsafe = "off"')
    simulated.psu.handle("OUTP:PROT:WDOG ON;:OUTP ON,(@1)")
    simulated.psu.watchdog.arm = lambda armed: None  # type: ignore[method-assign]
    crashed = after_crash(Here.on(nets.instruments["psu1"].key, nets), ["one"])
    assert list(make_safe(crashed, seconds=5)) == [("one", "", "output off")]
    assert simulated.psu.watchdog.armed
    assert not supply_is_on(simulated)


DAC = 'type = "dac"\ninstrument = "daq1"\nchannel = 1\n'
LINE = 'type = "gpio"\ninstrument = "daq1"\nchannel = 3\n'


def test_a_t7_sets_its_guarded_outputs_safe_when_nobody_talks_to_it(simulated: Simulated, clock: Clock) -> None:
    nets = simulated.nets(
        volts=DAC + "deadman = 30\nsafe = {voltage = 0.5}",
        line=LINE + "deadman = 60",
        held=LINE.replace("3", "4") + 'deadman = 90\nsafe = "release"',
        free=LINE.replace("3", "5"),
    )
    opened = {name: get(nets, name) for name in nets.nets}
    assert opened["volts"].output(2) == pytest.approx(2, abs=0.002)
    assert [opened[name].output(1) for name in ("line", "held", "free")] == [1, 1, 1]
    assert (simulated.daq.watchdog.armed, simulated.daq.watchdog.seconds) == (True, 30)
    clock.sleepers_expected = True
    clock.go_on(600)
    assert simulated.daq.dacs[1] == pytest.approx(2, abs=0.002)
    from lager.instruments import holdings

    holding = holdings.held(nets.instruments["daq1"].key)
    assert holding is not None
    holding.upkeep.stop()
    clock.sleepers_expected = False
    clock.go_on(31)
    simulated.daq.run_out()
    assert simulated.daq.dacs[1] == pytest.approx(0.5, abs=0.002)
    lines = simulated.daq.lines
    assert [(lines[n].output, lines[n].level) for n in (3, 4, 5)] == [(True, False), (False, True), (True, True)]
    for net in opened.values():
        net.close()


def test_a_t7_is_disarmed_with_its_last_guarded_net_and_is_written_only_where_it_differs(simulated: Simulated) -> None:
    nets = simulated.nets(volts=DAC + "deadman = 30")
    written: list[int] = []
    write = simulated.daq.write

    def noted(address: int, words: list[int]) -> None:
        written.append(address)
        write(address, words)

    simulated.daq.write = noted  # type: ignore[method-assign]
    for armed in (False, True):
        with get(nets, "volts") as dac:
            for volts in (1, 2, 3):
                dac.output(volts)
            assert simulated.daq.watchdog.armed
        assert not simulated.daq.watchdog.armed
        settings = [place for place in written if 61600 < place < 61700]
        assert settings == ([] if armed else [61604, 61636, 61650])
        assert written.count(61600) == 2
        written.clear()


def test_an_instrument_that_is_silent_does_not_keep_a_net_from_closing(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = simulated.impatient(out=SUPPLY + "deadman = 30")
    supply = get(nets, "out")
    supply.enable()
    simulated.psu.faults.inject(Fault.NO_ANSWER, count=100)
    supply.close()
    assert "lager: the watchdog of psu1 is still armed: psu1" in capsys.readouterr().err
    with pytest.raises(InstrumentTimeout):
        get(nets, "out")


class Memory:
    """The registers of a T7 that keeps what is written, but for those that it does not take."""

    instrument = "daq1"

    def __init__(self, takes_none: int = 0) -> None:
        self.kept: dict[int, float] = {}
        self.written: list[tuple[int, str, float]] = []
        self._takes_none = takes_none

    def exchange(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def read(self, place: int, kind: str) -> float:
        return self.kept.get(place, 0)

    def write(self, place: int, kind: str, value: float) -> None:
        self.written.append((place, kind, value))
        if place != self._takes_none:
            self.kept[place] = value


def guarded_nets() -> list[Any]:
    nets = bench(
        "T7", "h", volts="type = 'dac'\nchannel = 1\ndeadman = 30\nsafe = {voltage = 0.5}",
        line="type = 'gpio'\nchannel = 2\ndeadman = 20\nsafe = {level = 1}",
        low="type = 'gpio'\nchannel = 0\ndeadman = 60",
        held="type = 'gpio'\nchannel = 4\ndeadman = 90\nsafe = 'release'",
    )  # fmt: skip
    return list(nets.nets.values())


def test_a_t7_gets_the_safe_state_of_each_guarded_net_in_its_registers() -> None:
    memory: Any = Memory()
    memory.kept[61620] = 1
    set_watchdog(memory, guarded_nets())
    assert memory.kept == {
        61600: 1, 61604: 20, 61620: 0, 61630: True, 61632: 0b100, 61634: 0b101, 61636: 0x7FFFFF & ~0b1_0101,
        61650: True, 61652: 0.5,
    }  # fmt: skip
    assert memory.written[-1] == (61600, "I", 1)
    memory.written.clear()
    set_watchdog(memory, guarded_nets())
    assert memory.written == []
    memory.kept[61604] = 30
    set_watchdog(memory, guarded_nets())
    assert memory.written == [(61600, "I", 0), (61604, "I", 20), (61600, "I", 1)]
    memory.written.clear()
    set_watchdog(memory, [])
    set_watchdog(memory, [])
    assert memory.written == [(61600, "I", 0)]
    set_watchdog(memory, guarded_nets()[:1])
    assert (memory.kept[61630], memory.kept[61636]) == (False, 0x7FFFFF)


def test_a_t7_that_does_not_take_its_watchdog_is_named_with_the_register() -> None:
    for place in (61600, 61604, 61652):
        memory: Any = Memory(takes_none=place)
        with pytest.raises(Rejected, match=rf"daq1 did not accept .*\(registers \[{place}\]\)"):
            set_watchdog(memory, guarded_nets())
    memory = Memory(takes_none=61600)
    memory.kept[61600] = 1
    with pytest.raises(Rejected, match="61600"):
        set_watchdog(memory, [])
