"""Lend and Return: a paused script lends an instrument to another process, and gets it back."""

import asyncio
import contextlib
import math
import os
import pwd
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lager.bus.facade import Bus
from lager.bus.interfaces import LATER, Outcome
from lager.bus.received import Call
from lager.contract import INSTRUMENTS, INSTRUMENTS_PATH, LOAN, LONGEST
from lager.errors import AccessDenied, Failed, InstrumentBusy, InvalidArgument, LagerError, NoSuchInstrument
from lager.process.end_signals import resolve
from lager.wording.text import printable
from lagerd.breakpoints.scripts import Scripts
from lagerd.breakpoints.table.pauses import Pause, Pauses
from lagerd.callers.clients import Client, Clients
from lagerd.events import Event
from lagerd.instruments.hooks import LeaseRecord, Policy
from lagerd.instruments.leases.files.lock_files import LeaseFiles
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases
from lagerd.instruments.lending.loans import OVERDUE_SECONDS, Loan, LoanListener, Loans

_RESUMED = "the script that lent it was resumed"


class Lending:
    """`settled` returns when the pauses of before a restart are back; `may_set` asks the policy."""

    loans: Loans

    def __init__(
        self,
        bus: Bus,
        clients: Clients,
        pauses: Pauses,
        leases: Leases,
        files: LeaseFiles,
        settled: Callable[[], Awaitable[None]],
        may_set: Policy,
        record: LeaseRecord,
    ) -> None:
        self._bus = bus
        self._scripts = Scripts(bus)
        self._clients = clients
        self._pauses = pauses
        self._leases = leases
        self._files = files
        self._settled = settled
        self._may_set = may_set
        self._record = record
        self._asked: set[str] = set()  # instruments whose lender is asked at this moment
        self._kept: dict[str, int] = {}  # by instrument, a copy of the lender's locked descriptor
        self._returns: dict[str, list[Call]] = {}  # calls that wait for the end of a loan
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self.told = LoanListener(self._ended, self._over, self._let_go)

    def close(self) -> None:
        """Close the copies of the descriptors: the loans last, and the next lagerd finds their records."""
        for fd in self._kept.values():
            os.close(fd)
        self._kept.clear()

    def pause_ended(self, pause: Pause) -> None:
        for loan in self.loans:
            if loan.pause == pause.id:
                self.loans.end(loan.instrument, _RESUMED)

    def lent_at(self, pause: Pause) -> list[str]:
        """Return the names of the instruments that are lent, or just being lent, at a pause."""
        asked = [
            lease
            for lease in map(self._leases.held_by, self._asked)
            if lease is not None and lease.owner == pause.owner
        ]
        return [one.lender.name for one in self.loans if one.pause == pause.id] + [lease.name for lease in asked]

    async def lend(self, call: Call, client: Client) -> Outcome:
        id, instrument, options = call.args
        to, seconds = _options(options)
        await self._settled()
        found = self._pauses.find(id, client.uid)
        lease = self._leases.held_by(instrument)
        pause = next((one for one in found if lease is not None and one.owner == lease.owner), None)
        if lease is None or pause is None:
            name = printable(instrument if lease is None else lease.name, 60)
            what = f"The script of {found[0].id} does not hold {name}."
            raise InvalidArgument(what, "See what it holds with: lager instruments")
        self._check_free(lease)
        await self._check_allowed(client, pause, lease, call)
        self._asked.add(instrument)
        try:
            loan = Loan(lease, pause.id, to, self._loop.time() + seconds)
            await self._begin(loan, pause, seconds)
        finally:
            self._asked.discard(instrument)
        whom = to or "anybody"
        self._record(Event.LENT, lease, client, {"breakpoint": pause.id, "reason": f"to {whom} for {seconds:g} s"})
        return (min(seconds, self._pauses.remaining(pause) or seconds),)

    def about(self, holder: Lease, asked: Lease) -> tuple[str, str]:
        """Return, for the refusal of `asked`, a description of the loan, and how the claimant can end it."""
        loan = self.loans.get(holder.instrument)
        if loan is None:
            return "", ""
        whom = f"by {loan.lender.user}" if holder is loan.borrower else f"to {loan.to or 'all members'}"
        if loan.why:
            return f", lent {whom}; the loan has ended", ""
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + self._time_left(loan)))
        theirs = asked.uid in (0, loan.lender.uid) or (loan.borrower is not None and asked.uid == loan.borrower.uid)
        return f", lent {whom} until {until}", f"End the loan with: lager return {loan.lender.name}" if theirs else ""

    def _time_left(self, loan: Loan) -> float:
        """Return the seconds until a loan ends: at its own end, or earlier with the pause."""
        pause, left = self._pauses.get(loan.pause), max(loan.until - self._loop.time(), 0.0)
        return min(left, self._pauses.remaining(pause) or left) if pause is not None else left

    async def return_(self, call: Call, client: Client) -> Outcome:
        """End the loan; return when no borrower has the instrument any more."""
        instrument = call.args[0]
        loan = self.loans.get(instrument)
        if loan is None:
            holder = self._leases.held_by(instrument)
            if holder is not None and holder.owner == call.sender:
                return ()
            if holder is not None:
                raise _overdue(holder)
            what = f"{printable(instrument, 60)} is not lent."
            raise NoSuchInstrument(what, "List what is lent with: lager instruments")
        borrower = loan.borrower
        theirs = borrower is not None and borrower.uid == client.uid
        if not (client.uid in (0, loan.lender.uid) or loan.to == client.user or theirs):
            lender = loan.lender
            what = f"{lender.name} is lent by {lender.user} to {loan.to or 'others'}, and you are {client.user}."
            raise AccessDenied(what, "Only they and root can return it.")
        self._returns.setdefault(instrument, []).append(call)
        resumed = call.sender == loan.lender.owner
        self.loans.end(instrument, _RESUMED if resumed else f"{client.user} returned it")
        return LATER

    # For `lager off`.

    async def take_back(self, instrument: str) -> None:
        """End a loan, and wait until it is over or overdue."""
        over: asyncio.Future[None] = self._loop.create_future()
        self._waiting.setdefault(instrument, []).append(over)
        self.loans.end(instrument, "lager off")
        await over

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _check_free(self, lease: Lease) -> None:
        loan = self.loans.get(lease.instrument)
        if loan is not None or lease.instrument in self._asked:
            to = f" to {loan.to}" if loan is not None and loan.to else ""
            raise InstrumentBusy(f"{lease.name} is lent already{to}.", f"Return it first: lager return {lease.name}")

    async def _check_allowed(self, client: Client, pause: Pause, lease: Lease, call: Call) -> None:
        if client.uid in (0, pause.uid) or await self._may_set(client, pause, call.interactive):
            return
        raise AccessDenied(
            f"{lease.name} is held by a script of {pause.user}, and you are {client.user}: you may not lend it.",
            f"Ask {pause.user}, or ask the administrator for the action com.lager.instruments.set.",
        )

    async def _begin(self, loan: Loan, pause: Pause, seconds: float) -> None:
        """Let the script close its session, and begin the loan. After a LagerError, the script has the instrument
        again."""
        details = {"id": pause.id, "to": loan.to, "seconds": seconds}
        fd = await self._scripts.ask_slow(
            pause, "Lend", "sa{sv}", loan.instrument, details, refusal="cannot lend its instruments", gives="h"
        )
        try:
            if not self._files.is_file_of(loan.instrument, fd):
                raise Failed(f"The script of {pause.id} no longer holds {loan.lender.name}.", "Try again.")
            if self._pauses.get(pause.id) is not pause or self._leases.get(loan.instrument) is None:
                raise Failed(f"The script of {pause.id} was resumed meanwhile.", "See: lager breakpoints")
            self._kept[loan.instrument] = fd
            try:
                self.loans.begin(loan)
            except OSError as error:
                del self._kept[loan.instrument]
                raise Failed(f"The loan cannot be recorded ({error.strerror}).", "Free some space there.") from error
        except BaseException:
            os.close(fd)
            self._tell(loan.lender.owner, loan.instrument, "it was not lent")
            raise

    def _ended(self, loan: Loan) -> None:
        """Ask the borrower to close."""
        if loan.borrower is not None:
            self._tell(loan.borrower.owner, loan.instrument, f"{loan.why}")

    def _over(self, loan: Loan, holder: Lease | None) -> None:
        """The lender has the instrument again, or `holder`, the borrower of an overdue loan."""
        more = "" if holder is None else f"; {holder.user} did not close it within {OVERDUE_SECONDS:g} s, and holds it"
        self._record(Event.RETURNED, loan.lender, None, {"reason": loan.why + more})
        if holder is None:
            self._tell(loan.lender.owner, loan.instrument, loan.why)
        for over in self._waiting.pop(loan.instrument, []):
            resolve(over)
        for call in self._returns.pop(loan.instrument, []):
            if holder is None:
                call.reply()
            else:
                call.fail(_overdue(holder))

    def _let_go(self, instrument: str) -> None:
        fd = self._kept.pop(instrument, -1)
        if fd >= 0:
            os.close(fd)

    def _tell(self, owner: str, instrument: str, why: str) -> None:
        with contextlib.suppress(LagerError):  # the bus is lost
            self._bus.emit(INSTRUMENTS_PATH, INSTRUMENTS, "LoanEnded", "ss", instrument, why, to=owner)


def _overdue(holder: Lease) -> InstrumentBusy:
    what = f"{holder.name} is still held by {holder.user}, who borrowed it: {holder.script or f'process {holder.pid}'}."
    return InstrumentBusy(what, f"Ask {holder.user} to close it.")


def _options(options: dict[str, Any]) -> tuple[str, float]:
    """Return the borrower and the number of seconds in the options. Raises InvalidArgument."""
    to, seconds = options.get("to", ""), options.get("seconds", LOAN)
    if unknown := next((key for key in options if key not in ("to", "seconds")), None):
        raise InvalidArgument(f"{printable(unknown, 40)!r} is not an option of Lend.", "Give to, seconds.")
    if type(to) is not str or (to and not _is_user(to)):
        raise InvalidArgument(f"{printable(str(to), 40)!r} is not a user of this machine.", "Give a user name.")
    if type(seconds) is not float or not (math.isfinite(seconds) and 1 <= seconds <= LONGEST):
        raise InvalidArgument("The time of a loan is not a valid number of seconds.", "Give 1 or more.")
    return to, seconds


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError, UnicodeError):
        return False
    return True
