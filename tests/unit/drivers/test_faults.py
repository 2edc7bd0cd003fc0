"""Faults between lager and a SCPI instrument: each a clear error within its timeout, and the next query is right."""

import errno
import signal
import socket
import time
from typing import Any

import pytest

from lager.drivers import replay
from lager.drivers.replay import TIMEOUT, Leases, bench, playing
from lager.drivers.scripted_instrument import CUT, ScriptedInstrument
from lager.errors import (
    BadReply,
    InstrumentError,
    InstrumentTimeout,
    InstrumentUnreachable,
    Rejected,
    WrongModel,
)
from lager.instruments.net import Net, identify
from lager.instruments.sessions import parse
from lager.instruments.sessions.scpi import Scpi
from lager.nets.model import Instrument, NetType
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

CH1 = "type = 'supply'\nchannel = 1"
QUESTION = ":MEAS:ALL? CH1"
GOOD = (QUESTION, "3.3001,0.1000,0.330")


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (None, InstrumentTimeout, r"it \(DP821 at .*\) did not answer ':MEAS:ALL\? CH1' within 1 s"),
        (b"3.3001,0.1", InstrumentTimeout, "did not answer"),
        (b"\xff\xfe\x00garbage\n", BadReply, r"with b'\\xff\\xfe\\x00garbage\\n': not text"),
        (b"\x1b[2J\n", BadReply, "not a line of text"),
        (b"\n", BadReply, "not a line of text"),
        (b"7" * 5000, BadReply, "no line end within 4096 bytes"),
        ("ON", BadReply, "answered ':MEAS:ALL[?] CH1' with 'ON': expected 3 numbers"),
        ("RIGOL TECHNOLOGIES,DP821,DP8", BadReply, ": not a number"),
        ("nan,0,0", BadReply, ": not a number"),
        ("9.91E37,0,0", BadReply, "no valid reading"),
        ("1e999,0,0", BadReply, "no valid reading"),
        (CUT, InstrumentUnreachable, "connection to it .* was lost: the instrument closed it"),
        ([b"3.3001,0.1", CUT], InstrumentUnreachable, "the instrument closed it"),
    ],
)
def test_a_fault_is_a_clear_error_and_the_next_answer_is_right(answer: Any, error: type[Exception], said: str) -> None:
    script = [*dp800.OPEN, (QUESTION, answer), *dp800.OPEN, GOOD]
    with playing(script, "DP821", CH1) as supply:
        begun = time.monotonic()
        with pytest.raises(error, match=said):
            supply.voltage()
        assert time.monotonic() - begun < TIMEOUT + 1
        assert supply.voltage() == 3.3001


def test_a_connection_that_ends_without_an_answer_is_noticed_long_before_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "TIMEOUT", 120.0)
    with playing([*dp800.OPEN, (QUESTION, CUT), *dp800.OPEN, GOOD], "DP821", CH1) as supply:
        begun = time.monotonic()
        with pytest.raises(InstrumentUnreachable, match="the instrument closed it"):
            supply.voltage()
        assert time.monotonic() - begun < 60
        assert supply.voltage() == 3.3001


def test_a_long_reply_is_shortened_in_the_message() -> None:
    script = [*dp800.OPEN, (QUESTION, "x" * 300)]
    with playing(script, "DP821", CH1) as supply, pytest.raises(BadReply) as caught:
        supply.voltage()
    assert len(caught.value.what) < 250
    assert "xxx…'" in caught.value.what


def test_an_unrequested_answer_is_not_taken_for_the_next_one() -> None:
    # The answer to some other question arrives behind the right one, and waits there.
    script = [*dp800.OPEN, (QUESTION, b"3.3001,0.1000,0.330\n9.9999,0.9,9.9\n"), *dp800.OPEN, GOOD]
    with playing(script, "DP821", CH1) as supply:
        assert supply.voltage() == 3.3001
        with pytest.raises(BadReply, match=r"sent b'9\.9999,0\.9,9\.9\\n' before ':MEAS:ALL\? CH1' was asked"):
            supply.voltage()
        assert supply.voltage() == 3.3001


def test_a_connection_cut_between_two_queries_is_an_error_and_then_reconnects() -> None:
    script = [*dp800.OPEN, (QUESTION, ["3.3001,0.1000,0.330", CUT]), *dp800.OPEN, GOOD]
    with playing(script, "DP821", CH1) as supply:
        assert supply.voltage() == 3.3001
        with pytest.raises(InstrumentUnreachable):
            supply.voltage()
        assert supply.voltage() == 3.3001


def test_another_instrument_at_the_address_is_refused_also_after_a_reconnect() -> None:
    other = ("*IDN?", "RIGOL TECHNOLOGIES,DP832,DP8C1,00.01.16")
    with (
        pytest.raises(WrongModel, match=r"DP832.*the nets file says DP821"),
        playing([other], "DP821", CH1),
    ):
        pass
    with playing([*dp800.OPEN, (QUESTION, CUT), other], "DP821", CH1) as supply:
        with pytest.raises(InstrumentUnreachable):
            supply.voltage()
        with pytest.raises(WrongModel):
            supply.voltage()


@pytest.mark.parametrize("answer", [None, b"RIGOL", CUT, b"\x80\n"])
def test_an_instrument_that_does_not_identify_itself_is_not_opened(answer: Any) -> None:
    with pytest.raises(InstrumentError), playing([("*IDN?", answer)], "DP821", CH1):
        pass


def test_a_closed_port_is_unreachable_and_the_lease_is_released() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    leases = Leases()
    config = bench("DP821", f"TCPIP::127.0.0.1::{port}::SOCKET", it=CH1)
    with pytest.raises(InstrumentUnreachable, match="Connection refused") as caught:
        Net.get("it", NetType.PowerSupply, nets=config, claim=leases)
    assert "Check that it is switched on" in caught.value.hint
    assert leases.happened == [("claim", "it"), ("release", "it")]


def test_a_host_without_an_address_is_unreachable() -> None:
    leases = Leases()
    config = bench("DP821", "TCPIP::no-such-host.invalid::5555::SOCKET", it=CH1)
    with pytest.raises(InstrumentUnreachable, match=r"cannot resolve the host no-such-host\.invalid"):
        Net.get("it", NetType.PowerSupply, nets=config, claim=leases)
    assert leases.held == []


def test_a_full_error_queue_is_read_to_its_end() -> None:
    entries = [(":SYST:ERR?", f'-{number},"Error {number}"') for number in range(101, 117)]
    script = [*dp800.OPEN, (":SOUR1:VOLT 3.3", None), *entries, dp800.NO_ERROR, GOOD]
    with playing(script, "DP821", CH1) as supply:
        with pytest.raises(Rejected, match=r"-101 Error 101; -102 Error 102; -103 Error 103 and 13 more"):
            supply.set_voltage(3.3)
        assert supply.voltage() == 3.3001


def test_an_error_queue_that_never_empties_is_an_error() -> None:
    entries = [(":SYST:ERR?", '-350,"Queue overflow"')] * 64
    with (
        playing([*dp800.OPEN, (":SOUR1:VOLT 3.3", None), *entries], "DP821", CH1) as supply,
        pytest.raises(InstrumentError, match="does not become empty"),
    ):
        supply.set_voltage(3.3)


def test_an_error_queue_that_answers_nonsense_is_an_error() -> None:
    script = [*dp800.OPEN, (":SOUR1:VOLT 3.3", None), (":SYST:ERR?", "OK")]
    with playing(script, "DP821", CH1) as supply, pytest.raises(BadReply, match="not an entry of an error queue"):
        supply.set_voltage(3.3)


def test_an_interrupted_query_leaves_no_answer_for_the_next() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    script = [*dp800.OPEN, (QUESTION, None), *dp800.OPEN, (":OUTP? CH1", "ON")]
    try:
        with ScriptedInstrument(*script) as instrument:
            session = Scpi(Instrument("psu1", "DP821", instrument.visa, timeout=10))
            session.open()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                session.ask(QUESTION, parse.numbers(3))
            assert session.ask(":OUTP? CH1", parse.on_off)
            session.close()
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [OSError(errno.EBUSY, "Resource busy"), ValueError("[Errno 16] Resource busy")])
def test_a_device_that_another_program_has_open_is_reported_as_in_use(error: Exception) -> None:
    session = Scpi(Instrument("psu1", "DP821", "USB0::0x1AB1::0x0E11::DP8A1::INSTR"))
    with pytest.raises(InstrumentError, match="Another program has psu1"):
        session._failed_to_open(error)


@pytest.mark.parametrize(("address", "library"), [("USB::1::2::3::INSTR", "libusb"), ("GPIB::5::INSTR", "linux-gpib")])
def test_a_library_that_is_not_installed_is_named(address: str, library: str) -> None:
    session = Scpi(Instrument("psu1", "DP821", address))
    with pytest.raises(InstrumentError, match=f"needs {library}, which is not installed"):
        session._failed_to_open(ValueError("Please install something.\nIt is not there."))


def test_a_usb_instrument_that_is_not_there_is_a_clear_error() -> None:
    leases = Leases()
    config = bench("DP821", "USB0::0x1AB1::0x0E11::DP8A1::INSTR", it=CH1)
    with pytest.raises(InstrumentError) as caught:
        Net.get("it", NetType.PowerSupply, nets=config, claim=leases)
    assert caught.value.hint
    assert leases.held == []


def test_identify_claims_queries_and_releases() -> None:
    leases = Leases()
    script = [*dp800.OPEN, dp800.IDN]
    with ScriptedInstrument(*script) as instrument:
        it = Instrument("psu1", "DP821", instrument.visa, TIMEOUT)
        assert identify(it, net="supply2", wait=3, claim=leases) == dp800.IDN[1]
    assert leases.happened == [("claim", "supply2"), ("release", "supply2")]
    assert leases.waits == [3]


@pytest.mark.parametrize(
    ("text", "said"), [("", "number"), ("1,2", "number"), ("0x10", "number"), ("1 V", "number"), ("inf", "number")]
)
def test_a_number_is_read_strictly(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse.number(text)


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), (" -1.5E-3 ", -0.0015), ("+.5", 0.5), ("3.", 3.0), ("0", 0.0)])
def test_a_number_is_read(text: str, value: float) -> None:
    assert parse.number(text) == value


def test_several_readings_without_units_are_refused() -> None:
    with pytest.raises(ValueError, match="no reading in V"):
        parse.quantity("V")("1.0,2.0")
    assert parse.quantity("V")("1.5") == 1.5
    assert parse.quantity("V")("+1E-3A, +2.5V") == 2.5
