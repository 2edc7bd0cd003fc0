"""The watchdog of a T7 sets the safe state of each guarded net."""

import contextlib
from typing import Any

import pytest

from lager.drivers.replay import bench
from lager.errors import Rejected
from lager.instruments.drivers.data_acquisition.labjack_t7 import set_watchdog
from tests.unit.safety.watchdogs.simulated import Clock, Simulated, get

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
