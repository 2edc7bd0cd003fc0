"""Several nets on one terminal: the smallest limit of each kind holds for all of them, under whatever name."""

from pathlib import Path

import pytest

from lager.drivers.replay import Leases
from lager.errors import LimitExceeded
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lager.nets import terminals
from lager.nets.model import Limits, Nets, NetType
from lagerd.bench.bench import DefaultBench
from lagerd.bench.thread import running

FILE = """
[instruments.psu1]
model = "DP821"
address = "TCPIP::10.0.0.3::INSTR"
[instruments.same]
model = "DP821A"
address = "tcpip0::10.0.0.3::5555::socket"
[instruments.smu1]
model = "2281S"
address = "TCPIP::10.0.0.4::INSTR"
[instruments.daq1]
model = "T7"
address = "10.0.0.5"
"""


def nets(*tables: str) -> Nets:
    """Nets a, b, … of these tables, each `type instrument channel key value …`."""
    text = FILE
    for name, table in zip("abcdef", tables, strict=False):
        kind, instrument, channel, *more = table.split()
        settings = "".join(f"{key} = {value}\n" for key, value in zip(more[::2], more[1::2], strict=True))
        text += f'[nets.{name}]\ntype = "{kind}"\ninstrument = "{instrument}"\nchannel = {channel}\n{settings}'
    return nets_file.parse(text)


@pytest.mark.parametrize(
    ("tables", "limits"),
    [
        (
            ["supply psu1 1 max_voltage 5 max_current 1", "supply psu1 1 max_voltage 3.3"],
            [Limits(3.3, 1), Limits(3.3, 1)],
        ),
        (["supply psu1 1", "supply same 1 max_voltage 3.3"], [Limits(3.3), Limits(3.3)]),
        (["supply psu1 1 max_voltage 5", "supply psu1 2 max_voltage 3.3"], [Limits(5), Limits(3.3)]),
        (["supply smu1 1 max_voltage 5", "battery smu1 1 max_voltage 8"], [Limits(5), Limits(5)]),
        (["supply smu1 1 max_voltage 5 max_power 10", "battery smu1 1"], [Limits(5, None, 10), Limits(5, 2)]),
        (["supply smu1 1 max_power 10", "battery smu1 1 max_current 0.1"], [Limits(None, 0.1, 10), Limits(None, 0.1)]),
        (["supply smu1 1 max_power 10.5", "battery smu1 1"], [Limits(None, None, 10.5), Limits(None, 0.5)]),
        (["dac daq1 0 max_voltage 3", "dac daq1 0", "dac daq1 1"], [Limits(3), Limits(3), Limits()]),
        (["supply psu1 1", "supply psu1 1 max_power 3", "supply psu1 1 max_power 2"], [Limits(None, None, 2)] * 3),
    ],
)
def test_the_smallest_limit_of_each_kind_holds_for_all(tables: list[str], limits: list[Limits]) -> None:
    assert [net.limits for net in nets(*tables).nets.values()] == limits
    assert [net.limits for net in reversed([*nets(*reversed(tables)).nets.values()])] == limits


def test_a_line_that_one_net_only_reads_is_driven_by_none() -> None:
    found = nets('gpio daq1 4 direction "in"', "gpio daq1 4", "gpio daq1 5")
    assert [net.options.get("direction") for net in found.nets.values()] == ["in", "in", None]


def test_the_output_says_where_each_limit_comes_from() -> None:
    found = nets("supply psu1 1 max_voltage 5", "supply same 1 max_voltage 3.3 max_current 1", "supply psu1 2")
    assert terminals.shared_limits(found.nets.values()) == [
        "a shares a terminal with b, channel 1 of psu1: it keeps the max_voltage of b, 3.3, the max_current of b, 1."
    ]
    assert terminals.shared_limits(nets("supply smu1 1 max_power 10.5", "battery smu1 1").nets.values()) == [
        "b shares a terminal with a, channel 1 of smu1: it keeps max_current 0.5 from the max_power of a."
    ]
    assert terminals.shared_limits(nets('gpio daq1 4 direction "in"', "gpio daq1 4").nets.values()) == [
        "b shares a terminal with a, channel 4 of daq1: it keeps the direction of a, 'in'."
    ]
    assert (
        terminals.shared_limits(nets("supply psu1 1 max_voltage 5", "supply psu1 1 max_voltage 5").nets.values()) == []
    )


def on_the_bench(folder: Path, more: str) -> Nets:
    return nets_file.parse((folder / "nets.toml").read_text() + more)


def refused(bench: Nets, name: str, type: NetType, method: str, value: float) -> str:
    with Net.get(name, type, nets=bench, claim=Leases()) as net, pytest.raises(LimitExceeded) as caught:
        getattr(net, method)(value)
    return str(caught.value)


def test_no_name_of_a_terminal_gets_past_its_limit(tmp_path: Path) -> None:
    more = """
        [nets.vdd]
        type = "supply"
        instrument = "psu1"
        channel = 1
        max_voltage = 3.3
        [nets.vbat]
        type = "battery"
        instrument = "smu1"
        max_voltage = 3.8
        [nets.bias]
        type = "dac"
        instrument = "daq1"
        channel = 0
        max_voltage = 2
        """
    with running(DefaultBench(), tmp_path) as simulated:
        bench = on_the_bench(tmp_path, more)
        said = refused(bench, "supply2", NetType.PowerSupply, "set_voltage", 5)
        assert "supply2: 5 V is over its limit of 3.3 V" in said
        assert "max_voltage of [nets.vdd] in the nets file, which is the same terminal" in said
        assert "is over its limit of 3.8 V" in refused(bench, "supply1", NetType.PowerSupply, "set_voltage", 5)
        assert "is over its limit of 3.8 V" in refused(bench, "battery1", NetType.Battery, "voc", 4)
        assert "is over its limit of 2 V" in refused(bench, "dac1", NetType.DAC, "output", 3)
        assert [output.volts for output in simulated.psu1.outputs] == [0, 0]
        assert simulated.daq1.dacs[0] == 0


def test_the_nets_of_the_simulated_bench_agree(tmp_path: Path) -> None:
    with running(DefaultBench(), tmp_path):
        bench = nets_file.load(tmp_path / "nets.toml")
    assert terminals.shared_limits(bench.nets.values()) == []
    assert bench.net("supply1").limits == bench.net("battery1").limits == Limits(10, 3)


def test_a_line_that_another_name_only_reads_is_not_driven(tmp_path: Path) -> None:
    more = '[nets.button]\ntype = "gpio"\ninstrument = "daq1"\nchannel = "FIO1"\ndirection = "in"\n'
    with running(DefaultBench(), tmp_path) as simulated:
        bench = on_the_bench(tmp_path, more)
        assert "[nets.button]" in refused(bench, "gpo1", NetType.GPIO, "output", 0)
        assert not simulated.daq1.lines[1].output
