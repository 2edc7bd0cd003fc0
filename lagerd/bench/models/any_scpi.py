"""Instruments without a model of their own: one that only answers *IDN?, and a supply with a driver's commands."""

import re
from typing import Any, ClassVar

from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.scpi.language import ScpiError

NEVER = float("inf")
_NUMBER = r"(?P<x>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_WORD = r"(?P<x>ON|OFF|1|0)"
_SETS = {"SET_VOLTAGE": _NUMBER, "SET_CURRENT": _NUMBER, "SET_OUTPUT": _WORD}
_ASKS = ("GET_VOLTAGE", "GET_CURRENT", "GET_OUTPUT", "MEASURE_VOLTAGE", "MEASURE_CURRENT")


class AnyScpi(ScpiInstrument):
    """An instrument that answers `*IDN?`, the other common queries and `:SYST:ERR?`."""

    model: ClassVar[str] = "any"
    identity: ClassVar[str] = "SIMULATED,ANY,0000001,1.0"


class Brought(AnyScpi):
    """An instrument that its driver simulates, with a class that has `handle(line)`. That returns the answer to a line,
    or None; for a query, None means that this class answers it. `volts(channel)` returns the voltage of a terminal."""

    made: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.theirs = self.made()

    def handle(self, message: str) -> str | None:
        try:
            answer = self.theirs.handle(message)
        except Exception as error:  # the code is not lager's: its errors must not end the bench
            self.fail(ScpiError(-200, f"{type(error).__name__} in the simulation"))
            return None
        if answer is not None or "?" not in message:
            self.changed()
            return None if answer is None else str(answer)
        return super().handle(message)

    def volts(self, channel: int) -> float:
        read = getattr(self.theirs, "volts", None)
        return float(read(channel)) if read is not None else 0.0


class TableSupply(AnyScpi):
    """A supply that answers the commands in the table of a driver: SET_VOLTAGE, GET_VOLTAGE and the others."""

    driver: ClassVar[type[Any]]
    count: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.outputs = [Output(0.0, 0.0, Protection(NEVER), Protection(NEVER)) for _ in range(self.count)]
        self._table = [
            (_pattern(getattr(self.driver, name), channel, _SETS.get(name, "")), name, output)
            for channel, output in enumerate(self.outputs, 1)
            for name in (*_SETS, *_ASKS)
        ]

    def settle(self) -> None:
        for mine in self.outputs:
            mine.settle()

    def reset(self) -> None:
        for mine in self.outputs:
            mine.volts = mine.amps = 0.0
            mine.switch(False)

    def handle(self, message: str) -> str | None:
        for pattern, name, output in self._table:
            if match := pattern.fullmatch(message.strip()):
                answer = self._carry_out(name, output, match.groupdict().get("x", ""))
                self.changed()
                return answer
        return super().handle(message)

    def _carry_out(self, name: str, output: Output, value: str) -> str | None:
        if name == "SET_OUTPUT":
            output.switch(value.upper() in ("ON", "1"))
        elif name in ("SET_VOLTAGE", "SET_CURRENT"):
            number = float(value)
            if number < 0:
                self.fail(ScpiError(-222))
            else:
                setattr(output, "volts" if name == "SET_VOLTAGE" else "amps", number)
        else:
            self.changed()
            return {
                "GET_VOLTAGE": lambda: f"{output.volts:.4f}",
                "GET_CURRENT": lambda: f"{output.amps:.4f}",
                "GET_OUTPUT": lambda: str(int(output.on)),
                "MEASURE_VOLTAGE": lambda: f"{output.reading.volts:.4f}",
                "MEASURE_CURRENT": lambda: f"{output.reading.amps:.4f}",
            }[name]()
        return None


def _pattern(command: str, channel: int, value: str) -> re.Pattern[str]:
    """Return a pattern for a command of a driver's table, in which {n} is the channel and {x} the value."""
    parts = re.split(r"(\{[nx]\})", command)
    named = {"{n}": str(channel), "{x}": value}
    text = "".join(named[part] if part in named else re.escape(part) for part in parts)
    return re.compile(text, re.IGNORECASE)
