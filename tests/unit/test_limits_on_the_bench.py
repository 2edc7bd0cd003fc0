"""Limits, loads and protections end to end: the drivers on the simulated bench, and what its wires then carry."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lager.errors import Rejected
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lagerd.bench.bench import Bench
from lagerd.bench.models.keithley_2200 import Keithley2200
from lagerd.bench.models.keithley_2281s import Keithley2281S
from lagerd.bench.models.keysight_e36300 import E36312A
from lagerd.bench.models.rigol_dp800 import DP821
from lagerd.bench.physics.circuit import Output, resistor
from lagerd.bench.thread import running
from tests.unit.scriptedbench import Leases

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


SUPPLIES = {
    "DP821": (DP821, lambda device: device.outputs[0], "channel = 1"),
    "E36312A": (E36312A, lambda device: device.outputs[0], "channel = 1"),
    "2281S": (Keithley2281S, lambda device: device.output, ""),
    "2200": (Keithley2200, lambda device: device.output, ""),
}


@pytest.mark.parametrize("model", SUPPLIES)
def test_resetting_a_tripped_protection_leaves_the_output_off(opened: Opener, model: str) -> None:
    make, terminals, lines = SUPPLIES[model]
    device = make()
    output: Output = terminals(device)
    output.loads.append(resistor(10))
    supply = opened(device, "supply", lines)
    supply.set_ovp(4)
    supply.set_voltage(3)
    supply.set_current(1)
    supply.enable()
    supply.set_voltage(5)
    assert supply.state().ovp_tripped
    assert not output.on
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
