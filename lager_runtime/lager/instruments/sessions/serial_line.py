"""Opens serial ports with pyserial so that no other process can open them."""

import errno
import fcntl
import os
import termios
from typing import Any

import serial

from lager.instruments.sessions.session import Session

_PTY_SLAVES = range(136, 144)  # the character device majors of Unix98 ptys


class ExclusiveSerial(serial.Serial):
    """A port that no other process can open in the meantime. pyserial's flock stops only programs that use it too."""

    def open(self) -> None:
        super().open()
        if not self._is_pty():
            fcntl.ioctl(self.fileno(), termios.TIOCEXCL)

    def _is_pty(self) -> bool:
        # A pty keeps TIOCEXCL after its holder was killed, while its other end is open: it could not be opened again.
        return os.major(os.fstat(self.fileno()).st_rdev) in _PTY_SLAVES


def open_line(session: Session, settings: dict[str, Any]) -> ExclusiveSerial:
    """Open the port of the session's instrument with these settings of pyserial.

    Raises InstrumentUnreachable, InstrumentError if it is in use, and what pyserial raises for a setting that it does
    not know.
    """
    if session.port is None:
        return _open_now(session, settings)
    while True:
        session.port.check_again()
        opened = _open_now(session, settings)
        if session.port.is_device(opened.fileno()):
            return opened
        opened.close()  # the adapter was plugged in again in the meantime


def _open_now(session: Session, settings: dict[str, Any]) -> ExclusiveSerial:
    try:
        return ExclusiveSerial(session.instrument.resource.path, exclusive=True, **settings)
    except serial.SerialException as error:
        if error.errno in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
            session.in_use()
        session.unreachable(os.strerror(error.errno) if error.errno else error)
    except (OSError, termios.error) as error:
        session.unreachable(error)
