"""Keithley 2281S-20-6: a 20 V 6 A supply or a battery simulator, one role at a time.

After the Model 2281S-20-6 DC Power Supply and Battery Simulator Reference Manual (077114601), section 7,
"SCPI command reference": :ENTRy, :FORMat, :MEASure, :OUTPut, [:SOURce[n]] and :SYSTem. The default layout of a reading
is the one that public drivers parse: `+1.500000E+00A,+3.299153E+00V,+3.369820E+05s`.
"""

import time
from collections.abc import Callable

from lagerd.bench.models.batteries.keithley_2281s_battery import OCP, OVP, SIM_AMPS, BatterySimulator, Settings, reading
from lagerd.bench.physics.battery import Battery
from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.scpi.instrument import command, query
from lagerd.bench.scpi.language import Range, ScpiError, Token
from lagerd.bench.scpi.remote import Remote

VOLTS = Range(0, 20, 0, "V")
AMPS = Range(0.1, 6.1, 0.1, "A")
CYCLES = Range(0.002, 15, 1)
"""At 50 Hz; at 60 Hz up to 12."""

ROLES = {"POW": "POWER", "TEST": "TEST", "SIM": "SIMULATOR"}
ELEMENTS = ("READing", "SOURce", "UNIT", "MODE", "RELative")


class Keithley2281S(BatterySimulator, Remote):
    model = "2281S-20-6"
    identity = "KEITHLEY INSTRUMENTS,MODEL 2281S-20-6,4000001,01.08b"
    other_identity = "KEITHLEY INSTRUMENTS,MODEL 2280S-32-6,4000002,01.08b"

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
        self.recalled = self.battery.name
        self.elements = ["READ", "SOUR", "UNIT", "REL"]
        self.continuous = True
        self.highest_volts = VOLTS.high
        self.cycles = CYCLES.default
        self.points = 100
        self.output.clear()
        self.output.switch(False)
        self.settle()

    def settle(self) -> None:
        """Apply the settings of the current role to the terminals; a running battery also loses charge."""
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

    @query(":SYSTem:LFRequency")
    def line_frequency(self) -> str:
        """Return the mains frequency in hertz, as measured at power-on."""
        return "50"

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
        """Do nothing: readings are taken when they are queried, so no reading can be aborted."""

    # :STATus (manual, appendix D). Questionable: bits 0 CC, 1 CV, 2 OCP, 3 OVP, 6 output on; operation: bit 4
    # measuring, bit 10 idle; measurement: bit 6 reading available.

    @query(":STATus:OPERation:INSTrument:ISUMmary<n>:CONDition")
    def operation(self, _n: int | None) -> str:
        return str(16 if self.continuous else 1024)

    @query(":STATus:MEASurement:INSTrument:ISUMmary<n>:CONDition")
    def measurement(self, _n: int | None) -> str:
        return str(64 if self.continuous else 0)

    @query(":STATus:QUEStionable:INSTrument:ISUMmary<n>:CONDition")
    def questionable(self, _n: int | None) -> str:
        self.changed()
        out = self.output
        regulation = {"CC": 1, "CV": 2}.get(out.point.mode, 0)
        return str(regulation | (4 if out.ocp.tripped else 0) | (8 if out.ovp.tripped else 0) | (64 if out.on else 0))

    # :TRACe and :DATA. Readings are taken when they are queried, so the buffer holds the newest one.

    @command(":TRACe<n>:POINts")
    def set_points(self, _n: int | None, count: Token) -> None:
        self.points = count.integer(2, 2500)

    @query(":TRACe<n>:POINts")
    def shown_points(self, _n: int | None) -> str:
        return str(self.points)

    @query(":TRACe<n>:DATA", ":DATA<n>:DATA")
    def buffered(self, _n: int | None, names: Token | None = None) -> str:
        return self._reading(volts=False, elements=self.elements if names is None else self._elements(names))

    # [:SOURce]

    @command("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_volts(self, _n: int | None, value: Token) -> None:
        self._require("POW")
        volts = value.number(VOLTS)
        if volts > self.highest_volts:
            raise ScpiError(-222)
        self.power.volts = volts

    @query("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def volts(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.power.volts, VOLTS, special)

    @command("[:SOURce<n>]:VOLTage:LIMit[:LEVel]")
    def set_highest_volts(self, _n: int | None, value: Token) -> None:
        self.highest_volts = value.number(VOLTS)

    @query("[:SOURce<n>]:VOLTage:LIMit[:LEVel]")
    def shown_highest_volts(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.highest_volts, VOLTS, special)

    @command(":SENSe<n>[:CONCurrent]:NPLCycles")
    def set_cycles(self, _n: int | None, value: Token) -> None:
        """Set how long a reading takes, in cycles of the mains. A simulated reading takes no time."""
        self.cycles = value.number(CYCLES)

    @query(":SENSe<n>[:CONCurrent]:NPLCycles")
    def shown_cycles(self, _n: int | None, special: Token | None = None) -> str:
        return self._shown(self.cycles, CYCLES, special)

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

    # :OUTPut

    @command(":OUTPut<n>[:STATe]")
    def set_output(self, _n: int | None, state: Token, _channel: Token | None = None) -> None:
        self._require("POW")
        self.output.switch(state.boolean())

    @query(":OUTPut<n>[:STATe]")
    def output_state(self, _n: int | None, _channel: Token | None = None) -> str:
        return str(int(self.output.on and self.role == "POW"))

    @query(":OUTPut<n>:PROTection:TRIPped", ":BATTery<n>:OUTPut:PROTection:TRIPped")
    def tripped(self, _n: int | None, _channel: Token | None = None) -> str:
        self.changed()
        return "OVP" if self.output.ovp.tripped else "OCP" if self.output.ocp.tripped else "NONE"

    @command(":OUTPut<n>:PROTection:CLEar", ":BATTery<n>:OUTPut:PROTection:CLEar")
    def clear_protection(self, _n: int | None, _channel: Token | None = None) -> None:
        self.output.clear()

    # :MEASure, in the layout that :FORMat:ELEMents asks for

    @command(":FORMat:ELEMents")
    def set_elements(self, names: Token) -> None:
        self.elements = self._elements(names)

    def _elements(self, names: Token) -> list[str]:
        return [Token(name.strip()).choice(*ELEMENTS) for name in names.string().split(",")]

    @query(":FORMat:ELEMents")
    def shown_elements(self) -> str:
        return ",".join(self.elements)

    def _reading(self, volts: bool, elements: list[str] | None = None) -> str:
        """Return a measurement of both quantities: the reading is the current, the source value the voltage.

        Without a source value in the layout, the reading is the quantity that was queried.
        """
        self.changed()
        point = self.output.reading
        layout = self.elements if elements is None else elements
        unit = "UNIT" in layout
        if volts and "SOUR" not in layout:
            first = reading(point.volts) + ("V" if unit else "")
        else:
            first = reading(point.amps) + ("A" if unit else "")
        fields = {
            "READ": first,
            "SOUR": reading(point.volts) + ("V" if unit else ""),
            "MODE": point.mode,
            "REL": reading(self._clock() - self._started) + ("s" if unit else ""),
        }
        return ",".join(text for name, text in fields.items() if name in layout)

    @query(":MEASure<n>:VOLTage[:DC]")
    def measure_volts(self, _n: int | None) -> str:
        return self._reading(volts=True)

    @query(":MEASure<n>:CURRent[:DC]", ":MEASure<n>[:CONCurrent][:DC]")
    def measure_amps(self, _n: int | None) -> str:
        return self._reading(volts=False)
