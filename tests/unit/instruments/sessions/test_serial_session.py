"""How a serial port is opened, kept and given up: the session of a uart, on pseudo-terminals and on fake ports."""

import array
import errno
import fcntl
import os
import pty
import termios
from collections.abc import Iterator
from typing import Any

import pytest
import serial

from lager.errors import InstrumentError, InstrumentUnreachable
from lager.instruments.drivers.serial_port import SerialSession
from lager.instruments.sessions import serial_line
from lager.nets.model import Instrument

_TIOCGEXCL = 0x80045440  # tty_ioctl(4)


@pytest.fixture
def path() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


def session(path: str) -> SerialSession:
    return SerialSession(Instrument("it", "serial", path))


class Names:
    """Stands for the names of a port: `devices` says for each opening whether it is the device that was checked."""

    def __init__(self, *devices: bool) -> None:
        self.devices, self.seen, self.checks = list(devices), list[str](), 0

    def check_again(self) -> None:
        self.checks += 1

    def is_device(self, fd: int) -> bool:
        self.seen.append(os.readlink(f"/proc/self/fd/{fd}"))
        return self.devices.pop(0)

    def refuse_holder(self) -> None:
        pass


def is_exclusive(port: serial.Serial) -> bool:
    told = array.array("i", [0])
    fcntl.ioctl(port.fileno(), _TIOCGEXCL, told)
    return bool(told[0])


def test_a_real_port_is_closed_to_all_other_programs_and_a_pty_is_not(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = session(path)
    assert not is_exclusive(one.connect({}))
    one.close()
    monkeypatch.setattr(serial_line, "_PTY_SLAVES", ())
    one = session(path)
    port = one.connect({})
    assert is_exclusive(port)
    fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
    one.close()


def test_a_port_that_was_plugged_in_again_meanwhile_is_opened_anew(path: str) -> None:
    other = session(path)
    other.connect({})
    with_one_port = len(os.listdir("/proc/self/fd"))
    other.close()
    one, names = session(path), Names(False, False, True)
    one.port = names  # type: ignore[assignment]
    port = one.connect({})
    assert (names.checks, names.seen) == (3, [path] * 3)
    assert len(os.listdir("/proc/self/fd")) == with_one_port
    assert port.is_open
    one.close()
    assert not port.is_open


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (serial.SerialException(errno.EBUSY, "busy"), InstrumentError, "Another program has it"),
        (serial.SerialException(errno.EAGAIN, "again"), InstrumentError, "Another program has it"),
        (serial.SerialException("Could not exclusively lock port"), InstrumentError, "Another program has it"),
        (serial.SerialException(errno.EACCES, "x"), InstrumentUnreachable, "Permission denied"),
        (serial.SerialException("something odd"), InstrumentUnreachable, "something odd"),
        (OSError("no tty"), InstrumentUnreachable, "no tty"),
        (termios.error(errno.EIO, "Input/output error"), InstrumentUnreachable, "Input/output error"),
    ],
)
def test_a_port_that_cannot_be_opened_is_told_why(
    error: Exception, kind: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(serial_line, "ExclusiveSerial", refuse)
    with pytest.raises(kind, match=said):
        session("/dev/ttyS7").connect({})


def test_an_error_of_the_script_leaves_the_port_open_and_closing_is_final(path: str) -> None:
    one = session(path)
    port = one.connect({})
    with pytest.raises(KeyError), one.exchange():
        raise KeyError
    assert port.is_open
    one.close()
    with pytest.raises(InstrumentError, match="is closed"):
        one.connect({})


def test_a_port_that_fails_to_close_is_given_up_all_the_same(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(path)
    port = one.connect({})
    real = type(port).close

    def fail(self: serial.Serial) -> None:
        real(self)
        raise OSError

    monkeypatch.setattr(type(port), "close", fail)
    one.close()
    assert not port.is_open


def test_a_forked_child_gives_up_its_copy_of_the_port(path: str) -> None:
    one = session(path)
    port = one.connect({})
    fd = port.fileno()
    child = os.fork()
    if not child:
        os._exit(int(port.is_open or os.readlink(f"/proc/self/fd/{fd}") != os.devnull))
    assert os.waitpid(child, 0)[1] == 0
    assert port.is_open
    one.close()
