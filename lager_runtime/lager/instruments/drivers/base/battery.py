"""The state that a battery simulator reports. The methods are in the driver of the family, keithley_2281s."""

from dataclasses import dataclass

from lager.instruments.drivers.base.state import State
from lager.nets.quantities import si


@dataclass(frozen=True)
class BatteryState(State):
    """The settings and readings of a simulated battery: volts, amperes, ohms, percent, ampere-hours.

    A field that could not be read is None; see State.
    """

    enabled: bool | None
    mode: str | None
    soc: float | None
    voc: float | None
    terminal_voltage: float | None
    current: float | None
    esr: float | None
    esr_offset: float | None
    capacity: float | None
    current_limit: float | None
    tripped: str | None = None
    """The protection that has switched the output off: OVP, OCP, OTP, RVS (reversed sense) or OPS (open sense)."""

    def __str__(self) -> str:
        on = "-" if self.enabled is None else "on" if self.enabled else "off"
        rows = [
            ("output", f"{on}, {self.tripped} TRIPPED" if self.tripped else on),
            ("mode", self.mode or "-"),
            ("state of charge", si(self.soc, "%")),
            ("open circuit", si(self.voc, "V")),
            ("terminals", f"{si(self.terminal_voltage, 'V')}, {si(self.current, 'A')}"),
            ("esr", f"{si(self.esr, 'Ω')} (offset {si(self.esr_offset, 'Ω')})"),
            ("capacity", si(self.capacity, "Ah")),
            ("current limit", si(self.current_limit, "A")),
        ]
        return self.table(self.net, rows)
