"""An open net is asked as often as its `keepalive` says, until it is closed."""

import gc
import threading

import pytest

from lagerd.bench.faults import Fault
from tests.unit.safety.watchdogs.simulated import SUPPLY, Clock, Simulated, get


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
