"""The table of leases while an instrument is lent: who holds it, who waits, and what is left of a lender that died."""

from pathlib import Path
from typing import Any

import pytest

from lager.errors import AccessDenied, LagerError, NoSuchInstrument
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.lending.loans import OVERDUE_SECONDS, Loan, LoanListener, LoanRecords, Loans
from tests.unit.leases.table.lease_table import Table


class BorrowerFiles:
    """The lock files of borrowers; those of instruments in `ended` are closed."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.moved: list[str] = []

    def take(self, lease: Lease) -> int:
        return 8

    def is_free(self, instrument: str) -> bool:
        return instrument in self.ended

    def drop(self, instrument: str) -> None:
        self.ended.discard(instrument)

    def move(self, instrument: str) -> None:
        self.moved.append(instrument)


class Lending(Table):
    """A table in which "lender" has lent the instrument k for 60 seconds."""

    def __init__(self, folder: Path, **lender: Any) -> None:
        super().__init__()
        self.files, self.over = BorrowerFiles(), list[Lease | None]()
        told = LoanListener(over=lambda _, borrower: self.over.append(borrower))
        self.loans = Loans(self.clock, self.leases, self.files, LoanRecords(folder), told)
        self.claim("k", "lender", **lender)
        self.lender = self.leases.get("k")
        assert self.lender is not None
        self.told()

    def lend(self, to: str = "") -> None:
        assert self.lender is not None
        self.loans.begin(Loan(self.lender, "0123abcd", to, self.clock.time() + 60))

    def overdue(self) -> None:
        """The loan ends, and its borrower does not close the instrument in time."""
        self.loans.end("k", "returned")
        self.clock.pass_by(OVERDUE_SECONDS)


def test_the_first_that_waits_and_may_borrow_is_granted_the_instrument(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.claim("k", "waiting", 99.0)
    table.claim("k", "behind", 99.0)
    table.told()
    table.lend()
    assert [one for one in table.told() if one[0] == "granted"] == [("granted", "waiting", 8)]
    table.claim("k", "too late")
    assert table.told() == [("refused", "too late", "waiting")]
    table.leases.release("k", "waiting")
    assert [one for one in table.told() if one[0] == "granted"] == [("granted", "behind", 8)]
    held = table.leases.get("k")
    assert held is not None
    assert held.owner == "lender"


def test_a_user_who_may_not_borrow_waits_for_the_lender(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.claim("k", "five", 99.0)
    table.told()
    table.lend(to="six")
    assert table.told() == []
    table.claim("k", "also five")
    assert table.told() == [("refused", "also five", "lender")]


def test_a_borrower_that_has_died_is_noticed_by_the_next_claim(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.lend()
    table.claim("k", "borrower")
    table.told()
    table.files.ended.add("k")
    table.leases.free_if_closed("k")
    assert table.told() == [("gone", "k", "borrower")]
    table.files.ended.discard("k")
    table.claim("k", "next")
    assert ("granted", "next", 8) in table.told()


@pytest.mark.parametrize("safe", [[], ["out1"]], ids=["nothing to be made safe", "a safe state"])
def test_a_borrower_that_does_not_close_becomes_the_holder_of_what_is_free_of_its_lender(
    tmp_path: Path, safe: list[str]
) -> None:
    table = Lending(tmp_path, safe=["out2"])
    table.lend()
    table.claim("k", "borrower", safe=safe)
    table.told()
    table.overdue()
    assert table.told() == [("released", "k", "lender")]
    assert (table.files.moved, [one.owner for one in table.over if one]) == (["k"], ["borrower"])
    held = table.leases.get("k")
    assert held is not None
    assert held.owner == "borrower"
    assert (table.leases.of("lender"), table.store.dropped) == ([], ["k"])
    # The record is that of the borrower, if it has one; that of the lender is over.
    assert table.store.records == ({"k": ("out1",)} if safe else {})
    assert table.store.quarantined == []
    with pytest.raises(NoSuchInstrument):
        table.leases.quarantined.check("k")


def test_the_instrument_of_a_lender_that_crashed_is_quarantined_when_the_borrower_takes_it(tmp_path: Path) -> None:
    table = Lending(tmp_path, safe=["out2"])
    table.lend()
    table.claim("k", "borrower")
    table.told()
    table.store.ended.add("k")  # the script that has lent it has died
    table.overdue()
    assert ("quarantined", "k", "lender") in table.told()
    assert table.store.quarantined == ["k"]
    held = table.leases.get("k")
    assert held is not None
    assert held.owner == "borrower"


def test_a_lender_without_a_safe_state_that_ended_leaves_no_quarantine(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.lend()
    table.claim("k", "borrower")
    table.told()
    table.store.ended.add("k")
    table.overdue()
    assert table.told() == [("released", "k", "lender")]
    assert table.store.quarantined == []


def test_a_lender_that_releases_it_leaves_it_to_the_borrower(tmp_path: Path) -> None:
    table = Lending(tmp_path, safe=["out2"])
    table.lend()
    table.claim("k", "borrower", safe=["out1"])
    table.told()
    table.leases.release("k", "lender")
    assert table.told() == [("released", "k", "lender")]
    assert table.store.records == {"k": ("out1",)}
    assert (table.files.moved, [one.owner for one in table.over if one]) == (["k"], ["borrower"])


def test_the_next_holder_has_it_when_an_overdue_borrower_has_closed_it(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.lend()
    table.claim("k", "borrower")
    table.claim("k", "waiting", 99.0)
    table.told()
    table.overdue()
    table.told()
    table.leases.release("k", "borrower")
    assert [one for one in table.told() if one[0] == "granted"] == [("granted", "waiting", 7)]


def test_a_borrower_becomes_the_holder_on_a_full_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Lending(tmp_path)
    table.lend()
    table.claim("k", "borrower", safe=["out1"])

    def full(_: Lease) -> None:
        raise LagerError("no space left")

    monkeypatch.setattr(table.store, "keep_record", full)
    table.overdue()
    held = table.leases.get("k")
    assert held is not None
    assert held.owner == "borrower"


def test_the_end_of_a_lender_ends_its_loan_and_the_borrower_keeps_it_until_it_has_closed(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.lend()
    table.claim("k", "borrower")
    table.told()
    table.leases.free("k", "gone")
    loan = table.loans.get("k")
    assert loan is not None
    assert loan.why == "its lender has ended"
    assert table.told() == []
    table.claim("k", "next")
    assert table.told() == [("refused", "next", "borrower")]


def test_an_instrument_whose_lender_and_borrower_have_died_is_free_for_the_next_claim(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.lend()
    table.claim("k", "borrower")
    table.loans.end("k", "returned")
    table.told()
    table.files.ended.add("k")
    table.store.ended.add("k")
    table.claim("k", "next")
    assert table.told()[-2:] == [("granted", "next", 7), ("claimed", "k", "next")]


def test_only_the_holder_of_an_instrument_passes_for_its_holder(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    table.leases.check_holder("k", "lender")
    with pytest.raises(AccessDenied, match="in another process"):
        table.leases.check_holder("k", "another")
    with pytest.raises(NoSuchInstrument):
        table.leases.check_holder("other", "lender")


def test_a_crash_that_is_found_later_is_made_safe_and_a_quarantine_ends_with_its_record(tmp_path: Path) -> None:
    table = Lending(tmp_path)
    assert table.lender is not None
    table.leases.release("k", "lender")
    table.told()
    table.leases.crash(table.lender)
    assert table.told() == [("crashed", "k", "")]
    table.leases.quarantine(table.lender, "it does not answer")
    assert table.store.quarantined == ["k"]
    assert table.leases.clear("k") is table.lender
    assert table.store.quarantined == []
