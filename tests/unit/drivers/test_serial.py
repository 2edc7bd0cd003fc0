"""Serial ports against a pseudo-terminal."""

import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from lager.drivers.replay import Leases, bench
from lager.errors import InstrumentError, InstrumentTimeout, InstrumentUnreachable, InvalidArgument, NetsFileError
from lager.instruments.drivers import serial_port
from lager.instruments.net import Net, identify
from lager.nets import file as nets_file
from lager.nets.model import Nets, NetType
from lagerd.bench.models.supplies.rigol_dp800 import DP821


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def console(path: str) -> Nets:
    return bench("serial", path, console="type = 'uart'\nbaudrate = 115200")


def test_a_uart_tells_its_port_and_its_settings_without_opening_it(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = terminal
    with Net.get("console", NetType.UART, nets=console(path), claim=Leases()) as uart:
        assert (uart.get_path(), uart.get_baudrate(), uart.usb_serial) == (path, 115200, None)
        assert uart.params == {"baudrate": 115200}
        assert uart.get_config()["params"] == uart.params
        assert uart.type is NetType.UART
        assert uart.connect(parity="None").parity == "N"
        assert uart.connect().timeout == 0.1
        monkeypatch.setattr(uart.session, "connect", lambda settings: settings["parity"])
        parities: list[object] = [uart.connect(parity=word) for word in ("Even", "odd", "mark", "S")]
        assert parities == ["E", "O", "M", "S"]
    missing = console("/dev/lager-is-not-here")
    with (
        Net.get("console", NetType.UART, nets=missing, claim=Leases()) as uart,
        pytest.raises(FileNotFoundError, match="there is no /dev/lager-is-not-here"),
    ):
        uart.get_path()
    with Net.get("plain", NetType.UART, nets=bench("serial", path, plain="type = 'uart'"), claim=Leases()) as uart:
        assert uart.get_baudrate() == uart.connect().baudrate == 9600


def test_a_port_is_opened_as_the_nets_file_says_and_closed_with_the_net(terminal: tuple[int, str]) -> None:
    master, path = terminal
    leases = Leases()
    with Net.get("console", NetType.UART, nets=console(path), claim=leases) as uart:
        port = uart.connect(timeout=5)
        assert (port.baudrate, port.exclusive, port.timeout) == (115200, True, 5)
        port.write(b"ping")
        assert os.read(master, 4) == b"ping"
        os.write(master, b"pong")
        assert port.read(4) == b"pong"
        again = uart.connect(baudrate=9600)
        assert (port.is_open, again.baudrate) == (False, 9600)
    assert not again.is_open
    assert leases.happened == [("claim", "console"), ("release", "console")]


def test_a_port_that_another_program_has_open_is_reported_as_in_use(terminal: tuple[int, str]) -> None:
    leases = Leases()
    nets = console(terminal[1])
    with Net.get("console", NetType.UART, nets=nets, claim=leases) as uart:
        uart.connect()
        session = type(uart.session)(nets.net("console").instrument)
        with pytest.raises(InstrumentError, match="Another program has it"):
            session.connect({})
        session.close()


def test_a_port_that_is_not_there_is_unreachable() -> None:
    leases = Leases()
    with (
        Net.get("console", NetType.UART, nets=console("/dev/no-such-port"), claim=leases) as uart,
        pytest.raises(InstrumentUnreachable, match="No such file or directory"),
    ):
        uart.connect()
    assert leases.held == []


def test_a_setting_that_is_a_number_may_be_text(terminal: tuple[int, str]) -> None:
    with Net.get("console", NetType.UART, nets=console(terminal[1]), claim=Leases()) as uart:
        port = uart.connect(baudrate="115200", timeout="0.5", stopbits="2", bytesize="7", parity="even")
        assert (port.baudrate, port.timeout, port.stopbits, port.bytesize, port.parity) == (115200, 0.5, 2, 7, "E")


@pytest.mark.parametrize(
    ("written", "given", "flags"),
    [
        ("", {}, (False, False, False)),
        ("RTS/CTS", {}, (False, True, False)),
        ("xon/xoff", {}, (True, False, False)),
        ("rtscts", {"xonxoff": True}, (True, False, False)),
        ("rtscts", {"flow_control": "none"}, (False, False, False)),
        ("rtscts", {"rtscts": False}, (False, False, False)),
        ("none", {"flow_control": "DSR/DTR"}, (False, False, True)),
    ],
)
def test_flow_control_is_that_of_the_nets_file_or_of_the_script(
    terminal: tuple[int, str], written: str, given: dict[str, object], flags: tuple[bool, ...]
) -> None:
    line = f"flow_control = '{written}'" if written else ""
    nets = bench("serial", terminal[1], console=f"type = 'uart'\n{line}")
    with Net.get("console", NetType.UART, nets=nets, claim=Leases()) as uart:
        port = uart.connect(**given)
        assert (port.xonxoff, port.rtscts, port.dsrdtr) == flags
        with pytest.raises(InvalidArgument, match="flow_control should be one of none, xonxoff, rtscts, dsrdtr"):
            uart.connect(flow_control="hardware")


def test_flow_control_of_a_serial_instrument_is_that_of_the_nets_file(terminal: tuple[int, str]) -> None:
    device = DP821()
    nets = on_a_serial_line(terminal[1], "flow_control = 'xon/xoff'")

    def answer(message: str) -> bytes | None:
        reply = device.handle(message)
        return None if reply is None else reply.encode() + b"\n"

    with (
        answering(terminal[0], b"\n", answer),
        Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases()) as supply,
    ):
        assert termios.tcgetattr(terminal[0])[0] & termios.IXON
        assert supply.set_voltage(3.3) == 3.3


def test_a_setting_that_pyserial_does_not_know_is_refused(terminal: tuple[int, str]) -> None:
    with Net.get("console", NetType.UART, nets=console(terminal[1]), claim=Leases()) as uart:
        with pytest.raises(InvalidArgument):
            uart.connect(bytesize=12)
        with pytest.raises(InvalidArgument):
            uart.connect(speed=9600)


def test_a_serial_device_is_checked_without_opening_its_port(terminal: tuple[int, str], tmp_path: Path) -> None:
    leases = Leases()
    _, path = terminal
    instrument = console(path).net("console").instrument
    line = serial.Serial(path, 115200, exclusive=True)
    before = termios.tcgetattr(line.fileno())
    assert identify(instrument, net="console", claim=leases) == "serial"
    assert termios.tcgetattr(line.fileno()) == before
    line.close()
    (tmp_path / "file").touch()
    for wrong, said in (("/dev/no-such-port", "No such file"), (str(tmp_path / "file"), "it is not a serial port")):
        with pytest.raises(InstrumentUnreachable, match=said):
            identify(console(wrong).net("console").instrument, net="console", claim=leases)
    assert leases.held == []


def test_a_serial_port_that_may_not_be_opened_is_reported(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK | os.W_OK)
    with pytest.raises(InstrumentUnreachable, match="Permission denied"):
        identify(console(terminal[1]).net("console").instrument, net="console", claim=Leases())


@contextmanager
def answering(master: int, ends: bytes, answer: Callable[[str], bytes | None]) -> Iterator[list[bytes]]:
    """Read messages with this ending at the other end of the line; yield the list of those that were read."""
    read: list[bytes] = []
    stop, stopped = os.pipe()

    def serve() -> None:
        pending = b""
        while master in select.select([master, stop], [], [])[0]:
            pending += os.read(master, 4096)
            *messages, pending = pending.split(ends)
            for message in messages:
                read.append(message)
                if (reply := answer(message.decode())) is not None:
                    os.write(master, reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield read
    finally:
        os.close(stopped)
        thread.join()
        os.close(stop)


def on_a_serial_line(path: str, more: str = "") -> Nets:
    return nets_file.parse(
        f"""
        [instruments.psu1]
        model = "DP821"
        address = "asrl{path}"
        timeout = 1.0
        {more}
        [nets.supply2]
        type = "supply"
        instrument = "psu1"
        channel = 1
        """
    )


@pytest.mark.parametrize(
    ("settings", "sent", "received", "speed"),
    [
        ("", b"\n", b"\n", termios.B9600),
        (r'baudrate = 115200|read_termination = "\r\n"', b"\n", b"\r\n", termios.B115200),
        (r'baudrate = 19200|read_termination = "\r"|write_termination = "\r"', b"\r", b"\r", termios.B19200),
        (r'baudrate = 38400|read_termination = "\r"|write_termination = "\r\n"', b"\r\n", b"\r\n", termios.B38400),
    ],
)
def test_a_serial_instrument_uses_the_settings_of_the_nets_file(
    terminal: tuple[int, str], settings: str, sent: bytes, received: bytes, speed: int
) -> None:
    master, path = terminal
    device, leases = DP821(), Leases()

    def answer(message: str) -> bytes | None:
        reply = device.handle(message)
        return None if reply is None else reply.encode() + received

    nets = on_a_serial_line(path, settings.replace("|", "\n"))
    with (
        answering(master, sent, answer) as read,
        Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases) as supply,
    ):
        assert termios.tcgetattr(master)[5] == speed
        assert supply.set_voltage(3.3) == 3.3
        supply.enable()
        state = supply.state()
    assert (state.enabled, state.voltage_set, device.outputs[0].on) == (True, 3.3, True)
    assert read[0] == b"*IDN?"
    assert leases.held == []


def test_a_silent_serial_instrument_is_an_error_that_says_what_to_check(terminal: tuple[int, str]) -> None:
    nets = on_a_serial_line(terminal[1], "baudrate = 115200")
    with pytest.raises(InstrumentTimeout) as caught:
        Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases())
    assert "baudrate, read_termination and write_termination of [instruments.psu1]" in caught.value.hint


def test_a_serial_instrument_whose_port_is_open_elsewhere_is_reported_as_in_use(terminal: tuple[int, str]) -> None:
    leases = Leases()
    nets = on_a_serial_line(terminal[1])
    with (
        serial.Serial(terminal[1], exclusive=True),
        pytest.raises(InstrumentError, match="Another program has psu1"),
    ):
        Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases)
    assert leases.held == []


def test_a_supply_at_a_plain_path_is_refused_with_the_address_it_needs() -> None:
    with pytest.raises(NetsFileError, match=r"needs the address 'ASRL/dev/ttyS1::INSTR' in \[instruments\.it\]"):
        bench("DP821", "/dev/ttyS1", psu="type = 'supply'\nchannel = 1")


@pytest.mark.parametrize(
    ("address", "line", "said"),
    [
        ("ASRL/dev/ttyS1::INSTR", "baudrate = 0", "instruments.a.baudrate: should be a whole number from 50"),
        (
            "ASRL/dev/ttyS1::INSTR",
            "flow_control = 'yes'",
            "flow_control: should be one of none, xonxoff, rtscts, dsrdtr",
        ),
        ("ASRL/dev/ttyS1::INSTR", "baudrat = 9600", "(did you mean 'baudrate'?)"),
        ("ASRL/dev/ttyS1::INSTR", "read_termination = 'n'", 'should be "\\n", "\\r" or "\\r\\n", not \'n\''),
        ("ASRL/dev/ttyS1::INSTR", "write_termination = []", "write_termination: should be"),
        ("TCPIP::h::INSTR", "baudrate = 9600", "baudrate: is a setting of an ASRL/dev/NAME::INSTR, not of 'TCPIP::h"),
        ("/dev/ttyS1", "baudrate = 9600", "baudrate: is a setting of a net of type uart, not of '/dev/ttyS1'"),
    ],
)
def test_a_wrong_setting_of_a_serial_line_is_named_with_its_key(address: str, line: str, said: str) -> None:
    with pytest.raises(NetsFileError) as caught:
        nets_file.parse(f"[instruments.a]\nmodel = 'DP821'\naddress = '{address}'\n{line}")
    assert said in caught.value.what


def test_the_serial_number_of_an_adapter_is_that_of_its_usb_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tmp_path / "usb1" / "1-1:1.0" / "ttyUSB0"
    port.mkdir(parents=True)
    real = os.path.realpath
    monkeypatch.setattr(
        os.path, "realpath", lambda path, **how: str(port) if str(path).startswith("/sys/") else real(path, **how)
    )
    for files, serial_number in (
        ({}, None), ({"idVendor": "0403"}, None), ({"serial": " A1B2\n"}, "A1B2"), ({"serial": "\n"}, None),
    ):  # fmt: skip
        for name, text in files.items():
            (tmp_path / "usb1" / name).write_text(text)
        assert serial_port.usb_serial_of("/dev/ttyUSB0") == serial_number
    (tmp_path / "usb1/serial").write_text("A1B2")
    nets = bench("serial", "/dev/ttyUSB0", it="type = 'uart'")
    with Net.get("it", NetType.UART, nets=nets, claim=Leases()) as uart:
        assert uart.usb_serial == "A1B2"
        assert uart.get_config()["role"] == NetType.UART.role
