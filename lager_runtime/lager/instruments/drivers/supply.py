"""The base of all power supplies. Each family fills in a table of commands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn

from lager.errors import InstrumentError, LimitExceeded, Rejected
from lager.instruments import parse
from lager.instruments.drivers.driver import Switched
from lager.instruments.drivers.state import Readings, State
from lager.instruments.quantities import amount, exceeds, keep_limit, si
from lager.nets.model import Limits


@dataclass(frozen=True)
class SupplyState(State):
    """The settings and readings of a supply: volts, amperes, watts. A field it does not report is None; see State."""

    channel: int
    enabled: bool | None
    voltage: float | None
    current: float | None
    power: float | None
    voltage_set: float | None
    current_set: float | None
    mode: str | None = None
    ovp: float | None = None
    ovp_enabled: bool | None = None
    ovp_tripped: bool | None = None
    ocp: float | None = None
    ocp_enabled: bool | None = None
    ocp_tripped: bool | None = None

    def told(self, name: str) -> Any:
        """Return the field `name`. Raises BadReply if it could not be read, InstrumentError if the model lacks it."""
        if (value := super().told(name)) is None:
            raise InstrumentError(f"{self.net} has no {name}.", f"See what it has: lager supply {self.net} state")
        return value

    def __str__(self) -> str:
        on = "-" if self.enabled is None else "on" if self.enabled else "off"
        rows = [
            ("output", f"{on} ({self.mode})" if self.mode and self.enabled else on),
            ("voltage", f"{si(self.voltage, 'V')} (set {si(self.voltage_set, 'V')})"),
            ("current", f"{si(self.current, 'A')} (set {si(self.current_set, 'A')})"),
            ("power", si(self.power, "W")),
            ("ovp", _protection(self.ovp, "V", self.ovp_enabled, self.ovp_tripped)),
            ("ocp", _protection(self.ocp, "A", self.ocp_enabled, self.ocp_tripped)),
        ]
        return self.table(f"{self.net} (channel {self.channel})", rows)


def _protection(level: float | None, unit: str, enabled: bool | None, tripped: bool | None) -> str:
    parts = [si(level, unit)]
    if enabled is not None:
        parts.append("on" if enabled else "off")
    if tripped:
        parts.append("TRIPPED")
    return ", ".join(parts)


class Supply(Switched):
    """One output of a power supply. Volts, amperes, watts; all methods block as described in `Driver`."""

    SET_VOLTAGE: ClassVar[str]
    GET_VOLTAGE: ClassVar[str]
    SET_CURRENT: ClassVar[str]
    GET_CURRENT: ClassVar[str]
    MEASURE_VOLTAGE: ClassVar[str]
    MEASURE_CURRENT: ClassVar[str]
    # How far a readback may differ from the value that was set: one step of the instrument.
    VOLTAGE_STEP: ClassVar[float] = 0.001
    CURRENT_STEP: ClassVar[float] = 0.001

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

    def voltage(self) -> float:
        """Return the voltage measured at the output, in volts."""
        return self._reading(self.MEASURE_VOLTAGE, "V")

    def current(self) -> float:
        """Return the current measured at the output, in amperes."""
        return self._reading(self.MEASURE_CURRENT, "A")

    def power(self) -> float:
        """Return the power measured at the output, in watts."""
        with self.session.exchange():
            return self.voltage() * self.current()

    def enable(self) -> None:
        """Switch the output on. Raises LimitExceeded if a setpoint exceeds a limit of the nets file."""
        with self._setting():
            limits = self.config.limits
            volts = self._number(self.GET_VOLTAGE) if limits.max_voltage or limits.max_power else 0.0
            amperes = self._number(self.GET_CURRENT) if limits.max_current or limits.max_power else 0.0
            keep_limit(self.config, "voltage", volts)
            keep_limit(self.config, "current", amperes)
            keep_limit(self.config, "power", volts * amperes)
            self.session.before_on()
            self._switch("ON")

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
        raise NotImplementedError

    def _reading(self, question: str, unit: str) -> float:
        """Return a measurement; the instrument may name the unit of its answer."""
        return self.session.ask(self._spell(question), parse.quantity(unit))

    def _measured(self, read: Readings) -> dict[str, Any]:
        """Return the measured fields of a state."""
        volts = read(self.voltage, "voltage", "power")
        amperes = read(self.current, "current", "power")
        watts = None if volts is None or amperes is None else volts * amperes
        return {"voltage": volts, "current": amperes, "power": watts}

    def _refuse_coupling(self, channels: Sequence[int], what: str, how: str) -> NoReturn:
        """Raise InstrumentError: the channels are coupled, so setting this net would change another output."""
        names = " and ".join(f"CH{number}" for number in channels)
        said = f"{self.name}: {names} of {self.config.instrument} {what}."
        raise InstrumentError(said, f"{how} Net.get(…, coupled=True) opens it as it is.")

    def _put_within(self, quantity: str, value: float, step: float) -> float:
        """Set a setpoint, one step lower if the instrument rounds it up over a limit; return its readback.

        An instrument that takes another value, above a limit, is set to 0 before the error is raised.
        """
        command, question, factor = {
            "voltage": (self.SET_VOLTAGE, self.GET_VOLTAGE, self.GET_CURRENT),
            "current": (self.SET_CURRENT, self.GET_CURRENT, self.GET_VOLTAGE),
        }[quantity]
        limits = self.config.limits.as_dict()
        most = limits.get(f"max_{quantity}", math.inf)
        watts, other = limits.get("max_power"), 0.0
        if watts is not None:
            other = self._number(factor)
            keep_limit(self.config, "power", value * other)
            most = min(most, watts / other if other > 0 else math.inf)
        try:
            readback = self._put(command, question, value, step)
            if exceeds(readback, most):
                readback = self._put(command, question, max(0.0, value - step), step)
            keep_limit(self.config, quantity, readback)
            if watts is not None:
                keep_limit(self.config, "power", readback * other)
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
