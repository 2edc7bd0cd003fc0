"""The audit log: one structured record in the journal for each event that somebody may ask about later.

The fields of a record are `LAGER_` and a key of `Audit.record` in capitals. Those of FIELDS are in every
record: units/lager.catalog, which has the text that `journalctl -x` shows for each kind, can only name what is there.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from logging_journald import JournaldTransport

from lager.contract import JOURNAL_SOCKET

UNKNOWN = "-"
_LONGEST = 4096
_LONGEST_FILE = 4_000_000

FIELDS = (
    "breakpoint", "run", "label", "file", "line", "reason", "paused_sec", "outcome", "by_uid", "by_user", "instrument",
    "net",
)  # fmt: skip


class EventKind(Enum):
    """A kind of event: its name, MESSAGE_ID, priority (of syslog: 3 error, 5 notice, 6 info) and MESSAGE."""

    PAUSED = (
        "paused",
        "433497d70d7241eda48a4e98730f6302",
        6,
        "Paused at {file}:{line} ({label}), breakpoint {breakpoint} of {by_user}",
    )
    RESUMED = (
        "resumed",
        "3bc0bfd4ab4c4cad89add08b74b6cb4d",
        6,
        "Resumed breakpoint {breakpoint} by {by_user} after {paused_sec} s: {reason}",
    )
    ANSWERED = (
        "answered",
        "06f5b8cd11824c3ca51249420500c44b",
        6,
        "Answered breakpoint {breakpoint} by {by_user} after {paused_sec} s: {answer}",
    )
    AUTO_RESUMED = (
        "auto-resumed",
        "f370292b038e4e6ab0f787b42e01f8d3",
        5,
        "Breakpoint {breakpoint} {outcome} after {paused_sec} s",
    )
    GONE = (
        "gone",
        "ffec178f95244a8db7193351578e07c3",
        5,
        "Lost the script of breakpoint {breakpoint} after {paused_sec} s",
    )
    CONSOLE_OPENED = (
        "console-opened",
        "973f34a7b2a049c3b0cc50c6fcd35e67",
        5,
        "Console opened at breakpoint {breakpoint} by {by_user}",
    )
    CONSOLE_CLOSED = (
        "console-closed",
        "e8b22bde91394a13ac8a576fb3af3d28",
        6,
        "Console closed at breakpoint {breakpoint} by {by_user}",
    )
    CONSOLE_INPUT = (
        "console-input",
        "52430ccbd2f84bc5a5a34b5d0c021598",
        5,
        "Console of {by_user} at breakpoint {breakpoint}: {input}",
    )
    EXTENDED = (
        "extended",
        "2201f9d7d22a4b3a819dcfbfb5464338",
        6,
        "Extended breakpoint {breakpoint} by {by_user}: {remaining} s left",
    )
    CLAIMED = (
        "claimed",
        "e6e779b45eca4d3ba356f10539656f23",
        6,
        "Claimed {instrument} by {by_user} for net {net}",
    )
    RELEASED = (
        "released",
        "8903aa5cf717469b9f38b49c855e88db",
        6,
        "Released {instrument} of {by_user}: {reason}",
    )
    REFUSED = (
        "refused",
        "a736ac91ab7140b0b498747d378095d2",
        5,
        "Refused {instrument} to {by_user}: {reason}",
    )
    THROUGH = (
        "through",
        "0d7a1c3e5b9f4e2a8c6d4b2f9e1a7c35",
        6,
        "{by_user} used {net} of {instrument} through breakpoint {breakpoint}: {reason}",
    )
    MADE_SAFE = (
        "made-safe",
        "3372a87bde1a43628d6ecf921f42c196",
        5,
        "Made {instrument} safe after the script of {by_user} crashed: {reason}",
    )
    QUARANTINED = (
        "quarantined",
        "57241cc1b1964984be58c79b4b13431f",
        3,
        "Quarantined {instrument}, which may be energised: {reason}",
    )
    CLEARED = (
        "cleared",
        "3aaae06712aa488897d9867b76d7cb33",
        5,
        "Ended the quarantine of {instrument} by {by_user}",
    )
    OFF = (
        "off",
        "d2b5f9beb6e7422c90d8b2e60dc056c9",
        5,
        "Switched off {instrument} by {by_user}: {reason}",
    )
    KILLED = (
        "killed", "5d2f0c4f7a5b4d0c9a3e86b1f2d7c915", 5,
        "Ended run {run} by {by_user}",
    )  # fmt: skip
    DENIED = (
        "denied", "50ec31e9e242456f87310e4015c67be9", 5,
        "Denied {by_user} (uid {by_uid}): {reason}",
    )  # fmt: skip

    def __init__(self, event: str, message_id: str, priority: int, message: str) -> None:
        self.event = event
        self.message_id = message_id
        self.priority = priority
        self.message = message


Send = Callable[[list[tuple[str, str]]], None]


class Audit:
    """A destination of records. Recording never blocks and never raises: a record that cannot be sent is dropped, and
    LAGER_LOST in the next one has the number of dropped records."""

    def __init__(self, send: Send, close: Callable[[], None] = lambda: None) -> None:
        self._send = send
        self.close = close
        self._unreported = 0
        self.lost = 0

    def record(self, kind: EventKind, **fields: object) -> None:
        """Write a record, or drop it."""
        try:
            self._send(_entry(kind, fields, self._unreported))
        except Exception:
            self._unreported += 1
            self.lost += 1
        else:
            self._unreported = 0


def to_journal(path: Path = Path(JOURNAL_SOCKET)) -> Audit:
    """Return an audit that writes to journald, in its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).

    Each record looks up the socket again, since journald may replace it when it restarts.
    """
    transport = JournaldTransport(path, connected=False)
    transport.socket.setblocking(False)
    return Audit(transport.send, transport.socket.close)


def to_log(logger: logging.Logger) -> Audit:
    """Return an audit that logs plain lines, for a daemon without a journal."""
    return Audit(lambda entry: logger.info("%s", dict(entry)["MESSAGE"]))


def to_file(logger: logging.Logger, path: Path) -> Audit:
    """Return an audit like that of `to_log`, which also writes each record to a file, as JSON like that of journalctl.
    A file that is too long replaces the `older` one."""

    def send(entry: list[tuple[str, str]]) -> None:
        logger.info("%s", dict(entry)["MESSAGE"])
        line = {"__REALTIME_TIMESTAMP": str(time.time_ns() // 1000), **dict(entry)}
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            if file.tell() > _LONGEST_FILE:
                path.replace(older(path))

    return Audit(send)


def older(path: Path) -> Path:
    """Return the file with the older records of `to_file`."""
    return path.with_name(f"{path.name}.old")


def _entry(kind: EventKind, fields: Mapping[str, object], lost: int) -> list[tuple[str, str]]:
    texts = dict.fromkeys(FIELDS, UNKNOWN) | {key: _text(value) for key, value in fields.items()}
    message = kind.message.format_map(texts)
    entry = [
        ("MESSAGE", message),
        ("MESSAGE_ID", kind.message_id),
        ("PRIORITY", str(kind.priority)),
        ("SYSLOG_IDENTIFIER", "lagerd"),
        ("LAGER_EVENT", kind.event),
        *((f"LAGER_{key.upper()}", text) for key, text in texts.items()),
    ]
    return [*entry, ("LAGER_LOST", str(lost))] if lost else entry


def _text(value: object) -> str:
    """Return a value as one printable line: a label, which comes from the script, must not forge lines."""
    if value is None or value == "":
        return UNKNOWN
    text = f"{value:.3f}" if isinstance(value, float) else str(value).rstrip("\n")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_LONGEST])
