"""Keithley 2200-20-5, 2200-30-5, 2200-32-3, 2200-60-2 and 2200-72-1: one output each.

Keithley, Series 2200 Programmable DC Power Supplies Reference Manual (2200S-901-01), section 4 (`[SOURce:]VOLTage`,
`[SOURce:]VOLTage:PROTection[:LEVel]`, `[SOURce:]OUTPut[:STATe]`, `[SOURce:]OUTPut:PROTection:CLEar`, `MEASure:*`) and
appendix C (operation condition register: bit 2 is constant voltage, bit 3 constant current; questionable condition
register: bit 0 is over voltage, as in the example of `STATus:QUEStionable:CONDition?`, 4-29). There is no over-current
protection.
"""

from lager.instruments.drivers.base import supply
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.sessions import parse

_CV, _CC = 1 << 2, 1 << 3
_OV = 1 << 0


class Supply(supply.Supply):
    SET_VOLTAGE = "VOLT {x}"
    GET_VOLTAGE = "VOLT?"
    SET_CURRENT = "CURR {x}"
    GET_CURRENT = "CURR?"
    SET_OUTPUT = "OUTP {x}"
    GET_OUTPUT = "OUTP?"
    MEASURE_VOLTAGE = "MEAS:VOLT?"
    MEASURE_CURRENT = "MEAS:CURR?"
    GUARDS = {"max_voltage": "ovp"}  # noqa: RUF012

    def measured_power(self) -> float:
        return self._reading("MEAS:POW?", "W")

    def _protections(self) -> tuple[Setting, ...]:
        return (
            self._trips_at("ovp", "VOLT:PROT?", "V", 0.01, self.set_ovp, "VOLT:PROT:STAT?"),
            self._armed("ovp_enabled", "VOLT:PROT:STAT?", lambda: self.set_ovp(self._number("VOLT:PROT?"))),
        )

    def set_ovp(self, volts: float) -> float:
        volts = self._level("voltage", volts)
        with self.session.exchange():
            readback = self._put("VOLT:PROT {x}", "VOLT:PROT?", volts, 0.01)
            self.session.tell("VOLT:PROT:STAT ON")
            if not self.session.ask("VOLT:PROT:STAT?", parse.on_off):
                self._wrong_readback("VOLT:PROT:STAT {x}", "ON", "OFF")
            return readback

    def clear(self) -> None:
        self.clear_ovp()

    def clear_ovp(self) -> None:
        self._clear("OVP", "OUTP:PROT:CLE", self._tripped)

    def state(self) -> SupplyState:
        with self.session.exchange():
            read = Readings(self.session)
            return SupplyState(
                net=self.name,
                channel=self.channel,
                voltage=read(self.voltage, "voltage"),
                current=read(self.current, "current"),
                power=read(self.power, "power"),
                enabled=read(self._is_on, "enabled"),
                mode=read(self._mode, "mode"),
                **self._setpoints(read),
                ovp=read(lambda: self._number("VOLT:PROT?"), "ovp"),
                ovp_enabled=read(lambda: self.session.ask("VOLT:PROT:STAT?", parse.on_off), "ovp_enabled"),
                ovp_tripped=read(self._tripped, "ovp_tripped"),
                unread=read.finish(),
            )

    def _tripped(self) -> bool:
        return bool(self.session.ask("STAT:QUES:COND?", parse.whole) & _OV)

    def _mode(self) -> str | None:
        bits = self.session.ask("STAT:OPER:COND?", parse.whole)
        return "CC" if bits & _CC else "CV" if bits & _CV else None
