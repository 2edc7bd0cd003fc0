"""Record: the holder of an instrument reports a changed setting, and the current pauses list it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from lager.bus.facade import Bus
from lager.bus.interfaces import Outcome
from lager.bus.received import Call
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.errors import NoSuchBreakpoint
from lager.wording import changes as shown
from lagerd.breakpoints.table import changes
from lagerd.breakpoints.table.pauses import Pauses
from lagerd.callers.clients import Client, Clients
from lagerd.events import Event
from lagerd.instruments.hooks import LeaseRecord
from lagerd.instruments.leases.files.lock_files import LeaseFiles
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases

if TYPE_CHECKING:
    from lager.contract import Change

_MANY = "*"
_MOST_IDS = 8  # of pauses in one record


class ReportedChanges:
    """`spend` counts a change of a user and returns whether to list it; `author` returns on whose behalf the holder
    with a connection says that it acts, as the keys of a change say. `away` are the ids of the pauses of before a
    restart that have not called again yet: they list what is changed, too."""

    def __init__(
        self,
        bus: Bus,
        clients: Clients,
        pauses: Pauses,
        leases: Leases,
        spend: Callable[[Client], bool],
        author: Callable[[str, dict[str, Any]], Client | None],
        record: LeaseRecord,
        away: Callable[[], list[str]],
    ) -> None:
        self._bus = bus
        self._clients = clients
        self._pauses = pauses
        self._leases = leases
        self._spend = spend
        self._author = author
        self._record = record
        self._away = away

    def are_listed(self) -> bool:
        """Return whether changes are listed, because a script is paused."""
        return bool(len(self._pauses) or self._away())

    def take(self, call: Call) -> Outcome:
        """Handle the call at once: the next call of the script may be a pause, which must not list this change."""
        instrument, details = call.args
        lease = self._leases.recent(instrument, call.sender)
        change = changes.from_details(details)
        if "breakpoint" in details:
            self._found(lease, change | {"instrument": instrument, "user": ""}, details["breakpoint"])
            return ()
        author = self._author(call.sender, details) or self._clients.watched(call.sender)
        if author is not None:  # the holder is on the bus, else it could not call
            self.add(lease, author, change)
        return ()

    def add(self, lease: Lease, author: Client, change: changes.Change) -> None:
        """List a change of an instrument that `author` made, if a script is paused."""
        if not self.are_listed():
            return
        if not self._spend(author):
            self._pauses.changes.leave_out()
            return
        by = {"instrument": lease.instrument, "user": author.user, "uid": author.uid, "pid": author.pid}
        self._pauses.changes.add(change | by)
        listed = [*(pause.id for pause in self._pauses), *self._away()]
        self._record(Event.CHANGED, lease, author, _fields(change, listed))

    def _found(self, lease: Lease, change: changes.Change, id: object) -> None:
        """Emit a change that a script found when it resumed. The user who made it is unknown."""
        if not self._pauses.has_just_ended(id, lease.owner):
            raise NoSuchBreakpoint("This is not a pause of the holder that has just ended.", "Report it at the resume.")
        client = self._clients.watched(lease.owner)
        if client is not None and not self._spend(client):
            return
        self._bus.emit(BREAKPOINTS_PATH, BREAKPOINTS, "Changed", "sa{sv}", id, change)
        self._record(Event.CHANGED, lease, None, _fields(change, [str(id)]) | {"by_user": None, "by_uid": None})


class Marks:
    """Marks the lease files of holders while another script is paused, so that they report what they set."""

    def __init__(self, pauses: Pauses, leases: Leases, files: LeaseFiles, away: Callable[[], list[str]] = list) -> None:
        """`away`: see ReportedChanges."""
        self._pauses = pauses
        self._away = away
        self._leases = leases
        self._files = files
        self._paused = ""  # the only connection with a pause; _MANY
        files.is_watched = self._is_watched

    def refresh(self) -> None:
        """Update the marks of the files after a pause began or ended."""
        if self._who_is_paused() != self._paused:
            self.refresh_all()

    def refresh_all(self) -> None:
        """Mark every file, whatever its mark was."""
        self._paused = self._who_is_paused()
        for lease in self._leases:
            self._files.mark(lease.instrument, self._is_watched(lease.owner))

    def _who_is_paused(self) -> str:
        return _MANY if self._away() else self._pauses.only_owner(_MANY)

    def _is_watched(self, owner: str) -> bool:
        return self._paused not in ("", owner)  # a script knows its own pauses


def _fields(change: changes.Change, pauses: list[str]) -> dict[str, Any]:
    """Return the fields of the record in the journal."""
    texts: dict[str, Any] = {key: shown.value(change[key]) for key in ("old", "new") if key in change}
    ids = " ".join(pauses[:_MOST_IDS])
    reason = ", ".join(filter(None, (shown.what(cast("Change", change)), change["how"])))
    return {"net": change["net"], "what": change["what"], **texts, "breakpoint": ids, "reason": reason}
