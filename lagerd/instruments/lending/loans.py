"""The table of loans: the instruments that a paused script has lent to others for a while.

It uses no bus, as the table of leases, whose part it is. Invariants:

- A loan belongs to the lease of its lender, which stays in the table of leases until the loan is over. `Lending` keeps
  the lender's locked descriptor for that time.
- Each claim of a borrower gets a lock file of its own, in another folder. So its release or its death frees the loan
  only, and nothing is made safe by it.
- A loan is ended by its deadline, a return, the end of the pause, or the end of the lender. From then on nothing is
  granted, and `ended` is told, so that the borrower is asked to close. It is over once there is no borrower.
- Ten seconds after its end it is over in any case. The borrower's lease takes the place of the lender's. If the lender
  crashed with nets to be made safe, the instrument is quarantined as well.
- A lender that ended during its loan is noticed when the loan is over: its lock is free then.
- Each loan is recorded in the runtime folder, before it begins, so that the next lagerd finds it.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lagerd.breakpoints.table.pauses import Clock, Handle
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.no_loans import NoLoans
from lagerd.instruments.leases.table import Leases

OVERDUE_SECONDS = 10.0
_LONGEST = 1 << 16


@dataclass(eq=False)
class Loan:
    """A loan. `to` is the only user that may borrow; empty for all members. `until` is a time of the clock. `why` is
    the reason why it was ended, empty before."""

    lender: Lease
    pause: str
    to: str
    until: float
    why: str = ""
    borrower: Lease | None = None
    timer: Handle | None = field(default=None, repr=False)

    @property
    def instrument(self) -> str:
        return self.lender.instrument

    def admits(self, asked: Lease) -> bool:
        same = asked.instrument == self.instrument and asked.owner != self.lender.owner
        return same and not self.why and self.borrower is None and self.to in ("", asked.user)

    def kept(self) -> dict[str, Any]:
        return {"lender": self.lender.kept(), "pause": self.pause, "to": self.to, "until": self.until}

    @classmethod
    def from_kept(cls, kept: dict[str, Any]) -> "Loan":
        """Return the loan. Raises TypeError, ValueError, KeyError or AttributeError if the value is not a loan."""
        return cls(Lease.from_kept(kept["lender"]), str(kept["pause"]), str(kept["to"]), float(kept["until"]))


class BorrowerFiles(Protocol):
    """The lock files of borrowers."""

    def take(self, lease: Lease) -> int: ...
    def is_free(self, instrument: str) -> bool: ...
    def drop(self, instrument: str) -> None: ...
    def move(self, instrument: str) -> None:
        """Move the file to those of the holders; its lock stays."""


class LoanRecords:
    """The loans in a folder, each in a file named after its instrument."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, loan: Loan) -> None:
        """Raises OSError."""
        path = self._folder / loan.instrument
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(json.dumps(loan.kept()), encoding="utf-8")
        fresh.replace(path)

    def drop(self, instrument: str) -> None:
        (self._folder / instrument).unlink(missing_ok=True)

    def all(self) -> Iterator[Loan]:
        for path in sorted(self._folder.iterdir()):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
                loan = Loan.from_kept(json.loads(path.read_text(encoding="utf-8")[:_LONGEST]))
                if loan.instrument == path.name:
                    yield loan
                    continue
            path.unlink(missing_ok=True)


@dataclass
class LoanListener:
    """Callbacks: `ended` when the borrower is asked to close; `over` when the lender may go on, with the borrower that
    still holds it if the loan is overdue; `let_go` closes lagerd's copy of the lender's descriptor; `changed` when an
    instrument is lent now or no longer."""

    ended: Callable[[Loan], None] = lambda _: None
    over: Callable[[Loan, Lease | None], None] = lambda *_: None
    let_go: Callable[[str], None] = lambda _: None
    changed: Callable[[], None] = lambda: None


class Loans(NoLoans):
    def __init__(
        self, clock: Clock, leases: Leases, store: BorrowerFiles, records: LoanRecords, told: LoanListener
    ) -> None:
        self._clock = clock
        self._leases = leases
        self._store = store
        self._records = records
        self._told = told
        self._loans: dict[str, Loan] = {}
        leases.loans = self

    def __iter__(self) -> Iterator[Loan]:
        return iter(list(self._loans.values()))

    def get(self, instrument: str) -> Loan | None:
        return self._loans.get(instrument)

    def begin(self, loan: Loan) -> None:
        """Add a loan. Raises OSError if it cannot be recorded."""
        self._records.keep(loan)
        self._add(loan)
        self._leases.serve_loan(loan.instrument)

    def adopt(self, loan: Loan, borrower: Lease | None) -> None:
        """Add a loan that is older than this table."""
        loan.borrower = borrower
        if borrower is not None:
            self._leases.count(borrower)
        self._add(loan)

    def end(self, instrument: str, why: str) -> None:
        """End a loan: grant nothing more, and ask the borrower to close. Does nothing if it has been ended."""
        loan = self._loans.get(instrument)
        if loan is None or loan.why:
            return
        loan.why = why
        self._stop_timer(loan)
        self.free_if_closed(instrument)
        if self._loans.get(instrument) is not loan:
            return
        if loan.borrower is None:
            self._over(loan)
            return
        loan.timer = self._clock.call_at(self._clock.time() + OVERDUE_SECONDS, self._overdue, loan)
        self._told.ended(loan)

    # What the table of leases asks.

    def is_lent(self, instrument: str) -> bool:
        return instrument in self._loans

    def blocking(self, asked: Lease, holder: Lease) -> Lease | None:
        loan = self._loans[holder.instrument]
        return None if loan.admits(asked) else loan.borrower or holder

    def take(self, lease: Lease) -> int:
        fd = self._store.take(lease)
        self._loans[lease.instrument].borrower = lease
        self._leases.count(lease)
        return fd

    def borrowed(self, instrument: str, owner: str) -> Lease | None:
        loan = self._loans.get(instrument)
        borrower = None if loan is None else loan.borrower
        return borrower if borrower is not None and borrower.owner == owner else None

    def release(self, instrument: str, owner: str) -> bool:
        if self.borrowed(instrument, owner) is None:
            return False
        self._return(self._loans[instrument], "released")
        return True

    def ended(self, lease: Lease) -> bool:
        loan = self._loans.get(lease.instrument)
        if loan is None or loan.borrower is not lease:
            return False
        self._return(loan, "gone")
        return True

    def free_if_closed(self, instrument: str) -> None:
        loan = self._loans[instrument]
        if loan.borrower is not None and self._store.is_free(instrument):
            self._leases.note_closed(loan.borrower)
            self._return(loan, "gone")
        elif not loan.why and self._leases.is_closed(instrument):
            self.end(instrument, "its lender has ended")

    def lender_released(self, instrument: str) -> Lease | None:
        loan = self._loans.pop(instrument, None)
        if loan is None:
            return None
        loan.why = loan.why or "its lender has closed it"
        self._forget(loan)
        if loan.borrower is not None:
            self._store.move(instrument)
        self._told.over(loan, loan.borrower)
        self._clock.call_at(self._clock.time(), self._told.changed)  # once the borrower holds it
        return loan.borrower

    def _add(self, loan: Loan) -> None:
        self._loans[loan.instrument] = loan
        loan.timer = self._clock.call_at(loan.until, self.end, loan.instrument, "it timed out")
        self._told.changed()

    def _return(self, loan: Loan, reason: str) -> None:
        """The borrower has closed the instrument."""
        borrower, loan.borrower = loan.borrower, None
        assert borrower is not None
        self._store.drop(loan.instrument)
        self._leases.uncount(borrower, reason)
        if loan.why:
            self._over(loan)
        else:
            self._leases.serve_loan(loan.instrument)

    def _over(self, loan: Loan) -> None:
        del self._loans[loan.instrument]
        self._forget(loan)
        self._told.over(loan, None)
        self._leases.free_if_closed(loan.instrument)  # of a lender that has ended meanwhile
        self._told.changed()

    def _overdue(self, loan: Loan) -> None:
        self.free_if_closed(loan.instrument)
        if self._loans.get(loan.instrument) is not loan or loan.borrower is None:
            return
        del self._loans[loan.instrument]
        self._forget(loan)
        self._leases.replace_lender(loan.instrument, loan.borrower, lambda: self._store.move(loan.instrument))
        self._told.over(loan, loan.borrower)
        self._told.changed()

    def _forget(self, loan: Loan) -> None:
        self._stop_timer(loan)
        self._records.drop(loan.instrument)
        self._told.let_go(loan.instrument)

    def _stop_timer(self, loan: Loan) -> None:
        if loan.timer is not None:
            loan.timer.cancel()
