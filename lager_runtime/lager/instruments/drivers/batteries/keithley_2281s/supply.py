"""Keithley 2281S-20-6 as a power supply.

Reference Manual, section 7: `:OUTPut:PROTection:TRIPped?` (7-112).
"""

from collections.abc import Mapping
from typing import ClassVar

from lager.instruments.drivers.base import supply
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.drivers.batteries.keithley_2281s.roles import TwoRoles


class Supply(TwoRoles, supply.Supply):
    ROLE = "POWER"
    GET_TRIP = ":OUTP:PROT:TRIP?"
    PROTECTIONS: ClassVar[Mapping[str, tuple[str, str]]] = {"OVP": (":VOLT:PROT?", "V"), "OCP": (":CURR:PROT?", "A")}
    SET_VOLTAGE = ":VOLT {x}"
    GET_VOLTAGE = ":VOLT?"
    SET_CURRENT = ":CURR {x}"
    GET_CURRENT = ":CURR?"
    SET_OUTPUT = ":OUTP {x}"
    GET_OUTPUT = ":OUTP?"
    MEASURE_VOLTAGE = ":MEAS:VOLT?"
    MEASURE_CURRENT = ":MEAS:CURR?"
    GUARDS = {"max_voltage": "ovp", "max_current": "ocp"}  # noqa: RUF012

    def settings(self) -> tuple[Setting, ...]:
        return (self._role_setting(), *super().settings())

    def _protections(self) -> tuple[Setting, ...]:
        return (
            self._trips_at("ovp", ":VOLT:PROT?", "V", 0.01, self.set_ovp),
            self._trips_at("ocp", ":CURR:PROT?", "A", 0.01, self.set_ocp),
        )

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

    def state(self) -> SupplyState:
        with self.session.exchange():
            read = Readings(self.session)
            measured = self._measured(read)
            trip = read(self._trip, "ovp_tripped", "ocp_tripped")
            return SupplyState(
                net=self.name,
                channel=self.channel,
                enabled=read(self._is_on, "enabled"),
                **measured,
                **self._setpoints(read),
                ovp=read(lambda: self._number(":VOLT:PROT?"), "ovp"),
                ovp_tripped=None if trip is None else trip == "OVP",
                ocp=read(lambda: self._number(":CURR:PROT?"), "ocp"),
                ocp_tripped=None if trip is None else trip == "OCP",
                unread=read.finish(),
            )
