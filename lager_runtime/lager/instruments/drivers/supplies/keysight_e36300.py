"""Keysight E36311A, E36312A and E36313A: three outputs.

Keysight, E36300 Series Triple Output Power Supply Programming Guide, SCPI Programming Reference: `VOLTage`, `CURRent`,
`MEASure`, `OUTPut`, `VOLTage:PROTection`, `CURRent:PROTection`, `OUTPut:PROTection:CLEar`, each with a channel list
(@n). States answer 0 or 1. The over-current protection has no level of its own: when armed, it trips as soon as the
output reaches its current limit. `OUTPut:PROTection:CLEar` returns the output to its state before the fault, so the
driver switches the output off first: otherwise it could come on again.

An E36312A and an E36313A can have their second and third output in series, in parallel or tracking (`OUTPut:PAIR?`
answers OFF, SER, PAR or TRAC), and any outputs switched on and off together (`OUTPut[:STATe]:COUPle:CHANnel?` answers
NONE, ALL, or a list such as CH1,CH2).

Watchdog: `OUTPut:PROTection:WDOG[:STATe] ON|OFF` and `OUTPut:PROTection:WDOG:DELay` (1 to 3600 s). With it on, all
outputs are latched off once there was no SCPI I/O on any interface for that time. Its settings are volatile.
"""

import re
from collections.abc import Callable, Sequence

from lager.errors import InvalidArgument, Rejected
from lager.instruments.drivers.base import supply
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.drivers.base.state import Readings
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.sessions import parse
from lager.instruments.sessions.scpi import Scpi
from lager.nets import catalog
from lager.nets.model import NetConfig
from lager.nets.quantities import si

_CLEAR = "OUTP:PROT:CLE (@{n})"


_PAIRS = parse.word(
    {
        "OFF": "",
        "SER": "in series",
        "SERIES": "in series",
        "PAR": "in parallel",
        "PARALLEL": "in parallel",
        "TRAC": "tracking",
        "TRACK": "tracking",
    }
)


def _coupled(text: str) -> list[int]:
    """The channels of a list such as `CH1,CH2`, `1,2`, `ALL` or `NONE`."""
    words = [word.strip().upper() for word in text.strip('" ()@').split(",")]
    if words in (["NONE"], [""]):
        return []
    if words == ["ALL"]:
        return [1, 2, 3]
    if not all(re.fullmatch(r"(CH)?[123]", word) for word in words):
        raise ValueError("NONE, ALL or a list of channels was due")
    return sorted({int(word[-1]) for word in words})


class Supply(supply.Supply):
    SET_VOLTAGE = "VOLT {x},(@{n})"
    GET_VOLTAGE = "VOLT? (@{n})"
    SET_CURRENT = "CURR {x},(@{n})"
    GET_CURRENT = "CURR? (@{n})"
    SET_OUTPUT = "OUTP {x},(@{n})"
    GET_OUTPUT = "OUTP? (@{n})"
    MEASURE_VOLTAGE = "MEAS:VOLT? (@{n})"
    MEASURE_CURRENT = "MEAS:CURR? (@{n})"
    VOLTAGE_STEP = 0.002
    CURRENT_STEP = 0.002
    # Its over-current protection has no level of its own.
    GUARDS = {"max_voltage": "ovp"}  # noqa: RUF012

    def check(self) -> None:
        """Raise InstrumentError while this output is coupled to another one."""
        if self.coupled or self.as_it_is or catalog.plain(self.config.instrument.model) == "E36311A":
            return  # an E36311A can do neither
        with self.session.exchange():
            pair = self.session.ask("OUTP:PAIR?", _PAIRS)
            if pair and self.channel in (2, 3):
                how = "Make its outputs independent (OUTP:PAIR OFF, or on its front panel), then open the net again."
                self._refuse_coupling((2, 3), f"are {pair}, so that a setting of one also changes the other", how)
            coupled = self.session.ask("OUTP:COUP:CHAN?", _coupled)
            if self.channel in coupled and len(coupled) > 1:
                how = "Switch the coupling off (OUTP:COUP:CHAN NONE, or on its front panel), then open the net again."
                self._refuse_coupling(coupled, "are switched on and off together", how)

    def prepare(self) -> None:
        """Raise InstrumentError while this output is coupled to another one."""
        self.check()

    def _protections(self) -> tuple[Setting, ...]:
        return (
            self._trips_at("ovp", "VOLT:PROT? (@{n})", "V", 0.02, self.set_ovp),
            self._armed("ocp_enabled", "CURR:PROT:STAT? (@{n})", lambda: self.set_ocp(self._number(self.GET_CURRENT))),
        )

    def set_ovp(self, volts: float) -> float:
        return self._put("VOLT:PROT {x},(@{n})", "VOLT:PROT? (@{n})", self._level("voltage", volts), 0.02)

    def set_ocp(self, amperes: float) -> float:
        """Arm the over-current protection. It trips at the current limit, so `amperes` must equal that limit.

        Raises InvalidArgument if the limit has another value.
        """
        amperes = self._level("current", amperes)
        with self.session.exchange():
            limit = self._number(self.GET_CURRENT)
            if abs(limit - amperes) > self.CURRENT_STEP * 1.001:
                what = f"{self.name}: its over-current protection trips at its current limit of {si(limit, 'A')}."
                raise InvalidArgument(what, f"Set the current limit to {si(amperes, 'A')} first.")
            self.session.tell(self._spell("CURR:PROT:STAT ON,(@{n})"))
            if not self._flag("CURR:PROT:STAT? (@{n})"):
                self._wrong_readback("CURR:PROT:STAT {x},(@{n})", "ON", "OFF")
            return limit

    def clear(self) -> None:
        self._clear("protection", _CLEAR, lambda: self._tripped("VOLT") or self._tripped("CURR"))

    def clear_ovp(self) -> None:
        """Reset both protections with the output off, and leave it off: the instrument resets them together."""
        self._clear("OVP", _CLEAR, lambda: self._tripped("VOLT"))

    def clear_ocp(self) -> None:
        """Reset both protections, like clear_ovp."""
        self._clear("OCP", _CLEAR, lambda: self._tripped("CURR"))

    def _clear(self, what: str, command: str, tripped: Callable[[], bool]) -> None:
        with self._setting():
            self.session.before_on()  # a watchdog that a crash left armed would soon trip again
            super()._clear(what, command, tripped)

    def _what_tripped(self) -> str:
        """Return which protection has tripped; empty if none has. Raises InstrumentError.

        Nothing tells whether it was the watchdog.
        """
        return super()._what_tripped() or ("its watchdog has probably tripped" if self.config.deadman else "")

    def state(self) -> SupplyState:
        with self.session.exchange():
            read = Readings(self.session)
            measured = self._measured(read)
            limit = read(lambda: self._number(self.GET_CURRENT), "current_set", "ocp")
            return SupplyState(
                net=self.name,
                channel=self.channel,
                enabled=read(self._is_on, "enabled"),
                **measured,
                voltage_set=read(lambda: self._number(self.GET_VOLTAGE), "voltage_set"),
                current_set=limit,
                ovp=read(lambda: self._number("VOLT:PROT? (@{n})"), "ovp"),
                ovp_tripped=read(lambda: self._tripped("VOLT"), "ovp_tripped"),
                ocp=limit,
                ocp_enabled=read(lambda: self._flag("CURR:PROT:STAT? (@{n})"), "ocp_enabled"),
                ocp_tripped=read(lambda: self._tripped("CURR"), "ocp_tripped"),
                unread=read.finish(),
            )

    def _flag(self, question: str) -> bool:
        return self.session.ask(self._spell(question), parse.on_off)

    def _tripped(self, kind: str) -> bool:
        return self._flag(f"{kind}:PROT:TRIP? (@{{n}})")


def set_watchdog(session: Scpi, nets: Sequence[NetConfig]) -> None:
    """Arm the watchdog for these nets, whose shortest `deadman` counts, and read it back; without nets, disarm it.

    It switches off all outputs of the supply. Raises Rejected, and the errors of the session.
    """
    seconds = min((net.deadman for net in nets), default=0)
    with session.exchange():
        if _watchdog_seconds(session) == seconds:
            return
        if seconds:
            session.tell(f"OUTP:PROT:WDOG:DEL {seconds}")
        session.tell(f"OUTP:PROT:WDOG {'ON' if seconds else 'OFF'}")
        if (readback := _watchdog_seconds(session)) != seconds:
            shown = f"{readback:g} s" if readback else "off"
            what = f"The watchdog of {session.instrument} reads back {shown} instead of {seconds or 'off'}."
            raise Rejected(what, "Check whether its firmware has OUTP:PROT:WDOG.")


def _watchdog_seconds(session: Scpi) -> float:
    """Return after how many seconds the watchdog switches off; 0 while it is disarmed."""
    if not session.ask("OUTP:PROT:WDOG?", parse.on_off):
        return 0.0
    return session.ask("OUTP:PROT:WDOG:DEL?", parse.number)
