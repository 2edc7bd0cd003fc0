"""The base of all power supplies. Each family fills in a table of commands."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NoReturn

from lager.errors import InstrumentError, InvalidArgument, LimitExceeded, Rejected
from lager.instruments.drivers.base.driver import Switched
from lager.instruments.drivers.base.setting import FIRST, SETPOINT, Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState, tripped_at
from lager.instruments.sessions import parse
from lager.nets.model import Limits
from lager.nets.quantities import amount, exceeds, keep_limit, keep_power
from lager.process.raised import suppressed

GUARD_MARGIN = 1.05  # of a limit: at the limit itself, noise and overshoot would trip


class Supply(Switched):
    """One output of a power supply. Volts, amperes, watts; all methods block as described in `Driver`."""

    SET_VOLTAGE: ClassVar[str]
    GET_VOLTAGE: ClassVar[str]
    SET_CURRENT: ClassVar[str]
    GET_CURRENT: ClassVar[str]
    MEASURE_VOLTAGE: ClassVar[str]
    MEASURE_CURRENT: ClassVar[str]
    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "set_mode": (),  # the role, where there are several
        "set_voltage": ("voltage",),
        "set_current": ("current",),
        "enable": ("output",),
        "disable": ("output",),
        "set_ovp": ("ovp", "ovp_enabled"),
        "set_ocp": ("ocp", "ocp_enabled"),
        "clear": ("output",),
        "clear_ovp": ("output",),
        "clear_ocp": ("output",),
    }
    # How far a readback may differ from the value that was set: one step of the instrument.
    VOLTAGE_STEP: ClassVar[float] = 0.001
    CURRENT_STEP: ClassVar[float] = 0.001

    GUARDS: ClassVar[Mapping[str, str]] = {}
    """The limits of the nets file that a protection of the instrument can guard, and the name of its setting."""

    def sets(self, method: str) -> tuple[str, ...]:
        guards = tuple(word for name in self._guarded() for word in (name, f"{name}_enabled"))
        return super().sets(method) + (guards if method == "enable" else ())

    def _guarded(self) -> dict[str, float]:
        """Return the protections that `hardware_limits` of the nets file programs, and their highest levels."""
        limits = self.config.limits.as_dict() if self.config.options.get("hardware_limits") else {}
        return {name: limits[key] * GUARD_MARGIN for key, name in self.GUARDS.items() if key in limits}

    def _guard_limits(self) -> None:
        """Set each protection that guards a limit, unless it is armed at a lower level; read it back.

        Raises Rejected if the instrument does not take it: the output then stays off.
        """
        guarded = self._guarded()
        found = {one.name: one.read for one in self._protections() if one.name.removesuffix("_enabled") in guarded}
        for name, level in guarded.items():
            now = float(found[name]())
            if exceeds(now, level) or (f"{name}_enabled" in found and not found[f"{name}_enabled"]()):
                level = min(level, now)  # a level that is set in the instrument is within its range
                readback = (self.set_ovp if name == "ovp" else self.set_ocp)(level)
                if exceeds(readback, level * 1.01):
                    what = f"{self.name}: its {name} reads back {readback:g} instead of {level:g}, over its limit."
                    raise Rejected(what, f"Remove hardware_limits from [nets.{self.name}], and rely on lager alone.")

    def settings(self) -> tuple[Setting, ...]:
        return (
            *self._protections(),
            self._setpoint("voltage", self.GET_VOLTAGE, "V", self.VOLTAGE_STEP, self.set_voltage),
            self._setpoint("current", self.GET_CURRENT, "A", self.CURRENT_STEP, self.set_current),
            self._output_setting(),
        )

    def _protections(self) -> tuple[Setting, ...]:
        """Return the settings of the protections."""
        return ()

    def _setpoint(self, name: str, question: str, unit: str, step: float, write: Callable[[float], object]) -> Setting:
        return Setting(name, lambda: self._number(question), unit, step, write, SETPOINT)

    def _armed(self, name: str, question: str, arm: Callable[[], object]) -> Setting:
        """Return the setting whether a protection is armed."""

        def set_back(value: object) -> None:
            if not value:
                raise InstrumentError(f"lager never disarms a protection of {self.name}.")
            with self.session.exchange():
                arm()

        return Setting(name, lambda: self.session.ask(self._spell(question), parse.on_off), write=set_back, turn=FIRST)

    def _trips_at(
        self, name: str, question: str, unit: str, step: float, write: Callable[[float], object], armed: str = ""
    ) -> Setting:
        """Return the level of a protection. `write` arms it as well, so `armed` asks whether that changes nothing."""

        def set_back(value: float) -> None:
            with self.session.exchange():
                if armed and not self.session.ask(self._spell(armed), parse.on_off):
                    raise InstrumentError(f"{self.name}: it is not armed, and setting its level would arm it.")
                write(value)

        return Setting(name, lambda: self._number(question), unit, step, set_back, FIRST)

    def set_voltage(self, volts: float) -> float:
        """Set the output voltage in volts; return its readback.

        Raises InvalidArgument and LimitExceeded before anything is set, Rejected if the instrument refuses.
        """
        volts = amount(self.config, "voltage", volts)
        with self._setting():
            return self._put_within("voltage", volts, self.VOLTAGE_STEP)

    def set_current(self, amperes: float) -> float:
        """Set the current limit of the output in amperes; return its readback. Raises like set_voltage."""
        amperes = amount(self.config, "current", amperes)
        with self._setting():
            return self._put_within("current", amperes, self.CURRENT_STEP)

    def voltage(self, value: float | None = None, ocp: float | None = None, ovp: float | None = None) -> float:
        """Return the voltage measured at the output, in volts; with a value, set it and return its readback.

        `ovp` and `ocp` are also set, like with set_ovp and set_ocp; `ovp` may not be below the value. Raises like these
        and like set_voltage.
        """
        return self._set_with_protections("voltage", value, {"ovp": ovp, "ocp": ocp})

    def current(self, value: float | None = None, ocp: float | None = None, ovp: float | None = None) -> float:
        """Return the current measured at the output, in amperes; with a value, set the current limit and return its
        readback. `ocp` and `ovp` are also set; `ocp` may not be below the value. Raises like voltage."""
        return self._set_with_protections("current", value, {"ocp": ocp, "ovp": ovp})

    def power(self) -> float:
        """Return the power measured at the output, in watts."""
        return self.measured_power()

    def measured_voltage(self) -> float:
        """Return the voltage measured at the output, in volts."""
        return self._reading(self.MEASURE_VOLTAGE, "V")

    def measured_current(self) -> float:
        """Return the current measured at the output, in amperes."""
        return self._reading(self.MEASURE_CURRENT, "A")

    def measured_power(self) -> float:
        """Return the power measured at the output, in watts."""
        with self.session.exchange():
            return self.measured_voltage() * self.measured_current()

    def set_mode(self) -> None:
        """Make the instrument a power supply, if it has other roles; otherwise only check that this net can be set."""
        with self._setting():
            pass

    def enable(self) -> None:
        """Switch the output on. Raises LimitExceeded if a setpoint exceeds a limit of the nets file.

        With `hardware_limits` in the nets file, the protections of the instrument are set to its limits before.
        """
        with self._setting():
            limits = self.config.limits
            volts = self._number(self.GET_VOLTAGE) if limits.max_voltage or limits.max_power else 0.0
            amperes = self._number(self.GET_CURRENT) if limits.max_current or limits.max_power else 0.0
            keep_limit(self.config, "voltage", volts)
            keep_limit(self.config, "current", amperes)
            keep_power(self.config, volts, amperes)
            self._guard_limits()
            self.session.before_on()
            try:
                self._switch("ON")
            except Rejected:
                self._refuse_tripped()
                raise

    def _refuse_tripped(self) -> None:
        """Raise Rejected that names the protection that has tripped, if one has: it keeps the output off."""
        tripped = ""
        with suppressed(InstrumentError):
            tripped = self._what_tripped()
        if tripped:
            what = f"{self.name}: {tripped}, so the output stays off."
            raise Rejected(what, f"Remove the cause, then type: lager supply {self.name} clear") from None

    def _what_tripped(self) -> str:
        """Return the protection that has tripped, and its level; empty if none has. Raises InstrumentError."""
        state = self.state()
        if state.ovp_tripped:
            return tripped_at("OVP", state.ovp, "V")
        return tripped_at("OCP", state.ocp, "A") if state.ocp_tripped else ""

    def disable(self) -> None:
        """Switch the output off."""
        self._switch("OFF")

    def set_ovp(self, volts: float) -> float:
        """Set the level of the over-voltage protection in volts and arm it; return its readback.

        The level may exceed max_voltage of the nets file: a protection only switches an output off.
        """
        self._missing("over-voltage protection")

    def set_ocp(self, amperes: float) -> float:
        """Set the level of the over-current protection in amperes and arm it; return its readback."""
        self._missing("over-current protection")

    def get_ovp_limit(self) -> float:
        """Return the level of the over-voltage protection, in volts. Raises InstrumentError if the model has none."""
        return float(self.state().read_or_raise("ovp"))

    def get_ocp_limit(self) -> float:
        """Return the level of the over-current protection, in amperes. Raises InstrumentError if the model has none."""
        return float(self.state().read_or_raise("ocp"))

    def is_ovp(self) -> bool:
        """Return whether the over-voltage protection has tripped. Raises InstrumentError if the model has none."""
        return bool(self.state().read_or_raise("ovp_tripped"))

    def is_ocp(self) -> bool:
        """Return whether the over-current protection has tripped. Raises InstrumentError if the model has none."""
        return bool(self.state().read_or_raise("ocp_tripped"))

    def clear(self) -> None:
        """Reset every tripped protection, like clear_ovp."""
        with self._setting():
            self.clear_ovp()
            self.clear_ocp()

    def clear_ovp(self) -> None:
        """Reset a tripped over-voltage protection. Raises Rejected while its cause persists.

        The output is switched off first and stays off: some instruments switch it on again with the reset. If nothing
        has tripped, an output that is on stays on.
        """
        self._missing("over-voltage protection")

    def clear_ocp(self) -> None:
        """Reset a tripped over-current protection, like clear_ovp."""
        self._missing("over-current protection")

    def state(self) -> SupplyState:
        """Return all settings and readings; see SupplyState. Raises only if nothing could be read."""
        with self.session.exchange():
            read = Readings(self.session)
            return SupplyState(
                net=self.name,
                channel=self.channel,
                **self._measured(read),
                enabled=read(self._is_on, "enabled"),
                voltage_set=read(lambda: self._number(self.GET_VOLTAGE), "voltage_set"),
                current_set=read(lambda: self._number(self.GET_CURRENT), "current_set"),
                unread=read.finish(),
            )

    def get_full_state(self) -> SupplyState:
        """Print all settings and readings, and return them as state() does."""
        return self._printed(self.state())

    def get_monitor_state(self, channel: object = None) -> dict[str, Any]:
        """Return all settings and readings as a dict: voltage, current and power, voltage_set, current_set, ovp_limit,
        ocp_tripped and so on. A value that the model does not report is None. The channel is always that of the net."""
        state, limits = self.state(), self.config.limits
        same = (
            "voltage",
            "current",
            "power",
            "enabled",
            "mode",
            "voltage_set",
            "current_set",
            "ovp_tripped",
            "ocp_tripped",
        )
        most = {"voltage_max": limits.max_voltage, "current_max": limits.max_current}
        return {name: state[name] for name in same} | most | {"ovp_limit": state.ovp, "ocp_limit": state.ocp}

    def _set_with_protections(self, quantity: str, value: float | None, given: dict[str, float | None]) -> float:
        """Set a setpoint if there is one, and the protections that are given; return the readback, else a measurement.

        A protection that guards a higher setpoint is set before it, and one for a lower setpoint after it, so that
        neither is ever below the setpoint.
        """
        own, measure, put, question = {
            "voltage": ("ovp", self.measured_voltage, self.set_voltage, self.GET_VOLTAGE),
            "current": ("ocp", self.measured_current, self.set_current, self.GET_CURRENT),
        }[quantity]
        levels = {
            name: self._level("voltage" if name == "ovp" else "current", level)
            for name, level in given.items()
            if level is not None
        }
        if value is None and not levels:
            return measure()
        if value is None:
            with self._setting():
                self._put_protections(levels)
                return measure()
        value = amount(self.config, quantity, value)
        if own in levels and levels[own] < value:
            what = f"{self.name}: its {own} of {levels[own]:g} would be below the {quantity} of {value:g}."
            raise InvalidArgument(what, f"Give an {own} of {value:g} or more.")
        with self._setting():
            if own in levels and value < self._number(question):
                readback = put(value)
                self._put_protections(levels)
                return readback
            self._put_protections(levels)
            return put(value)

    def _put_protections(self, levels: dict[str, float]) -> None:
        """Set protections, in their order."""
        for name, level in levels.items():
            (self.set_ovp if name == "ovp" else self.set_ocp)(level)

    def _reading(self, question: str, unit: str) -> float:
        """Return a measurement; the instrument may name the unit of its answer."""
        return self.session.ask(self._spell(question), parse.quantity(unit))

    def _measured(self, read: Readings) -> dict[str, Any]:
        """Return the measured fields of a state."""
        volts = read(self.measured_voltage, "voltage", "power")
        amperes = read(self.measured_current, "current", "power")
        watts = None if volts is None or amperes is None else volts * amperes
        return {"voltage": volts, "current": amperes, "power": watts}

    def _setpoints(self, read: Readings) -> dict[str, Any]:
        """Return the setpoints of a state, as the instrument has them."""
        volts = read(lambda: self._number(self.GET_VOLTAGE), "voltage_set")
        amperes = read(lambda: self._number(self.GET_CURRENT), "current_set")
        return {"voltage_set": volts, "current_set": amperes}

    def _refuse_coupling(self, channels: Sequence[int], what: str, how: str) -> NoReturn:
        """Raise InstrumentError: the channels are coupled, so setting this net would change another output."""
        names = " and ".join(f"CH{number}" for number in channels)
        said = f"{self.name}: {names} of {self.config.instrument} {what}."
        raise InstrumentError(said, f"{how} Net.get(…, coupled=True) opens it as it is.")

    def _put_within(self, quantity: str, value: float, step: float) -> float:
        """Set a setpoint, one step lower if the instrument rounds it up over a limit; return its readback.

        If the instrument accepts another value that is above a limit, it is set to 0 before the error is raised.
        """
        command, question, factor = {
            "voltage": (self.SET_VOLTAGE, self.GET_VOLTAGE, self.GET_CURRENT),
            "current": (self.SET_CURRENT, self.GET_CURRENT, self.GET_VOLTAGE),
        }[quantity]
        limits = self.config.limits.as_dict()
        most = limits.get(f"max_{quantity}", math.inf)
        watts, other = limits.get("max_power"), 0.0

        def pair(one: float, other: float) -> tuple[float, float]:
            return (one, other) if quantity == "voltage" else (other, one)

        if watts is not None:
            other = self._number(factor)
            keep_power(self.config, *pair(value, other))
            most = min(most, watts / other if other > 0 else math.inf)
        try:
            readback = self._put(command, question, value, step)
            if exceeds(readback, most):
                readback = self._put(command, question, max(0.0, value - step), step)
            keep_limit(self.config, quantity, readback)
            if watts is not None:
                keep_power(self.config, *pair(readback, other))
        except (Rejected, LimitExceeded):
            if most < math.inf and exceeds(self._number(question), most):
                self._put(command, question, 0.0, step)
            raise
        return readback

    def _level(self, quantity: str, value: float) -> float:
        """Return a checked protection level: a positive finite number, without the limits of the nets file."""
        return amount(replace(self.config, limits=Limits()), quantity, value)

    def _missing(self, what: str) -> NoReturn:
        model = self.config.instrument.model
        raise InstrumentError(f"A {model} has no {what} that can be set.", "Set the limits of the nets file instead.")
