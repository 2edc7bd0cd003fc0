"""The audit log: one structured record in the journal for each event that people may ask about later.

The name of a field is `LAGER_` and a key of `Audit.record` in capitals. Every record has all FIELDS, because
units/lager.catalog, which has the text that `journalctl -x` shows for each event, can only name fields that exist.
"""

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from logging_journald import JournaldTransport

from lager.contract import JOURNAL_SOCKET
from lagerd.events import Event

UNKNOWN = "-"
_LONGEST = 4096
_LONGEST_FILE = 4_000_000

FIELDS = (
    "breakpoint", "run", "label", "file", "line", "reason", "paused_sec", "outcome", "by_uid", "by_user", "instrument",
    "net",
)  # fmt: skip


Send = Callable[[list[tuple[str, str]]], None]


class Audit:
    """A destination of records. Recording never blocks and never raises: a record that cannot be sent is dropped, and
    LAGER_LOST in the next one has the number of dropped records."""

    def __init__(self, send: Send, close: Callable[[], None] = lambda: None) -> None:
        self._send = send
        self.close = close
        self._unreported = 0
        self.lost = 0
        self.counts: Counter[Event] = Counter()  # recorded or dropped
        self.recorded: Callable[[], None] = lambda: None  # called after each

    def record(self, event: Event, **fields: object) -> None:
        """Write a record, or drop it."""
        try:
            self._send(_entry(event, fields, self._unreported))
        except Exception:
            self._unreported += 1
            self.lost += 1
        else:
            self._unreported = 0
        self.counts[event] += 1
        self.recorded()


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


def _entry(event: Event, fields: Mapping[str, object], lost: int) -> list[tuple[str, str]]:
    texts = dict.fromkeys(FIELDS, UNKNOWN) | {key: _text(value) for key, value in fields.items()}
    message = event.message.format_map(texts)
    entry = [
        ("MESSAGE", message),
        ("MESSAGE_ID", event.message_id),
        ("PRIORITY", str(event.priority)),
        ("SYSLOG_IDENTIFIER", "lagerd"),
        ("LAGER_EVENT", event.word),
        *((f"LAGER_{key.upper()}", text) for key, text in texts.items()),
    ]
    return [*entry, ("LAGER_LOST", str(lost))] if lost else entry


def _text(value: object) -> str:
    """Return a value as one printable line: a label, which comes from the script, must not forge lines."""
    if value is None or value == "":
        return UNKNOWN
    text = f"{value:.3f}" if isinstance(value, float) else str(value).rstrip("\n")
    if len(text) <= _LONGEST and text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_LONGEST])
