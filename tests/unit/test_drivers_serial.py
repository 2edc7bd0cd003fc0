"""Serial ports against a pseudo-terminal."""

import os
import pty
import tty
from collections.abc import Iterator

import pytest

from lager.errors import InstrumentError, InstrumentUnreachable, InvalidArgument
from lager.instruments.net import Net, identify
from lager.nets.model import Nets, NetType
from tests.unit.scriptedbench import Leases, bench


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def console(path: str) -> Nets:
    return bench("serial", path, console="type = 'uart'\nbaudrate = 115200")


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


def test_a_port_that_another_program_has_is_named_as_that(terminal: tuple[int, str]) -> None:
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


def test_a_setting_that_pyserial_does_not_know_is_refused(terminal: tuple[int, str]) -> None:
    with Net.get("console", NetType.UART, nets=console(terminal[1]), claim=Leases()) as uart:
        with pytest.raises(InvalidArgument):
            uart.connect(bytesize=12)
        with pytest.raises(InvalidArgument):
            uart.connect(speed=9600)


def test_a_serial_device_is_checked_by_opening_it(terminal: tuple[int, str]) -> None:
    leases = Leases()
    instrument = console(terminal[1]).net("console").instrument
    assert identify(instrument, net="console", claim=leases) == "serial"
    assert leases.held == []
