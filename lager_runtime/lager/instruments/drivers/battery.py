"""Battery simulators: the state they report. The one family that simulates batteries has the methods."""

from dataclasses import dataclass

from lager.instruments.quantities import si, table


@dataclass(frozen=True)
class BatteryState:
    """What a simulated battery is set to and what it delivers: volts, amperes, ohms, percent, ampere-hours."""

    net: str
    enabled: bool
    mode: str
    soc: float
    voc: float
    terminal_voltage: float
    current: float
    esr: float
    esr_offset: float
    capacity: float
    current_limit: float
    tripped: str | None = None
    """The protection that has switched the output off: OVP, OCP, OTP, RVS (reversed sense) or OPS (open sense)."""

    def __str__(self) -> str:
        rows = [
            ("output", ("on" if self.enabled else "off") + (f", {self.tripped} TRIPPED" if self.tripped else "")),
            ("mode", self.mode),
            ("state of charge", si(self.soc, "%")),
            ("open circuit", si(self.voc, "V")),
            ("terminals", f"{si(self.terminal_voltage, 'V')}, {si(self.current, 'A')}"),
            ("esr", f"{si(self.esr, 'Ω')} (offset {si(self.esr_offset, 'Ω')})"),
            ("capacity", si(self.capacity, "Ah")),
            ("current limit", si(self.current_limit, "A")),
        ]
        return table(self.net, rows)
