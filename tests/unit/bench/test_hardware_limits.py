"""`hardware_limits`: the protections of a supply are set to the limits of its net before its output is switched on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases
from lager.errors import NetsFileError, Rejected
from lager.instruments.drivers.base.supply import Supply
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lagerd.bench.bench import Bench, DefaultBench
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from tests.unit.drivers.families import SUPPLIES, Family

GUARDED = "hardware_limits = true\nmax_voltage = 10\nmax_current = 0.5"
ARMED = {
    "dp800": [
        (":SOUR1:VOLT?", "5"), (":SOUR1:CURR?", "0.4"),
        (":OUTP:OVP:VAL? CH1", "63"), (":OUTP:OVP:VAL CH1,10.5", None), (":SYST:ERR?", '0,"No error"'),
        (":OUTP:OVP:VAL? CH1", "10.5"), (":OUTP:OVP CH1,ON", None), (":SYST:ERR?", '0,"No error"'),
        (":OUTP:OVP? CH1", "ON"),
        (":OUTP:OCP:VAL? CH1", "0.2"), (":OUTP:OCP? CH1", "ON"),
    ],
}  # fmt: skip


def test_what_is_set_and_read_back_before_the_output_comes_on() -> None:
    family = SUPPLIES["dp800"]
    with family.playing([*ARMED["dp800"], *family.switched("ON", "ON")], GUARDED) as supply:
        supply.enable()


def test_a_protection_that_the_instrument_does_not_take_keeps_the_output_off() -> None:
    family: Family = SUPPLIES["dp800"]
    script = [*ARMED["dp800"][:5], (":OUTP:OVP:VAL? CH1", "63")]
    with family.playing(script, GUARDED) as supply, pytest.raises(Rejected, match="reads back 63"):
        supply.enable()


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Any]:
    bench: Any = Bench(
        {"k1": Keithley2200(), "e1": E36312A()},
        [NetEntry("k", "supply", "k1", 1, {"max_voltage": 10.0, "max_current": 1.0}),
         NetEntry("e", "supply", "e1", 2, {"max_voltage": 10.0, "max_current": 1.0})],
    )  # fmt: skip
    with running(bench, tmp_path):
        yield bench


def guarded(path: Path, name: str) -> Supply:
    text = path.read_text().replace(f"[nets.{name}]\n", f"[nets.{name}]\nhardware_limits = true\n")
    path.write_text(text)
    return Net.get(name, "supply", nets=nets_file.load(path), claim=Leases())


@pytest.mark.parametrize(("name", "ocp"), [("supply1", 3.15), ("supply2", 1.05)])
def test_both_limits_are_guarded_and_a_lower_protection_stays(tmp_path: Path, name: str, ocp: float) -> None:
    with running(DefaultBench(), tmp_path) as bench, guarded(tmp_path / "nets.toml", name) as supply:
        supply.set_voltage(1)
        supply.set_current(0.5)
        supply.enable()
        state = supply.state()
        assert state.enabled
        assert state.ovp == pytest.approx(10.5)
        assert state.ocp is not None
        assert state.ocp <= ocp + 1e-6
        supply.disable()
        supply.set_ovp(4)
        supply.enable()
        assert supply.state().ovp == 4
        assert bench.psu1.outputs[1].ovp.level > 8


@pytest.mark.parametrize("name", ["k", "e"])
def test_a_supply_without_a_level_of_current_guards_the_voltage(others: Any, tmp_path: Path, name: str) -> None:
    with guarded(tmp_path / "nets.toml", name) as supply:
        supply.set_voltage(1)
        supply.set_current(0.5)
        supply.enable()
        state = supply.state()
        assert state.enabled
        assert state.ovp == pytest.approx(10.5)
        assert not state.ocp_enabled


@pytest.mark.parametrize("value", ["1", "'yes'"])
def test_it_is_true_or_false(value: str) -> None:
    text = '[instruments.it]\nmodel = "DP821"\naddress = "TCPIP::h::INSTR"\n[nets.one]\ntype = "supply"\nchannel = 1\n'
    with pytest.raises(NetsFileError, match="hardware_limits: should be true or false"):
        nets_file.parse(f'{text}instrument = "it"\nhardware_limits = {value}\n')
