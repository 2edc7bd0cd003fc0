"""Writes the record of each event of a pause or a lease."""

import time
from collections.abc import Callable
from typing import Any

from lager.breakpoints.terminal import banner
from lager.wording.question import shown
from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers.clients import Client
from lagerd.events import ENDS, Event
from lagerd.instruments.hooks import LeaseRecord
from lagerd.instruments.leases.lease import Lease
from lagerd.journal.audit import Audit

_ENDS = frozenset(ENDS.values())

Record = Callable[[Event, Pause, Client | None, dict[str, Any]], None]


def recorder(audit: Audit, console_input: Callable[[], bool]) -> Record:
    """Return the callback for `PauseHooks.record`. `console_input` returns whether to record the input of consoles."""

    def record(event: Event, pause: Pause, client: Client | None, more: dict[str, Any]) -> None:
        if event is Event.PAUSED and more.get("again"):
            return  # it began under an earlier lagerd, which recorded it
        if event is Event.CONSOLE_INPUT and not console_input():
            return
        who = (
            {"by_uid": client.uid, "by_user": client.user, "by_how": client.how, **via_fields(client.via)}
            if client
            else {}
        )
        ending: dict[str, object] = {"paused_sec": time.monotonic() - pause.began} if event in _ENDS else {}
        if event is Event.AUTO_RESUMED:
            ending["outcome"] = banner.outcome(pause.on_timeout)
        more = {key: value for key, value in more.items() if key != "again"}
        if "answer" in more:
            more["answer"] = shown(more["answer"])
        audit.record(event, **_place(pause), **who, **(ending | more))

    return record


def lease_recorder(audit: Audit) -> LeaseRecord:
    """Return the callback for the instruments. A lease is recorded with its holder, a refusal with the caller."""

    def record(event: Event, lease: Lease, client: Client | None, more: dict[str, Any]) -> None:
        uid, user = (client.uid, client.user) if client else (lease.uid, lease.user)
        reason = f"{lease.user} holds it" if event is Event.REFUSED else more.get("reason")
        fields = {"net": lease.net, **more, "instrument": lease.name, "run": lease.run_id, "reason": reason}
        via = via_fields(lease.via if client is None else client.via)
        audit.record(event, **via, **{"by_uid": uid, "by_user": user, "script": lease.script} | fields)

    return record


def via_fields(declared: str) -> dict[str, str]:
    """Return the fields that name the assistant that made the call, if it was one."""
    via, _, agent = declared.partition(":")
    return {"via": via, "agent": agent} if via else {}


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
