"""The Korad KA series: nothing ends a message, a status is one byte. Exchanges from its Remote Control Syntax V2.0."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import CUT
from lager.errors import (
    BadReply,
    InstrumentError,
    InstrumentTimeout,
    InstrumentUnreachable,
    LimitExceeded,
    Rejected,
    WrongModel,
)
from lager.instruments.net import Net
from lagerd.bench.bench import Bench
from lagerd.bench.faults import Fault
from lagerd.bench.models.supplies.korad_ka import KA3005P
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from tests.unit.drivers.families import Uninterrupted

SUPPLY = "type = 'supply'"
IDN = (b"*IDN?", b"KORADKA3005PV2.0")
# Bit 0: constant voltage; bit 4: its beeper; bit 6: the output.
OFF, ON, IN_CC = (b"STATUS?", b"\x11"), (b"STATUS?", b"Q"), (b"STATUS?", b"P")


def supply(*script: tuple[bytes, Any], limits: str = "") -> Any:
    return playing([IDN, *script], "KA3005P", f"{SUPPLY}\n{limits}")


def test_setpoints_have_five_characters_and_are_read_back() -> None:
    with supply((b"VSET1:20.50", None), (b"VSET1?", b"20.50")) as net:
        assert net.set_voltage(20.5) == 20.5
    with supply((b"ISET1:2.225", None), (b"ISET1?", b"2.225K")) as net:  # a sixth byte, as old firmware sends it
        assert net.set_current(2.225) == 2.225
    with supply((b"VSET1:03.33", None), (b"VSET1?", b"03.33")) as net:
        assert net.set_voltage(3.339) == 3.33  # never rounded up


def test_a_value_that_is_silently_not_taken_is_an_error() -> None:
    with supply((b"VSET1:30.00", None), (b"VSET1?", b"05.00")) as net, pytest.raises(Rejected, match="reads back 5"):
        net.set_voltage(30)


@pytest.mark.parametrize(
    ("method", "told", "question", "taken", "refused"),
    [
        ("set_voltage", b"VSET1:20.50", b"VSET1?", b"20.51", b"20.52"),
        ("set_current", b"ISET1:2.500", b"ISET1?", b"2.501", b"2.502"),
    ],
)
def test_a_readback_may_differ_by_one_step_alone(
    method: str, told: bytes, question: bytes, taken: bytes, refused: bytes
) -> None:
    value = float(told.partition(b":")[2])
    with supply((told, None), (question, taken)) as net:
        session = Uninterrupted(net)
        assert getattr(net, method)(value) == float(taken)
        assert session.times == 1
    with supply((told, None), (question, refused)) as net, pytest.raises(Rejected, match="reads back"):
        getattr(net, method)(value)


def test_nothing_is_sent_over_a_limit() -> None:
    with supply(limits="max_voltage = 5") as net, pytest.raises(LimitExceeded):
        net.set_voltage(5.1)


def test_the_output_is_one_bit_of_a_byte() -> None:
    with supply((b"OUT1", None), ON, (b"OUT0", None), OFF) as net:
        net.enable()
        net.disable()
    with supply((b"OUT0", None), IN_CC) as net, pytest.raises(Rejected, match="'OUT0', but reads back ON"):
        net.disable()


def test_a_state_has_readings_setpoints_and_how_it_regulates() -> None:
    readings = [(b"VOUT1?", b"12.34"), (b"IOUT1?", b"0.125")]
    setpoints = [(b"VSET1?", b"13.00"), (b"ISET1?", b"0.125")]
    with supply(*readings, IN_CC, *setpoints) as net:
        session = Uninterrupted(net)
        state = net.state()
        assert session.times == 1
        assert str(state).splitlines() == [
            "it (channel 1)",
            "  output   on (CC)",
            "  voltage  12.340 V (set 13.000 V)",
            "  current  125.000 mA (set 125.000 mA)",
            "  power    1.542 W",
            "  ovp      -",
            "  ocp      -",
        ]
    with supply(*readings, (b"STATUS?", CUT), IDN, *setpoints) as net:
        assert set(net.state().unread) == {"enabled", "mode"}


@pytest.mark.parametrize("answer", [b"KORADKA3005PV1.3", b"KORAD KA3005P V4.2 SN:03362518", b"KORADKA3005PV2.0\0"])
def test_it_identifies_itself_in_each_form(answer: bytes) -> None:
    with playing([(b"*IDN?", answer), (b"VOUT1?", b"05.00")], "Korad KA3005P", SUPPLY) as net:
        assert net.voltage() == 5


@pytest.mark.parametrize("answer", [b"KORADKA6003PV2.0", b"VELLEMANPS3005DV2.0", b"RIGOL TECHNOLOGIES,KA3005P,1,1"])
def test_another_model_is_refused(answer: bytes) -> None:
    refused = pytest.raises(WrongModel, match="but the nets file says KA3005P")
    with refused, playing([(b"*IDN?", answer)], "KA3005P", SUPPLY):
        pass


@pytest.mark.parametrize("answer", [b"12.3", b"1234567", b"1.2.3", b"ab.cd", b"\xff2.34"])
def test_a_reading_that_is_not_five_characters_of_a_number_is_an_error(answer: bytes) -> None:
    with supply((b"VOUT1?", answer)) as net, pytest.raises(BadReply):
        net.voltage()


def test_a_supply_that_is_silent_or_gone_is_an_error() -> None:
    with supply((b"VOUT1?", None)) as net, pytest.raises(InstrumentTimeout):
        net.voltage()
    with supply((b"VOUT1?", CUT)) as net, pytest.raises(InstrumentUnreachable):
        net.voltage()


def test_it_has_no_protection_that_can_be_set_or_reset() -> None:
    with supply() as net:
        for method, given in (("set_ovp", [1]), ("set_ocp", [1]), ("clear", [])):
            with pytest.raises(InstrumentError, match="KA3005P has no over-"):
                getattr(net, method)(*given)


@contextmanager
def on_a_port(folder: Path) -> Iterator[tuple[KA3005P, Any]]:
    device = KA3005P()
    leases = Leases()
    with running(Bench({"it": device}, [NetEntry("out", "supply", "it", 1)]), folder):
        nets = bench("KA3005P", f"ASRL{folder}/it::INSTR", out=SUPPLY)
        with Net.get("out", type="supply", nets=nets, claim=leases) as net:
            yield device, net
    assert leases.held == []


def test_it_is_driven_over_a_serial_port(tmp_path: Path) -> None:
    with on_a_port(tmp_path) as (device, net):
        net.set_voltage(3.3)
        net.set_current(0.5)
        net.enable()
        assert (net.measured_voltage(), net.state().mode, device.outputs[0].on) == (3.3, "CV", True)
        device.outputs[0].trip()
        assert net.state().enabled is False
        for fault in (Fault.GARBAGE, Fault.HALF_ANSWER):
            device.faults.inject(fault, count=1)
            with pytest.raises(BadReply):
                net.voltage()
            assert net.voltage() == 0
