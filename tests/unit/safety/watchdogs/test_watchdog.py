"""A script arms the watchdog of its instrument before an output is on, and a safe state disarms it."""

import pytest

from lager.errors import InstrumentTimeout, Rejected
from lager.instruments.safety.safe_state import Here, after_crash, make_safe
from lagerd.bench.faults import Fault
from tests.unit.safety.watchdogs.simulated import SUPPLY, Clock, Simulated, get, supply_is_on


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


def test_a_net_is_safe_even_if_its_watchdog_stays_armed(simulated: Simulated) -> None:
    nets = simulated.nets(one=SUPPLY + 'deadman = 30\nsafe = "off"')
    simulated.psu.handle("OUTP:PROT:WDOG ON;:OUTP ON,(@1)")
    simulated.psu.watchdog.arm = lambda armed: None  # type: ignore[method-assign]
    crashed = after_crash(Here.on(nets.instruments["psu1"].key, nets), ["one"])
    assert list(make_safe(crashed, seconds=5)) == [("one", "", "output off")]
    assert simulated.psu.watchdog.armed
    assert not supply_is_on(simulated)


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
