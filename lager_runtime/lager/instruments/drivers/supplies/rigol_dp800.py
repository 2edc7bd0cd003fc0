"""Drives the supplies Rigol DP811, DP821, DP831, DP832 and their A models.

RIGOL, DP800 Series Programming Guide (December 2015), chapter 2: `:SOURce[<n>]`, `:MEASure:ALL?`, `:OUTPut[:STATe]`,
`:OUTPut:OVP:*`, `:OUTPut:OCP:*`, `:OUTPut:MODE?`, `:SYSTem:ERRor?`. Outputs answer ON or OFF, trips YES or NO, modes
CV, CC or UR (unregulated); `:MEAS:ALL? CH1` gives volts, amperes and watts. `:OUTPut:OVP:CLEAR` resets a trip;
`[:SOURce]:VOLTage:PROTection:CLEar` would switch the output on with it.

Two channels can be coupled: CH1 and CH2 of a DP832, CH2 and CH3 of a DP831. `:OUTPut:TRACk? CHn` (ON, OFF, or NONE for
a channel that cannot track) says whether the voltages are coupled, `:SYSTem:ONOFFSync?` (ON or OFF) whether the outputs
are.
"""

from lager.instruments.drivers.base import supply
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.sessions import parse
from lager.nets import catalog

_MODES = parse.word({"CV": "CV", "CC": "CC", "UR": "UR"})
_FOLLOWING = {"DP831": (2, 3), "DP832": (1, 2)}
_TRACKS = parse.word({"ON": True, "1": True, "OFF": False, "0": False, "NONE": False})


class Supply(supply.Supply):
    SET_VOLTAGE = ":SOUR{n}:VOLT {x}"
    GET_VOLTAGE = ":SOUR{n}:VOLT?"
    SET_CURRENT = ":SOUR{n}:CURR {x}"
    GET_CURRENT = ":SOUR{n}:CURR?"
    SET_OUTPUT = ":OUTP CH{n},{x}"
    GET_OUTPUT = ":OUTP? CH{n}"
    # The models without an A have steps of 10 mV, and of 10 mA on the 10 A outputs.
    VOLTAGE_STEP = 0.01
    CURRENT_STEP = 0.01
    GUARDS = {"max_voltage": "ovp", "max_current": "ocp"}  # noqa: RUF012

    def check(self) -> None:
        """Raise InstrumentError while this channel is coupled to another one."""
        pair = _FOLLOWING.get(catalog.plain(self.config.instrument.model)[:5], ())
        if self.coupled or self.as_it_is or self.channel not in pair:
            return
        with self.session.exchange():
            if any(self.session.ask(f":OUTP:TRAC? CH{number}", _TRACKS) for number in pair):
                what = "track each other, so that a voltage set on one is also set on the other"
                how = "Switch tracking off (Utility, System, Track Set on its front panel), then open the net again."
                self._refuse_coupling(pair, what, how)
            if self.session.ask(":SYST:ONOFFS?", parse.on_off):
                what = "are switched on and off together (on/off sync)"
                how = "Switch it off (Utility, System, On/Off Sync on its front panel), then open the net again."
                self._refuse_coupling(pair, what, how)

    def prepare(self) -> None:
        """Raise InstrumentError while this channel is coupled to another one."""
        self.check()

    def _protections(self) -> tuple[Setting, ...]:
        return (
            self._trips_at("ovp", ":OUTP:OVP:VAL? CH{n}", "V", 0.01, self.set_ovp, ":OUTP:OVP? CH{n}"),
            self._trips_at("ocp", ":OUTP:OCP:VAL? CH{n}", "A", 0.01, self.set_ocp, ":OUTP:OCP? CH{n}"),
            self._armed("ovp_enabled", ":OUTP:OVP? CH{n}", lambda: self.set_ovp(self._number(":OUTP:OVP:VAL? CH{n}"))),
            self._armed("ocp_enabled", ":OUTP:OCP? CH{n}", lambda: self.set_ocp(self._number(":OUTP:OCP:VAL? CH{n}"))),
        )

    def measured_voltage(self) -> float:
        return self._measure()[0]

    def measured_current(self) -> float:
        return self._measure()[1]

    def measured_power(self) -> float:
        return self._measure()[2]

    def set_ovp(self, volts: float) -> float:
        return self._protect("OVP", self._level("voltage", volts))

    def set_ocp(self, amperes: float) -> float:
        return self._protect("OCP", self._level("current", amperes))

    def clear_ovp(self) -> None:
        self._clear("OVP", ":OUTP:OVP:CLEAR CH{n}", lambda: self._tripped("OVP"))

    def clear_ocp(self) -> None:
        self._clear("OCP", ":OUTP:OCP:CLEAR CH{n}", lambda: self._tripped("OCP"))

    def state(self) -> SupplyState:
        with self.session.exchange():
            read = Readings(self.session)
            volts, amperes, watts = read.several(self._measure, "voltage", "current", "power")
            return SupplyState(
                net=self.name,
                channel=self.channel,
                enabled=read(self._is_on, "enabled"),
                mode=read(lambda: self.session.ask(self._spell(":OUTP:MODE? CH{n}"), _MODES), "mode"),
                voltage=volts,
                current=amperes,
                power=watts,
                **self._setpoints(read),
                ovp=read(lambda: self._number(":OUTP:OVP:VAL? CH{n}"), "ovp"),
                ovp_enabled=read(lambda: self._flag(":OUTP:OVP? CH{n}"), "ovp_enabled"),
                ovp_tripped=read(lambda: self._tripped("OVP"), "ovp_tripped"),
                ocp=read(lambda: self._number(":OUTP:OCP:VAL? CH{n}"), "ocp"),
                ocp_enabled=read(lambda: self._flag(":OUTP:OCP? CH{n}"), "ocp_enabled"),
                ocp_tripped=read(lambda: self._tripped("OCP"), "ocp_tripped"),
                unread=read.finish(),
            )

    def _flag(self, question: str) -> bool:
        return self.session.ask(self._spell(question), parse.on_off)

    def _measure(self) -> tuple[float, float, float]:
        volts, amperes, watts = self.session.ask(self._spell(":MEAS:ALL? CH{n}"), parse.numbers(3))
        return volts, amperes, watts

    def _protect(self, kind: str, level: float) -> float:
        with self.session.exchange():
            readback = self._put(f":OUTP:{kind}:VAL CH{{n}},{{x}}", f":OUTP:{kind}:VAL? CH{{n}}", level, 0.01)
            self.session.tell(self._spell(f":OUTP:{kind} CH{{n}},ON"))
            if not self.session.ask(self._spell(f":OUTP:{kind}? CH{{n}}"), parse.on_off):
                self._wrong_readback(f":OUTP:{kind} CH{{n}},{{x}}", "ON", "OFF")
            return readback

    def _tripped(self, kind: str) -> bool:
        return self.session.ask(self._spell(f":OUTP:{kind}:QUES? CH{{n}}"), parse.on_off)
