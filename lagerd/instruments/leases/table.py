"""The table of leases: who holds which instrument, and who waits for it.

It uses no bus; the caller passes the clock and the store of lock files. One thread uses it, and nothing here waits.

Invariants:

- An instrument has at most one lease in `_held`. The counts of `owners` are derived from it, from the loans and from
  the queues.
- The kernel decides when a lease ends: when the last copy of its locked descriptor closes. The table learns that later,
  so a holder counts as one only if the store says that its file is still locked (`_blocking`).
- A waiter is in exactly one queue, that of `waiter.behind`, behind the lease that blocks it. For a serial port that
  may be the lease of another name of the port. A waiter in a queue has its timer running; the code that removes it
  stops the timer, so `_give_up` always finds it there, behind a lease that is held.
- Queues are served first come, first served.
- A reserved lease is held for a run whose script has not opened the instrument yet. A claim of the same user and run
  replaces it in one step, before everybody who waits: the instrument is never free in between.
- A look never queues. A claim that meets one waits for its end, also without a `wait`: only a holder that is not a
  look, or a look that has lasted longer than a second, makes it busy.
- A lease with nets in `safe` that ends without a release has crashed: its holder may have left an output on. In the
  same step a lease of lagerd's own takes its place (`making_safe`), so that no claimant comes in between. It ends when
  the outputs are safe, or when the instrument is quarantined.
- The record of a crashed lease is removed after the instrument is safe or quarantined, never before.
- While an instrument is lent (`loans`), the lease of its lender stays in `_held`, and that of the borrower is with the
  loan. Both count, and a waiter waits behind the lender.

Races:

- A holder closes its descriptor and then calls Release. inotify may report the close first, and the instrument may have
  been granted again when Release arrives. `free_if_closed` therefore records the pair in `_closed_early`, and the late
  Release neither fails nor frees the new lease. The exception is an owner that claimed the instrument again: its
  Release frees the new lease if the new lock file is closed as well.
- Another name of one serial port may be claimed between the moment a waiter queued and the moment it is served. `free`
  checks again, and moves the waiter to the queue of that name.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lager.errors import AccessDenied, LagerError, NoSuchInstrument
from lager.wording.text import printable
from lagerd.breakpoints.table.pauses import Clock
from lagerd.instruments.leases.claim_details import PLAIN, Claimant
from lagerd.instruments.leases.files.store import Store
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.no_loans import NoLoans
from lagerd.instruments.leases.owners import LATE, Owners
from lagerd.instruments.leases.quarantines import Quarantines
from lagerd.instruments.leases.queues import Queues, Waiter

_LOOK_SECONDS = 1.0


class Leases:
    """The table. `claimed`, `released` and `queued` are called for every change; a claim passes its own callbacks."""

    def __init__(
        self,
        clock: Clock,
        store: Store,
        claimed: Callable[[Lease], None],
        released: Callable[[Lease, str], None],
        queued: Callable[[Lease], None] = lambda _: None,
        limit_per_user: int = 1024,
        crashed: Callable[[Lease, int], None] = lambda _, fd: os.close(fd),
        quarantined: Callable[[Lease, str], None] = lambda *_: None,
    ) -> None:
        """`crashed` gets lagerd's own lease of an instrument that must be made safe, and its descriptor to close. That
        lease ends with `made_safe` or `quarantine`; `quarantined` is told of each quarantine.
        """
        self.owners = Owners(limit_per_user)
        self.quarantined = Quarantines()
        self.loans = NoLoans()
        self._crashed = crashed
        self._tell_quarantined = quarantined
        self._clock = clock
        self._store = store
        self._claimed = claimed
        self._released = released
        self._queued = queued
        self._held: dict[str, Lease] = {}
        self._queues = Queues(self.owners.per_user)
        self._looks: dict[str, float] = {}  # by the clock, when the look that holds the instrument has to end
        # Instrument and owner of the latest leases that were found closed before their holders released them.
        self._closed_early: deque[tuple[str, str]] = deque(maxlen=LATE)

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Any:
        return iter(list(self._held.values()))

    def get(self, instrument: str) -> Lease | None:
        return self._held.get(instrument)

    def held_by(self, instrument: str) -> Lease | None:
        """Return the lease of an instrument that is held. If its holder has closed the lease, end it first."""
        self.free_if_closed(instrument)
        return self._held.get(instrument)

    def of(self, owner: str) -> list[Lease]:
        return self.owners.leases(owner)

    def waiting(self, instrument: str) -> int:
        return len(self._queues.of(instrument))

    def adopt(self, lease: Lease) -> None:
        """Add a lease that is older than this table."""
        self._hold(lease)

    def claim(
        self,
        lease: Lease,
        wait: float,
        granted: Callable[[Lease, int], None],
        refused: Callable[[Lease], None],
        failed: Callable[[LagerError], None],
        claimant: Claimant = PLAIN,
        *,
        first: bool = False,
    ) -> None:
        """Call `granted`, or `refused` if the instrument is still busy after `wait` seconds in the queue; `first` goes
        before all other waiters.

        A look is refused at once if the instrument is busy. Behind a look, a claim waits at least for its end.
        Raises the errors of the store; passes them to `failed` if they occur after this method has returned.
        """
        self.owners.check_limit(lease)
        self.quarantined.refuse(lease, claimant)
        waiter = Waiter(lease, granted, refused, failed, claimant)
        holder = self._blocking(waiter)
        if holder is None:
            self._grant(waiter)
        elif holder.is_for(lease):
            self._replace_reserved(waiter, holder)
        elif lease.look or (wait <= 0 and not self._is_looking(holder)):
            refused(holder)
        else:
            self._queues.add(waiter, holder.instrument, first=first)
            waiter.until = self._clock.time() + wait
            self._wait(waiter, holder)
            if wait > 0 and not lease.making_safe:
                self._queued(lease)

    def release(self, instrument: str, owner: str) -> None:
        """Release an instrument for its holder. Does nothing if the end of the lease was noticed before, because
        another owner may hold the instrument now.

        Raises NoSuchInstrument or AccessDenied if `owner` does not hold it.
        """
        if self.loans.release(instrument, owner):
            return
        holder = self._held.get(instrument)
        late = (instrument, owner) in self._closed_early
        ours = holder is not None and holder.owner == owner
        # With nets to be made safe, the holder calls this first and closes after that.
        if holder is not None and ours and (holder.safe or not late or self._store.is_free(instrument)):
            self.free(instrument, "released")
        elif late:
            self._closed_early.remove((instrument, owner))
        else:
            self._held_by(instrument, owner)

    def _held_by(self, instrument: str, owner: str) -> Lease:
        """Return the lease. Raises NoSuchInstrument or AccessDenied if `owner` does not hold the instrument."""
        holder = self._held.get(instrument)
        if holder is None:
            raise NoSuchInstrument(
                f"No process holds {printable(instrument, 100)}.", "See who holds what with: lager instruments"
            )
        if holder.owner != owner:
            raise AccessDenied(f"{holder.name} is held by {holder.user}, in another process.")
        return holder

    def check_holder(self, instrument: str, owner: str) -> None:
        """Raise NoSuchInstrument or AccessDenied if `owner` does not hold the instrument."""
        self._held_by(instrument, owner)

    def recent(self, instrument: str, owner: str) -> Lease:
        """Return the lease of an instrument that `owner` holds, or has just released, because its calls may arrive
        late.

        Raises NoSuchInstrument or AccessDenied if it does not.
        """
        if (borrower := self.loans.borrowed(instrument, owner)) is not None:
            return borrower
        late = self.owners.ended(instrument, owner)
        holder = self._held.get(instrument)
        if late is not None and (holder is None or holder.owner != owner):
            return late
        return self._held_by(instrument, owner)

    def free_if_closed(self, instrument: str) -> None:
        """Free the instrument if the kernel has closed its lease."""
        if self.loans.is_lent(instrument):
            self.loans.free_if_closed(instrument)
        elif self.is_closed(instrument):
            self.note_closed(self._held[instrument])
            self.free(instrument, "gone")

    def is_closed(self, instrument: str) -> bool:
        """Return whether the instrument has a lease that the kernel has closed."""
        return instrument in self._held and self._store.is_free(instrument)

    def note_closed(self, lease: Lease) -> None:
        """Expect a late Release of this lease, which was found closed."""
        self._closed_early.append((lease.instrument, lease.owner))

    def guard(self, instrument: str, owner: str, nets: tuple[str, ...]) -> None:
        """Replace the nets of a lease that must be made safe if its holder crashes.

        Raises NoSuchInstrument or AccessDenied if `owner` does not hold it, and the errors of the store.
        """
        if self.loans.borrowed(instrument, owner) is not None:
            return  # outputs that a borrower leaves on belong to the lender
        lease = self._held_by(instrument, owner)
        changed = replace(lease, safe=nets)
        if nets:
            self._store.keep_record(changed)
        else:
            self._store.drop_record(instrument)
        self._held[instrument] = changed
        self.owners.replace(lease, changed)

    def free(self, instrument: str, reason: str) -> None:
        """End a lease and serve its queue; after a crash, make the instrument safe before. A loan is ended first."""
        if reason == "gone" and self.loans.is_lent(instrument):
            self.loans.end(instrument, "its lender has ended")
            return
        lease = self._end(instrument)
        if not lease.making_safe:
            self._released(lease, reason)
        if lease.safe and reason == "gone":
            self._begin_safety(lease)
        elif lease.safe:
            self._store.drop_record(instrument)
        if borrower := self.loans.lender_released(instrument):
            self._become_holder(borrower)
        self._serve(instrument)

    def replace_lender(self, instrument: str, borrower: Lease, move: Callable[[], None]) -> None:
        """Let the borrower of an overdue loan hold the instrument; a lender that crashed has it quarantined, too.

        `move` makes the lock file of the borrower that of the instrument.
        """
        lender = self._held[instrument]
        if lender.safe and self._store.is_free(instrument):
            reason = f"{lender.net}: the script of {lender.user} ended, and {borrower.user}, who borrowed it, holds it."
            self.quarantine(lender, reason)
        else:
            self._end(instrument)
            self._released(lender, "released")
            if lender.safe:
                self._store.drop_record(instrument)
        move()
        self._become_holder(borrower)

    def _become_holder(self, borrower: Lease) -> None:
        self._held[borrower.instrument] = borrower  # counted already
        if borrower.safe:
            with contextlib.suppress(LagerError):  # a full disk; lagerd still knows
                self._store.keep_record(borrower)

    def crash(self, lease: Lease) -> None:
        """Make an instrument safe whose holder crashed while lagerd was not running."""
        self._begin_safety(lease)

    def made_safe(self, instrument: str) -> None:
        """End lagerd's own lease: the instrument is safe."""
        self._end(instrument)
        self._store.drop_record(instrument)
        self._serve(instrument)

    def quarantine(self, lease: Lease, reason: str) -> None:
        """Refuse the instrument to all callers, including those who wait for it, until `clear`."""
        self.quarantined.add(lease, reason)
        try:
            self._store.keep_quarantine(lease, reason)
            self._store.drop_record(lease.instrument)
        except OSError:
            pass  # the record stays, so that the next lagerd makes the instrument safe
        if lease.instrument in self._held:
            self._end(lease.instrument)
        self._tell_quarantined(lease, reason)
        self._serve(lease.instrument)

    def clear(self, instrument: str) -> Lease:
        """End a quarantine; return whose lease the instrument had. Raises NoSuchInstrument if there is none."""
        self.quarantined.check(instrument)
        self._store.drop_quarantine(instrument)
        return self.quarantined.remove(instrument)

    def count(self, lease: Lease) -> None:
        """Count the lease of a borrower."""
        self.owners.add(lease)

    def uncount(self, lease: Lease, reason: str) -> None:
        """Stop counting the lease of a borrower, and report that it has ended."""
        self.owners.remove(lease)
        self._looks.pop(lease.instrument, None)
        self._released(lease, reason)

    def serve_loan(self, instrument: str) -> None:
        """Grant a lent instrument to the first waiter that may borrow it."""
        for waiter in self._queues.of(instrument):
            if self._blocking(waiter) is None:
                self._queues.remove(waiter)
                self._grant_or_fail(waiter)
                return

    def _begin_safety(self, lease: Lease) -> None:
        ours = lease.for_safety()
        try:
            fd = self._store.take(ours)
        except LagerError as error:
            self.quarantine(ours, error.what)
            return
        self._hold(ours)
        self._crashed(ours, fd)

    def _end(self, instrument: str) -> Lease:
        lease = self._held.pop(instrument)
        self._looks.pop(instrument, None)
        self.owners.remove(lease)
        self._store.drop(instrument)
        return lease

    def _serve(self, instrument: str) -> None:
        """Grant the instrument to the first waiter."""
        while instrument in self._queues and instrument not in self._held:
            waiter = self._queues.of(instrument)[0]
            self._queues.remove(waiter)
            if holder := self._blocking(waiter):  # under another name of the same port
                self._queues.add(waiter, holder.instrument)
                self._wait(waiter, holder)
                continue
            self._grant_or_fail(waiter)
        self._refuse_impatient(instrument)

    def forget(self, owner: str) -> None:
        """Remove every waiter of an owner that has left the bus."""
        self._queues.forget(owner)

    def _grant_or_fail(self, waiter: Waiter) -> None:
        waiter.stop_timer()
        try:
            self.quarantined.refuse(waiter.lease, waiter.claimant)
            self._grant(waiter)
        except LagerError as error:
            waiter.failed(error)

    def _blocking(self, waiter: Waiter) -> Lease | None:
        """Return the lease that must end before this waiter can be granted its own, if any."""
        while True:
            holder = self._conflicting(waiter.lease, waiter.claimant)
            if holder is not None and self.loans.is_lent(holder.instrument):
                self.loans.free_if_closed(holder.instrument)
                if self.loans.is_lent(holder.instrument):
                    return self.loans.blocking(waiter.lease, holder)
                continue
            if holder is None or not self._store.is_free(holder.instrument):
                return holder
            self.free_if_closed(holder.instrument)

    def _conflicting(self, lease: Lease, claimant: Claimant) -> Lease | None:
        if (holder := self._held.get(lease.instrument)) or not (lease.device or claimant.same):
            return holder
        for other in self._held.values():
            same_device = other.device == lease.device != "" and other.instrument not in claimant.moved
            if same_device or other.instrument in claimant.same:
                return other
        return None

    def _grant(self, waiter: Waiter) -> None:
        if self.loans.is_lent(waiter.lease.instrument):
            fd = self.loans.take(waiter.lease)
        else:
            fd = self._store.take(waiter.lease)
            self._hold(waiter.lease)
        if waiter.lease.look:
            self._looks[waiter.lease.instrument] = self._clock.time() + _LOOK_SECONDS
        waiter.granted(waiter.lease, fd)
        if not waiter.lease.making_safe:
            self._claimed(waiter.lease)

    def _replace_reserved(self, waiter: Waiter, reserved: Lease) -> None:
        """Grant the instrument to the run for which it is reserved. Raises the errors of the store; then it is free."""
        self._end(reserved.instrument)
        self.note_closed(reserved)  # its holder still has it open, and may release it
        self._released(reserved, "released")
        try:
            self._grant(waiter)
        finally:
            self._serve(reserved.instrument)  # after an error, or if the port was claimed under another name

    def _hold(self, lease: Lease) -> None:
        self._held[lease.instrument] = lease
        self.count(lease)

    def _is_looking(self, holder: Lease) -> bool:
        return self._looks.get(holder.instrument, 0.0) > self._clock.time()

    def _wait(self, waiter: Waiter, holder: Lease) -> None:
        """Start the timer of a waiter: for its `wait`, and behind a look at least until the look has to end."""
        waiter.stop_timer()
        ends = max(waiter.until, self._looks.get(holder.instrument, 0.0))
        waiter.timer = self._clock.call_at(ends, self._give_up, waiter)

    def _give_up(self, waiter: Waiter) -> None:
        holder = self._held[waiter.behind]
        if self._is_looking(holder):
            self._wait(waiter, holder)
            return
        self._queues.remove(waiter)
        waiter.refused(self._blocking(waiter) or holder)

    def _refuse_impatient(self, instrument: str) -> None:
        """Refuse the waiters that waited only for the end of a look, because another claim has the instrument now."""
        holder = self._held.get(instrument)
        if holder is None or self._is_looking(holder):
            return
        for waiter in self._queues.of(instrument):
            if waiter.until <= self._clock.time():
                waiter.stop_timer()
                self._queues.remove(waiter)
                waiter.refused(holder)
