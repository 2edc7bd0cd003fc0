"""Records which messages were sent to which target, and which could not be sent: in the journal if systemd started this
process."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from lager.contract import JOURNAL_SOCKET
from lager.process.system import user_name
from lager.wording.text import printable
from lager_cli.display import output
from lager_cli.notify.config import Target
from lager_cli.notify.notices import Notice

NOTIFIED, NOT_NOTIFIED = "notified", "not-notified"
MESSAGE_IDS = {NOTIFIED: "c3a1f0de52b84b7a9f6e0d7c41b8a2e6", NOT_NOTIFIED: "e84d6b1f9c0347d2b5a8f3160e7c9d24"}
_PRIORITIES = {NOTIFIED: "6", NOT_NOTIFIED: "4"}


def delivered(target: Target, notices: Sequence[Notice]) -> None:
    """Record that a message was delivered. Never raises."""
    _write(NOTIFIED, target, notices, f"told {target.name}")


def failed(target: Target, notices: Sequence[Notice], why: str) -> None:
    """Record that a message could not be delivered and will be tried again. Never raises."""
    _write(NOT_NOTIFIED, target, notices, f"{target.name} failed; trying again: {why}")


def given_up(target: Target, notices: Sequence[Notice], why: str) -> None:
    """Record that a message is given up. Never raises."""
    _write(NOT_NOTIFIED, target, notices, f"{target.name} failed; giving up: {why}")


def _write(event: str, target: Target, notices: Sequence[Notice], reason: str) -> None:
    what = notices[0].event if len(notices) == 1 else f"{len(notices)} events"
    about = f"{what}: {notices[0].where}" if len(notices) == 1 else what
    reason = printable(f"{about}: {reason}", 400)
    with contextlib.suppress(Exception):
        if "JOURNAL_STREAM" in os.environ:
            _to_journal(event, notices[0].pause if len(notices) == 1 else "", reason)
        else:
            output.note(reason)


def _to_journal(event: str, pause: str, reason: str) -> None:
    from logging_journald import JournaldTransport

    transport = JournaldTransport(Path(JOURNAL_SOCKET), connected=False)
    with contextlib.closing(transport.socket):
        transport.socket.setblocking(False)
        transport.send(
            [
                ("MESSAGE", reason),
                ("MESSAGE_ID", MESSAGE_IDS[event]),
                ("PRIORITY", _PRIORITIES[event]),
                ("SYSLOG_IDENTIFIER", "lager-notify"),
                ("LAGER_EVENT", event),
                ("LAGER_BREAKPOINT", pause or "-"),
                ("LAGER_REASON", reason),
                ("LAGER_BY_UID", str(os.getuid())),
                ("LAGER_BY_USER", user_name()),
            ]
        )
