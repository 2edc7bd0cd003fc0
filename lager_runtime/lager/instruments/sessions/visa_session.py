"""Connects to an instrument through pyvisa, sends it messages, and receives the bytes of its answers."""

import contextlib
import os
import re
import select
import socket
import time
from typing import Any, NoReturn

from lager.errors import InstrumentError, InstrumentTimeout
from lager.instruments.sessions import visa
from lager.instruments.sessions.session import Session
from lager.nets import catalog
from lager.nets.model import Instrument
from lager.nets.talk import Talk
from lager.process.raised import by_a_handler, suppressed

LONGEST_REPLY = 4096
LINE_ENDS = b"\r\n\0"
_QUIET_SECONDS = 0.05  # a byte takes 1 ms at 9600 baud; adapters on USB hold some back for 16 ms
_IN_USE = re.compile("RSRC_BUSY|Resource busy|Could not exclusively lock")


class VisaSession(Session):
    """An instrument that takes messages, and answers each query with one."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._resource: Any = None
        self._awaiting = False
        self._connected_before = False
        self._ready_at = 0.0  # for the next message, by the monotonic clock
        family = catalog.find(instrument.model)
        self._talk = family.talk if family else Talk()

    def load(self) -> None:
        visa.manager()

    def _connect(self) -> None:
        place = self.instrument.resource
        timeout = max(1, round(self.instrument.timeout * 1000))
        if self.port is not None:
            self.port.check_again()
        self._resolve(place.host)
        settings = {"open_timeout": timeout, "timeout": timeout, **self._visa_settings()}
        with contextlib.ExitStack() as opened:
            try:
                self._resource = visa.manager().open_resource(place.visa, **settings)
                opened.callback(self._disconnect)
                if place.is_serial_line:
                    self._backend().interface.exclusive = True
            except Exception as error:
                self._failed_to_open(error)
            opened.pop_all()
        self._awaiting = False
        self._check_socket()
        if self._connected_before and not self._is_socket():
            # A device on USB or GPIB keeps a late answer itself. Without a device clear, the *IDN? check finds it.
            with suppressed(Exception):
                self._resource.clear()
        self._connected_before = True

    def _visa_settings(self) -> dict[str, Any]:
        """Return the line terminations (None if the transport marks the end of messages) and serial settings."""
        if self.instrument.resource.is_serial_line:
            ends = {name: self._line_end(name) for name in ("write_termination", "read_termination")}
            return visa.line_settings(self.instrument.serial_line, self._talk.baudrate) | ends
        end = self._talk.line_end
        return {"write_termination": end, "read_termination": (end[-1:] or None) if self._is_socket() else None}

    def _line_end(self, which: str) -> str:
        """Return the line end for reading or writing: as in the nets file, or the default of the family."""
        return str(self.instrument.serial_line.get(which, self._talk.line_end))

    def _resolve(self, host: str) -> None:
        # For an unknown host, pyvisa-py raises a bare exception and leaks a socket.
        try:
            if host:
                socket.getaddrinfo(host, None, socket.AF_INET)
        except OSError as error:
            self.unreachable(f"cannot resolve the host {host} to an IPv4 address ({error.strerror})")

    def _check_socket(self) -> None:
        interface = getattr(self._backend(), "interface", None)
        if not isinstance(interface, socket.socket):
            return
        # pyvisa-py treats a refused connection as open; the socket has the error.
        if refusal := interface.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._disconnect()
            self.unreachable(os.strerror(refusal))
        # No answer carries the TCP acknowledgement of a command: without this, each delays the next query by 40 ms.
        interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _failed_to_open(self, error: Exception) -> NoReturn:
        text = str(error)
        if getattr(error, "errno", None) == 16 or "Errno 16" in text or _IN_USE.search(text):
            self.in_use()
        if "install" in text.lower() and isinstance(error, ValueError | ImportError):
            interface = self.instrument.address[:3].upper()
            what, how = _LIBRARIES.get(
                interface, ("a library that pyvisa-py cannot find", "See the documentation of pyvisa-py.")
            )
            raise InstrumentError(f"{self.instrument} needs {what}.", how) from error
        if type(error).__module__.partition(".")[0] not in _OF_TALKING:
            what = f"{self.instrument} cannot be opened: pyvisa failed with {type(error).__name__}: {text[:200]}"
            raise InstrumentError(
                what, "Exclude pyvisa and pyvisa_py from the import hook that changes code."
            ) from error
        self.unreachable(text or type(error).__name__)

    def _disconnect(self) -> None:
        self._resource.close()

    def _connection(self) -> object:
        return self._backend() if self._resource is not None else None

    def _idle(self) -> bool:
        return not self._awaiting

    def _is_socket(self) -> bool:
        return self.instrument.resource.is_socket

    def _backend(self) -> Any:
        return self._resource.visalib.sessions.get(self._resource.session)

    def _send(self, message: str) -> None:
        self._wait_until_ready()
        try:
            self._resource.write(message)
        except Exception as error:
            self.lost(error)

    def _wait_until_ready(self) -> None:
        """Wait for the time between two messages that this family needs."""
        if self._talk.pause:
            if (left := self._ready_at - time.monotonic()) > 0:
                time.sleep(left)
            self._ready_at = time.monotonic() + self._talk.pause

    def _receive(self, question: str) -> bytes:
        import pyvisa
        from pyvisa.constants import StatusCode

        self._wait_for_answer(question)
        try:
            return bytes(self._resource.read_bytes(LONGEST_REPLY, break_on_termchar=True))
        except pyvisa.errors.VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                self.lost(error)
            if self._peek() == b"":
                self.lost("the instrument closed it")
            self.silent(question)
        except Exception as error:
            self.lost(error)

    def _receive_until_quiet(self, question: str) -> bytes:
        """Return an answer that has no line end: what arrives until nothing more does for a moment."""
        interface = self._backend().interface
        readable = select.poll()
        readable.register(interface, select.POLLIN)
        answer, patience = b"", self.instrument.timeout
        try:
            while len(answer) < LONGEST_REPLY and readable.poll(patience * 1000):
                part = interface.recv(LONGEST_REPLY) if self._is_socket() else interface.read(interface.in_waiting or 1)
                if not part:
                    self.lost("the instrument closed it")
                answer, patience = answer + part, _QUIET_SECONDS
        except OSError as error:
            self.lost(error)
        if not answer:
            self.silent(question)
        return answer

    def _receive_block(self, question: str) -> bytes:
        import pyvisa
        from pyvisa.constants import StatusCode

        self._wait_for_answer(question)
        try:
            return bytes(self._resource.read_binary_values(datatype="B", container=bytes))
        except pyvisa.errors.VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                self.lost(error)
            self.silent(question)
        except (ValueError, IndexError, SyntaxError) as error:
            self.bad_reply(question, "…", f"not a block of bytes: {error}")
        except Exception as error:
            self.lost(error)

    def _swap(self, request: bytes, count: int) -> bytes:
        import pyvisa

        question = request.hex(" ")
        if stray := self._peek():
            self.unasked(question, stray)
        self._wait_until_ready()
        self._awaiting = True
        try:
            self._resource.write_raw(request)
            answer = bytes(self._resource.read_bytes(count)) if count else b""
        except pyvisa.errors.VisaIOError as error:
            if error.error_code != pyvisa.constants.StatusCode.error_timeout:
                self.lost(error)
            self.silent(question)
        except Exception as error:
            self.lost(error)
        self._awaiting = False
        return answer

    def _wait_for_answer(self, question: str) -> None:
        """Wait for the first byte from a socket, or for its end.

        pyvisa-py reads a socket that the instrument has closed again and again, without a pause, until the timeout.
        """
        if not self._is_socket():
            return
        interface = self._backend().interface
        readable = select.poll()
        readable.register(interface, select.POLLIN)
        try:
            answered = readable.poll(self.instrument.timeout * 1000)
            closed = answered and not interface.recv(1, socket.MSG_PEEK)
        except OSError as error:
            self.lost(error)
        if not answered:
            self.silent(question)
        if closed:
            self.lost("the instrument closed it")

    def _refuse_stray(self, question: str) -> None:
        # Bytes that arrive before the query is sent would be taken for its answer.
        session = self._backend()
        pending = getattr(session, "_pending_buffer", None) or bytearray()
        waiting = self._peek()
        stray = bytes(pending) + (waiting or b"")
        if not self._means_nothing(stray):
            self.unasked(question, stray)
        if waiting == b"":
            self.lost("the instrument closed it")
        pending.clear()
        if waiting and self._is_socket():
            session.interface.recv(len(waiting))

    def _means_nothing(self, bytes_behind: bytes) -> bool:
        """Return whether bytes after a line cannot be an answer: line ends, or the stray byte of this family."""
        return bytes_behind.strip(LINE_ENDS) in (b"", self._talk.stray.encode())

    def _peek(self) -> bytes | None:
        """Return the unread bytes: None if there are none or it cannot be known, b"" if the connection has ended.

        On a serial port this consumes the bytes.
        """
        interface = getattr(self._backend(), "interface", None)
        try:
            if self.instrument.resource.is_serial_line:
                return bytes(interface.read(interface.in_waiting)) or None  # type: ignore[union-attr]
            if isinstance(interface, socket.socket):
                return interface.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError as error:
            if by_a_handler(error):
                raise
            return None if isinstance(error, BlockingIOError) else b""
        return None

    def silent(self, question: str) -> NoReturn:
        if not self.instrument.resource.is_serial_line:
            super().silent(question)
        what = f"{self.instrument} did not answer {question!r} within {self.instrument.timeout:g} s."
        keys = "baudrate, read_termination and write_termination"
        raise InstrumentTimeout(what, f"Check its cable and power, and {keys} of [instruments.{self.instrument.name}].")


# The modules whose errors say that an instrument cannot be reached. An import hook that checks annotations has its own.
_OF_TALKING = (
    "builtins", "pyvisa", "pyvisa_py", "socket", "serial", "usb", "termios", "struct", "select", "gpib_ctypes"
)  # fmt: skip
_LIBRARIES = {
    "USB": ("libusb, which is not installed", "Install libusb-1.0 with the package manager of the system."),
    "GPI": ("linux-gpib, which is not installed", "Install linux-gpib, or use the network or USB of the instrument."),
}
