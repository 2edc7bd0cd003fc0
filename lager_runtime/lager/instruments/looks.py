"""Looks: readings of nets that make no claim of another program fail.

A look leases the instrument for at most a second, never waits for it, and changes nothing in it: it sets no range, mode
or role. Where this process has the instrument open, its own connection is used.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lager.daemon import lease_calls
from lager.errors import InstrumentError, LagerError
from lager.instruments import holdings, lease
from lager.instruments.claims import HeldLease
from lager.instruments.drivers.base.state import State
from lager.instruments.holdings import session_of
from lager.instruments.sessions.session import Session
from lager.instruments.while_paused import through
from lager.nets.actions import ACTIONS, look
from lager.nets.model import Instrument, NetConfig, NetType

# A look ends within a second: it connects and identifies in twice the first, and each exchange after that takes at most
# the first and begins before the second is over.
_ANSWER_SECONDS, _LAST_BEGIN = 0.4, 0.6
_MOST_LOOKS = 3  # at a net whose reading a look had no time to finish

QUANTITIES: dict[NetType, tuple[tuple[str, str], ...]] = {
    NetType.PowerSupply: (("voltage", "V"), ("current", "A")),
    NetType.Battery: (("terminal_voltage", "V"), ("current", "A"), ("soc", "%")),
    NetType.ELoad: (("voltage", "V"), ("current", "A")),
    NetType.ADC: (("voltage", "V"),),
    NetType.DAC: (("voltage", "V"),),
    NetType.GPIO: (("level", ""),),
    NetType.Switch: (("enabled", ""),),
    NetType.DMM: (("value", ""),),
    NetType.Thermocouple: (("temperature", "°C"),),
}
"""What a reading of a net measures: names and units."""


@dataclass(frozen=True)
class Reading:
    """The result of a look at a net: a state, a number, or an error."""

    value: Any = None
    error: LagerError | None = None

    def measured(self, type: NetType) -> dict[str, float | None]:
        """Return the measured values by their names in QUANTITIES; None for values that could not be read."""
        names = [name for name, _ in QUANTITIES.get(type, ())]
        if isinstance(self.value, State):
            return {name: getattr(self.value, name, None) for name in names}
        number = self.value if isinstance(self.value, int | float) else None
        return dict.fromkeys(names, number)


Claim = Callable[[Instrument, str], HeldLease]


def claim_look(instrument: Instrument, net: str) -> HeldLease:
    """Claim the instrument for a look. Raises InstrumentBusy at once if it is held."""
    path = instrument.resource.path
    return lease.claim(instrument.key, net=net, name=instrument.name, path=path, through=False, look=True)


def readings(nets: Sequence[NetConfig], claim: Claim = claim_look) -> dict[str, Reading]:
    """Return a reading of each net, all of one instrument, in as many looks as that takes.

    Blocks up to a second for each look, and while lagerd answers. Raises InstrumentBusy at once if another process
    holds the instrument, and the other errors of a claim; the error of a net is in its reading.
    """
    instrument = nets[0].instrument
    holding = holdings.held(instrument.key)
    session = holding.session if holding is not None else None
    if session is not None:
        with through.held(session, _nothing, _nothing, as_it_is=True):
            return {net.name: _reading(net, session) for net in nets}
    session_of(instrument).load()
    left, found = list(nets), dict[str, Reading]()
    for last in (*[False] * (_MOST_LOOKS - 1), True):
        while left:
            more = _looked(left, claim, last=last)
            found |= more
            left = [net for net in left if net.name not in found]
            if not more:
                break
    return found


def _looked(nets: Sequence[NetConfig], claim: Claim, *, last: bool) -> dict[str, Reading]:
    """Return the results of one look; only the `last` one includes readings that it had no time to finish."""
    instrument = replace(nets[0].instrument, timeout=min(nets[0].instrument.timeout, _ANSWER_SECONDS))
    session = session_of(instrument)
    lease = claim(instrument, nets[0].name)
    until = time.monotonic() + _LAST_BEGIN

    def check() -> None:
        if time.monotonic() > until:
            raise InstrumentError(
                f"{instrument} answers too slowly for a short reading.", "Read it with its own command."
            )

    session.port = getattr(lease, "port", None)
    session.between, session.as_it_is = check, True
    found: dict[str, Reading] = {}
    try:
        for net in nets:
            one = _reading(replace(net, instrument=instrument), session)
            if time.monotonic() > until and not last:
                break
            found[net.name] = one
            if one.error is not None and not session.is_connected():
                return found | dict.fromkeys((net.name for net in nets if net.name not in found), one)
        return found
    finally:
        session.close()
        lease.release()


def load(nets: Sequence[NetConfig]) -> None:
    """Import the modules for the readings of these nets, because this takes longer than a reading."""
    for instrument in {net.instrument for net in nets}:
        session_of(instrument).load()
    for net in nets:
        holdings.driver_class(net)
    lease_calls.of_this_process()


def can_look(net: NetConfig) -> bool:
    """Return whether a net can be read: a serial line cannot, because opening it resets many devices."""
    return bool(look(net.type))


def _reading(net: NetConfig, session: Session) -> Reading:
    try:
        return Reading(through.act(net, session, ACTIONS[net.type][look(net.type)], as_it_is=True))
    except LagerError as error:
        return Reading(error=error)


def _nothing() -> None:
    pass
