"""Opens serial ports with pyserial."""

import errno
import os
import stat
from typing import Any

import serial

from lager.errors import InvalidArgument, PortNotFound
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.sessions.serial_line import ExclusiveSerial, open_line
from lager.instruments.sessions.session import Session
from lager.nets.model import Instrument
from lager.nets.settings.serial_line import DEFAULT_BAUDRATE, PARITIES, flow_control, for_pyserial
from lager.wording.text import number_of

READ_TIMEOUT = 0.1  # seconds


def _plain(value: object) -> object:
    """Convert a number in text to a number; return any other value unchanged."""
    found = number_of(value) if type(value) is str else None
    return value if found is None else int(found) if found.is_integer() else found


def _flow_control(word: object) -> str:
    try:
        return flow_control(word)
    except ValueError as error:
        raise ValueError(f"flow_control {error}") from None


def usb_serial_of(path: str) -> str | None:
    """Return the serial number of the USB device that the port belongs to, as the kernel has it in /sys; else None."""
    try:
        found = os.path.realpath(f"/sys/class/tty/{os.path.basename(os.path.realpath(path))}/device")
        while len(found) > len("/sys/devices"):
            if os.path.exists(f"{found}/idVendor"):
                with open(f"{found}/serial") as file:
                    return file.read().strip() or None
            found = os.path.dirname(found)
    except OSError:
        pass
    return None


class SerialSession(Session):
    """The ports that a net has opened. A serial device has no identity that could be checked."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._ports: list[ExclusiveSerial] = []

    def connect(self, settings: dict[str, Any]) -> serial.Serial:
        with self.exchange():
            for port in self._ports:
                port.close()
            self._ports = [open_line(self, settings)]
            return self._ports[0]

    def identity(self) -> str:
        """Check that the port exists and may be opened, and return the model: a serial device has no identity.

        The port is not opened: that would change its settings, and its control lines, which reset many devices.
        """
        path = self.instrument.address
        try:
            found = os.stat(path)
        except OSError as error:
            self.unreachable(error.strerror)
        if not stat.S_ISCHR(found.st_mode):
            self.unreachable("it is not a serial port")
        if not os.access(path, os.R_OK | os.W_OK):
            self.unreachable(os.strerror(errno.EACCES))
        return self.instrument.model

    def _connect(self) -> None:
        pass

    def _disconnect(self) -> None:
        for port in self._ports:
            port.close()

    def _connection(self) -> object:
        return self._ports

    def abandon(self) -> None:
        super().abandon()
        for port in self._ports:
            port.is_open = False  # pyserial then raises an error if the child uses the port

    def _idle(self) -> bool:
        return True


class Uart(Driver[SerialSession]):
    """A serial port."""

    @property
    def params(self) -> dict[str, Any]:
        """The settings of the line in the nets file: baudrate, bytesize, parity, stopbits, flow_control."""
        return dict(self.config.options)

    @property
    def usb_serial(self) -> str | None:
        """The serial number of the USB adapter behind the port; None if it has none."""
        return usb_serial_of(self.config.instrument.address)

    def get_path(self) -> str:
        """Return the path of the port. Raises PortNotFound, a FileNotFoundError, if it is missing."""
        path = self.config.instrument.resource.path
        if not os.path.exists(path):
            raise PortNotFound(f"{self.name}: there is no {path}.", "Check that its adapter is plugged in.")
        return path

    def get_baudrate(self) -> int:
        """Return the baud rate that connect() uses: that of the nets file, else 9600."""
        return int(self.config.options.get("baudrate", DEFAULT_BAUDRATE))

    def get_config(self) -> dict[str, Any]:
        """Return the entry of the net in the nets file as plain values; `params` has the settings of the line."""
        return {**self.config.as_dict(), "role": self.type.role, "params": self.params}

    def connect(self, **settings: Any) -> serial.Serial:
        """Open the port and return it as a `serial.Serial`; keep the net, too, since the port is closed with it.

        `settings` are those of pyserial (baudrate, timeout in seconds, …) and override those of the nets file; the
        parity may also be none, even, odd, mark or space, flow_control is none, xonxoff, rtscts or dsrdtr, and a number
        may be text, such as "115200". A read ends after 0.1 s, unless timeout says otherwise. No other program can open
        the port in the meantime. Raises InstrumentUnreachable, InstrumentError if it is in use, and InvalidArgument for
        a setting that pyserial does not know.
        """
        settings = {"timeout": READ_TIMEOUT} | dict(self.config.options) | {k: _plain(v) for k, v in settings.items()}
        parity = settings.get("parity")
        if isinstance(parity, str):
            settings["parity"] = PARITIES.get(parity.lower(), parity)
        try:
            if "flow_control" in settings:
                settings["flow_control"] = _flow_control(settings["flow_control"])
            return self.session.connect(for_pyserial(settings))
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{self.name}: {error}.", "See the documentation of pyserial.") from error
