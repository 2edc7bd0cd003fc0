"""Talks SCPI over pyvisa: sends queries and commands, and reads the error queue after each command."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from lager.errors import InstrumentError, Rejected, WrongModel
from lager.instruments.sessions import parse
from lager.instruments.sessions.visa_session import LINE_ENDS, LONGEST_REPLY, VisaSession
from lager.nets import catalog
from lager.nets.model import Instrument
from lager.wording.values import shown

T = TypeVar("T")

_LONGEST_QUEUE = 64  # SCPI queues hold 2 to 32 entries; one that never empties is a fault


class Scpi(VisaSession):
    """A message-based SCPI instrument. All methods block, each up to the timeout of the instrument per answer."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._cleared = False  # of the errors of earlier users

    def ask(self, question: str, read: Callable[[str], T]) -> T:
        """Send a query, and return its answer as parsed by `read`, a parser of `lager.instruments.sessions.parse`.

        Raises InstrumentTimeout, InstrumentUnreachable, or BadReply if the parser does not accept the answer.
        """
        with self.exchange():
            answer = self._query(question)
            try:
                return read(answer)
            except ValueError as error:
                self.bad_reply(question, answer, error)

    def tell(self, command: str) -> None:
        """Send a command, then read the error queue. Raises Rejected if the queue has an entry.

        The first command of a connection clears the queue before it: a connection that only reads leaves it as it is.
        Where the family has no queue, this only sends the command.
        """
        if not self._talk.error_queue:
            self.say(command)
            return
        with self.exchange():
            if not self._cleared:
                if self._talk.clear:
                    self._send(self._talk.clear)
                self._cleared = True
            self._send(command)
            if complaints := self._complaints():
                self._rejected(command, complaints)

    def say(self, command: str) -> None:
        """Send a command without reading the error queue. Raises InstrumentUnreachable."""
        with self.exchange():
            self._send(command)

    def ask_block(self, question: str) -> bytes:
        """Send a query, and return the block of definite length that answers it (IEEE 488.2, 8.7.9).

        Raises like `ask`.
        """
        with self.exchange():
            self._refuse_stray(question)
            self._awaiting = True
            self._send(question)
            data = self._receive_block(question)
            self._awaiting = False
            return data

    def swap(self, request: bytes, count: int) -> bytes:
        """Send bytes, and return the `count` bytes that answer them, from an instrument that talks in bytes.

        Raises InstrumentTimeout, InstrumentUnreachable, BadReply.
        """
        with self.exchange():
            return self._swap(request, count)

    def identity(self) -> str:
        with self.exchange():
            if not self._talk.module_query:
                return self._query("*IDN?")
            number, version = self._swap(self._talk.module_query, 2)
            return f"{self._talk.modules.get(number, f'module {number}')}, version {version}"

    def stay_awake(self) -> None:
        with self.exchange():
            if self._talk.module_query:
                self.identity()
            else:
                self._query(self._talk.harmless)

    def _connect(self) -> None:
        super()._connect()
        self._cleared = False

    def _rejected(self, command: str, complaints: list[tuple[int, str]]) -> NoReturn:
        said = "; ".join(f"{code} {shown(text)[1:-1]}" for code, text in complaints[:3])
        more = f" and {len(complaints) - 3} more" if len(complaints) > 3 else ""
        hints = [_HINTS[code] for code, _ in complaints if code in _HINTS]
        raise Rejected(f"{self.instrument} rejected {command!r}: {said}{more}.", (hints or [_HINT])[0])

    def _complaints(self) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        while len(found) < _LONGEST_QUEUE:
            code, text = self.ask(self._talk.error_queue, parse.ERRORS[self._talk.error_form])
            if code == 0:
                return found
            found.append((code, text))
        first = f"{found[0][0]} {shown(found[0][1])}"
        what = f"The error queue of {self.instrument} does not become empty; it starts with {first}."
        raise InstrumentError(what, "Switch the instrument off and on again.")

    def _query(self, question: str) -> str:
        self._refuse_stray(question)
        self._awaiting = True
        self._send(question)
        end = self._line_end("read_termination")[-1:].encode()
        raw = self._receive(question) if end else self._receive_until_quiet(question)
        self._awaiting = False
        if not raw.endswith(end) and (self._is_socket() or len(raw) >= LONGEST_REPLY):
            self.bad_reply(question, raw, f"no line end within {LONGEST_REPLY} bytes")
        line, _, behind = raw.lstrip(LINE_ENDS).partition(end or b"\n")
        if not self._means_nothing(behind):
            self.bad_reply(question, raw, "more than one line")
        try:
            text = self._without_stray(line.decode("ascii").strip("\r\0 "))
        except UnicodeDecodeError:
            self.bad_reply(question, raw, "not text")
        if not text.isprintable() or not text:
            self.bad_reply(question, raw, "not a line of text")
        return text

    def _without_stray(self, text: str) -> str:
        # The stray byte of the answer before may come late. No number starts with a 0 and another digit.
        rest = text.removeprefix(self._talk.stray)
        return rest if self._talk.stray and rest and rest[0] not in ".,eE" else text

    def _set_up_nets(self) -> None:
        if self._talk.remote and self.instrument.resource.is_serial_line:
            self._send(self._talk.remote)
        super()._set_up_nets()

    def _identify(self) -> None:
        """Compare the identity of the instrument with the model in the nets file."""
        if self._talk.module_query:
            number, _ = self._swap(self._talk.module_query, 2)
            found = self.identified = self._talk.modules.get(number, f"module {number}")
            if not catalog.is_model(found, self.instrument.model):
                self._wrong_model(f"module number {number}")
            return
        answer = self.identified = self._query("*IDN?")
        found = self._talk.model_in(answer)
        if not catalog.is_model(found, self.instrument.model):
            self._wrong_model(shown(answer))

    def _wrong_model(self, answer: str) -> NoReturn:
        wanted = f"the nets file says {self.instrument.model}"
        what = f"The instrument at {self.instrument.address} answers {answer}, but {wanted}."
        self._drop()
        raise WrongModel(what, f"Correct the model or the address in [instruments.{self.instrument.name}].")


_HINT = "Check the value against the ranges in the manual of the instrument."
_HINTS = {
    -222: "The value is out of range for this instrument.",
    704: "The 2281S accepts this only while its battery output is off: call disable() first.",
}
