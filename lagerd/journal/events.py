"""Write the record of each event of a pause or a lease."""

import time
from collections.abc import Callable
from typing import Any

from lager.breakpoints import banner
from lager.question import shown
from lagerd.breakpoints.pauses import Pause
from lagerd.clients import Client
from lagerd.instruments.leases import Lease
from lagerd.journal.audit import Audit, EventKind

_KINDS = {
    "paused": EventKind.PAUSED,
    "continued": EventKind.RESUMED,
    "answered": EventKind.ANSWERED,
    "interrupted": EventKind.RESUMED,
    "timeout": EventKind.AUTO_RESUMED,
    "gone": EventKind.GONE,
    "extended": EventKind.EXTENDED,
    "console opened": EventKind.CONSOLE_OPENED,
    "console closed": EventKind.CONSOLE_CLOSED,
    "input": EventKind.CONSOLE_INPUT,
    "denied": EventKind.DENIED,
}
_ENDS = ("continued", "answered", "interrupted", "timeout", "gone")

Record = Callable[[str, Pause, Client | None, dict[str, Any]], None]


def recorder(audit: Audit, console_input: Callable[[], bool]) -> Record:
    """Return the callback for `PauseHooks.record`. `console_input` returns whether to record the input of consoles."""

    def record(what: str, pause: Pause, client: Client | None, more: dict[str, Any]) -> None:
        if what == "paused" and more.get("again"):
            return  # it began under an earlier lagerd, which recorded it
        if what == "input" and not console_input():
            return
        who = {"by_uid": client.uid, "by_user": client.user, "by_how": client.how} if client else {}
        ending = {"reason": what, "paused_sec": time.monotonic() - pause.began} if what in _ENDS else {}
        if what == "timeout":
            ending["outcome"] = banner.outcome(pause.on_timeout)
        more = {key: value for key, value in more.items() if key != "again"}
        if "answer" in more:
            more["answer"] = shown(more["answer"])
        audit.record(_KINDS[what], **_place(pause), **who, **(ending | more))

    return record


LeaseRecord = Callable[[str, Lease, Client | None, dict[str, Any]], None]
_LEASE_KINDS = {
    "claimed": EventKind.CLAIMED,
    "released": EventKind.RELEASED,
    "refused": EventKind.REFUSED,
    "through": EventKind.THROUGH,
    "made-safe": EventKind.MADE_SAFE,
    "quarantined": EventKind.QUARANTINED,
    "cleared": EventKind.CLEARED,
    "off": EventKind.OFF,
}


def lease_recorder(audit: Audit) -> LeaseRecord:
    """Return the callback for the instruments. A lease is recorded for its holder, a refusal for the caller."""

    def record(what: str, lease: Lease, client: Client | None, more: dict[str, Any]) -> None:
        uid, user = (client.uid, client.user) if client else (lease.uid, lease.user)
        reason = f"{lease.user} holds it" if what == "refused" else more.get("reason")
        fields = {"net": lease.net, **more, "instrument": lease.name, "run": lease.run_id, "reason": reason}
        audit.record(_LEASE_KINDS[what], by_uid=uid, by_user=user, script=lease.script, **fields)

    return record


def _place(pause: Pause) -> dict[str, object]:
    return {
        "breakpoint": pause.id,
        "run": pause.run_id,
        "label": pause.label,
        "file": pause.file,
        "line": pause.line,
        "script": pause.script,
        "owner_uid": pause.uid,
        "owner": pause.user,
        "on_timeout": pause.on_timeout,
    }
