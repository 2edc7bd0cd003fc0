"""An empty table of loans, for a table of leases without lending. `lending.loans` is the real one."""

from lagerd.instruments.leases.lease import Lease


class NoLoans:
    """The methods of the table of loans that the table of leases calls; here nothing is lent. See `loans`."""

    def is_lent(self, instrument: str) -> bool:
        return False

    def blocking(self, asked: Lease, holder: Lease) -> Lease | None:
        """Return the lease that keeps `asked` from borrowing an instrument that is lent, if any."""
        return holder

    def take(self, lease: Lease) -> int:
        """Grant the lease to a borrower; return its descriptor. Raises the errors of the store."""
        raise NotImplementedError

    def borrowed(self, instrument: str, owner: str) -> Lease | None:
        """Return the lease of an owner that has borrowed the instrument."""
        return None

    def release(self, instrument: str, owner: str) -> bool:
        """Release what `owner` has borrowed; return False if it has not borrowed it."""
        return False

    def ended(self, lease: Lease) -> bool:
        """End the lease of a borrower whose process has ended; return False if it is not a borrower's."""
        return False

    def free_if_closed(self, instrument: str) -> None:
        """Notice that the borrower or the lender of an instrument that is lent has closed it."""

    def end(self, instrument: str, why: str) -> None:
        """End a loan."""

    def lender_released(self, instrument: str) -> Lease | None:
        """Forget the loan of a lender that has released its lease; return that of the borrower, which replaces it."""
        return None
