"""Keithley 2281S-20-6: a 20 V 6 A supply, or a battery simulator, one at a time.

After the Model 2281S-20-6 DC Power Supply and Battery Simulator Reference Manual (077114601), section 7,
"SCPI command reference": :ENTRy, :FORMat, :MEASure, :OUTPut and [:SOURce[n]] as a supply,
:BATTery[n]:SIMulator, :BATTery[n]:MODel and :BATTery[n]:OUTPut as a battery. Errors 700, 703, 704 and 705 are
the manual's own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from lagerd.bench.battery import MODELS, Battery
from lagerd.bench.circuit import Output, Protection
from lagerd.bench.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi import Limits, ScpiError, Token

VOLTS = Limits(0, 20, 0, "V")
AMPS = Limits(0.1, 6.1, 0.1, "A")
OVP = Limits(0.5, 21, 21, "V")
OCP = Limits(0.1, 6.1, 6.1, "A")
CAPACITY = Limits(0.001, 99, 0.01, "AH")
SIM_AMPS = Limits(0, 6.1, 0.1, "A")
OFFSET = Limits(-100, 100, 0, "OHM")
SOC = Limits(0, 100, 100)

ROLES = {"POW": "POWER", "TEST": "TEST", "SIM": "SIMULATOR"}
ELEMENTS = ("READing", "SOURce", "UNIT", "MODE", "RELative")


@dataclass
class Settings:
    """What one role keeps for the terminals while the other has them."""

    volts: float
    amps: float
    ovp: float
    ocp: float


def plain(value: float) -> str:
    return f"{value:.6g}"


def reading(value: float) -> str:
    return f"{value:+.6E}"


class Keithley2281S(ScpiInstrument):
    model = "2281S-20-6"
    identity = "KEITHLEY INSTRUMENTS,MODEL 2281S-20-6,4000001,01.08b"
    other_identity = "KEITHLEY INSTRUMENTS,MODEL 2280S-32-6,4000002,01.08b"
    wording: ClassVar[dict[int, tuple[int, str]]] = {
        700: (700, "Command not permitted in this mode"),
        703: (703, "Full Voc can't be less than empty Voc"),
        704: (704, "Not permitted while battery model is running"),
        705: (705, "Model length not enough"),
    }

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._started = clock()
        self.output = Output(0, 0, Protection(0, enabled=True), Protection(0, enabled=True))
        self.reset()

    def reset(self) -> None:
        self.role = "POW"
        self.power = Settings(VOLTS.default, AMPS.default, OVP.default, OCP.default)
        self.cell = Settings(0, SIM_AMPS.default, OVP.default, OCP.default)
        self.battery = Battery(self._clock)
        self.elements = ["READ", "SOUR", "UNIT", "REL"]
        self.continuous = True
        self.output.clear()
        self.output.switch(False)
        self.settle()

    def settle(self) -> None:
        """Lay the settings of the present role onto the terminals; a running battery also loses charge."""
        out = self.output
        if self.role == "SIM":
            alive = self.battery.advance(out.point.amps)
            out.on = out.on and alive
            out.volts, out.ohms, wanted = self.battery.voc, self.battery.ohms, self.cell
        else:
            self.battery.advance(0.0)
            out.volts, out.ohms, wanted = self.power.volts, 0.0, self.power
        out.amps, out.ovp.level, out.ocp.level = wanted.amps, wanted.ovp, wanted.ocp
        out.settle()
        if not out.on:
            out.switch(False)

    def _require(self, role: str) -> None:
        if self.role != role:
            raise ScpiError(700)

    def _require_stopped(self) -> None:
        self._require("SIM")
        if self.output.on:
            raise ScpiError(704)

    def _shown(self, value: float, limits: Limits, special: Token | None) -> str:
        return plain(value if special is None else special.number(limits))

    # :ENTRy, :INITiate

    @command(":ENTRy<n>:FUNCtion")
    def enter(self, _n: int | None, role: Token) -> None:
        chosen = role.choice("POWer", "TEST", "SIMulator")
        if chosen != self.role:
            self.output.switch(False)
            self.output.clear()
        self.role = chosen

    @query(":ENTRy<n>:FUNCtion")
    def entered(self, _n: int | None) -> str:
        return ROLES[self.role]

    @command(":INITiate<n>:CONTinuous")
    def set_continuous(self, _n: int | None, state: Token) -> None:
        self.continuous = state.boolean()

    @query(":INITiate<n>:CONTinuous")
    def is_continuous(self, _n: int | None) -> str:
        return str(int(self.continuous))

    @command(":ABORt<n>")
    def abort(self, _n: int | None) -> None:
        """Readings here are taken when they are asked for: there is none to break off."""

    # [:SOURce]

    @command("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_volts(self, _n: int | None, value: Token) -> None:
        self._require("POW")
        self.power.volts = value.number(VOLTS)

    @query("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def volts(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.power.volts, VOLTS, special)

    @command("[:SOURce<n>]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def set_amps(self, _n: int | None, value: Token) -> None:
        self._require("POW")
        self.power.amps = value.number(AMPS)

    @query("[:SOURce<n>]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def amps(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.power.amps, AMPS, special)

    @command("[:SOURce<n>]:VOLTage:PROTection[:LEVel]")
    def set_ovp(self, _n: int | None, value: Token) -> None:
        self._require("POW")
        self.power.ovp = value.number(OVP)

    @query("[:SOURce<n>]:VOLTage:PROTection[:LEVel]")
    def ovp(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.power.ovp, OVP, special)

    @command("[:SOURce<n>]:CURRent:PROTection[:LEVel]")
    def set_ocp(self, _n: int | None, value: Token) -> None:
        self._require("POW")
        self.power.ocp = value.number(OCP)

    @query("[:SOURce<n>]:CURRent:PROTection[:LEVel]")
    def ocp(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.power.ocp, OCP, special)

    # :OUTPut, and the battery's own switch of the same terminals

    @command(":OUTPut<n>[:STATe]")
    def set_output(self, _n: int | None, state: Token, _channel: Token | None = None) -> None:
        self._require("POW")
        self.output.switch(state.boolean())

    @query(":OUTPut<n>[:STATe]")
    def output_state(self, _n: int | None, _channel: Token | None = None) -> str:
        return str(int(self.output.on and self.role == "POW"))

    @query(":OUTPut<n>:PROTection:TRIPped")
    def tripped(self, _n: int | None, _channel: Token | None = None) -> str:
        self.changed()
        return "OVP" if self.output.ovp.tripped else "OCP" if self.output.ocp.tripped else "NONE"

    @command(":OUTPut<n>:PROTection:CLEar")
    def clear_protection(self, _n: int | None, _channel: Token | None = None) -> None:
        self.output.clear()

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

    # :MEASure, in the layout that :FORMat:ELEMents asks for

    @command(":FORMat:ELEMents")
    def set_elements(self, names: Token) -> None:
        self.elements = [Token(name.strip()).choice(*ELEMENTS) for name in names.string().split(",")]

    @query(":FORMat:ELEMents")
    def shown_elements(self) -> str:
        return ",".join(self.elements)

    def _reading(self, volts: bool) -> str:
        """The supply measures both at once: the reading is the current, the source value the voltage.

        With no source value in the layout the reading is the quantity that was asked for.
        """
        self.changed()
        point = self.output.point
        unit = "UNIT" in self.elements
        if volts and "SOUR" not in self.elements:
            first = reading(point.volts) + ("V" if unit else "")
        else:
            first = reading(point.amps) + ("A" if unit else "")
        fields = {
            "READ": first,
            "SOUR": reading(point.volts) + ("V" if unit else ""),
            "MODE": point.mode,
            "REL": reading(self._clock() - self._started) + ("s" if unit else ""),
        }
        return ",".join(text for name, text in fields.items() if name in self.elements)

    @query(":MEASure<n>:VOLTage[:DC]")
    def measure_volts(self, _n: int | None) -> str:
        return self._reading(volts=True)

    @query(":MEASure<n>:CURRent[:DC]", ":MEASure<n>[:CONCurrent][:DC]")
    def measure_amps(self, _n: int | None) -> str:
        return self._reading(volts=False)

    # :BATTery:SIMulator. What a running simulation does not let go of raises 704.

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
    def _voc_limits(self) -> Limits:
        volts = self.battery.model.volts
        return Limits(volts[0], volts[-1], volts[-1], "V")

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
        return reading(self.output.point.amps if self.role == "SIM" else 0.0)

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
        return reading(self.output.point.volts if self.role == "SIM" else 0.0)

    @command(":BATTery<n>:SIMulator:TVOLtage:PROTection[:LEVel]")
    def set_battery_ovp(self, _n: int | None, value: Token) -> None:
        self._require_stopped()
        self.cell.ovp = value.number(OVP)

    @query(":BATTery<n>:SIMulator:TVOLtage:PROTection[:LEVel]")
    def battery_ovp(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.cell.ovp, OVP, special)

    @command(":BATTery<n>:MODel:RCL")
    def recall_model(self, _n: int | None, model: Token) -> None:
        """Memory 1 holds a lithium cell; memories 2 to 9 are empty, which is error 705."""
        self._require_stopped()
        name = model.text.upper()
        if name not in MODELS:
            if model.integer(1, 9) != 1:
                raise ScpiError(705)
            name = "LI-ION4_2"
        self.recalled = model.text.upper()
        self.battery.recall(name)

    recalled = "LI-ION4_2"

    @query(":BATTery<n>:MODel:RCL")
    def recalled_model(self, _n: int | None) -> str:
        return self.recalled
