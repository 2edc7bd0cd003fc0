"""The two roles of a Keithley 2281S: a net uses the instrument in the role of its type, and never ends another's.

Reference Manual, section 7: `:ENTRy:FUNCtion`, `:BATTery[n]:OUTPut[:STATe]` (7-76: 2 is disabled).
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import ClassVar

from lager.errors import InstrumentError, OtherRole
from lager.instruments.drivers.base.driver import Switched
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.drivers.base.supply_state import tripped_at
from lager.instruments.sessions import parse
from lager.process.raised import suppressed

_ROLES = {"POWER": "POWER", "POW": "POWER", "TEST": "TEST", "SIMULATOR": "SIMULATOR", "SIM": "SIMULATOR"}
_WORKS_AS = {"POWER": "supply", "TEST": "battery test", "SIMULATOR": "battery"}
_TRIPS = parse.word({word: word for word in ("OCP", "OVP", "OTP", "RVS", "OPS", "NONE")})
_NO_LEVEL = {"OTP": "OTP (over-temperature)", "RVS": "RVS (sense leads reversed)", "OPS": "OPS (sense leads open)"}
BATTERY_OUTPUT = parse.word(
    {"ON": True, "1": True, "OFF": False, "0": False, "DIS": False, "DISABLE": False, "2": False}
)


class TwoRoles(Switched):
    """A net of an instrument that has two roles. A setting enters the role of the net; a reading changes no role."""

    ROLE: str
    GET_TRIP: ClassVar[str]
    PROTECTIONS: ClassVar[Mapping[str, tuple[str, str]]]
    """How the level of each protection is asked for, and its unit."""
    _entered = False

    def _role_setting(self) -> Setting:
        def role() -> str:
            return _WORKS_AS[self.session.ask(":ENTR:FUNC?", parse.word(_ROLES))]

        return Setting("role", role, gate=_WORKS_AS[self.ROLE])

    def check(self) -> None:
        """Raise InstrumentError unless the instrument is in the role of this net."""
        role = self.session.ask(":ENTR:FUNC?", parse.word(_ROLES))
        self._entered = role == self.ROLE
        if not self._entered:
            what = f"{self.config.instrument} works as a {_WORKS_AS[role]}, not as a {_WORKS_AS[self.ROLE]}."
            raise OtherRole(what, f"{self.name} can be used when the instrument is free.")

    def prepare(self) -> None:
        """Raise InstrumentError while the instrument is in another role and its output is on."""
        self.is_in_role()

    @contextlib.contextmanager
    def _setting(self) -> Iterator[None]:
        with self.session.exchange():
            if not self._entered:
                self._enter()
            yield

    def _enter(self) -> None:
        if self.is_in_role():  # read again: the output of the other role may have been switched on since
            return
        self.session.tell(f":ENTR:FUNC {self.ROLE}")
        entered = self.session.ask(":ENTR:FUNC?", parse.word(_ROLES))
        if entered != self.ROLE:
            self._wrong_readback(":ENTR:FUNC {x}", self.ROLE, entered)
        self._entered = True

    def is_in_role(self) -> bool:
        with self.session.exchange():
            role = self.session.ask(":ENTR:FUNC?", parse.word(_ROLES))
            self._entered = role == self.ROLE
            if self._entered:
                return True
            question = ":OUTP?" if role == "POWER" else ":BATT:OUTP?"
            if self.session.ask(question, BATTERY_OUTPUT):
                what = f"{self.config.instrument} is in use as a {_WORKS_AS[role]}, and its output is on."
                raise InstrumentError(what, f"Switch that output off first; then {self.name} can be used.")
            return False

    def _quantity(self, question: str, unit: str) -> float:
        return self.session.ask(question, parse.quantity(unit))

    def _trip(self) -> str:
        return self.session.ask(self.GET_TRIP, _TRIPS)

    def _what_tripped(self) -> str:
        """Return which protection has tripped, and its level if it has one; empty if none has."""
        trip = self._trip()
        if trip not in self.PROTECTIONS:
            return "" if trip == "NONE" else f"{_NO_LEVEL[trip]} tripped"
        question, unit = self.PROTECTIONS[trip]
        level = None
        with suppressed(InstrumentError):  # the trip itself is the important part
            level = self._quantity(question, unit)
        return tripped_at(trip, level, unit)
