"""Serves com.lager.Instruments on the bus: claims, releases, and refusals that say what to do."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lager.bus.facade import Bus
from lager.bus.interfaces import LATER, Interface, Outcome, Runner
from lager.bus.received import Call
from lager.contract import INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import InstrumentBusy
from lager.wording.text import printable
from lagerd import introspection
from lagerd.breakpoints.table import changes
from lagerd.breakpoints.table.pauses import Pause, Pauses
from lagerd.callers.clients import Client, Clients
from lagerd.events import Event
from lagerd.instruments.holders import Holders
from lagerd.instruments.hooks import LeaseHooks
from lagerd.instruments.leases.claim_details import Claimant, claimant, from_details, safe_nets
from lagerd.instruments.leases.files.kept_claims import Claims
from lagerd.instruments.leases.files.lock_files import LeaseFiles
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.refusal import refusal
from lagerd.instruments.leases.table import Leases
from lagerd.instruments.lending.borrowed_files import BorrowedFiles
from lagerd.instruments.lending.lending import Lending
from lagerd.instruments.lending.loans import Loan, LoanRecords, Loans
from lagerd.instruments.listed_leases import ListedLeases
from lagerd.instruments.reported_changes import Marks, ReportedChanges
from lagerd.instruments.safety.handover import Handover
from lagerd.instruments.safety.making_safe import MakingSafe
from lagerd.instruments.safety.off import Off
from lagerd.instruments.safety.safe_process import SafeProcess
from lagerd.instruments.through import Through

_SETTLED_SECONDS = 1.1  # seconds after the start in which pauses from before a restart are waited for


@dataclass
class Instruments:
    """The interface. `folder` has the lock files and must outlive this process; `state` has the records of claims and
    must survive a reboot."""

    bus: Bus
    clients: Clients
    pauses: Pauses
    folder: Path
    state: Path
    process: SafeProcess
    hooks: LeaseHooks = field(default_factory=LeaseHooks)

    def __post_init__(self) -> None:
        # In this order, because each uses those above it. The table of leases and its helpers call each other.
        self._files = LeaseFiles(
            self.folder, lambda instrument: self.leases.free_if_closed(instrument), Claims(self.state)
        )
        self._handover = Handover(self.folder.with_name("handover"))
        self._safety = MakingSafe(self.process, self._handover.finished, self._told)
        self.leases = self._safety.leases = Leases(
            asyncio.get_running_loop(), self._files, self._claimed, self._released, self._queued,
            crashed=self._safety.crashed, quarantined=self._safety.quarantined,
        )  # fmt: skip
        self._through = Through(
            self.bus, self.clients, self.leases, self._pauses_of, self._busy_through,
            lambda *who: self.hooks.may_set(*who), lambda *what: self.hooks.record(*what),
            may_use=lambda *who: self.hooks.may_use(*who),
        )  # fmt: skip
        self.marks = Marks(self.pauses, self.leases, self._files, lambda: self.hooks.away())
        self._reported_changes = ReportedChanges(
            self.bus, self.clients, self.pauses, self.leases, lambda client: self.hooks.spend(client), self._author,
            lambda *what: self.hooks.record(*what), lambda: self.hooks.away(),
        )  # fmt: skip
        self._make_lending()
        self._off = Off(
            self.bus, self.clients, self.pauses, self.leases, self.process, lambda *what: self.hooks.record(*what),
            take_back=self.lending.take_back, changed=self._changed_by_off,
            is_watched=self._reported_changes.are_listed,
        )  # fmt: skip
        self._safety.is_watched = self._reported_changes.are_listed
        self._safety.changed = self._made_safe
        self._safety.changed_before = self._handover.changed
        self._safety.settled = lambda: self.hooks.settled()
        self._listed = ListedLeases(self.leases, self.loans, self.pauses)
        self._holders = Holders(self.clients, self.leases, self.loans)
        self.clients.on_leave(self._left)

    def _make_lending(self) -> None:
        lent = self.folder.with_name(f"{self.folder.name}-lent")
        self._lent_files = LeaseFiles(
            lent, lambda instrument: self.leases.free_if_closed(instrument), self._files.claims
        )  # fmt: skip
        self._lent_files.is_watched = self._files.is_watched
        self.lending = Lending(
            self.bus, self.clients, self.pauses, self.leases, self._files, lambda: self.hooks.settled(),
            lambda *who: self.hooks.may_set(*who), lambda *what: self.hooks.record(*what),
        )  # fmt: skip
        self.lending.told.changed = self._guard
        self._loan_records = LoanRecords(self.folder.with_name(f"{self.folder.name}-loans"))
        self.loans = self.lending.loans = Loans(
            asyncio.get_running_loop(), self.leases, BorrowedFiles(self._lent_files, self._files), self._loan_records,
            self.lending.told,
        )  # fmt: skip

    def _changed_by_off(self, lease: Lease, client: Client, told: dict[str, Any]) -> None:
        self._reported_changes.add(lease, client, changes.from_details(told))

    def interface(self) -> Interface:
        methods: dict[str, Runner] = {
            "Claim": self.claim,
            "Guard": self.guard,
            "Ending": self.ending,
            "Release": self.release,
            "List": self.list_,
            "Clear": self.clear,
            "Through": self.through,
            "Lend": self.lend,
            "Return": self.return_,
            "Record": self._reported_changes.take,
            "Off": self._off.off,
        }
        return introspection.interface(INSTRUMENTS, methods)

    async def adopt(self) -> None:
        """Read from the lock files which leases are still held, and watch their holders again.

        A recorded claim whose lease is no longer held was never released, whatever ended since: its holder, lagerd or
        the machine. Its instrument is made safe before it can be claimed again.
        """
        if not await self.bus.owner(INSTRUMENTS):  # otherwise this lagerd was started by mistake, and ends at once
            self._handover.take()
            self.process.hand_over(self._handover.given)
            self.process.replaced = self._handover.replaced
        for lease, why in self._files.claims.quarantined():
            self.leases.quarantined.add(lease, why)
        recorded = {lease.instrument: (lease, why) for lease, why in self._files.claims.kept()}
        loans = {loan.instrument: loan for loan in self._loan_records.all()}
        borrowers = {lease.instrument: lease for lease in self._lent_files.held()}
        for lease in self._files.held():
            record, why = recorded.pop(lease.instrument, (lease, ""))
            if not why and record.since == lease.since:
                lease = replace(lease, safe=record.safe)  # the nets that it has open may have changed
            self.leases.adopt(lease)
            self.pauses.note_run(lease.run_id, lease.uid)
            if loan := loans.pop(lease.instrument, None):
                self.loans.adopt(replace(loan, lender=lease), borrowers.pop(lease.instrument, None))
            if lease.making_safe:
                self._safety.adopted(lease)
            else:
                await self._holders.watch(lease)
        for loan in loans.values():
            self._adopt_orphan(loan, borrowers.pop(loan.instrument, None), recorded)
        for loan in self.loans:
            if loan.borrower is not None:
                await self._holders.watch(loan.borrower)
        for lease, why in recorded.values():
            if lease.instrument in self.leases.quarantined:
                self._files.drop_record(lease.instrument)
            elif why:
                self.leases.quarantine(lease, why)
            else:
                self.leases.crash(lease)
        self.marks.refresh_all()
        asyncio.get_running_loop().call_later(_SETTLED_SECONDS, self.marks.refresh)
        self._changed()

    def _adopt_orphan(self, loan: Loan, borrower: Lease | None, recorded: dict[str, tuple[Lease, str]]) -> None:
        """Adopt a loan whose lender ended while lagerd was not running: the instrument is made safe once the borrower
        has closed it."""
        if borrower is None:
            self._loan_records.drop(loan.instrument)
            return
        record, _ = recorded.pop(loan.instrument, (loan.lender, ""))
        self.leases.adopt(record)
        self.loans.adopt(replace(loan, lender=record), borrower)
        self.loans.end(loan.instrument, "its lender has ended")

    async def close(self) -> None:
        await self._holders.close()
        await self._safety.close()
        self._handover.close()
        self.lending.close()
        self._lent_files.close()
        self._files.close()

    async def claim(self, call: Call) -> Outcome:
        client = await self.clients.watch(call.sender)
        self.hooks.admit(client)
        lease, wait = from_details(*call.args, owner=client.sender, uid=client.uid, user=client.user, pid=client.pid)
        if not lease.look:
            self.hooks.may_use(client, lease.instrument)
        lease = replace(lease, via=client.via)
        by = claimant(call.args[1])

        def granted(_: Lease, fd: int) -> None:
            call.reply("h", 0, fds=[fd])
            if lease.safe and by.script:  # a script holds them for a while, unlike a command
                asyncio.get_running_loop().call_soon(self.process.make_ready)

        def refused(holder: Lease) -> None:
            if not lease.look:
                self.hooks.record(Event.REFUSED, holder, client, {"net": lease.net})
            call.fail(self._busy(lease, by, holder))

        self.leases.claim(lease, wait, granted, refused, call.fail, by)
        return LATER

    def release(self, call: Call) -> Outcome:
        self.leases.release(call.args[0], call.sender)
        return ()

    def guard(self, call: Call) -> Outcome:
        """Replace the nets that are made safe if the holder, which calls this, crashes."""
        instrument, nets = call.args
        self.leases.guard(instrument, call.sender, safe_nets({"safe": nets}))
        self._changed()
        return ()

    def ending(self, call: Call) -> Outcome:
        """Expect the exit code of a holder that is ending in the pipe that it sends: the holder itself cannot know
        whether it crashes."""
        instrument, index = call.args
        self.leases.check_holder(instrument, call.sender)
        self._safety.expect_exit_code(instrument, call.take_fd(index))
        return ()

    async def clear(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        self.hooks.may_use(client, call.args[0])
        lease = self.leases.clear(call.args[0])
        self.hooks.record(Event.CLEARED, lease, client, {})
        self.bus.emit(INSTRUMENTS_PATH, INSTRUMENTS, "Cleared", "sa{sv}", lease.instrument, client.details())
        return ()

    def list_(self, _: Call) -> Outcome:
        # A holder unlocks the file first, and then calls Release.
        return (self._listed.all(lambda lease: not self._files.is_free(lease.instrument)),)

    async def through(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        return await self._through.carry_out(call, client)

    async def lend(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        return await self.lending.lend(call, client)

    async def return_(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        return await self.lending.return_(call, client)

    def of(self, owner: str) -> list[str]:
        """Return the names of the instruments that a connection holds."""
        return [lease.name for lease in self.leases.of(owner)]

    async def _pauses_of(self, owner: str) -> list[Pause]:
        if not self.pauses.of(owner):
            await self.hooks.settled()
        return self.pauses.of(owner)

    def _told(self, event: Event, lease: Lease, more: dict[str, Any]) -> None:
        """Emit the signal that an instrument was made safe or quarantined."""
        self.hooks.record(event, lease, None, more)
        details = {**self._listed.of(lease), **more}
        member = {Event.MADE_SAFE: "MadeSafe", Event.QUARANTINED: "Quarantined"}[event]
        self.bus.emit(INSTRUMENTS_PATH, INSTRUMENTS, member, "sa{sv}", lease.instrument, details)
        self._changed()

    def _made_safe(self, lease: Lease, told: dict[str, Any]) -> None:
        """List what was switched off for a script that has crashed."""
        user = Client("", lease.uid, lease.user, lease.pid, ())
        how = f"safe state of {lease.script or f'process {lease.pid}'}"
        self._reported_changes.add(lease, user, changes.from_details({**told, "how": how}))

    def _changed(self) -> None:
        self._guard()
        self.hooks.changed(len(self.leases))

    def _guard(self) -> None:
        """Tell the standby process which leases it guards, except instruments that a borrower uses."""
        safe = [lease for lease in self.leases if lease.safe and not lease.making_safe]
        self.process.held(bool(safe))
        self.process.guard(lease for lease in safe if not self.loans.is_lent(lease.instrument))

    def _claimed(self, lease: Lease) -> None:
        self.pauses.note_run(lease.run_id, lease.uid)
        if lease.look:
            return  # not recorded: a program may look every second, and a look changes nothing
        self.bus.emit(INSTRUMENTS_PATH, INSTRUMENTS, "Claimed", "sa{sv}", lease.instrument, self._listed.of(lease))
        self.hooks.record(Event.CLAIMED, lease, None, {})
        self._changed()

    def _released(self, lease: Lease, reason: str) -> None:
        self._holders.forget(lease)
        if lease.look:
            return
        self.bus.emit(
            INSTRUMENTS_PATH, INSTRUMENTS, "Released", "ssa{sv}", lease.instrument, reason, self._listed.of(lease)
        )
        self.hooks.record(Event.RELEASED, lease, None, {"reason": reason})
        self._changed()

    def _queued(self, lease: Lease) -> None:
        self.bus.emit(INSTRUMENTS_PATH, INSTRUMENTS, "Queued", "sa{sv}", lease.instrument, self._listed.of(lease))
        self.hooks.changed(len(self.leases))

    def _author(self, holder: str, change: dict[str, Any]) -> Client | None:
        """Return on whose behalf a holder set something, if the holder says so and it is true."""
        if change.get("off") is True:
            return self._off.asking(holder)
        if "request" in change:
            return self._through.asking(holder, change["request"])
        console = change.get("console")
        openers = (pause.consoles.get(console) for pause in self.pauses.of(holder) if type(console) is int)
        return next((opener for opener in openers if opener is not None), None)

    def _left(self, owner: str) -> None:
        self.leases.forget(owner)
        for lease in self.leases.of(owner):
            self.leases.free_if_closed(lease.instrument)
        for lease in self.leases.of(owner):
            self._holders.watch_process(lease)

    def _busy(self, asked: Lease, by: Claimant, holder: Lease) -> InstrumentBusy:
        return refusal(asked, by, holder, self.pauses, self.lending.about(holder, asked))

    def _busy_through(self, call: Call, client: Client, holder: Lease) -> InstrumentBusy:
        asked = replace(holder, owner=client.sender, net=printable(call.args[1]))
        return self._busy(asked, Claimant(), holder)
