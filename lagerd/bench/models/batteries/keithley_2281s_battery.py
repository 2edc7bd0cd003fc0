"""The battery simulator of a Keithley 2281S-20-6.

After the Model 2281S-20-6 DC Power Supply and Battery Simulator Reference Manual (077114601), section 7,
"SCPI command reference": :BATTery[n]:SIMulator, :BATTery[n]:MODel and :BATTery[n]:OUTPut. Errors 703, 704 and
705 are the manual's own; 700 is what public drivers see in the wrong role.
"""

from dataclasses import dataclass
from typing import ClassVar

from lagerd.bench.physics.battery import MODELS, Battery
from lagerd.bench.physics.circuit import Output
from lagerd.bench.scpi.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi.language import Range, ScpiError, Token

OVP = Range(0.5, 21, 21, "V")
OCP = Range(0.1, 6.1, 6.1, "A")
CAPACITY = Range(0.001, 99, 0.01, "AH")
SIM_AMPS = Range(0, 6.1, 0.1, "A")
OFFSET = Range(-100, 100, 0, "OHM")
SOC = Range(0, 100, 100)


@dataclass
class Settings:
    """The settings that one role keeps while the other uses the terminals."""

    volts: float
    amps: float
    ovp: float
    ocp: float


def plain(value: float) -> str:
    return f"{value:.6g}"


def reading(value: float) -> str:
    return f"{value:+.6E}"


class BatterySimulator(ScpiInstrument):
    """The commands of the battery role; the subclass with the supply role decides which one uses the terminals."""

    wording: ClassVar[dict[int, tuple[int, str]]] = {
        700: (700, "Command not permitted in this mode"),
        703: (703, "Full Voc can't be less than empty Voc"),
        704: (704, "Not permitted while battery model is running"),
        705: (705, "Model length not enough"),
    }

    role: str
    output: Output
    cell: Settings
    battery: Battery
    recalled: str

    def _require(self, role: str) -> None:
        if self.role != role:
            raise ScpiError(700)

    def _require_stopped(self) -> None:
        self._require("SIM")
        if self.output.on:
            raise ScpiError(704)

    def _shown(self, value: float, limits: Range, special: Token | None) -> str:
        return plain(value if special is None else special.number(limits))

    # The switch of the terminals that both roles share

    @command(":BATTery<n>:OUTPut[:STATe]")
    def set_battery_output(self, _n: int | None, state: Token) -> None:
        if self.role == "POW":
            self._require("SIM")
        on = state.text.upper() in ("ON", "1")
        if not on and state.text.upper() not in ("OFF", "0", "DIS", "DISABLE", "2"):
            raise ScpiError(-224)
        self.settle()
        self.output.switch(on and self.role == "SIM")

    @query(":BATTery<n>:OUTPut[:STATe]")
    def battery_output(self, _n: int | None) -> str:
        self.changed()
        return str(int(self.output.on and self.role != "POW"))

    # :BATTery:SIMulator. What cannot change while the simulation runs raises 704.

    @command(":BATTery<n>:SIMulator:METHod")
    def set_method(self, _n: int | None, method: Token) -> None:
        self._require("SIM")
        self.battery.dynamic = method.choice("DYNamic", "STATic") == "DYN"

    @query(":BATTery<n>:SIMulator:METHod")
    def method(self, _n: int | None) -> str:
        return "DYN" if self.battery.dynamic else "STAT"

    @command(":BATTery<n>:SIMulator:SOC")
    def set_soc(self, _n: int | None, value: Token) -> None:
        self._require("SIM")
        self.battery.soc = value.number(SOC)

    @query(":BATTery<n>:SIMulator:SOC")
    def soc(self, _n: int | None, special: Token | None = None) -> str:
        self.changed()
        return self._shown(self.battery.soc, SOC, special)

    @property
    def _voc_limits(self) -> Range:
        volts = self.battery.model.volts
        return Range(volts[0], volts[-1], volts[-1], "V")

    @command(":BATTery<n>:SIMulator:VOC")
    def set_voc(self, _n: int | None, value: Token) -> None:
        self._require("SIM")
        self.battery.soc = self.battery.model.soc(value.number(self._voc_limits))

    @query(":BATTery<n>:SIMulator:VOC")
    def voc(self, _n: int | None, special: Token | None = None) -> str:
        self.changed()
        return self._shown(self.battery.voc, self._voc_limits, special)

    @command(":BATTery<n>:SIMulator:VOC:FULL")
    def set_full(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self._set_thresholds(self.battery.empty, value.number(self._voc_limits))

    @query(":BATTery<n>:SIMulator:VOC:FULL")
    def full(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.battery.full, self._voc_limits, special)

    @command(":BATTery<n>:SIMulator:VOC:EMPTy")
    def set_empty(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self._set_thresholds(value.number(self._voc_limits), self.battery.full)

    @query(":BATTery<n>:SIMulator:VOC:EMPTy")
    def empty(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.battery.empty, self._voc_limits, special)

    def _set_thresholds(self, empty: float, full: float) -> None:
        if full < empty:
            raise ScpiError(703)
        self.battery.empty, self.battery.full = empty, full

    @query(":BATTery<n>:SIMulator:CAPacity")
    def capacity(self, _n: int | None) -> str:
        self.changed()
        return plain(self.battery.capacity * self.battery.soc / 100)

    @command(":BATTery<n>:SIMulator:CAPacity:LIMit")
    def set_capacity_limit(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self.battery.capacity = value.number(CAPACITY)

    @query(":BATTery<n>:SIMulator:CAPacity:LIMit")
    def capacity_limit(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.battery.capacity, CAPACITY, special)

    @query(":BATTery<n>:SIMulator:CURRent")
    def battery_amps(self, _n: int | None) -> str:
        self.changed()
        return reading(self.output.reading.amps if self.role == "SIM" else 0.0)

    @command(":BATTery<n>:SIMulator:CURRent:LIMit")
    def set_current_limit(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self.cell.amps = value.number(SIM_AMPS)

    @query(":BATTery<n>:SIMulator:CURRent:LIMit")
    def current_limit(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.cell.amps, SIM_AMPS, special)

    @command(":BATTery<n>:SIMulator:CURRent:PROTection[:LEVel]")
    def set_battery_ocp(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self.cell.ocp = value.number(OCP)

    @query(":BATTery<n>:SIMulator:CURRent:PROTection[:LEVel]")
    def battery_ocp(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.cell.ocp, OCP, special)

    @query(":BATTery<n>:SIMulator:RESistance")
    def resistance(self, _n: int | None) -> str:
        self.changed()
        return plain(self.battery.ohms)

    @command(":BATTery<n>:SIMulator:RESistance:OFFSet")
    def set_offset(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self.battery.offset = value.number(OFFSET)

    @query(":BATTery<n>:SIMulator:RESistance:OFFSet")
    def offset(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.battery.offset, OFFSET, special)

    @query(":BATTery<n>:SIMulator:TVOLtage")
    def terminal_volts(self, _n: int | None) -> str:
        self.changed()
        return reading(self.output.reading.volts if self.role == "SIM" else 0.0)

    @command(":BATTery<n>:SIMulator:TVOLtage:PROTection[:LEVel]")
    def set_battery_ovp(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self.cell.ovp = value.number(OVP)

    @query(":BATTery<n>:SIMulator:TVOLtage:PROTection[:LEVel]")
    def battery_ovp(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.cell.ovp, OVP, special)

    @command(":BATTery<n>:MODel:RCL")
    def recall_model(self, _n: int | None, model: Token) -> None:
        """Load a battery model. Memory 1 has a lithium cell; memories 2 to 9 are empty and raise error 705.

        The manual prints LI-ION4_2 and LEAD-ACID12; the answers of firmware 01.08b have underscores.
        """
        self._require_stopped()
        name = model.text.upper().replace("-", "_")
        if name not in MODELS:
            if model.integer(1, 9) != 1:
                raise ScpiError(705)
            name = "LI_ION4_2"
        self.recalled = model.text.upper().replace("-", "_")
        self.battery.recall(name)

    @query(":BATTery<n>:MODel:RCL")
    def recalled_model(self, _n: int | None) -> str:
        return self.recalled
