"""Switches of each family: relays of a 34970A, of a USB-RLY16, coils, and the ports of a hub."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import (
    BadReply,
    InstrumentError,
    InstrumentTimeout,
    InvalidArgument,
    LagerError,
    NetsFileError,
    Rejected,
    WrongModel,
)
from lager.instruments.drivers.base.setting import LAST
from lager.instruments.drivers.base.switch import SwitchState
from lager.instruments.net import Net
from lager.instruments.safety import safe_state
from lager.instruments.safety.safe_state import Here, make_safe, to_switch_off
from lager.nets import file as nets_file
from lager.nets.actions import ACTIONS, is_setting, look
from lager.nets.model import NetType
from lagerd.bench.bench import Bench, Device
from lagerd.bench.faults import Fault
from lagerd.bench.models.switches.devantech_usb_rly import UsbRly16
from lagerd.bench.models.switches.keysight_34970a import Keysight34970A
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from tests.unit.drivers.families import Uninterrupted

IDN = ("*IDN?", "HEWLETT-PACKARD,34970A,0,13-2-2")
NO_ERROR = (":SYST:ERR?", '+0,"No error"')
RELAY = "type = 'switch'\nchannel = 103"
CLOSED = [("ROUT:CLOS (@103)", None), NO_ERROR, ("ROUT:CLOS? (@103)", "1")]
OPENED = [("ROUT:OPEN (@103)", None), NO_ERROR, ("ROUT:CLOS? (@103)", "0")]


class Relays(Bench):
    def __init__(self) -> None:
        self.mux1, self.board1, self.coils1 = Keysight34970A(), UsbRly16(), ModbusRelays()
        devices: dict[str, Device] = {"mux1": self.mux1, "board1": self.board1, "coils1": self.coils1}
        nets = (
            NetEntry("mux", "switch", "mux1", 103),
            NetEntry("mux_other", "switch", "mux1", 104),
            NetEntry("board", "switch", "board1", 3),
            NetEntry("coil", "switch", "coils1", 3),
        )
        super().__init__(devices, nets)

    def is_on(self, net: str) -> bool:
        return {
            "mux": self.mux1.closed[103],
            "board": bool(self.board1.states & 0b100),
            "coil": self.coils1.coils[3],
        }[net]


@pytest.fixture
def relays(tmp_path: Path) -> Iterator[Relays]:
    with running(Relays(), tmp_path) as bench:
        yield bench


def opened(tmp_path: Path, name: str) -> Any:
    return Net.get(name, "switch", nets=nets_file.load(tmp_path / "nets.toml"), claim=Leases())


FAMILIES = ("mux", "board", "coil")


def test_a_relay_of_a_34970a_is_closed_opened_and_read() -> None:
    with playing([IDN, *CLOSED, *OPENED, ("ROUT:CLOS? (@103)", "0")], "34970A", RELAY) as relay:
        relay.on()
        relay.off()
        assert str(relay.state()) == "it (channel 103)\n  switch  off"


def test_a_relay_that_does_not_open_is_an_error() -> None:
    script = [IDN, ("ROUT:OPEN (@103)", None), NO_ERROR, ("ROUT:CLOS? (@103)", "1")]
    with playing(script, "34970A", RELAY) as relay, pytest.raises(Rejected, match=r"switched off, but reads back on\."):
        relay.off()


@pytest.mark.parametrize("answer", ["", "2", "ON,OFF", "1,0", "9.9E37", "-1"])
def test_what_is_no_state_is_never_taken_for_one(answer: str) -> None:
    with playing([IDN, ("ROUT:CLOS? (@103)", answer)], "34970A", RELAY) as relay, pytest.raises(BadReply):
        relay.state()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_switch_is_switched_on_off_and_cycled(relays: Relays, tmp_path: Path, name: str) -> None:
    with opened(tmp_path, name) as switch:
        assert switch.state().enabled is switch.is_on() is False
        switch.on()
        assert relays.is_on(name)
        assert switch.state().enabled is True
        switch.off()
        assert not relays.is_on(name)
        switch.cycle(0)
        assert relays.is_on(name)
        assert switch.settings()[0].read() is True
    assert relays.is_on(name)  # what a person switched on stays on


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("seconds", [-1, 61, float("nan"), "soon", None, True])
def test_a_cycle_takes_seconds_and_changes_nothing_otherwise(
    relays: Relays, tmp_path: Path, name: str, seconds: Any
) -> None:
    with opened(tmp_path, name) as switch:
        switch.on()
        with pytest.raises(InvalidArgument, match="not a valid off time"):
            switch.cycle(seconds)
        assert relays.is_on(name)


def test_an_interrupted_cycle_leaves_it_off(relays: Relays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with opened(tmp_path, "mux") as switch:
        switch.on()
        monkeypatch.setattr("lager.instruments.drivers.base.switch.threading.Event.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            switch.cycle()
        monkeypatch.undo()
        assert not relays.is_on("mux")


@pytest.mark.parametrize(("arguments", "waited"), [([], 1.0), ([0.25], 0.25), ([60], 60.0), (["0.5"], 0.5)])
def test_a_cycle_is_off_for_the_time_that_is_given(
    relays: Relays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[Any], waited: float
) -> None:
    waits = []

    def wait(_: Any, seconds: float) -> None:
        waits.append((seconds, relays.is_on("board")))

    with opened(tmp_path, "board") as switch:
        switch.on()
        with monkeypatch.context() as patched:
            patched.setattr("lager.instruments.drivers.base.switch.threading.Event.wait", wait)
            switch.cycle(*arguments)
        assert (waits, relays.is_on("board")) == ([(waited, False)], True)


def test_a_relay_that_does_not_close_is_an_error() -> None:
    script = [IDN, *CLOSED[:2], ("ROUT:CLOS? (@103)", "0")]
    with playing(script, "34970A", RELAY) as relay, pytest.raises(Rejected, match=r"switched on, but reads back off\."):
        relay.on()


def test_each_change_of_a_switch_is_one_exchange_and_prepared_before_it_goes_on() -> None:
    happened: list[int] = []
    with playing([IDN, *CLOSED, *OPENED], "34970A", RELAY) as relay:
        session = Uninterrupted(relay)
        relay.session.before_on = lambda: happened.append(session.times)
        relay.on()
        relay.off()
        assert (happened, session.times) == ([1], 2)


def test_a_switch_is_set_back_off_and_never_on() -> None:
    with playing([IDN, *OPENED], "34970A", RELAY) as relay:
        (output,) = relay.settings()
        assert (output.name, output.turn) == ("output", LAST)
        with pytest.raises(InstrumentError, match="lager switches no output on"):
            output.write(True)
        output.write(False)


def test_each_method_of_a_switch_names_the_setting_that_it_changes() -> None:
    with playing([IDN], "34970A", RELAY) as relay:
        assert {name: relay.sets(name) for name in relay.SETS} == dict.fromkeys(["on", "off", "cycle"], ("output",))


@pytest.mark.parametrize(("enabled", "shown"), [(True, "on"), (False, "off"), (None, "-")])
def test_the_state_of_a_switch_is_a_word(enabled: bool | None, shown: str) -> None:
    assert str(SwitchState("it", channel=2, enabled=enabled)) == f"it (channel 2)\n  switch  {shown}"


def test_switches_of_one_instrument_are_open_together(relays: Relays, tmp_path: Path) -> None:
    nets, leases = nets_file.load(tmp_path / "nets.toml"), Leases()
    with (
        Net.get("mux", NetType.Switch, nets=nets, claim=leases) as one,
        Net.get("mux_other", NetType.Switch, nets=nets, claim=leases) as other,
    ):
        one.on()
        assert (one.is_on(), other.is_on()) == (True, False)


@pytest.mark.parametrize(
    ("name", "fault", "error"),
    [
        ("mux", Fault.NO_ANSWER, InstrumentTimeout),
        ("mux", Fault.GARBAGE, BadReply),
        ("board", Fault.NO_ANSWER, InstrumentTimeout),
        ("coil", Fault.NO_ANSWER, InstrumentTimeout),
        ("coil", Fault.WRONG_ANSWER, InstrumentError),
        ("coil", Fault.HALF_ANSWER, InstrumentError),
    ],
)
def test_a_failed_reading_is_an_error_and_the_next_one_is_right(
    relays: Relays, tmp_path: Path, name: str, fault: Fault, error: type[LagerError]
) -> None:
    nets = tmp_path / "nets.toml"
    nets.write_text(nets.read_text().replace('model = "', 'timeout = 0.3\nmodel = "'))
    devices: dict[str, Keysight34970A | UsbRly16 | ModbusRelays] = {
        "mux": relays.mux1, "board": relays.board1, "coil": relays.coils1
    }  # fmt: skip
    with opened(tmp_path, name) as switch:
        switch.on()
        devices[name].faults.inject(fault, count=1)
        with pytest.raises(error):
            switch.state()
        assert switch.state().enabled is True


def test_a_board_of_another_kind_is_not_used(relays: Relays, tmp_path: Path) -> None:
    relays.board1.faults.inject(Fault.OTHER_IDN)
    with pytest.raises(WrongModel, match="answers module number 8, but the nets file says USB-RLY16"):
        opened(tmp_path, "board")
    assert relays.board1.states == 0


def test_a_coil_that_is_not_there_is_refused_by_the_device(relays: Relays, tmp_path: Path) -> None:
    path = tmp_path / "nets.toml"
    path.write_text(path.read_text() + '\n[nets.far]\ntype = "switch"\ninstrument = "coils1"\nchannel = 99\nunit = 7\n')
    with opened(tmp_path, "far") as coil, pytest.raises(Rejected, match="read coil 99: Modbus exception 2"):
        coil.state()


@pytest.mark.parametrize(("lines", "unit"), [("", 1), ("unit = 7", 7)])
def test_a_coil_is_one_of_the_device_with_its_number_on_the_line(lines: str, unit: int) -> None:
    def frame(transaction: int, pdu: str) -> bytes:
        data = bytes.fromhex(pdu)
        return struct.pack(">HHHB", transaction, 0, len(data) + 1, unit) + data

    written = (frame(1, "05 0003 FF00"), frame(1, "05 0003 FF00"))
    read = (frame(2, "01 0003 0001"), frame(2, "01 01 01"))
    with ScriptedInstrument(written, read) as device:
        nets = bench("modbus-coils", device.address, it=f"type = 'switch'\nchannel = 3\n{lines}")
        with Net.get("it", NetType.Switch, nets=nets, claim=Leases()) as coil:
            coil.on()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_safe_switch_is_switched_off_and_another_is_only_read(relays: Relays, tmp_path: Path, name: str) -> None:
    path = tmp_path / "nets.toml"
    nets = nets_file.load(path)
    here = Here.on(nets.net(name).instrument.key, nets)
    assert list(make_safe(to_switch_off(here, [name]), seconds=5)) == [(name, "", "off")]
    with opened(tmp_path, name) as switch:
        switch.on()
    ((_, why, _),) = make_safe(to_switch_off(here, [name]), seconds=5)
    assert why == "left on: it has no safe state in the nets file."
    assert relays.is_on(name)
    path.write_text(path.read_text().replace(f"[nets.{name}]", f'[nets.{name}]\nsafe = "off"'))
    nets = nets_file.load(path)
    here = Here.on(nets.net(name).instrument.key, nets)
    assert list(make_safe(to_switch_off(here, [name]), seconds=5)) == [(name, "", "off")]
    assert not relays.is_on(name)
    with opened(tmp_path, name) as switch:
        assert safe_state.apply(switch) == "off"


@pytest.mark.parametrize(
    ("model", "address", "lines", "said"),
    [
        ("34970A", "TCPIP::h::INSTR", "channel = 100", "a 34970A has 101 to 399"),
        ("34970A", "TCPIP::h::INSTR", "", "is missing; a 34970A has 101 to 399"),
        ("34970A", "TCPIP::h::INSTR", "channel = 101\nunit = 3", "unit: is a setting of a Modbus device"),
        ("34970A", "TCPIP::h::INSTR", "channel = 101\nmax_voltage = 3", "unknown key"),
        ("34970A", "TCPIP::h::INSTR", "channel = 101\nsafe = 'on'", 'safe: should be "off"'),
        ("34970A", "TCPIP::h::INSTR", "channel = 101\nsafe = {output = 'on'}", "safe.output: should be 'off'"),
        ("USB-RLY16", "ASRL/dev/ttyACM0::INSTR", "channel = 9", "a USB-RLY16 has 1 to 8"),
        ("modbus-coils", "10.0.0.4", "channel = 65536", "a modbus-coils has 0 to 65535"),
        ("modbus-coils", "10.0.0.4", "channel = 1\nunit = 300", "unit: should be a whole number from 0 to 247"),
        ("modbus-coils", "TCPIP::h::INSTR", "channel = 1", "needs a Modbus RTU line or a Modbus TCP host"),
        ("usb-hub", "usb:1-1", "channel = 1", "is neither a VISA resource"),
        ("usb-hub", "usbhub:0-1", "channel = 1", "should read usbhub:BUS-PORT.PORT"),
        ("usb-hub", "usbhub:1-1.", "channel = 1", "should read usbhub:BUS-PORT.PORT"),
        ("usb-hub", "10.0.0.4", "channel = 1", "but a usb-hub needs a USB hub"),
        ("usb-hub", "usbhub:1-1.4", "channel = 0", "a usb-hub has 1 to 255"),
        ("T7", "10.0.0.4", "channel = 1", "a T7 has no switch nets"),
    ],
)
def test_a_mistake_in_the_nets_file_is_a_sentence(model: str, address: str, lines: str, said: str) -> None:
    with pytest.raises(NetsFileError) as caught:
        bench(model, address, it=f"type = 'switch'\n{lines}")
    assert said in str(caught.value)


def test_nets_on_one_relay_have_one_safe_state() -> None:
    nets = bench("34970A", "TCPIP::h::INSTR", a=f"{RELAY}\nsafe = 'off'", b=RELAY, c="type = 'switch'\nchannel = 104")
    assert [nets.net(name).safe is not None for name in "abc"] == [True, True, False]


def test_the_actions_of_a_switch_set_and_its_state_reads() -> None:
    assert look(NetType.Switch) == "state"
    assert {name: is_setting(name, None) for name in ACTIONS[NetType.Switch]} == {
        "state": False, "on": True, "off": True, "cycle": True,
    }  # fmt: skip


def test_the_switches_of_ones_own_nets_file_are_simulated_and_no_hub_is_touched(tmp_path: Path) -> None:
    from lagerd.bench.described import DescribedBench
    from lagerd.bench.description import read

    text = "".join(
        f'[instruments.{name}]\nmodel = "{model}"\naddress = "{address}"\n'
        f'[nets.{name}1]\ntype = "switch"\ninstrument = "{name}"\nchannel = {channel}\n'
        for name, model, address, channel in (
            ("mux", "34972A", "TCPIP::h::INSTR", 103),
            ("board", "USB-RLY16", "ASRL/dev/ttyACM0::INSTR", 3),
            ("coils", "modbus-coils", "10.0.0.4", 3),
            ("hub", "usb-hub", "usbhub:1-1", 3),
        )
    )
    (tmp_path / "own.toml").write_text(text)
    described: Any = DescribedBench(read(str(tmp_path / "own.toml")))
    with running(described, tmp_path):
        for name in ("mux1", "board1", "coils1", "hub1"):
            with opened(tmp_path, name) as switch:
                switch.cycle(0)
                assert switch.is_on()
