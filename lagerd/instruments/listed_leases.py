"""What List and the signals say of a lease."""

from collections.abc import Callable
from typing import Any

from lagerd.breakpoints.table.pauses import Pauses
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases
from lagerd.instruments.lending.loans import Loans

_OURS = ("owner", "nets_file", "making_safe", "via", "places")


class ListedLeases:
    def __init__(self, leases: Leases, loans: Loans, pauses: Pauses) -> None:
        self._leases = leases
        self._loans = loans
        self._pauses = pauses

    def all(self, is_open: Callable[[Lease], bool]) -> list[dict[str, Any]]:
        """Return the quarantined instruments, those that are held, and those that are borrowed. A lease whose lock file
        is not open any more has ended."""
        quarantined = [
            {**self.of(lease), "quarantined": True, "reason": why} for lease, why in self._leases.quarantined
        ]
        held = [self.of(lease) for lease in self._leases if self._loans.is_lent(lease.instrument) or is_open(lease)]
        borrowed = [self.of(loan.borrower) for loan in self._loans if loan.borrower is not None]
        return [*quarantined, *held, *borrowed]

    def of(self, lease: Lease) -> dict[str, Any]:
        details = {key: value for key, value in lease.record().items() if key not in _OURS}
        pauses = [pause.id for pause in self._pauses.of(lease.owner)]
        state = {"quarantined": False, "reason": "is being made safe" if lease.making_safe else ""}
        waiting = self._leases.waiting(lease.instrument)
        return {
            **details, "safe": list(lease.safe), "waiting": waiting, "pauses": pauses, "lent_to": self._lent_to(lease),
            **state,
        }  # fmt: skip

    def _lent_to(self, lease: Lease) -> str:
        """Return the user who holds or may borrow what this lease has lent: "*" for all members, "" if it is not
        lent."""
        loan = self._loans.get(lease.instrument)
        if loan is None or loan.lender.owner != lease.owner:
            return ""
        return loan.borrower.user if loan.borrower is not None else loan.to or "*"
