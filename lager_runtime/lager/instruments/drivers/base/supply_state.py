"""The settings and readings that a power supply reports."""

from dataclasses import dataclass
from typing import Any

from lager.errors import InstrumentError
from lager.instruments.drivers.base.state import State
from lager.nets.quantities import si


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

    def read_or_raise(self, name: str) -> Any:
        """Return the field `name`. Raises BadReply if it could not be read, InstrumentError if the model lacks it."""
        if (value := super().read_or_raise(name)) is None:
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


def tripped_at(protection: str, level: float | None, unit: str) -> str:
    """Return the text for a protection that has tripped, with its level if that is known."""
    return f"{protection} tripped" if level is None else f"{protection} tripped at {level:g} {unit}"
