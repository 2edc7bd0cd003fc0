"""What a family says in its table of how one talks to it: the session of all instruments follows it."""

import os
import pty
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import Rejected
from lager.instruments.holdings import session_of
from lager.instruments.net import Net
from lager.instruments.safety.safe_state import Here, to_switch_off
from lager.instruments.sessions import parse, visa_session
from lager.instruments.sessions.scpi import Scpi
from lager.nets import own_drivers, talk
from lager.nets.model import Nets, NetType
from tests.unit.drivers.test_serial import answering

ADDRESS = "TCPIP::h::5::SOCKET"
IDN = "ACME,P1,1,1.0"
DRIVER = """
from lager.drivers import ScpiDriver, Supply
DRIVER = {{"models": ["P1"], "nets": {{"supply": "Output", "adc": "Input"}}, {more}}}
armed = []
def set_watchdog(session, nets):
    armed.append([net.name for net in nets])
class Input(ScpiDriver):
    def input(self):
        return self._number("IN?")
class Output(Supply):
    SET_VOLTAGE, GET_VOLTAGE = "VOLT {{x}}", "VOLT?"
    SET_CURRENT, GET_CURRENT = "CURR {{x}}", "CURR?"
    SET_OUTPUT, GET_OUTPUT = "OUTP {{x}}", "OUTP?"
    MEASURE_VOLTAGE, MEASURE_CURRENT = "MEAS:VOLT?", "MEAS:CURR?"
"""
SUPPLY = "type = 'supply'"
WAIT = Scpi._wait_until_ready


class Clock:
    """A clock on which only waiting takes time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    kept = [*own_drivers._found], {**own_drivers._broken}, {*own_drivers._read}
    own_drivers._found.clear()
    own_drivers._broken.clear()
    own_drivers._read.clear()
    tmp_path.chmod(0o755)

    def written(more: str) -> Path:
        (tmp_path / "acme.py").write_text(DRIVER.format(more=more))
        return tmp_path

    yield written
    own_drivers._found[:], own_drivers._broken, own_drivers._read = kept


def lines(end: str, *script: tuple[str, str | None]) -> list[tuple[bytes, bytes | None]]:
    return [
        (f"{sent}{end}".encode(), None if answer is None else f"{answer}{end}".encode())
        for sent, answer in (("*IDN?", IDN), *script)
    ]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_as_the_family_ends_them(family: Callable[..., Path], end: str) -> None:
    script = lines(end, ("CLEAR", None), ("VOLT 3.3", None), ("ERR?", "0,''"), ("VOLT?", "3.3"), ("MEAS:VOLT?", "3.2"))
    folder = family(f'"line_end": {end!r}, "error_queue": "ERR?", "clear": "CLEAR"')
    with playing(script, "P1", SUPPLY, drivers=folder) as supply:
        assert supply.set_voltage(3.3) == 3.3
        assert supply.voltage() == 3.2


@pytest.mark.parametrize(
    ("form", "none", "some", "said"),
    [
        ("code text", "0  No Error", "-222 Data out of range", "-222 Data out of range"),
        ("code text", "0", "7 'x'", "7 x"),
        ("code", "+0", "+113", "113"),
        ("code,text", '0,"No error"', '-113,"Undefined header"', "-113 Undefined header"),
    ],
)
def test_the_entries_of_the_error_queue_have_the_form_of_the_family(
    family: Callable[..., Path], form: str, none: str, some: str, said: str
) -> None:
    told = [("VOLT 3.3", None), (":SYST:ERR?", some), (":SYST:ERR?", none)]
    folder = family(f'"error_form": {form!r}')
    with playing([("*IDN?", IDN), *told], "P1", SUPPLY, drivers=folder) as supply, pytest.raises(Rejected) as caught:
        supply.set_voltage(3.3)
    assert f"'VOLT 3.3': {said}" in caught.value.what


@pytest.mark.parametrize("form", talk.ERROR_FORMS)
@pytest.mark.parametrize("text", ["", "No error", "3.3", "1e5", ",", "VOLT 1,2", "0x10"])
def test_what_is_no_entry_is_never_taken_for_one(form: str, text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        parse.ERRORS[form](text)


def test_without_an_error_queue_the_readback_shows_a_refusal(family: Callable[..., Path]) -> None:
    folder = family('"error_queue": ""')
    script = [("*IDN?", IDN), ("VOLT 3.3", None), ("VOLT?", "0"), ("VOLT 3.4", None), ("VOLT?", "3.4")]
    with playing(script, "P1", SUPPLY, drivers=folder) as supply:
        with pytest.raises(Rejected, match="reads back 0"):
            supply.set_voltage(3.3)
        assert supply.set_voltage(3.4) == 3.4


def test_two_messages_have_the_pause_between_them_that_the_family_needs(
    family: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(visa_session, "time", clock)
    monkeypatch.setattr(Scpi, "_wait_until_ready", WAIT)
    script = [("*IDN?", IDN), ("VOLT 3.3", None), ("VOLT?", "3.3")]
    with playing(script, "P1", SUPPLY, drivers=family('"pause": 0.5, "error_queue": ""')) as supply:
        supply.set_voltage(3.3)
    assert clock.waits == [0.5, 0.5]  # none before the first message


def test_a_keepalive_asks_what_the_family_calls_harmless(family: Callable[..., Path]) -> None:
    with ScriptedInstrument(("*IDN?", IDN), ("LIFE?", "yes")) as instrument:
        nets = bench("P1", instrument.visa, drivers=family('"harmless": "LIFE?"'), it=SUPPLY)
        session = session_of(nets.net("it").instrument)
        session.stay_awake()
        session.close()


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def serial_bench(folder: Path, path: str, more: str = "") -> Nets:
    return bench("P1", f'ASRL{path}::INSTR"\n{more}\n#"', drivers=folder, it=SUPPLY)


@pytest.mark.parametrize(("more", "speed"), [("", termios.B19200), ("baudrate = 4800", termios.B4800)])
def test_a_serial_line_is_as_delivered_unless_the_nets_file_says_otherwise(
    family: Callable[..., Path], line: tuple[int, str], more: str, speed: int
) -> None:
    master, path = line
    folder = family(r'"baudrate": 19200, "remote": "SYST:REM", "line_end": "\r\n"')
    answers = {"*IDN?": IDN, "VOLT?": "3.3", ":SYST:ERR?": '0,""', "MEAS:VOLT?": "3.2"}

    def answer(message: str) -> bytes | None:
        return f"{answers[message]}\r\n".encode() if message in answers else None

    with answering(master, b"\r\n", answer) as sent:
        nets = serial_bench(folder, path, more)
        with Net.get("it", NetType.PowerSupply, nets=nets, claim=Leases()) as supply:
            assert termios.tcgetattr(master)[5] == speed
            supply.set_voltage(3.3)
        session = session_of(nets.net("it").instrument)
        session.as_it_is = True
        session.open()
        session.close()
    assert sent[:3] == [b"*IDN?", b"SYST:REM", b"*CLS"]
    assert sent.count(b"SYST:REM") == 1  # a reader leaves the instrument as it is


def test_nothing_is_made_remote_where_the_interface_does_that(family: Callable[..., Path]) -> None:
    script = [("*IDN?", IDN), ("MEAS:VOLT?", "3.2")]
    with playing(script, "P1", SUPPLY, drivers=family('"remote": "SYST:REM"')) as supply:
        assert supply.voltage() == 3.2


def test_nets_are_made_safe_in_the_order_of_their_family_where_the_file_says_nothing(tmp_path: Path) -> None:
    kept = [*own_drivers._found], {*own_drivers._read}
    tmp_path.chmod(0o755)
    (tmp_path / "both.py").write_text(
        DRIVER.format(more='"safe_order": ["eload", "supply"]')
        .replace('"adc": "Input"', '"eload": "Load"')
        .replace("P1", "B1")
        + "from lager.instruments.drivers.loads.rigol_dl3000 import Load\n"
    )
    try:
        safe = 'safe = "off"'
        nets = bench("B1", ADDRESS, drivers=tmp_path, a=f"{SUPPLY}\n{safe}", b=f"type = 'eload'\n{safe}")
        here = Here.on(nets.net("a").instrument.key, nets)
        assert [net.name for net in to_switch_off(here, []).nets] == ["b", "a"]
        first, second = f"{SUPPLY}\n{safe}\nsafe_order = -1", f"type = 'eload'\n{safe}"
        ruled = bench("B1", ADDRESS, drivers=tmp_path, a=first, b=second)
        chosen = to_switch_off(Here.on(ruled.net("a").instrument.key, ruled), [])
        assert [net.name for net in chosen.nets] == ["a", "b"]
    finally:
        own_drivers._found[:], own_drivers._read = kept


def test_a_driver_may_bring_the_watchdog_of_its_instrument(family: Callable[..., Path]) -> None:
    folder = family('"watchdog": ["supply"]')
    script = [("*IDN?", IDN), ("OUTP ON", None), (":SYST:ERR?", '0,""'), ("OUTP?", "1")]
    with playing(script, "P1", f"{SUPPLY}\ndeadman = 30", drivers=folder) as supply:
        supply.enable()
    found = own_drivers.find("P1")
    assert found is not None
    assert found.guarded == {NetType.PowerSupply}
    assert found.code.armed == [["it"], []]  # armed before the output came on, and disarmed when the net was closed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('"line_end": "x"', r""""line_end" of DRIVER should be "\n", "\r" or "\r\n", not 'x'"""),
        ('"stray": "ab"', '"stray" of DRIVER should be one character'),
        ('"stray": 0', '"stray" of DRIVER should be one character'),
        ('"error_queue": "ERR"', '"error_queue" of DRIVER should be a query, or "" if there is none'),
        ('"error_queue": None', '"error_queue" of DRIVER should be a query'),
        ('"error_form": "xml"', '"error_form" of DRIVER should be "code,text" or "code text" or "code"'),
        ('"clear": "CLS?"', '"clear" of DRIVER should be a command'),
        ('"pause": 2', '"pause" of DRIVER should be a number of seconds from 0 to 1'),
        ('"pause": True', '"pause" of DRIVER should be a number of seconds from 0 to 1'),
        ('"baudrate": True', '"baudrate" of DRIVER should be a whole number from 50'),
        ('"baudrate": "9600"', '"baudrate" of DRIVER should be a whole number from 50'),
        ('"remote": "A\\nB"', '"remote" of DRIVER should be a command'),
        ('"harmless": "VOLT 3"', '"harmless" of DRIVER should be a query'),
        ('"watchdog": "supply"', '"watchdog" of DRIVER should be a list of its net types (supply, adc)'),
        ('"watchdog": ["eload"]', '"watchdog" of DRIVER should be a list of its net types (supply, adc)'),
        ('"safe_order": [["supply"]]', '"safe_order" of DRIVER should be a list of its net types (supply, adc)'),
    ],
)
def test_a_mistake_in_the_table_is_a_sentence(family: Callable[..., Path], more: str, said: str) -> None:
    own_drivers.read_folder(str(family(more)))
    own_drivers._read.add(own_drivers.GROUP)
    (broken,) = own_drivers.broken()
    assert said in broken.reason


def test_a_watchdog_needs_the_function_that_sets_it(tmp_path: Path, family: Callable[..., Path]) -> None:
    folder = family('"watchdog": ["supply"]')
    text = (folder / "acme.py").read_text().replace("def set_watchdog", "def set_nothing")
    (folder / "acme.py").write_text(text)
    own_drivers._read.add(own_drivers.GROUP)
    own_drivers.read_folder(str(folder))
    (broken,) = own_drivers.broken()
    assert "needs a function set_watchdog(session, nets)" in broken.reason
