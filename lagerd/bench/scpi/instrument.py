"""The base of every simulated SCPI instrument: a table of commands, status, errors, faults.

A model declares its commands with the headers that its manual prints:

    @query("[:SOURce<n>]:VOLTage[:LEVel]")
    def voltage(self, channel: int | None, limit: Token | None = None) -> str: ...

Numeric suffixes come first (None if the header had none), then the parameters; the signature says which of those are
optional.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from lagerd.bench.faults import Faults
from lagerd.bench.scpi.language import ScpiError, Token, Unit, compile_header, parse
from lagerd.bench.scpi.status import ErrorQueue, Status

Method = TypeVar("Method", bound=Callable[..., str | None])


def command(*patterns: str) -> Callable[[Method], Method]:
    return _declare(patterns, query=False)


def query(*patterns: str) -> Callable[[Method], Method]:
    return _declare(patterns, query=True)


def _declare(patterns: tuple[str, ...], query: bool) -> Callable[[Method], Method]:
    def mark(method: Method) -> Method:
        vars(method).setdefault("scpi", []).extend((pattern, query) for pattern in patterns)
        return method

    return mark


@dataclass(frozen=True)
class Entry:
    """A line of the command table."""

    header: re.Pattern[str]
    query: bool
    method: str
    required: int
    allowed: int

    def check(self, tokens: tuple[Token, ...]) -> None:
        if len(tokens) < self.required:
            raise ScpiError(-109)
        if len(tokens) > self.allowed:
            raise ScpiError(-108)


class ScpiInstrument:
    """Answers program messages. All connections share its state, as on a real instrument."""

    model: ClassVar[str]
    identity: ClassVar[str]
    other_identity: ClassVar[str] = "NOBODY INSTRUMENTS,MODEL 0,00000000,0.00"
    queue_depth: ClassVar[int] = 20
    no_error: ClassVar[str] = '0,"No error"'
    wording: ClassVar[dict[int, tuple[int, str]]] = {}
    root_behind_path: ClassVar[bool] = False
    """Whether a header without a colon that is unknown below the previous one is then looked up at the root."""
    table: ClassVar[list[Entry]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.table = list(_entries(cls))

    def __init__(self) -> None:
        self.errors = ErrorQueue(self.queue_depth)
        self.status = Status(self.errors)
        self.faults = Faults()
        self.changed: Callable[[], None] = self.settle
        """Called after each command and before each reading; on a bench, it settles the whole circuit."""
        self._answers: list[str] = []

    def handle(self, message: str) -> str | None:
        """Execute a program message; return the answers to its queries, or None if it has none."""
        self._answers = []
        try:
            for unit in parse(message):
                self._execute(unit)
        except ScpiError as error:
            # A command error makes the rest of the message meaningless (IEEE 488.2, 11.5.1.1.5).
            self.fail(error)
        return ";".join(self._answers) if self._answers else None

    def other_answer(self, message: str) -> str:
        """Return an answer of this instrument to a query other than this one."""
        return self.no_error if "IDN" in message.upper() else self.identity

    def fail(self, error: ScpiError) -> None:
        code, text = self.wording.get(error.code, (error.code, error.text))
        self.status.record(ScpiError(code, text))

    def overrun(self) -> None:
        """Record that a line longer than the input buffer was discarded."""
        self.fail(ScpiError(-363))

    def full_error_queue(self) -> None:
        self.errors.fill()

    def settle(self) -> None:
        """Update the measurements after a change of the settings."""

    def reset(self) -> None:
        """Restore the default setup of the manual (*RST). The error queue and the status do not change."""

    def _execute(self, unit: Unit) -> None:
        entry, suffixes = self._find(unit)
        entry.check(unit.tokens)
        method: Callable[..., Any] = getattr(self, entry.method)
        try:
            answer = method(*suffixes, *unit.tokens)
        except ScpiError as error:
            if -200 < error.code <= -100:
                raise
            self.fail(error)
            return
        if answer is not None:
            self._answers.append(answer)
        self.changed()

    def _find(self, unit: Unit) -> tuple[Entry, list[int | None]]:
        headers = [f":{unit.header}" if unit.common else unit.header]
        if self.root_behind_path and unit.relative:
            headers.append(unit.relative)
        for header in headers:
            for entry in self.table:
                if entry.query == unit.query and (match := entry.header.match(header)):
                    return entry, [int(digits) if digits else None for digits in match.groups()]
        raise ScpiError(-113)

    # Common commands, IEEE 488.2 chapter 10.

    @query("*IDN")
    def _idn(self) -> str:
        return self.other_identity if self.faults.other_idn else self.identity

    @command("*RST")
    def _rst(self) -> None:
        self.reset()

    @command("*CLS")
    def _cls(self) -> None:
        self.status.clear()

    @query("*ESR")
    def _esr(self) -> str:
        return str(self.status.take_events())

    @query("*ESE")
    def _event_enable(self) -> str:
        return str(self.status.event_enable)

    @command("*ESE")
    def _set_event_enable(self, mask: Token) -> None:
        self.status.event_enable = mask.integer(0, 255)

    @query("*SRE")
    def _service_enable(self) -> str:
        return str(self.status.service_enable)

    @command("*SRE")
    def _set_service_enable(self, mask: Token) -> None:
        self.status.service_enable = mask.integer(0, 255) & ~64

    @query("*STB")
    def _stb(self) -> str:
        return str(self.status.byte(bool(self._answers)))

    @command("*OPC")
    def _opc(self) -> None:
        self.status.complete()

    @query("*OPC")
    def _opc_query(self) -> str:
        return "1"

    @command("*WAI")
    def _wai(self) -> None:
        """Do nothing: every command is complete before the next one starts."""

    @query("*OPT")
    def _opt(self) -> str:
        """No option is installed (IEEE 488.2, 10.20)."""
        return "0"

    @query("*TST")
    def _tst(self) -> str:
        return "0"

    @query(":SYSTem:ERRor[:NEXT]")
    def _next_error(self) -> str:
        error = self.errors.pop()
        return self.no_error if error is None else f'{error.code},"{error.text}"'

    @query(":SYSTem:VERSion")
    def _version(self) -> str:
        return "1999.0"


def _entries(cls: type[ScpiInstrument]) -> Iterator[Entry]:
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        for pattern, is_query in getattr(method, "scpi", ()):
            arguments = list(inspect.signature(method).parameters.values())[1 + pattern.count("<n>") :]
            required = sum(argument.default is argument.empty for argument in arguments)
            yield Entry(compile_header(pattern), is_query, name, required, len(arguments))
