"""Outputs that follow each other: a net on one of them is refused before it changes another one that was not named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases, playing
from lager.errors import BadReply, InstrumentError, InstrumentUnreachable
from lager.instruments.drivers.base.supply import Supply
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lager.nets.model import NetType
from lagerd.bench.bench import Bench
from lagerd.bench.faults import Fault
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.models.supplies.rigol_dp800 import DP821, DP832
from lagerd.bench.models.supplies.siglent_spd import SPD3303X
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from tests.unit.drivers.exchanges import keysight_e36300 as e36300
from tests.unit.drivers.exchanges import rigol_dp800 as dp800
from tests.unit.drivers.exchanges import siglent_spd3303x as spd
from tests.unit.drivers.families import Uninterrupted


def opened(folder: Path, channel: int) -> Supply:
    nets = nets_file.load(folder / "nets.toml")
    return Net.get(f"supply{channel}", NetType.PowerSupply, nets=nets, claim=Leases())


def bench(device: Any, channels: int) -> Bench:
    return Bench({"psu1": device}, [NetEntry(f"supply{n}", "supply", "psu1", n) for n in range(1, channels + 1)])


@pytest.mark.parametrize(
    ("model", "couple", "channels", "said"),
    [
        (DP832, [":OUTP:TRAC CH1,ON"], (1, 2), "CH1 and CH2 of psu1 .* track each other"),
        (DP832, [":SYST:TRACKM INDE", ":OUTP:TRAC CH2,ON"], (1, 2), "track each other"),
        (DP832, [":SYST:ONOFFS ON"], (1, 2), "CH1 and CH2 of psu1 .* are switched on and off together"),
        (E36312A, ["OUTP:PAIR SER"], (2, 3), "CH2 and CH3 of psu1 .* are in series"),
        (E36312A, ["OUTP:PAIR PAR"], (2, 3), "are in parallel"),
        (E36312A, ["OUTP:PAIR TRAC"], (2, 3), "are tracking"),
        (E36312A, ["OUTP:COUP:CHAN CH1,CH3"], (1, 3), "CH1 and CH3 of psu1 .* are switched on and off together"),
        (E36312A, ["OUTP:COUP:CHAN ALL"], (1, 2, 3), "CH1 and CH2 and CH3 of psu1"),
        (E36312A, ["OUTP:COUP:CHAN CH2"], (), ""),
        (SPD3303X, ["OUTP:TRACK 1"], (1, 2), "CH1 and CH2 of psu1 .* are in series"),
        (SPD3303X, ["OUTP:TRACK 2"], (1, 2), "CH1 and CH2 of psu1 .* are in parallel"),
        (SPD3303X, [], (), ""),
        (DP832, [], (), ""),
        (DP821, [], (), ""),
    ],
)
def test_a_net_whose_output_follows_another_is_refused_and_the_others_are_not(
    model: Callable[[], Any], couple: list[str], channels: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    device = model()
    for command in couple:
        device.handle(command)
    with running(bench(device, len(device.outputs)), tmp_path):
        for channel in range(1, len(device.outputs) + 1):
            before = [output.volts for output in device.outputs]
            if channel in channels:
                with pytest.raises(InstrumentError, match=said) as caught:
                    opened(tmp_path, channel)
                assert "then open the net again" in caught.value.hint
            else:
                with opened(tmp_path, channel) as supply:
                    before[channel - 1] = supply.set_voltage(channel + 1.5)
                    supply.enable()
                    assert [number for number, output in enumerate(device.outputs, 1) if output.on] == [channel]
                    supply.disable()
            assert [output.volts for output in device.outputs] == before


def test_a_coupling_that_came_while_the_connection_was_lost_is_refused_too(tmp_path: Path) -> None:
    device = DP832()
    with running(bench(device, 3), tmp_path), opened(tmp_path, 1) as supply:
        supply.set_voltage(3)
        device.faults.inject(Fault.CUT, count=1)
        with pytest.raises(InstrumentUnreachable):
            supply.voltage()
        device.handle(":OUTP:TRAC CH1,ON")
        for _ in range(2):
            with pytest.raises(InstrumentError, match="track each other"):
                supply.set_voltage(5)
        assert [output.volts for output in device.outputs] == [3, 0, 0]
        device.handle(":OUTP:TRAC CH1,OFF")
        assert supply.set_voltage(5) == 5
        assert [output.volts for output in device.outputs] == [5, 0, 0]


def test_a_script_may_say_that_an_output_follows_another_one(tmp_path: Path) -> None:
    device = DP832()
    device.handle(":OUTP:TRAC CH1,ON")
    with running(bench(device, 3), tmp_path):
        nets = nets_file.load(tmp_path / "nets.toml")
        with Net.get("supply1", "supply", nets=nets, claim=Leases(), coupled=True) as supply:
            assert supply.state().voltage_set == 0
            supply.set_voltage(5)
    assert [output.volts for output in device.outputs] == [5, 5, 0]


CH2 = "type = 'supply'\nchannel = 2"


@pytest.mark.parametrize("answer", ["0", "OFF", "NONE"])
def test_a_channel_that_does_not_track_may_say_so_in_every_form(answer: str) -> None:
    identity = ("*IDN?", "RIGOL TECHNOLOGIES,DP832A,DP8C1,00.01.16")
    asked = [(":OUTP:TRAC? CH1", answer), (":OUTP:TRAC? CH2", answer), (":SYST:ONOFFS?", "OFF")]
    script = [identity, *dp800.OPEN[1:], *asked, (":MEAS:ALL? CH2", "1.5,0,0")]
    with playing(script, "DP832", CH2) as supply:
        assert supply.voltage() == 1.5


def test_an_answer_about_coupling_that_cannot_be_read_is_refused_and_shown() -> None:
    script = [*e36300.OPEN[:2], ("OUTP:COUP:CHAN?", "CH1;CH9")]
    with pytest.raises(BadReply, match="'CH1;CH9': NONE, ALL or a list of channels"), playing(script, "E36312A", CH2):
        pass


E36312 = e36300.OPEN[:1]
VOLTS = ("MEAS:VOLT? (@2)", "+1.5E+00")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("SER", "in series"), ("SERIES", "in series"), ("PAR", "in parallel"), ("parallel", "in parallel"),
        ("TRAC", "tracking"), ('"TRACK"', "tracking"),
    ],
)  # fmt: skip
def test_an_e36312a_may_say_in_every_form_how_its_outputs_are_paired(answer: str, said: str) -> None:
    refused = pytest.raises(InstrumentError, match=f"CH2 and CH3 of it .* are {said}, so that a setting")
    with refused, playing([*E36312, ("OUTP:PAIR?", answer)], "E36312A", CH2):
        pass


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("ALL", "CH1 and CH2 and CH3"), ("all", "CH1 and CH2 and CH3"), ("1,2", "CH1 and CH2"), ("2", ""), ("", ""),
        ('"CH2,CH3"', "CH2 and CH3"), ("(@1,2)", "CH1 and CH2"), (" ch3 , ch2 ", "CH2 and CH3"), ("NONE", ""),
        ("CH1,CH3", ""), ('"NONE"', ""),
    ],
)  # fmt: skip
def test_an_e36312a_may_list_its_coupled_outputs_in_every_form(answer: str, names: str) -> None:
    asked = [*E36312, ("OUTP:PAIR?", "OFF"), ("OUTP:COUP:CHAN?", answer or '""')]
    if names:
        refused = pytest.raises(InstrumentError, match=f"{names} of it .* are switched on and off together")
        with refused, playing(asked, "E36312A", CH2):
            pass
    else:
        with playing([*asked, VOLTS], "E36312A", CH2) as supply:
            assert supply.voltage() == 1.5


@pytest.mark.parametrize("answer", ["CH2,CH9", "CH9,CH2", "CH12", "NONE,CH2"])
def test_a_list_of_coupled_outputs_that_is_partly_unknown_is_refused(answer: str) -> None:
    script = [*E36312, ("OUTP:PAIR?", "OFF"), ("OUTP:COUP:CHAN?", answer)]
    with pytest.raises(BadReply, match="a list of channels was due"), playing(script, "E36312A", CH2):
        pass


def test_an_e36311a_cannot_couple_its_outputs_and_is_not_asked() -> None:
    identity = ("*IDN?", "Keysight Technologies,E36311A,MY1,1.0.0")
    with playing([identity, VOLTS], "E36311A", CH2) as supply:
        assert supply.voltage() == 1.5


@pytest.mark.parametrize(
    ("model", "channel", "pair"),
    [("DP831", 1, ()), ("DP831", 2, (2, 3)), ("DP832", 3, ()), ("DP832A", 2, (1, 2)), ("DP821", 1, ())],
)
def test_only_the_channels_of_a_dp800_that_can_be_coupled_are_asked(
    model: str, channel: int, pair: tuple[int, ...]
) -> None:
    identity = ("*IDN?", f"RIGOL TECHNOLOGIES,{model},DP8C1,00.01.16")
    quiet = [(f":OUTP:TRAC? CH{number}", "OFF") for number in pair]
    read = (f":MEAS:ALL? CH{channel}", "1.5,0,0")
    lines = f"type = 'supply'\nchannel = {channel}"
    asked = [*quiet, (":SYST:ONOFFS?", "0")] if pair else []
    with playing([identity, *asked, read, *asked], model, lines) as supply:
        assert supply.voltage() == 1.5
        session = Uninterrupted(supply)
        supply.prepare()
        assert session.times == (1 if pair else 0)
    for answer in ("ON", "1") if pair else ():
        refused = pytest.raises(InstrumentError, match=f"CH{pair[0]} and CH{pair[1]} of it .* track each other")
        with refused, playing([identity, *quiet[:1], (quiet[1][0], answer)], model, lines):
            pass


def test_an_e36312a_is_asked_about_coupling_in_one_exchange() -> None:
    with playing([*e36300.OPEN, *e36300.OPEN[1:]], "E36312A", CH2) as supply:
        session = Uninterrupted(supply)
        supply.prepare()
        assert session.times == 1


@pytest.mark.parametrize(
    ("status", "said"), [("0x8", "in parallel"), ("0x0C", "in series"), ("0x230", "coupled"), ("0xFFFB", "in parallel")]
)
@pytest.mark.parametrize("channel", [1, 2])
def test_an_spd3303x_whose_outputs_are_not_independent_is_refused(status: str, said: str, channel: int) -> None:
    lines = f"type = 'supply'\nchannel = {channel}"
    refused = pytest.raises(InstrumentError, match=f"CH1 and CH2 of it .* are {said}, so that a setting")
    with refused, playing([spd.IDN, ("SYST:STAT?", status)], "SPD3303X", lines):
        pass


@pytest.mark.parametrize("status", ["0x4", "0x04", "0X0224", "0xFFF7"])
def test_an_spd3303x_whose_outputs_are_independent_is_used(status: str) -> None:
    with playing([spd.IDN, ("SYST:STAT?", status), ("MEAS:VOLT? CH2", "1.5")], "SPD3303X", CH2) as supply:
        assert supply.voltage() == 1.5


@pytest.mark.parametrize("status", ["224", "0x", "0xG4", "0x4,0x4", "-0x4", "0x123456789"])
def test_a_status_of_an_spd3303x_that_cannot_be_read_is_an_error(status: str) -> None:
    refused = pytest.raises(BadReply, match="not a hexadecimal number")
    with refused, playing([spd.IDN, ("SYST:STAT?", status)], "SPD3303X", CH2):
        pass
