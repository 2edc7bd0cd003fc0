"""Reads the records of lagerd: from the journal, or from the file of the embedded lagerd."""

import contextlib
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lager.bus import address
from lager.errors import BusError, LagerError
from lager.wording.text import printable
from lager_cli.boxes.session.lost_client import MESSAGE_ID as LOST
from lager_cli.commands.runs.history_records import BUS_UNIT, NOTIFY_UNIT, UNIT, parse
from lager_cli.display import output

_SECONDS = 60.0
_IGNORED = "ignoring file"
_MAY_NOT = ("insufficient permissions", "not seeing messages from other users")


def read(since: str | None = None, until: str | None = None, journals: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the records, oldest first. Raises LagerError if the journal cannot be read.

    Each has `time` in seconds since the epoch, and the LAGER_ fields by their names in lower case without that prefix.
    `journals` are options of journalctl that name the journals of other machines; then each has `box`, too.
    """
    for given in (since, until):
        if given is not None and not given.strip():
            raise _no_time(given)
    embedded = None if journals else _embedded()
    if embedded is not None:
        return _from_file(embedded, since, until)
    if shutil.which("journalctl") is None:
        raise LagerError("There is no journalctl on this machine.", "lagerd keeps its history in systemd's journal.")
    # The unit of a record is a trusted field (systemd.journal-fields(7)): no other process can forge these records.
    # A lost connection is recorded by the session, which is a process of its user.
    command = ["journalctl", "--output=json", "--all", "--no-pager", *journals]
    command += [f"_SYSTEMD_UNIT={UNIT}", "+", f"_SYSTEMD_UNIT={NOTIFY_UNIT}"]
    command += ["+", f"_SYSTEMD_UNIT={BUS_UNIT}", "+", f"MESSAGE_ID={LOST}"]
    command += [f"--since={since}"] if since is not None else []
    command += [f"--until={until}"] if until is not None else []
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise LagerError(f"journalctl did not answer within {_SECONDS:g} s.", "Ask for less with --since.") from None
    complaint = done.stderr.decode(errors="replace")
    if any(words in complaint for words in _MAY_NOT):
        raise LagerError("You may not read the journal.", "Ask for: sudo adduser YOU systemd-journal")
    if done.returncode and complaint:
        raise LagerError(f"journalctl refused: {complaint.strip().splitlines()[-1]}.", "See: man systemd.time")
    for line in dict.fromkeys(complaint.splitlines()):
        if _IGNORED in line:
            output.note(f"the history may be incomplete: {printable(line, 300)}")
    return list(parse(done.stdout, with_box=bool(journals)))


def _embedded() -> Path | None:
    """Return the file of the embedded lagerd, which has no journal; None if it is missing or another bus is used."""
    with contextlib.suppress(BusError):  # then there may still be a journal
        path = address.embedded_records()
        return path if path is not None and path.exists() else None
    return None


def _from_file(path: Path, since: str | None, until: str | None) -> list[dict[str, Any]]:
    text = b""
    for file in (path.with_name(f"{path.name}.old"), path):
        with contextlib.suppress(FileNotFoundError):
            text += file.read_bytes()
    first = 0.0 if since is None else _moment_of(since)
    last = math.inf if until is None else _moment_of(until)
    return [record for record in parse(text) if first <= record["time"] <= last]


def _moment_of(text: str) -> float:
    """Return seconds since the epoch. Raises LagerError if date(1) cannot parse the text."""
    done = subprocess.run(
        ["date", f"--date={text}", "+%s.%N"], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    try:
        return float(done.stdout)
    except ValueError:
        raise _no_time(text) from None


def _no_time(text: str) -> LagerError:
    return LagerError(f"'{printable(text, 40)}' is not a valid time.", 'Give one like "1 hour ago" or today.')
