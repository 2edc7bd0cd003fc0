"""Keithley 2200-32-3: a single channel, 32 V 3 A. A subclass has the ranges of another model.

After the Series 2200 Programmable DC Power Supplies Reference Manual (2200S-901-01), section 4, "Command
reference", and for INSTrument, OUTPut:ENABle and the positive error codes the Series 2200 Programmable
Multichannel DC Power Supplies Programmer Manual, tables 3-10 and 3-11.
"""

from dataclasses import replace
from typing import ClassVar

from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.scpi.instrument import Entry, command, query
from lagerd.bench.scpi.language import Range, ScpiError, Token, Unit
from lagerd.bench.scpi.remote import Remote

NEVER = float("inf")


def plain(value: float) -> str:
    return f"{value:.6g}"


class Keithley2200(Remote):
    model = "2200-32-3"
    identity = "Keithley instruments,2200-32-3,9000001,1.23-1.06"
    other_identity = "Keithley instruments,2220-30-1,9000002,1.23-1.06"
    VOLTS: ClassVar[Range] = Range(0, 32, 0, "V")
    AMPS: ClassVar[Range] = Range(0, 3, 0.1, "A")
    OVP: ClassVar[Range] = Range(1, 35.2, 35.2, "V")
    wording: ClassVar[dict[int, tuple[int, str]]] = {
        -104: (140, "Wrong type of parameter(s)"),
        -108: (150, "Wrong number of parameters"),
        -109: (150, "Wrong number of parameters"),
        -113: (170, "Command keywords were not recognized"),
        -114: (114, "Numeric suffix is invalid value"),
        -131: (130, "Wrong units for parameter"),
        -151: (160, "Unmatched quotation mark in parameters (single/double)"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.shown_text = ""
        self.output = Output(self.VOLTS.default, self.AMPS.default, Protection(self.OVP.default), Protection(NEVER))
        self.reset()

    def reset(self) -> None:
        self.state, self.enabled = False, True
        self.highest_volts, self.is_limited, self.is_shown = self.VOLTS.high, False, True
        self.output.volts, self.output.amps = self.VOLTS.default, self.AMPS.default
        self.output.ovp = Protection(self.OVP.default)
        self._switch()

    def _find(self, unit: Unit) -> tuple[Entry, list[int | None]]:
        """Find the command. Accepts `INST:SEL CH1;VOLT 3.3`, which pymeasure sends; the manual requires `;:VOLT`."""
        try:
            return super()._find(unit)
        except ScpiError:
            if not unit.relative or not unit.header.startswith((":INST:", ":INSTRUMENT:")):
                raise
            return super()._find(replace(unit, header=unit.relative))

    def settle(self) -> None:
        self.output.settle()

    def _switch(self) -> None:
        self.output.switch(self.state and self.enabled)

    @command("INSTrument[:SELect]")
    def select(self, channel: Token) -> None:
        channel.choice("CH1")

    @query("INSTrument[:SELect]")
    def selected(self) -> str:
        return "CH1"

    @command("[:SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_volts(self, value: Token) -> None:
        volts = value.number(self.VOLTS)
        if self.is_limited and volts > self.highest_volts:
            raise ScpiError(-222)
        self.output.volts = volts

    @query("[:SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def volts(self, special: Token | None = None) -> str:
        return plain(self.output.volts if special is None else special.number(self.VOLTS))

    @command("[:SOURce]:VOLTage:LIMit[:LEVel]")
    def set_highest_volts(self, value: Token) -> None:
        self.highest_volts = value.number(self.VOLTS)

    @query("[:SOURce]:VOLTage:LIMit[:LEVel]")
    def shown_highest_volts(self, special: Token | None = None) -> str:
        return plain(self.highest_volts if special is None else special.number(self.VOLTS))

    @command("[:SOURce]:VOLTage:LIMit:STATe")
    def set_limited(self, state: Token) -> None:
        self.is_limited = state.boolean()

    @query("[:SOURce]:VOLTage:LIMit:STATe")
    def shown_limited(self) -> str:
        return str(int(self.is_limited))

    @command(":DISPlay[:WINDow][:STATe]")
    def set_shown(self, state: Token) -> None:
        self.is_shown = state.boolean()

    @query(":DISPlay[:WINDow][:STATe]")
    def display_state(self) -> str:
        return str(int(self.is_shown))

    @command(":DISPlay[:WINDow]:TEXT[:DATA]")
    def set_shown_text(self, text: Token) -> None:
        self.shown_text = text.string()

    @query(":DISPlay[:WINDow]:TEXT[:DATA]")
    def display_text(self) -> str:
        return f'"{self.shown_text}"'

    @command("[:SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def set_amps(self, value: Token) -> None:
        self.output.amps = value.number(self.AMPS)

    @query("[:SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def amps(self, special: Token | None = None) -> str:
        return plain(self.output.amps if special is None else special.number(self.AMPS))

    @command("[:SOURce]:VOLTage:PROTection[:LEVel]")
    def set_ovp(self, value: Token) -> None:
        self.output.ovp.level = value.number(self.OVP)

    @query("[:SOURce]:VOLTage:PROTection[:LEVel]")
    def ovp(self, special: Token | None = None) -> str:
        return plain(self.output.ovp.level if special is None else special.number(self.OVP))

    @command("[:SOURce]:VOLTage:PROTection:STATe")
    def set_ovp_state(self, state: Token) -> None:
        self.output.ovp.enabled = state.boolean()

    @query("[:SOURce]:VOLTage:PROTection:STATe")
    def ovp_state(self) -> str:
        return str(int(self.output.ovp.enabled))

    @command("[:SOURce]:OUTPut[:STATe]")
    def set_output(self, state: Token) -> None:
        self.state = state.boolean()
        self._switch()

    @query("[:SOURce]:OUTPut[:STATe]")
    def output_state(self) -> str:
        self.changed()
        return str(int(self.output.on))

    @command("[:SOURce]:OUTPut:ENABle")
    def set_enabled(self, state: Token) -> None:
        self.enabled = state.boolean()
        self._switch()

    @query("[:SOURce]:OUTPut:ENABle")
    def is_enabled(self) -> str:
        return str(int(self.enabled))

    @command("[:SOURce]:OUTPut:PROTection:CLEar")
    def clear(self) -> None:
        self.output.clear()

    @query(":STATus:QUEStionable:CONDition")
    def condition(self) -> str:
        """Bit 0: the over-voltage protection has tripped."""
        self.changed()
        return str(int(self.output.ovp.tripped))

    @query(":STATus:OPERation:CONDition")
    def operation(self) -> str:
        """Bit 2: constant voltage; bit 3: constant current. Neither while the output is off."""
        self.changed()
        return {"CV": "4", "CC": "8"}.get(self.output.point.mode if self.output.on else "", "0")

    @query(":MEASure[:SCALar]:VOLTage[:DC]")
    def measure_volts(self) -> str:
        self.changed()
        return f"{self.output.reading.volts:.4f}"

    @query(":MEASure[:SCALar]:CURRent[:DC]")
    def measure_amps(self) -> str:
        self.changed()
        return f"{self.output.reading.amps:.4f}"

    @query(":MEASure[:SCALar]:POWer[:DC]")
    def measure_watts(self) -> str:
        self.changed()
        return f"{self.output.reading.watts:.4f}"
