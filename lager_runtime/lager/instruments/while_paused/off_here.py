"""Switches off the instruments that this process holds, for `lager off`, while the process is paused.

It waits for the exchange that is under way with the instrument, not for a statement in a console. It runs in a thread
of its own, so that neither the paused thread nor the connection to lagerd waits for an instrument.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from lager.errors import InstrumentError, LagerError
from lager.instruments import holdings
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.holdings import Holding
from lager.instruments.safety import safe_state
from lager.instruments.sessions.session import Session
from lager.instruments.while_paused import lend_here
from lager.nets.model import NetConfig
from lager.process import threads

_PATIENCE = 5.0  # seconds, for an exchange of the script that is under way
_CONSOLE_PATIENCE = 2.0  # seconds, for one of a statement in a console, which can last for any time


def off(instrument: str, names: list[str]) -> str:
    """Switch off these nets of an instrument that this process holds, or all of them; the answer as JSON."""
    nets: dict[str, str] = {}
    done: dict[str, str] = {}
    try:
        holding = holdings.held(instrument)
        session = holding.session if holding is not None else None
        if holding is None or session is None:
            raise InstrumentError("The script does not have the instrument open.")
        if holding.loan:  # which is over by now
            lend_here.take_back(holding, session)
        found = safe_state.to_switch_off(_here(instrument, holding), names)
        nets |= found.unknown
        with _locked(session), threads.acting_for({"off": True, "how": "lager off"}):
            for config in found.nets:
                nets[config.name], done[config.name] = _switch_off(config, session)
    except LagerError as error:
        nets = dict.fromkeys(names or [""], error.what) | nets
    return json.dumps({"nets": nets, "done": done})


@contextlib.contextmanager
def _locked(session: Session) -> Iterator[None]:
    """Hold the session. Raises InstrumentError if the paused thread holds it, or another one for too long."""
    lock = session.lock
    if threads.owner(lock) in threads.paused:
        raise InstrumentError("The script is paused in the middle of an exchange with the instrument.")
    taken = lock.acquire(timeout=_CONSOLE_PATIENCE)
    if not taken and threads.owner(lock) in threads.ours:
        raise InstrumentError("A console keeps the instrument in the middle of an exchange; press Ctrl-C in it.")
    if not taken and not lock.acquire(timeout=_PATIENCE - _CONSOLE_PATIENCE):
        raise InstrumentError("An exchange with the instrument is under way and does not end.")
    try:
        yield
    finally:
        lock.release()


def _switch_off(config: NetConfig, session: Session) -> tuple[str, str]:
    """Return why the net is not off, and what was done."""
    driver: Driver[Any] = holdings.driver_class(config)(config, session, lambda: None)  # it closes nothing
    driver.coupled = True
    try:
        return "", safe_state.apply(driver)
    except LagerError as error:
        return error.what, ""


def _here(instrument: str, holding: Holding) -> safe_state.Here:
    """Return the nets that the script has open, and those of its nets file beside them on the same instrument."""
    opened = {net.name: net for net in list(holding.users.values())}
    if holding.nets is None:
        return safe_state.Here("the script", opened)
    beside = safe_state.Here.on(instrument, holding.nets)
    return safe_state.Here(beside.path, beside.nets | opened)
