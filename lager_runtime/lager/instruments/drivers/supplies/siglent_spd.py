"""Drives the supplies Siglent SPD3303X and SPD3303X-E (two outputs that can be set), SPD1168X and SPD1305X (one).

SIGLENT, SPD3303X/3303X-E Quick Start (QS0503X-E02A), chapter 3, "Remote Control", and SPD1000X User Manual
(UM0501X-E02A), 3.4 "Command description": `CH1:VOLTage`, `CH1:CURRent`, `MEASure:VOLTage? CH1`, `OUTPut CH1,ON`, and of
an SPD1000X `OVP`, `OCP` and `OUTPut:RESEt:PROTect`, which closes the window of a protection that has tripped.

What is on is in the answer to `SYSTem:STATus?`, a hexadecimal number such as 0x0224: bit 0 is CH1 in constant current,
bit 1 CH2; bits 2 and 3 are 1 while the outputs are independent and 2 while they are in parallel; bit 4 is CH1 on, bit 5
CH2. On an SPD1000X, bit 5 is the four-wire mode. The third output of an SPD3303X is fixed and not reported: it has no
net. An SPD3303X has no protection that can be set, and no model tells whether one has tripped.
"""

from lager.instruments.drivers.base import supply
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.sessions import parse

_INDEPENDENT = 1
_COUPLED = {2: "are in parallel", 3: "are in series"}


class _Spd(supply.Supply):
    SET_VOLTAGE = "CH{n}:VOLT {x}"
    GET_VOLTAGE = "CH{n}:VOLT?"
    SET_CURRENT = "CH{n}:CURR {x}"
    GET_CURRENT = "CH{n}:CURR?"
    SET_OUTPUT = "OUTP CH{n},{x}"
    GET_OUTPUT = "SYST:STAT?"
    MEASURE_VOLTAGE = "MEAS:VOLT? CH{n}"
    MEASURE_CURRENT = "MEAS:CURR? CH{n}"

    def state(self) -> SupplyState:
        with self.session.exchange():
            read = Readings(self.session)
            measured = self._measured(read)
            status = read(self._status, "enabled", "mode")
            return SupplyState(
                net=self.name,
                channel=self.channel,
                **measured,
                enabled=None if status is None else self._is_set(status, 4),
                mode=None if status is None else "CC" if self._is_set(status, 0) else "CV",
                **self._setpoints(read),
                ovp=self._level_of("ovp", read),
                ocp=self._level_of("ocp", read),
                unread=read.finish(),
            )

    def _level_of(self, name: str, read: Readings) -> float | None:
        """Return the level of a protection; None if the model has none that can be set."""
        return None

    def _is_on(self) -> bool:
        return self._is_set(self._status(), 4)

    def _status(self) -> int:
        return self.session.ask(self.GET_OUTPUT, parse.hexadecimal)

    def _is_set(self, status: int, bit: int) -> bool:
        """Return a bit of the status: this one for the first channel, the next one for the second."""
        return bool(status >> (bit + self.channel - 1) & 1)


class Spd3303X(_Spd):
    # An SPD3303X-E has steps of 10 mV and 10 mA.
    VOLTAGE_STEP = 0.01
    CURRENT_STEP = 0.01

    def check(self) -> None:
        """Raise InstrumentError while both outputs are coupled."""
        if self.coupled or self.as_it_is:
            return
        how = self._status() >> 2 & 3
        if how != _INDEPENDENT:
            rest = ", so that a setting of one also changes the other"
            hint = "Make them independent (OUTP:TRACK 0, or on the front panel), then open the net again."
            self._refuse_coupling((1, 2), _COUPLED.get(how, "are coupled") + rest, hint)

    def prepare(self) -> None:
        """Raise InstrumentError while both outputs are coupled."""
        self.check()


class Spd1000X(_Spd):
    GUARDS = {"max_voltage": "ovp", "max_current": "ocp"}  # noqa: RUF012

    def _protections(self) -> tuple[Setting, ...]:
        return (
            self._trips_at("ovp", "OVP?", "V", 0.01, self.set_ovp),
            self._trips_at("ocp", "OCP?", "A", 0.01, self.set_ocp),
        )

    def set_ovp(self, volts: float) -> float:
        return self._put("OVP {x}", "OVP?", self._level("voltage", volts), 0.01)

    def set_ocp(self, amperes: float) -> float:
        return self._put("OCP {x}", "OCP?", self._level("current", amperes), 0.01)

    def clear(self) -> None:
        """Reset a tripped protection, with the output off. An output that is on stays on: nothing has tripped."""
        self._clear("protection", "OUTP:RESE:PROT", lambda: False)

    def clear_ovp(self) -> None:
        """Reset both protections, like clear: the instrument resets them together."""
        self.clear()

    def clear_ocp(self) -> None:
        """Reset both protections, like clear."""
        self.clear()

    def _level_of(self, name: str, read: Readings) -> float | None:
        return read(lambda: self._number(f"{name.upper()}?"), name)
