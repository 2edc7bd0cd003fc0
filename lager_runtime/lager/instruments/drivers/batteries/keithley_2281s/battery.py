"""Keithley 2281S-20-6 as a battery simulator.

Reference Manual, section 7: `:BATTery[n]:SIMulator:*` (7-38 to 7-50), `:BATTery[n]:OUTPut:PROTection:TRIPped?` (7-75)
and its CLEar. State of charge and open-circuit voltage may be set while the simulation runs (7-46, 7-48), its
protections may not (error 704); the voltage of a battery model never falls as its charge rises (7-30).
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from lager.errors import InvalidArgument, LimitExceeded, Rejected
from lager.instruments.drivers.base.battery import BatteryState
from lager.instruments.drivers.base.setting import FIRST, Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.batteries.keithley_2281s.roles import BATTERY_OUTPUT, TwoRoles
from lager.instruments.sessions import parse
from lager.nets.model import Limits
from lager.nets.quantities import amount, exceeds, keep_limit
from lager.wording.values import shown

_METHODS = {"STAT": "static", "STATIC": "static", "DYN": "dynamic", "DYNAMIC": "dynamic"}
_METHOD_WORDS = {"static": "STAT", "dynamic": "DYN"}
# The models of the maker (manual, 7-35), with the underscores that the instrument's parser needs, and the words for its
# memories. Discharge is a mode of the front panel.
_MAKERS = ("LI_ION4_2", "NIMH1_2", "NICD1_2", "LEAD_ACID12", "NIMH12")
_WORDS = {"18650": "1", "liion": "1", "nimh": "2", "nicd": "3", "leadacid": "4", "discharge": "", "0": ""}
_MEMORIES = [str(number) for number in range(1, 10)]


def _model_name(word: str) -> str:
    """Return the name of a battery model as the instrument spells it: with underscores, in capitals."""
    return word.strip().replace("-", "_").upper()


class Battery(TwoRoles):
    """A simulated battery. Methods with an optional value set it if one is given, and return the readback.

    Volts, amperes, ohms; the state of charge is in percent and the capacity in ampere-hours. Setting the capacity, the
    current limit or the esr raises Rejected while the output is on, because the instrument accepts them only while it
    is off. Once a protection has tripped, nothing can be set until clear().
    """

    ROLE = "SIMULATOR"
    GET_TRIP = ":BATT:OUTP:PROT:TRIP?"
    PROTECTIONS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "OVP": (":BATT:SIM:TVOL:PROT?", "V"),
        "OCP": (":BATT:SIM:CURR:PROT?", "A"),
    }
    SET_OUTPUT = ":BATT:OUTP {x}"
    GET_OUTPUT = ":BATT:OUTP?"
    READ_OUTPUT = BATTERY_OUTPUT
    ALWAYS_GUARDED = ("max_voltage", "max_current")
    """The limits of the nets file that `enable` also sets in the instrument."""
    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mode": ("mode",),
        "soc": ("soc", "voc"),
        "voc": ("voc", "soc", "output"),
        "capacity": ("capacity",),
        "current_limit": ("current_limit",),
        "esr": ("esr_offset",),
        "enable": ("ovp", "ocp", "output"),
        "disable": ("output",),
        "clear": ("output",),
        "clear_ovp": ("output",),
        "clear_ocp": ("output",),
        "set_mode_battery": (),  # the role
        "voltage_full": ("voltage_full",),
        "voltage_empty": ("voltage_empty",),
        "ovp": ("ovp",),
        "ocp": ("ocp",),
        "model": ("model", "voltage_full", "voltage_empty", "soc", "voc"),
    }

    def settings(self) -> tuple[Setting, ...]:
        return (
            self._role_setting(),
            Setting("ovp", self.ovp, "V", 0.01, self.ovp, FIRST),
            Setting("ocp", self.ocp, "A", 0.01, self.ocp, FIRST),
            Setting("current_limit", self.current_limit, "A", 0.001, self.current_limit, FIRST),
            Setting("capacity", self.capacity, "Ah", 0.001, self.capacity),
            Setting("esr_offset", lambda: self._quantity(":BATT:SIM:RES:OFFS?", "Ohm"), "Ω", 0.001, self.esr),
            # Changed by model() alone; asked only around that.
            Setting("model", self.model, is_steady=lambda: False),
            Setting("voltage_full", self.voltage_full, "V", 0.01, self.voltage_full),
            Setting("voltage_empty", self.voltage_empty, "V", 0.01, self.voltage_empty),
            Setting("soc", self.soc, "%", 0.1, self.soc, is_steady=self._is_static),
            Setting("voc", self.voc, "V", 0.01, self.voc, is_steady=self._is_static),
            Setting("mode", self.mode, write=self.mode),
            self._output_setting(),
        )

    def _is_static(self) -> bool:
        return self.mode() == "static"

    def mode(self, value: str | None = None) -> str:
        """Return the mode: "static" keeps state of charge and voltage, "dynamic" lets them follow the load."""
        with self.session.exchange() if value is None else self._setting():
            if value is not None:
                wanted = _METHODS.get(str(value).upper())
                if wanted is None:
                    what = f"{self.name}: {shown(value)} is not a valid mode."
                    raise InvalidArgument(what, "Give 'static' or 'dynamic'.")
                self._refuse_tripped()
                self.session.tell(f":BATT:SIM:METH {_METHOD_WORDS[wanted]}")
            readback = self.session.ask(":BATT:SIM:METH?", parse.word(_METHODS))
            if value is not None and readback != wanted:
                self._wrong_readback(":BATT:SIM:METH {x}", str(wanted), readback)
            return readback

    def soc(self, value: float | None = None) -> float:
        """Return the state of charge, 0 to 100 %; with a value, set it. The open-circuit voltage changes with it.

        Raises LimitExceeded if that voltage would exceed max_voltage of the nets file, and then restores the charge.
        While the output is on, also raises it for a higher charge whose voltage cannot be known before it is applied.
        """
        if value is None:
            return self._level(":BATT:SIM:SOC", "%", None, 0.1)
        percent = amount(self.config, "soc", value, high=100)
        limit = self.config.limits.max_voltage
        with self._setting():
            if limit is None:
                return self._level(":BATT:SIM:SOC", "%", percent, 0.1)
            before = self.soc()
            if percent > before and self._is_on():
                self._refuse_unknown_voltage(percent, limit)
            readback = self._level(":BATT:SIM:SOC", "%", percent, 0.1)
            if exceeds(volts := self.voc(), limit) and percent > before:
                self._level(":BATT:SIM:SOC", "%", before, 0.1)
                keep_limit(self.config, "voltage", volts)
            return readback

    def voc(self, value: float | None = None) -> float:
        """Return the open-circuit voltage in volts; with a value, set it. The state of charge changes with it.

        An instrument that takes another value, above max_voltage of the nets file, is switched off.
        """
        if value is None:
            return self._level(":BATT:SIM:VOC", "V", None, 0.01)
        volts = amount(self.config, "voltage", value)
        limit = self.config.limits.max_voltage
        with self._setting():
            try:
                readback = self._level(":BATT:SIM:VOC", "V", volts, 0.01)
                if limit is not None and exceeds(readback, limit):
                    readback = self._level(":BATT:SIM:VOC", "V", max(0.0, volts - 0.01), 0.01)
                keep_limit(self.config, "voltage", readback)
            except (Rejected, LimitExceeded):
                if limit is not None and exceeds(self.voc(), limit):
                    self._switch("OFF")
                raise
            return readback

    def capacity(self, value: float | None = None) -> float:
        """Return the capacity in ampere-hours, 0.001 to 99; with a value, set it."""
        if value is not None:
            value = amount(self.config, "capacity", value, low=0.001, high=99)
        return self._level(":BATT:SIM:CAP:LIM", "Ah", value, 0.001)

    def current_limit(self, value: float | None = None) -> float:
        """Return the current limit of the simulation in amperes, 0 to 6.1; with a value, set it."""
        if value is not None:
            value = amount(self.config, "current", value, high=6.1)
        return self._level(":BATT:SIM:CURR:LIM", "A", value, 0.001)

    def esr(self, value: float | None = None) -> float:
        """Return the internal resistance in ohms; with a value, set the offset to the model's and return the offset.

        Only the offset can be set (-100 to 100 Ω).
        """
        if value is None:
            return self._quantity(":BATT:SIM:RES?", "Ohm")
        value = amount(self.config, "resistance", value, low=-100, high=100)
        return self._level(":BATT:SIM:RES:OFFS", "Ohm", value, 0.001)

    def terminal_voltage(self) -> float:
        """Return the voltage at the terminals, in volts."""
        return self._quantity(":BATT:SIM:TVOL?", "V")

    def current(self) -> float:
        """Return the current of the battery, in amperes."""
        return self._quantity(":BATT:SIM:CURR?", "A")

    def enable(self) -> None:
        """Switch the output on. Raises LimitExceeded if the battery exceeds a limit of the nets file.

        A protection of the instrument above a limit is lowered to it first, because charging, or a new state of charge,
        changes the voltage later. Raises Rejected if a protection has tripped, or trips at once.
        """
        with self._setting():
            self._refuse_tripped()
            limits = self.config.limits
            if limits.max_voltage is not None:
                keep_limit(self.config, "voltage", self.voc())
                self._protect("voltage", ":BATT:SIM:TVOL:PROT", limits.max_voltage, 0.5, 21.0)
            if limits.max_current is not None:
                keep_limit(self.config, "current", self.current_limit())
                self._protect("current", ":BATT:SIM:CURR:PROT", limits.max_current, 0.1, 6.1)
            self.session.tell(":BATT:OUTP ON")
            if not self._is_on():
                self._refuse_tripped()
                self._wrong_readback(":BATT:OUTP {x}", "ON", "OFF")

    def disable(self) -> None:
        """Switch the output off."""
        self._switch("OFF")

    def set_mode_battery(self) -> None:
        """Make the instrument a battery simulator. Raises InstrumentError while its output is on in another role."""
        with self._setting():
            pass

    def voltage_full(self, value: float | None = None) -> float:
        """Return the open-circuit voltage of the full battery in volts; with a value, set it."""
        if value is not None:
            value = amount(self.config, "voltage", value)
        return self._level(":BATT:SIM:VOC:FULL", "V", value, 0.01)

    def voltage_empty(self, value: float | None = None) -> float:
        """Return the open-circuit voltage of the empty battery in volts; with a value, set it."""
        if value is not None:
            value = amount(self.config, "voltage", value)
        return self._level(":BATT:SIM:VOC:EMPT", "V", value, 0.01)

    def ovp(self, value: float | None = None) -> float:
        """Return the level of the over-voltage protection in volts, 0.5 to 21; with a value, set it.

        enable() lowers a level above max_voltage of the nets file to that.
        """
        if value is not None:
            value = self._protection("voltage", value, 0.5, 21.0)
        return self._level(":BATT:SIM:TVOL:PROT", "V", value, 0.01)

    def ocp(self, value: float | None = None) -> float:
        """Return the level of the over-current protection in amperes, 0.1 to 6.1; with a value, set it.

        enable() lowers a level above max_current of the nets file to that.
        """
        if value is not None:
            value = self._protection("current", value, 0.1, 6.1)
        return self._level(":BATT:SIM:CURR:PROT", "A", value, 0.01)

    def model(self, value: str | int | None = None) -> str:
        """Return the battery model: a number of the instrument's memory, or the name of a model of its maker. With a
        value, load it; the state of charge and the voltages then are those of that model.

        The value is 1 to 9, LI_ION4_2, NIMH1_2, NICD1_2, LEAD_ACID12 or NIMH12; or a word for a number: 18650 and liion
        (1), nimh (2), nicd (3), lead-acid (4). "discharge" keeps the model, and says so: only the front panel selects
        that one. Raises Rejected while the output is on, and for a memory without a model.
        """
        if value is None:
            return self.session.ask(":BATT:MOD:RCL?", str.strip)
        wanted = self._model_named(value)
        with self._setting():
            if not wanted:
                kept = self.model()
                print(f"lager: {self.name} keeps its battery model {kept}: only the front panel selects discharge.",
                      file=sys.stderr)  # fmt: skip
                return kept
            self._refuse_tripped()
            self.session.tell(f":BATT:MOD:RCL {wanted}")
            if _model_name(readback := self.model()) != wanted:
                self._wrong_readback(":BATT:MOD:RCL {x}", wanted, readback)
            return readback

    def _model_named(self, value: object) -> str:
        """Return the memory or model that this value means; empty for discharge. Raises InvalidArgument."""
        name = _model_name(value) if isinstance(value, str) else str(value) if type(value) is int else ""
        found = _WORDS.get(name.replace("_", "").lower(), name)
        if (found and found not in (*_MAKERS, *_MEMORIES)) or not name:
            what = f"{self.name}: {shown(value)} is not a battery model."
            raise InvalidArgument(
                what, "Give 1 to 9, 18650, liion, nimh, nicd, lead-acid, or a model of the instrument."
            )
        return found

    def _protection(self, quantity: str, value: object, low: float, high: float) -> float:
        return amount(replace(self.config, limits=Limits()), quantity, value, low=low, high=high)

    def clear_ovp(self) -> None:
        """Reset the over-voltage protection if it has tripped; like clear()."""
        self._clear("OVP", ":BATT:OUTP:PROT:CLE", lambda: self._trip() == "OVP")

    def clear_ocp(self) -> None:
        """Reset the over-current protection if it has tripped; like clear()."""
        self._clear("OCP", ":BATT:OUTP:PROT:CLE", lambda: self._trip() == "OCP")

    def clear(self) -> None:
        """Reset a protection that has tripped, with the output off before and afterwards.

        Raises Rejected while its cause persists. If nothing has tripped, an output that is on stays on.
        """
        self._clear("protection", ":BATT:OUTP:PROT:CLE", lambda: self._trip() != "NONE")

    def state(self) -> BatteryState:
        """Return all settings and readings; see BatteryState. Raises only if nothing could be read."""
        with self.session.exchange():
            read = Readings(self.session)
            return BatteryState(
                net=self.name,
                enabled=read(self._is_on, "enabled"),
                mode=read(self.mode, "mode"),
                soc=read(self.soc, "soc"),
                voc=read(self.voc, "voc"),
                terminal_voltage=read(self.terminal_voltage, "terminal_voltage"),
                current=read(self.current, "current"),
                esr=read(self.esr, "esr"),
                esr_offset=read(lambda: self._quantity(":BATT:SIM:RES:OFFS?", "Ohm"), "esr_offset"),
                capacity=read(self.capacity, "capacity"),
                current_limit=read(self.current_limit, "current_limit"),
                tripped=None if (trip := read(self._trip, "tripped")) == "NONE" else trip,
                unread=read.finish(),
            )

    def _refuse_unknown_voltage(self, percent: float, limit: float) -> None:
        if exceeds(self._quantity(":BATT:SIM:VOC? MAX", "V"), limit):
            what = f"{self.name}: at {percent:g} % its voltage may exceed its limit of {limit:g} V."
            hint = "Disable the output first, so that lager can check the voltage before it reaches the terminals."
            raise LimitExceeded(what, hint)

    def _protect(self, quantity: str, command: str, limit: float, low: float, high: float) -> None:
        if limit < low:
            lowest = f"the lowest {quantity} protection of the instrument is {low:g}"
            what = f"{self.name}: {lowest}; the net's limit is {limit:g}."
            raise LimitExceeded(what, f"Raise max_{quantity} of [nets.{self.name}] in the nets file, if that is safe.")
        # Round down to steps of a hundredth.
        level = min(math.floor(limit * 100 + 1e-6) / 100, high)
        # The instrument rejects a new protection while the output is on (error 704), so set it only if it is higher.
        if exceeds(self._number(f"{command}?"), level):
            keep_limit(self.config, quantity, self._put(command + " {x}", f"{command}?", level, 0.01))

    def _level(self, command: str, unit: str, value: float | None, step: float) -> float:
        if value is None:
            return self._quantity(f"{command}?", unit)
        with self._setting():
            self._refuse_tripped()
            self.session.tell(self._spell(command + " {x}", value))
            readback = self._quantity(f"{command}?", unit)
            self._refuse_tripped()
            if abs(readback - value) > step * 1.001:
                self._wrong_readback(command + " {x}", f"{value:g}", f"{readback:g}")
            return readback

    def _refuse_tripped(self) -> None:
        if tripped := self._what_tripped():
            what = f"{self.name}: {tripped}, and the output is off."
            raise Rejected(what, f"Remove the cause, then type: lager battery {self.name} clear")
