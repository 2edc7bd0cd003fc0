"""Limits, loads and protections end to end: the drivers on the simulated bench, and what its wires then carry."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases
from lager.errors import InstrumentError, InvalidArgument, LimitExceeded, Rejected
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lagerd.bench.bench import Bench
from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.physics.circuit import Output, Protection, resistor
from lagerd.bench.thread import running

Opener = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Serves an instrument and opens one net on it, of these further lines of the nets file."""
    with ExitStack() as stack:

        def open_net(device: Any, type: str, lines: str = "") -> Any:
            stack.enter_context(running(Bench({"it": device}, []), tmp_path))
            table = f'[nets.net]\ninstrument = "it"\ntype = "{type}"\n{lines}\n'
            nets = nets_file.parse((tmp_path / "nets.toml").read_text() + table)
            net = Net.get("net", nets.net("net").type, nets=nets, claim=Leases())
            stack.callback(net.close)
            return net

        yield open_net


SUPPLIES: dict[str, tuple[Callable[[], Any], Callable[[Any], Output], str]] = {
    "DP821": (DP821, lambda device: device.outputs[0], "channel = 1"),
    "E36312A": (E36312A, lambda device: device.outputs[0], "channel = 1"),
    "2281S": (Keithley2281S, lambda device: device.output, ""),
    "2200": (Keithley2200, lambda device: device.output, ""),
}


@pytest.mark.parametrize("model", SUPPLIES)
def test_resetting_a_tripped_protection_leaves_the_output_off(opened: Opener, model: str) -> None:
    make, terminals, lines = SUPPLIES[model]
    device = make()
    output = terminals(device)
    output.loads.append(resistor(10))
    supply = opened(device, "supply", lines)
    supply.set_ovp(4)
    supply.set_voltage(3)
    supply.set_current(1)
    supply.enable()
    supply.set_voltage(5)
    assert supply.state().ovp_tripped
    assert not output.on
    with pytest.raises(Rejected) as refused:
        supply.enable()
    assert refused.value.what == "net: OVP tripped at 4 V, so the output stays off."
    assert refused.value.hint == "Remove the cause, then type: lager supply net clear"
    supply.set_voltage(3)
    supply.clear()
    state = supply.state()
    assert (state.ovp_tripped, state.enabled, output.on) == (False, False, False)
    supply.enable()
    assert output.on


@pytest.mark.parametrize("model", SUPPLIES)
def test_a_reset_where_nothing_has_tripped_leaves_an_output_on(opened: Opener, model: str) -> None:
    make, terminals, lines = SUPPLIES[model]
    device = make()
    supply = opened(device, "supply", lines)
    supply.set_voltage(3)
    supply.enable()
    supply.clear()
    assert terminals(device).on


def test_an_over_current_is_reset_with_the_output_off(opened: Opener) -> None:
    device = E36312A()
    device.outputs[0].loads.append(resistor(10))
    supply = opened(device, "supply", "channel = 1")
    supply.set_voltage(5)
    supply.set_current(0.1)
    supply.set_ocp(0.1)
    with pytest.raises(Rejected):
        supply.enable()
    supply.clear_ocp()
    assert not device.outputs[0].on
    assert not supply.state().ocp_tripped


def battery(opened: Opener, lines: str = "") -> tuple[Keithley2281S, Any]:
    device = Keithley2281S(lambda: 0.0)
    device.output.loads.append(resistor(100))
    return device, opened(device, "battery", lines)


def test_a_running_battery_is_not_charged_past_its_limit(opened: Opener) -> None:
    device, net = battery(opened, "max_voltage = 4.0")
    net.soc(50)
    net.enable()
    for percent in (100, 51):
        with pytest.raises(LimitExceeded, match=r"may exceed its limit of 4 V.*Disable the output first"):
            net.soc(percent)
    assert (net.soc(), net.state().tripped) == (50, None)
    assert net.soc(20) == 20
    assert device.output.point.volts < 4.0


def test_a_running_battery_is_charged_where_no_charge_is_over_its_limit(opened: Opener) -> None:
    _, net = battery(opened, "max_voltage = 4.2")
    net.soc(50)
    net.enable()
    assert net.soc(100) == 100
    assert net.state().enabled


def test_a_battery_that_is_off_keeps_its_charge_when_the_new_one_is_over_the_limit(opened: Opener) -> None:
    _, net = battery(opened, "max_voltage = 4.0")
    net.soc(60)
    with pytest.raises(LimitExceeded, match=r"4\.2 V is over its limit of 4 V"):
        net.soc(100)
    assert net.soc() == 60
    assert net.soc(70) == 70


def test_a_battery_that_has_tripped_says_so_until_it_is_reset(opened: Opener) -> None:
    device, net = battery(opened)
    net.soc(10)
    device.cell.ovp = 4.0
    net.enable()
    with pytest.raises(Rejected, match="net: OVP tripped at 4 V, and the output is off"):
        net.soc(100)
    state = net.state()
    assert (state.tripped, state.enabled) == ("OVP", False)
    assert "output           off, OVP TRIPPED" in str(state)
    for act in (lambda: net.voc(3.5), lambda: net.mode("static"), lambda: net.capacity(1), net.enable):
        with pytest.raises(Rejected, match="clear"):
            act()
    net.clear()
    assert (net.state().tripped, net.state().enabled) == (None, False)
    assert net.soc(10) == 10
    net.enable()
    assert device.output.on


def test_a_reset_of_a_battery_that_has_not_tripped_leaves_it_on(opened: Opener) -> None:
    device, net = battery(opened)
    net.enable()
    net.clear()
    assert device.output.on


class Wired:
    """A DL3021 across a supply of this voltage and current."""

    def __init__(self, volts: float, amperes: float) -> None:
        self.load = DL3021()
        self.source = Output(volts, amperes, Protection(99), Protection(99), loads=[self.load.draw], on=True)
        self.load.terminal = lambda: self.source.point.volts
        self.load.changed = self.settle
        self.most = 0.0, 0.0, 0.0

    def settle(self) -> None:
        self.source.settle()
        if self.load.trips():
            self.source.settle()
        point = self.source.point
        drawn = (point.volts if self.load.on else 0.0), point.amps, point.watts
        self.most = max(self.most[0], drawn[0]), max(self.most[1], drawn[1]), max(self.most[2], drawn[2])


ASKED = [("current", 3.0), ("voltage", 1.0), ("resistance", 0.5), ("power", 20.0)]


@pytest.mark.parametrize(("method", "level"), ASKED)
@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ("max_current = 0.1", (99, 0.1, 99)),
        ("max_voltage = 4", (4, 99, 99)),
        ("max_power = 3", (99, 99, 3)),
        ("max_voltage = 20\nmax_power = 3", (20, 99, 3)),
        ("max_voltage = 9\nmax_current = 2\nmax_power = 5", (9, 2, 5)),
    ],
)
def test_no_mode_of_a_load_draws_more_than_any_limit(
    opened: Opener, limits: str, most: tuple[float, float, float], method: str, level: float
) -> None:
    wired = Wired(8, 10)
    load = opened(wired.load, "eload", limits)
    with suppress(LimitExceeded, Rejected):
        getattr(load, method)(level)
        load.enable()
    assert all(drawn <= limit * 1.001 for drawn, limit in zip(wired.most, most, strict=True)), wired.most


@pytest.mark.parametrize(
    ("method", "level", "drawn"),
    [("current", 3.0, (2, 3)), ("voltage", 1.0, (1.16, 4)), ("resistance", 0.8, (2, 2.5)), ("power", 5.0, (2, 2.5))],
)
def test_a_level_that_is_within_the_limits_is_drawn(
    opened: Opener, method: str, level: float, drawn: tuple[float, float]
) -> None:
    wired = Wired(2, 4)
    load = opened(wired.load, "eload", "max_voltage = 10\nmax_current = 10\nmax_power = 50")
    getattr(load, method)(level)
    load.enable()
    assert (load.state().voltage, load.state().current) == pytest.approx(drawn, rel=1e-3)


def test_setting_a_level_selects_its_mode_and_never_draws_the_old_level(opened: Opener) -> None:
    wired = Wired(5, 10)
    load = opened(wired.load, "eload")
    wired.load.handle(":SOUR:RES:LEV:IMM 0.1;:SOUR:POW:LEV:IMM 40")
    load.current(0.2)
    load.enable()
    assert load.resistance(50) == 50
    assert load.mode() == "CR"
    assert load.power(0.5) == 0.5
    assert load.state().mode == "CP"
    assert wired.most[1] == pytest.approx(0.2)


def test_a_limit_of_the_power_is_never_passed_while_the_level_moves(opened: Opener) -> None:
    wired = Wired(5, 10)
    load = opened(wired.load, "eload", "max_power = 10")
    load.current(0.5)
    load.enable()
    for amperes in (2, 0.5, 1.9, 1):
        load.current(amperes)
        assert load.state().power == pytest.approx(5 * amperes)
    load.current(2.5)
    assert not load.state().enabled
    assert wired.most[2] <= 10.001


def test_what_the_front_panel_changed_is_bounded_when_the_input_is_turned_on(opened: Opener) -> None:
    wired = Wired(8, 10)
    load = opened(wired.load, "eload", "max_current = 0.1")
    load.current(0.05)
    wired.load.handle(":SOUR:FUNC RES;:SOUR:RES:LEV:IMM 1;:SOUR:RES:ILIM 40")
    load.enable()
    assert load.state().current == pytest.approx(0.1)
    load.disable()
    wired.load.handle(":SOUR:FUNC CURR;:SOUR:CURR:LEV:IMM 5")
    with pytest.raises(LimitExceeded, match=r"5 A is over its limit of 0\.1 A"):
        load.enable()
    assert wired.most[1] <= 0.1001


def test_a_load_whose_voltage_is_over_the_limit_does_not_stay_on_and_says_why(opened: Opener) -> None:
    wired = Wired(8, 10)
    load = opened(wired.load, "eload", "max_voltage = 4")
    load.current(1)
    with pytest.raises(Rejected, match=r"does not stay on in mode CC\. .* above the limit of the mode, 4\.000 V"):
        load.enable()
    assert not wired.load.on


@pytest.mark.parametrize("model", ["DP821", "E36312A", "2281S"])
def test_a_voltage_is_set_with_its_protection_in_the_order_that_does_not_trip_it(opened: Opener, model: str) -> None:
    make, terminals, lines = SUPPLIES[model]
    device = make()
    output = terminals(device)
    output.loads.append(resistor(100))
    supply = opened(device, "supply", lines)
    supply.set_mode()
    assert supply.voltage(value=3.3, ovp=3.6) == 3.3
    supply.current(0.5, ocp=None if model == "E36312A" else 0.6)  # its OCP always trips at its current limit
    supply.enable()
    for volts in (5.0, 1.8, 3.3):
        supply.voltage(volts, ovp=volts + 0.3)
        assert supply.get_ovp_limit() == pytest.approx(volts + 0.3)
        assert not supply.is_ovp()
        assert supply.voltage() == supply.measured_voltage() == pytest.approx(volts, abs=0.02)
    before = supply.state()
    for wrong in ({"value": 3.0, "ovp": 2.9}, {"value": 3.0, "ovp": "high"}, {"value": -1}):
        with pytest.raises(InvalidArgument):
            supply.voltage(**wrong)
    with pytest.raises(InvalidArgument, match=r"ocp of 0\.1 would be below the current of 0.5"):
        supply.current(0.5, ocp=0.1)
    assert supply.state() == before
    assert supply.get_monitor_state()["ovp_limit"] == before["ovp"]
    assert supply.measured_power() == pytest.approx(supply.measured_voltage() * supply.measured_current(), abs=0.01)


def test_a_model_without_a_protection_says_so_instead_of_a_level(opened: Opener) -> None:
    supply = opened(Keithley2200(), "supply")
    with pytest.raises(InstrumentError, match="has no ocp"):
        supply.get_ocp_limit()


def test_a_protection_of_a_battery_that_is_below_its_limit_is_kept_when_it_is_switched_on(opened: Opener) -> None:
    battery = opened(Keithley2281S(), "battery", "max_voltage = 10.0\nmax_current = 3.0")
    battery.set_mode_battery()
    assert (battery.ovp(4.5), battery.ocp(5.0)) == (4.5, 5.0)
    battery.current_limit(1.0)
    battery.enable()
    assert (battery.ovp(), battery.ocp()) == (4.5, 3.0)
    with pytest.raises(Rejected, match="704"):
        battery.ovp(4.6)


def test_a_battery_model_is_a_memory_or_a_name(opened: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    battery = opened(Keithley2281S(), "battery")
    for given, model in (("18650", "1"), (1, "1"), ("lead-acid12", "LEAD_ACID12"), ("NIMH1_2", "NIMH1_2")):
        assert battery.model(given) == battery.model() == model
    assert battery.voltage_full() == 1.4
    assert (battery.voltage_empty(1.1), battery.voltage_full(1.3)) == (1.1, 1.3)
    with pytest.raises(Rejected, match="703"):
        battery.voltage_full(1.05)
    assert battery.model("discharge") == "NIMH1_2"
    assert capsys.readouterr().err == (
        "lager: net keeps its battery model NIMH1_2: only the front panel selects discharge.\n"
    )
    with pytest.raises(Rejected, match="705"):
        battery.model("nimh")
    for unknown in ("cr2032", "", 12, True, 1.0):
        with pytest.raises(InvalidArgument, match="is not a battery model"):
            battery.model(unknown)
