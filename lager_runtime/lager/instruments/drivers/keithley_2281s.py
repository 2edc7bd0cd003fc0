"""Keithley 2281S-20-6, as a power supply and as a battery simulator: one instrument, one role at a time.

Keithley, Model 2281S-20-6 Precision DC Power Supply and Battery Simulator Reference Manual (077114601, March 2019),
section 7: `:BATTery[n]:SIMulator:*` (7-38 to 7-50), `:BATTery[n]:OUTPut[:STATe]` (7-76: 2 is disabled),
`:OUTPut:PROTection:TRIPped?` (7-112), `:FORMat:ELEMents`, `:ENTRy:FUNCtion`. A measurement answers as many elements as
the format says, by default readings with their units: `+1.500000E+00A,+3.299153E+00V,+3.369820E+05s`.
"""

from lager.errors import InstrumentError, InvalidArgument
from lager.instruments import parse
from lager.instruments.drivers import supply
from lager.instruments.drivers.battery import BatteryState
from lager.instruments.drivers.driver import ScpiDriver
from lager.instruments.quantities import amount, keep_limit

_ROLES = {"POWER": "POWER", "POW": "POWER", "TEST": "TEST", "SIMULATOR": "SIMULATOR", "SIM": "SIMULATOR"}
_METHODS = {"STAT": "static", "STATIC": "static", "DYN": "dynamic", "DYNAMIC": "dynamic"}
_TRIPS = parse.word({word: word for word in ("OCP", "OVP", "OTP", "RVS", "OPS", "NONE")})
_METHOD_WORDS = {"static": "STAT", "dynamic": "DYN"}
_BATTERY_OUTPUT = parse.word(
    {"ON": True, "1": True, "OFF": False, "0": False, "DIS": False, "DISABLE": False, "2": False}
)


class _TwoRoles(ScpiDriver):
    ROLE: str

    def prepare(self) -> None:
        """Enter the role of this net. Raises InstrumentError while the other role has its output on."""
        with self.session.exchange():
            role = self.session.ask(":ENTR:FUNC?", parse.word(_ROLES))
            if role == self.ROLE:
                return
            question = ":OUTP?" if role == "POWER" else ":BATT:OUTP?"
            if self.session.ask(question, _BATTERY_OUTPUT):
                works_as = {"POWER": "supply", "TEST": "battery test", "SIMULATOR": "battery"}[role]
                what = f"{self.config.instrument} works as a {works_as} now, with its output on."
                raise InstrumentError(what, f"Turn that off first; then {self.name} can be used.")
            self.session.tell(f":ENTR:FUNC {self.ROLE}")
            entered = self.session.ask(":ENTR:FUNC?", parse.word(_ROLES))
            if entered != self.ROLE:
                self._not_taken(":ENTR:FUNC {x}", self.ROLE, entered)

    def _quantity(self, question: str, unit: str) -> float:
        return self.session.ask(question, parse.quantity(unit))


class Supply(_TwoRoles, supply.Supply):
    ROLE = "POWER"
    SET_VOLTAGE = ":VOLT {x}"
    GET_VOLTAGE = ":VOLT?"
    SET_CURRENT = ":CURR {x}"
    GET_CURRENT = ":CURR?"
    SET_OUTPUT = ":OUTP {x}"
    GET_OUTPUT = ":OUTP?"

    def set_ovp(self, volts: float) -> float:
        return self._put(":VOLT:PROT {x}", ":VOLT:PROT?", self._level("voltage", volts), 0.01)

    def set_ocp(self, amperes: float) -> float:
        return self._put(":CURR:PROT {x}", ":CURR:PROT?", self._level("current", amperes), 0.01)

    def clear(self) -> None:
        self._clear("protection", ":OUTP:PROT:CLE", lambda: self._trip() != "NONE")

    def clear_ovp(self) -> None:
        self._clear("OVP", ":OUTP:PROT:CLE", lambda: self._trip() == "OVP")

    def clear_ocp(self) -> None:
        self._clear("OCP", ":OUTP:PROT:CLE", lambda: self._trip() == "OCP")

    def voltage(self) -> float:
        return self._quantity(":MEAS:VOLT?", "V")

    def current(self) -> float:
        return self._quantity(":MEAS:CURR?", "A")

    def state(self) -> supply.SupplyState:
        with self.session.exchange():
            volts, amperes, watts = self._measure()
            tripped = self._trip()
            return supply.SupplyState(
                net=self.name,
                channel=self.channel,
                enabled=self._is_on(),
                voltage=volts,
                current=amperes,
                power=watts,
                voltage_set=self._number(self.GET_VOLTAGE),
                current_set=self._number(self.GET_CURRENT),
                ovp=self._number(":VOLT:PROT?"),
                ovp_tripped=tripped == "OVP",
                ocp=self._number(":CURR:PROT?"),
                ocp_tripped=tripped == "OCP",
            )

    def _measure(self) -> tuple[float, float, float]:
        volts, amperes = self.voltage(), self.current()
        return volts, amperes, volts * amperes

    def _trip(self) -> str:
        return self.session.ask(":OUTP:PROT:TRIP?", _TRIPS)


class Battery(_TwoRoles):
    """The simulated battery. Every method with an optional value sets it when one is given, and returns what stands.

    Volts, amperes, ohms; the state of charge in percent and the capacity in ampere-hours, as the instrument has them.
    The instrument takes capacity, current limit and esr only while the output is off, and raises Rejected otherwise.
    """

    ROLE = "SIMULATOR"

    def mode(self, value: str | None = None) -> str:
        """The mode: "static" keeps state of charge and voltage, "dynamic" lets them follow the load."""
        with self.session.exchange():
            if value is not None:
                wanted = _METHODS.get(str(value).upper())
                if wanted is None:
                    raise InvalidArgument(f"{self.name}: {value!r} is no mode.", "Give 'static' or 'dynamic'.")
                self.session.tell(f":BATT:SIM:METH {_METHOD_WORDS[wanted]}")
            stands = self.session.ask(":BATT:SIM:METH?", parse.word(_METHODS))
            if value is not None and stands != wanted:
                self._not_taken(":BATT:SIM:METH {x}", str(wanted), stands)
            return stands

    def soc(self, value: float | None = None) -> float:
        """The state of charge in percent, 0 to 100. Setting it moves the open-circuit voltage with it."""
        if value is not None:
            value = amount(self.config, "soc", value, high=100)
        return self._setting(":BATT:SIM:SOC", "%", value, 0.1)

    def voc(self, value: float | None = None) -> float:
        """The open-circuit voltage in volts. Setting it moves the state of charge with it."""
        if value is not None:
            value = amount(self.config, "voltage", value)
        return self._setting(":BATT:SIM:VOC", "V", value, 0.01)

    def capacity(self, value: float | None = None) -> float:
        """The capacity in ampere-hours, 0.001 to 99."""
        if value is not None:
            value = amount(self.config, "capacity", value, low=0.001, high=99)
        return self._setting(":BATT:SIM:CAP:LIM", "Ah", value, 0.001)

    def current_limit(self, value: float | None = None) -> float:
        """The current limit of the simulation in amperes, 0 to 6.1."""
        if value is not None:
            value = amount(self.config, "current", value, high=6.1)
        return self._setting(":BATT:SIM:CURR:LIM", "A", value, 0.001)

    def esr(self, value: float | None = None) -> float:
        """The internal resistance in ohms, as it is now; with a value, the offset that is added to the model's.

        The instrument takes an offset only (-100 to 100 Ω), and returns that when one was set.
        """
        if value is None:
            return self._quantity(":BATT:SIM:RES?", "Ohm")
        value = amount(self.config, "resistance", value, low=-100, high=100)
        return self._setting(":BATT:SIM:RES:OFFS", "Ohm", value, 0.001)

    def terminal_voltage(self) -> float:
        """The voltage at the terminals now, in volts."""
        return self._quantity(":BATT:SIM:TVOL?", "V")

    def current(self) -> float:
        """The current of the battery now, in amperes."""
        return self._quantity(":BATT:SIM:CURR?", "A")

    def enable(self) -> None:
        """Turn the output on. Raises LimitExceeded if the battery stands over a limit of the nets file.

        The protections of the instrument are set to these limits first: charging, or a new state of charge, moves the
        voltage later without anybody setting it.
        """
        with self.session.exchange():
            limits = self.config.limits
            if limits.max_voltage is not None:
                keep_limit(self.config, "voltage", self.voc())
                self._protect(":BATT:SIM:TVOL:PROT", min(max(limits.max_voltage, 0.5), 21.0))
            if limits.max_current is not None:
                keep_limit(self.config, "current", self.current_limit())
                self._protect(":BATT:SIM:CURR:PROT", min(max(limits.max_current, 0.1), 6.1))
            self._switch("ON")

    def disable(self) -> None:
        """Turn the output off."""
        self._switch("OFF")

    def state(self) -> BatteryState:
        """Everything about the battery at once; see BatteryState."""
        with self.session.exchange():
            return BatteryState(
                net=self.name,
                enabled=self._is_on(),
                mode=self.mode(),
                soc=self.soc(),
                voc=self.voc(),
                terminal_voltage=self.terminal_voltage(),
                current=self.current(),
                esr=self.esr(),
                esr_offset=self._quantity(":BATT:SIM:RES:OFFS?", "Ohm"),
                capacity=self.capacity(),
                current_limit=self.current_limit(),
            )

    def _protect(self, command: str, level: float) -> None:
        # A running battery takes no new protection (error 704); it has the one it was turned on with.
        if self._number(f"{command}?") != level:
            self._put(command + " {x}", f"{command}?", level, 0.01)

    def _setting(self, command: str, unit: str, value: float | None, step: float) -> float:
        with self.session.exchange():
            if value is not None:
                self.session.tell(self._spell(command + " {x}", value))
            stands = self._quantity(f"{command}?", unit)
            if value is not None and abs(stands - value) > step * 1.001:
                self._not_taken(command + " {x}", f"{value:g}", f"{stands:g}")
            return stands

    def _is_on(self) -> bool:
        return self.session.ask(":BATT:OUTP?", _BATTERY_OUTPUT)

    def _switch(self, word: str) -> None:
        with self.session.exchange():
            self.session.tell(f":BATT:OUTP {word}")
            if self._is_on() != (word == "ON"):
                self._not_taken(":BATT:OUTP {x}", word, "OFF" if word == "ON" else "ON")
