"""Lends an instrument that this paused script holds, and takes it back; closes what this process has borrowed.

The script keeps its lease and its nets while the instrument is lent, but drops its connection and changes no output.
After the loan, it connects again, and checks that it is the same device.
"""

import contextlib
import os
import sys
import threading
import time

from lager.daemon import lease_calls
from lager.errors import BusError, InstrumentBusy, InstrumentError, LagerError, LoanEnded, NoSuchInstrument
from lager.instruments import holdings
from lager.instruments.holdings import Holding
from lager.instruments.sessions.session import Session
from lager.instruments.while_paused.session_lock import acquire
from lager.process import threads
from lager.process.raised import suppressed

_CLOSE_SECONDS = 8.0


def lend(instrument: str, id: str, to: str, seconds: float) -> int:
    """Close the session of an instrument without changing an output; return a copy of the locked descriptor.

    Raises InstrumentBusy if an exchange is under way, NoSuchInstrument if this process does not hold it.
    """
    holding = holdings.held(instrument)
    session = holding.session if holding is not None else None
    if holding is None or session is None:
        raise NoSuchInstrument("The script no longer has it open.", "See: lager instruments")
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    whom = f"to {to}" if to else "to others"
    name = session.instrument.name
    acquire(session)
    try:
        fd = holding.copy_lease()
        try:
            holding.upkeep.suspend(session)
            session.lend(InstrumentBusy(f"{name} is lent {whom} until {until}.", f"Return it: lager return {name}"))
        except BaseException:
            os.close(fd)
            with suppressed(InstrumentError):  # the first error says more
                holding.upkeep.resume(session, list(holding.users.values()))
            raise
        holding.loan = id
    finally:
        session.lock.release()
    return fd


def ended(instrument: str, why: str) -> None:
    """Handle the end of a loan: take back what this process has lent, or close what it has borrowed."""
    holding = holdings.held(instrument)
    session = holding.session if holding is not None else None
    if holding is None or session is None:
        return
    if holding.loan:
        take_back(holding, session)
        return
    name = session.instrument.name
    error = LoanEnded(f"The loan of {name} has ended: {why}.", "Get the net again with Net.get when it is free.")
    _close(holding, session, error)


def take_back_all(id: str) -> None:
    """Take back, at the end of a pause, the instruments that were lent at it. Blocks up to ten seconds for a borrower
    to close one, and for the time to connect.

    An instrument that does not come back is closed; the error is printed, and raised at its next use. Raises nothing
    else.
    """
    for holding in holdings.of_this_process():
        session = holding.session
        if session is None or holding.loan != id:
            continue
        try:
            lease_calls.of_this_process().take_back(session.instrument.key)
        except LagerError as error:
            if holding.loan != id:
                continue  # it came back just before
            what = f"{session.instrument.name} did not come back from its loan: {error.what}"
            lost = InstrumentBusy(what, error.hint)
            _say(lost)
            _close(holding, session, lost, forget=not isinstance(error, BusError))
        else:
            if holding.loan == id:
                take_back(holding, session)


def take_back(holding: Holding, session: Session) -> None:
    """Use an instrument again after its loan; an error is also raised at its next use."""
    with session.lock:
        if not holding.loan:
            return
        holding.loan = ""
        session.come_back()
        try:
            session.open()
            holding.upkeep.resume(session, list(holding.users.values()))
        except InstrumentError as error:
            _say(error)


def _close(holding: Holding, session: Session, error: LagerError, *, forget: bool = False) -> None:
    try:
        acquire(session, seconds=_CLOSE_SECONDS)
    except InstrumentBusy:  # the next use of it finds out
        return
    try:
        holding.loan = ""
        session.why_closed = error
    finally:
        session.lock.release()
    holding.end(session, forget=forget)


def _say(error: LagerError) -> None:
    if sys.stderr is not None:
        print(f"lager: {error}", file=sys.stderr)


def _heard(instrument: str, why: str) -> None:
    """Handle the end of a loan in a thread of its own: the client's must not wait for an instrument."""

    def work() -> None:
        with threads.counted_in(threads.ours):
            ended(instrument, why)

    with contextlib.suppress(RuntimeError):  # the process can start no thread, or is ending
        threading.Thread(target=work, name="lager-loan", daemon=True).start()


lease_calls.loan_ended = _heard
