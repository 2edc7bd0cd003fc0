"""Drives the electronic loads Rigol DL3021, DL3031 and their A models.

RIGOL, DL3000 Series Programming Guide, `:SOURce:FUNCtion` (takes CURRent, VOLTage, RESistance or POWer, and answers
CC, CV, CR or CP), `:SOURce:CURRent:LEVel:IMMediate` and its like, `:SOURce:INPut:STATe` (answers 0 or 1; some firmware
OFF or ON), `:MEASure:VOLTage?`, `:MEASure:CURRent?`, `:MEASure:POWer?`.

Each of the four modes has a voltage limit and a current limit of its own: `[:SOURce]:CURRent:VLIMt` (2-24: the upper
limit of the voltage working in CC mode), `[:SOURce]:CURRent:ILIMt`, and the same below VOLTage, RESistance and POWer.
The load has no power limit. The driver therefore sets the other two so that their product is at most max_power.
`[:SOURce]:FUNCtion:MODE?` answers FIX while one of the four modes controls the input, and LIST, WAV, BATT, OCP or OPP
while another function does, to which these limits do not apply.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lager.errors import InstrumentError, InvalidArgument, LimitExceeded, Rejected
from lager.instruments.drivers.base.driver import Switched
from lager.instruments.drivers.base.setting import OTHER, Setting
from lager.instruments.drivers.base.state import Readings, State
from lager.instruments.sessions import parse
from lager.nets.quantities import amount, exceeds, keep_limit, si
from lager.wording.values import shown

# Public drivers report both forms of the answer, so both are accepted.
_MODES = {"CC": "CC", "CURR": "CC", "CV": "CV", "VOLT": "CV", "CR": "CR", "RES": "CR", "CP": "CP", "POW": "CP"}
_OTHER_NAMES = {"CW": "CP"}
_FUNCTIONS = {"CC": "CURR", "CV": "VOLT", "CR": "RES", "CP": "POW"}
_QUANTITIES = {"CC": ("current", "A"), "CV": ("voltage", "V"), "CR": ("resistance", "Ω"), "CP": ("power", "W")}
_STEPS = {"CC": 0.002, "CV": 0.01, "CR": 0.01, "CP": 0.1}
_LEAST_OHMS = 0.001
_RULES = parse.word(
    {"FIX": "", "FIXED": "", **{word: word for word in ("LIST", "WAV", "WAVE", "BATT", "BATTERY", "OCP", "OPP")}}
)


@dataclass(frozen=True)
class LoadState(State):
    """The settings and readings of a load: volts, amperes, ohms, watts. `level` is the level of `mode`.

    A field that could not be read is None; see State.
    """

    enabled: bool | None
    mode: str | None
    level: float | None
    voltage: float | None
    current: float | None
    power: float | None

    def __str__(self) -> str:
        rows = [
            ("input", "-" if self.enabled is None else "on" if self.enabled else "off"),
            ("mode", f"{self.mode} (set {si(self.level, _QUANTITIES[self.mode][1])})" if self.mode else "-"),
            ("voltage", si(self.voltage, "V")),
            ("current", si(self.current, "A")),
            ("power", si(self.power, "W")),
        ]
        return self.table(self.net, rows)


class Load(Switched):
    """An electronic load. It has a level for each of four modes; the selected mode uses its own level.

    current(), voltage(), resistance() and power() return the level of their mode, in amperes, volts, ohms and watts;
    with a value they set it first and select the mode. measured_voltage() and its like return what the load measures.

    Invariant: in the selected mode, the limit registers of the load enforce every limit of the nets file. The driver
    sets them and reads them back before it sets the level, before it selects the mode, and before it switches the input
    on.
    """

    SET_OUTPUT = ":SOUR:INP:STAT {x}"
    GET_OUTPUT = ":SOUR:INP:STAT?"
    ALWAYS_GUARDED = ("max_voltage", "max_current", "max_power")
    """The limits of the nets file that are also in the limit registers of the load."""
    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mode": ("mode",),
        "current": ("cc", "mode"),
        "voltage": ("cv", "mode"),
        "resistance": ("cr", "mode"),
        "power": ("cp", "mode"),
        "enable": ("output",),
        "disable": ("output",),
    }

    def settings(self) -> tuple[Setting, ...]:
        levels = (self._level_setting(mode, unit) for mode, (_, unit) in _QUANTITIES.items())
        return (*levels, Setting("mode", self.mode, write=self.mode, turn=OTHER + 1), self._output_setting())

    def _level_setting(self, mode: str, unit: str) -> Setting:
        def set_back(value: float) -> None:
            with self.session.exchange():
                if self.mode() == mode:
                    self._set(mode, value)
                else:  # setting it as usual would select the mode
                    keep_limit(self.config, _QUANTITIES[mode][0], value)
                    self._put_level(mode, value)

        return Setting(mode.lower(), lambda: self._level(mode), unit, _STEPS[mode], set_back)

    def mode(self, value: str | None = None) -> str:
        """Return the mode: "CC", "CV", "CR" or "CP"; with a value, select it. "CW" is "CP", too.

        Raises LimitExceeded if the level of that mode exceeds a limit of the nets file.
        """
        if value is None:
            return self.session.ask(":SOUR:FUNC?", parse.word(_MODES))
        wanted = str(value).strip().upper()
        wanted = _OTHER_NAMES.get(wanted, wanted)
        if wanted not in _FUNCTIONS:
            raise InvalidArgument(f"{self.name}: {shown(value)} is not a valid mode.", "Give CC, CV, CR or CP.")
        with self._setting():
            self._refuse_other_rules()
            self._hold_limits(wanted, self._level(wanted))
            return self._select(wanted)

    def current(self, value: float | None = None) -> float:
        """Return the current of mode CC in amperes; with a value, set it and select the mode."""
        return self._level("CC") if value is None else self._set("CC", value)

    def voltage(self, value: float | None = None) -> float:
        """Return the voltage of mode CV in volts; with a value, set it and select the mode."""
        return self._level("CV") if value is None else self._set("CV", value)

    def resistance(self, value: float | None = None) -> float:
        """Return the resistance of mode CR in ohms; with a value, set it and select the mode."""
        return self._level("CR") if value is None else self._set("CR", value)

    def power(self, value: float | None = None) -> float:
        """Return the power of mode CP in watts; with a value, set it and select the mode."""
        return self._level("CP") if value is None else self._set("CP", value)

    def measured_voltage(self) -> float:
        """Return the voltage measured at the input, in volts."""
        return self._number(":MEAS:VOLT?")

    def measured_current(self) -> float:
        """Return the current measured at the input, in amperes."""
        return self._number(":MEAS:CURR?")

    def measured_power(self) -> float:
        """Return the power measured at the input, in watts."""
        return self._number(":MEAS:POW?")

    def enable(self) -> None:
        """Switch the input on, in the selected mode and at its level.

        Raises LimitExceeded if that level exceeds a limit of the nets file, InstrumentError if another function than
        the four modes controls the input, and Rejected if the input does not stay on.
        """
        with self.session.exchange():
            self._refuse_other_rules()
            mode = self.mode()
            self._hold_limits(mode, self._level(mode))
            self.session.tell(":SOUR:INP:STAT ON")
            if not self._is_on():
                what = f"{self.name}: the input of the load does not stay on in mode {mode}."
                hint = f"The voltage across it may be above the limit of the mode, {self._limit_of_voltage(mode)}."
                raise Rejected(what, hint)

    def disable(self) -> None:
        """Switch the input off."""
        self._switch("OFF")

    def state(self) -> LoadState:
        """Return all settings and readings; see LoadState. Raises only if nothing could be read."""
        with self.session.exchange():
            read = Readings(self.session)
            mode = read(self.mode, "mode", "level")
            return LoadState(
                net=self.name,
                enabled=read(self._is_on, "enabled"),
                mode=mode,
                level=read(lambda: self._level(mode), "level") if mode else None,
                voltage=read(self.measured_voltage, "voltage"),
                current=read(self.measured_current, "current"),
                power=read(self.measured_power, "power"),
                unread=read.finish(),
            )

    def _level(self, mode: str) -> float:
        return self._number(f":SOUR:{_FUNCTIONS[mode]}:LEV:IMM?")

    def _set(self, mode: str, value: object) -> float:
        """Set the level of a mode, then select the mode: an input that is on never runs at the mode's old level."""
        level = amount(self.config, _QUANTITIES[mode][0], value, low=_LEAST_OHMS if mode == "CR" else 0.0)
        with self.session.exchange():
            self._refuse_other_rules()
            # With max_power the limit registers depend on the level: lower them before the level, raise them after it.
            moving = self.config.limits.max_power is not None
            self._hold_limits(mode, level, lower_only=moving)
            readback = self._put_level(mode, level)
            if moving:
                self._hold_limits(mode, readback)
            self._select(mode)
            return readback

    def _put_level(self, mode: str, level: float) -> float:
        """Set the level of a mode, one step lower if the load rounds it up over a limit; return its readback.

        A power above its limit, which no register holds, is set to 0 before the error is raised.
        """
        command = f":SOUR:{_FUNCTIONS[mode]}:LEV:IMM"
        step = max(_STEPS[mode], level * 1e-4)
        limit = self.config.limits.as_dict().get(f"max_{_QUANTITIES[mode][0]}", math.inf)

        def put(value: float) -> float:
            return self._put(command + " {x}", f"{command}?", value, step)

        try:
            readback = put(level)
            if exceeds(readback, limit):
                readback = put(max(0.0, level - step))
                keep_limit(self.config, _QUANTITIES[mode][0], readback)
        except (Rejected, LimitExceeded):
            if mode == "CP" and limit < math.inf and exceeds(self._level(mode), limit):
                put(0.0)
            raise
        return readback

    def _select(self, mode: str) -> str:
        if self.mode() != mode:
            self.session.tell(f":SOUR:FUNC {_FUNCTIONS[mode]}")
            readback = self.mode()
            if readback != mode:
                self._wrong_readback(":SOUR:FUNC {x}", _FUNCTIONS[mode], readback)
        return mode

    def _limit_of_voltage(self, mode: str) -> str:
        return si(self._number(f":SOUR:{_FUNCTIONS[mode]}:VLIM?"), "V")

    def _refuse_other_rules(self) -> None:
        if rule := self.session.ask(":SOUR:FUNC:MODE?", _RULES):
            what = f"{self.name}: the load is in its {rule} function, where levels, modes and limits do not apply."
            hint = (
                "End that function at the front panel. If it persists, power-cycle the load: some firmware needs this."
            )
            raise InstrumentError(what, hint)

    def _hold_limits(self, mode: str, level: float, *, lower_only: bool = False) -> None:
        """Set the limit registers of a mode to the values that the nets file allows at this level, and read them
        back."""
        volts, amperes = self._bounds(mode, level)
        self._hold(f":SOUR:{_FUNCTIONS[mode]}:VLIM", volts, lower_only)
        self._hold(f":SOUR:{_FUNCTIONS[mode]}:ILIM", amperes, lower_only)

    def _bounds(self, mode: str, level: float) -> tuple[float, float]:
        """Return the voltage and the current that keep the load within every limit of the net; infinite if none does.

        Raises LimitExceeded if the level itself exceeds a limit, or if the mode cannot keep all of them.
        """
        keep_limit(self.config, _QUANTITIES[mode][0], level)
        limits = self.config.limits
        volts = limits.max_voltage or math.inf
        amperes = limits.max_current or math.inf
        watts = limits.max_power
        if watts is None or mode == "CP":
            return volts, amperes
        if mode == "CC":
            return min(volts, watts / level if level else math.inf), amperes
        if mode == "CR":
            return min(volts, math.sqrt(watts * level)), min(amperes, math.sqrt(watts / level) if level else 0.0)
        if math.isinf(volts):
            what = f"{self.name}: mode CV cannot keep the limit of {watts:g} W without a voltage limit."
            raise LimitExceeded(what, f"Add max_voltage to [nets.{self.name}] in the nets file, or use another mode.")
        return volts, min(amperes, watts / volts)

    def _hold(self, register: str, bound: float, lower_only: bool) -> None:
        if math.isinf(bound):
            return
        readback = self._number(f"{register}?")
        bound = min(bound, self._number(f"{register}? MAX"))
        if not exceeds(readback, bound) and (lower_only or readback >= bound * 0.99 - 0.001):
            return
        for digits in (1000, 100):
            value = math.floor(bound * digits + 1e-6) / digits
            if not exceeds(self._put(register + " {x}", f"{register}?", value, 0.011), bound):
                return
        raise LimitExceeded(
            f"{self.name}: {register} of the load cannot be set to {bound:.4g} or just below.",
            "Give the net another limit in the nets file.",
        )
