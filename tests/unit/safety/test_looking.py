"""Looking changes nothing: no reading of any net leaves a trace in its instrument."""

from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases
from lager.errors import Rejected
from lager.instruments import looks
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lagerd.bench.bench import Bench
from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.models.supplies.rigol_dp800 import DP821, DP832
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.scpi.language import ScpiError
from lagerd.bench.thread import running

SUPPLY = ("state", "voltage", "current", "power")
BATTERY = (
    "state", "mode", "soc", "voc", "capacity", "current_limit", "esr", "terminal_voltage", "current",
)  # fmt: skip
LOAD = ("state", "mode", "current", "voltage", "resistance", "power")


def in_role(role: str) -> Keithley2281S:
    device = Keithley2281S()
    device.handle(f":ENTR:FUNC {role}")
    return device


NETS: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "DP821": (DP821, "type = 'supply'\nchannel = 2", SUPPLY),
    "DP832": (DP832, "type = 'supply'\nchannel = 1", SUPPLY),
    "E36312A": (E36312A, "type = 'supply'\nchannel = 2", SUPPLY),
    "2200": (Keithley2200, "type = 'supply'", SUPPLY),
    "2281S, a supply": (lambda: in_role("POW"), "type = 'supply'", SUPPLY),
    "2281S, a supply that was a battery": (lambda: in_role("SIM"), "type = 'supply'", SUPPLY),
    "2281S, a battery": (lambda: in_role("SIM"), "type = 'battery'", BATTERY),
    "2281S, a battery that was a supply": (lambda: in_role("POW"), "type = 'battery'", BATTERY),
    "DL3021": (DL3021, "type = 'eload'\nmax_current = 1\nmax_voltage = 5\nmax_power = 2", LOAD),
    "DAC": (lambda: T7(serial=1), "type = 'dac'\nchannel = 0", ("output",)),
    "DIO": (lambda: T7(serial=1), "type = 'gpio'\nchannel = 3", ("input",)),
}


def memory(thing: Any, depth: int = 0) -> Any:
    """Everything that an instrument remembers, but the time and what it measures."""
    if isinstance(thing, dict):
        return {str(key): memory(value, depth + 1) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [memory(value, depth + 1) for value in thing]
    if hasattr(thing, "__dict__") and depth < 6:
        left_out = ("_answers", "_last", "point", "changed", "faults")
        return {key: memory(value, depth + 1) for key, value in vars(thing).items() if key not in left_out}
    return "function" if callable(thing) else repr(thing)


@pytest.mark.parametrize("name", NETS)
def test_no_reading_changes_an_instrument(name: str, tmp_path: Path) -> None:
    make, lines, readings = NETS[name]
    device = make()
    if isinstance(device, ScpiInstrument):
        device.changed()
        device.fail(ScpiError(-222))  # a fault of an earlier user, which somebody may want to see
        device.status.complete()
    before = memory(device)
    with running(Bench({"it": device}, []), tmp_path):
        nets = nets_file.parse((tmp_path / "nets.toml").read_text() + f'[nets.net]\ninstrument = "it"\n{lines}\n')
        for reading in readings:
            with Net.get("net", nets.net("net").type, nets=nets, claim=Leases()) as net:
                getattr(net, reading)()
                assert memory(device) == before, reading


@pytest.mark.parametrize("name", NETS)
def test_a_look_changes_nothing_either(name: str, tmp_path: Path) -> None:
    make, lines, _ = NETS[name]
    device = make()
    if isinstance(device, ScpiInstrument):
        device.changed()
        device.fail(ScpiError(-222))
        device.status.complete()
    before = memory(device)
    with running(Bench({"it": device}, []), tmp_path):
        nets = nets_file.parse((tmp_path / "nets.toml").read_text() + f'[nets.net]\ninstrument = "it"\n{lines}\n')
        leases = Leases()
        [one] = looks.readings([nets.net("net")], lambda it, net: leases(it.key, net=net)).values()
        assert memory(device) == before
        assert (one.error is None) != ("that was a" in name), one
        assert leases.held == []


def test_the_first_setting_of_a_connection_clears_the_errors_of_earlier_users(tmp_path: Path) -> None:
    device = DP821()
    with running(Bench({"it": device}, []), tmp_path):
        text = (tmp_path / "nets.toml").read_text() + '[nets.net]\ninstrument = "it"\ntype = "supply"\nchannel = 1\n'
        nets = nets_file.parse(text)
        for _ in range(2):
            device.fail(ScpiError(-222))
            with Net.get("net", "supply", nets=nets, claim=Leases()) as net:
                net.voltage()
                assert len(device.errors) == 1
                assert net.set_voltage(3) == 3
                device.fail(ScpiError(-222))
                with pytest.raises(Rejected, match="-222"):
                    net.set_voltage(2)
