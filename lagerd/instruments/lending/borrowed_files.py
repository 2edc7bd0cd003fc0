"""The lock files of borrowers."""

from dataclasses import replace

from lagerd.instruments.leases.files.lock_files import LeaseFiles
from lagerd.instruments.leases.lease import Lease


class BorrowedFiles:
    """The lock files of borrowers, and the lock files of holders, to which one can be moved. See BorrowerFiles."""

    def __init__(self, files: LeaseFiles, holders: LeaseFiles) -> None:
        self._files = files
        self._holders = holders
        self.is_free = files.is_free
        self.drop = files.drop

    def take(self, lease: Lease) -> int:
        return self._files.take(replace(lease, safe=()))  # outputs that a borrower leaves on belong to the lender

    def move(self, instrument: str) -> None:
        self._files.move(instrument, self._holders)
