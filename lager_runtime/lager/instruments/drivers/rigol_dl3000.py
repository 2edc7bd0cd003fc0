"""Rigol DL3021, DL3031 and their A models: electronic loads.

RIGOL, DL3000 Series Programming Guide, `:SOURce:FUNCtion` (takes CURRent, VOLTage, RESistance or POWer, and answers
CC, CV, CR or CP), `:SOURce:CURRent:LEVel:IMMediate` and its like, `:SOURce:INPut:STATe` (answers 0 or 1; some firmware
OFF or ON), `:MEASure:VOLTage?`, `:MEASure:CURRent?`, `:MEASure:POWer?`.
"""

from dataclasses import dataclass

from lager.errors import InvalidArgument
from lager.instruments import parse
from lager.instruments.drivers.driver import ScpiDriver
from lager.instruments.quantities import amount, keep_limit, si, table

# Public drivers report both forms of the answer, so both are read.
_MODES = {"CC": "CC", "CURR": "CC", "CV": "CV", "VOLT": "CV", "CR": "CR", "RES": "CR", "CP": "CP", "POW": "CP"}
_FUNCTIONS = {"CC": "CURR", "CV": "VOLT", "CR": "RES", "CP": "POW"}
_QUANTITIES = {"CC": ("current", "A"), "CV": ("voltage", "V"), "CR": ("resistance", "Ω"), "CP": ("power", "W")}


@dataclass(frozen=True)
class LoadState:
    """What a load is set to and what it measures: volts, amperes, ohms, watts. `level` is that of the mode."""

    net: str
    enabled: bool
    mode: str
    level: float
    voltage: float
    current: float
    power: float

    def __str__(self) -> str:
        rows = [
            ("input", "on" if self.enabled else "off"),
            ("mode", f"{self.mode} (set {si(self.level, _QUANTITIES[self.mode][1])})"),
            ("voltage", si(self.voltage, "V")),
            ("current", si(self.current, "A")),
            ("power", si(self.power, "W")),
        ]
        return table(self.net, rows)


class Load(ScpiDriver):
    """An electronic load. The four levels are set apart from the mode that picks one of them.

    current(), voltage(), resistance() and power() set the level when a value is given, and return the level that
    stands; what the load measures is in state(). Volts, amperes, ohms, watts.
    """

    def mode(self, value: str | None = None) -> str:
        """The mode: "CC", "CV", "CR" or "CP". Raises LimitExceeded if its level stands over a limit."""
        with self.session.exchange():
            if value is not None:
                wanted = str(value).upper()
                if wanted not in _FUNCTIONS:
                    raise InvalidArgument(f"{self.name}: {value!r} is no mode.", "Give CC, CV, CR or CP.")
                self._keep_limits(wanted)
                self.session.tell(f":SOUR:FUNC {_FUNCTIONS[wanted]}")
            stands = self.session.ask(":SOUR:FUNC?", parse.word(_MODES))
            if value is not None and stands != wanted:
                self._not_taken(":SOUR:FUNC {x}", _FUNCTIONS[wanted], stands)
            return stands

    def current(self, value: float | None = None) -> float:
        """The current of mode CC, in amperes."""
        return self._level("CC", value, 0.002)

    def voltage(self, value: float | None = None) -> float:
        """The voltage of mode CV, in volts."""
        return self._level("CV", value, 0.01)

    def resistance(self, value: float | None = None) -> float:
        """The resistance of mode CR, in ohms."""
        return self._level("CR", value, 0.01)

    def power(self, value: float | None = None) -> float:
        """The power of mode CP, in watts."""
        return self._level("CP", value, 0.1)

    def enable(self) -> None:
        """Turn the input on. Raises LimitExceeded if the level of the mode stands over a limit of the nets file."""
        with self.session.exchange():
            self._keep_limits(self.mode())
            self._switch("ON")

    def disable(self) -> None:
        """Turn the input off."""
        self._switch("OFF")

    def state(self) -> LoadState:
        """Everything about the load at once; see LoadState."""
        with self.session.exchange():
            mode = self.mode()
            return LoadState(
                net=self.name,
                enabled=self._is_on(),
                mode=mode,
                level=self._level(mode, None, 0),
                voltage=self._number(":MEAS:VOLT?"),
                current=self._number(":MEAS:CURR?"),
                power=self._number(":MEAS:POW?"),
            )

    def _level(self, mode: str, value: float | None, step: float) -> float:
        command = f":SOUR:{_FUNCTIONS[mode]}:LEV:IMM"
        if value is None:
            return self._number(f"{command}?")
        checked = amount(self.config, _QUANTITIES[mode][0], value)
        return self._put(command + " {x}", f"{command}?", checked, max(step, checked * 1e-4))

    def _keep_limits(self, mode: str) -> None:
        if self.config.limits.as_dict():
            keep_limit(self.config, _QUANTITIES[mode][0], self._level(mode, None, 0))

    def _is_on(self) -> bool:
        return self.session.ask(":SOUR:INP:STAT?", parse.on_off)

    def _switch(self, word: str) -> None:
        with self.session.exchange():
            self.session.tell(f":SOUR:INP:STAT {word}")
            if self._is_on() != (word == "ON"):
                self._not_taken(":SOUR:INP:STAT {x}", word, "OFF" if word == "ON" else "ON")
