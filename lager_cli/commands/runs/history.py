"""`lager history`: the records of lagerd in the journal, as a table."""

import contextlib
import functools
import grp
import hashlib
import json
import math
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lager.breakpoints.terminal import banner
from lager.bus import address
from lager.contract import GROUP
from lager.errors import BusError, LagerError
from lager.wording.text import duration, printable
from lager_cli.boxes.session.lost_client import MESSAGE_ID as LOST
from lager_cli.display import output
from lager_cli.options.box_option import several_box_option

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

_HEADERS = ("TIME", "EVENT", "WHO", "WHAT", "WHERE", "RUN", "AFTER", "WHY")
_UNIT = "lagerd.service"
_NOTIFY_UNIT = "lager-notify.service"
_FIELDS = ("breakpoint", "run", "label", "file", "line", "instrument", "net")  # in each record of lagerd
_BUS_UNIT = "dbus.service"
_PLACE = ("__CURSOR", "__SEQNUM", "__SEQNUM_ID")  # of a record in its journal
_REFUSED_BY_BUS = re.compile(
    r'\[system\] Rejected send message, \d+ matched rules; type="(?P<type>\w+)", sender=":[\d.]+"'
    r" \(uid=(?P<uid>\d+) .*?\)"
    r' interface="(?P<interface>[^"]*)" member="(?P<member>\w+)" error name="[^"]*" requested_reply="\d"'
    r' destination="(?P<destination>[^"]*)" \((?:uid=(?P<owner>\d+) )?',
    re.DOTALL,
)
_STARTED_BY_BUS = re.compile(  # until lager 0.22, the bus started lagerd
    r"\[system\] Activating via systemd: service name='com\.lager\.\w+' unit='[^']*'"
    r" requested by ':[\d.]+' \(uid=(?P<uid>\d+) "
)
_USER = GROUP  # of lagerd itself
_UNKNOWN = "-"
_CHANGED = "changed"
_SECONDS = 60.0
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IGNORED = "ignoring file"
_MAY_NOT = ("insufficient permissions", "not seeing messages from other users")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with every field of each record.")
@click.option("--since", metavar="TIME", help='Show records from TIME on: "1 hour ago", today, "2026-01-31 08:00".')
@click.option("--until", metavar="TIME", help="Show records up to TIME.")
@click.option(
    "--merge", is_flag=True, help="Show all boxes whose journals are on this machine, and the box of each record."
)
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Show the boxes whose journals are in DIR, such as /var/log/journal/remote.",
)
@several_box_option(lambda: _table())
def history(as_json: bool, since: str | None, until: str | None, merge: bool, directory: Path | None) -> None:
    """Show what happened on this box: who paused, resumed, opened a console, held an instrument or lost a connection.

    \b
    Examples:
      lager history --since "1 hour ago"
      lager history --directory /var/log/journal/remote
      lager history --json | jq '.[] | select(.event == "auto-resumed")'
    """
    if merge and directory is not None:
        raise click.UsageError("--merge and --directory exclude each other.")
    collected = merge or directory is not None
    records = read(since, until, _journals(merge, directory))
    if as_json:
        output.print_json(records)
    elif records and collected:
        rows = [(record["box"], *row(record)) for record in records]
        output.fitting_table(("BOX", *_HEADERS), rows)
    elif records:
        output.fitting_table(_HEADERS, [row(record) for record in records])
    else:
        output.say("lagerd has no records in that time.")


def _journals(merge: bool, directory: Path | None) -> list[str]:
    """Return the options of journalctl for the journals of other machines; none for the journal of this one.

    Raises LagerError if the directory has no journals, of which journalctl says nothing.
    """
    readable = directory is not None and os.access(directory, os.R_OK | os.X_OK)
    if directory and readable and not any(".journal" in file.name or file.is_dir() for file in directory.iterdir()):
        what = f"There are no journals in {printable(str(directory), 200)}."
        raise LagerError(what, "A collector keeps them in /var/log/journal/remote")
    return ["--merge"] if merge else [] if directory is None else [f"--directory={directory}"]


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
    command += [f"_SYSTEMD_UNIT={_UNIT}", "+", f"_SYSTEMD_UNIT={_NOTIFY_UNIT}"]
    command += ["+", f"_SYSTEMD_UNIT={_BUS_UNIT}", "+", f"MESSAGE_ID={LOST}"]
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


def parse(lines: bytes, *, with_box: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the records in the output of `journalctl --output=json`. Skips what cannot be parsed.

    `with_box` adds `box`, the host name that journald has recorded, and yields records that were uploaded twice only
    once.
    """
    seen: set[object] = set()
    for line in lines.split(b"\n"):
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            entry = json.loads(line)
            if with_box and _is_known(entry, seen):
                continue
            if entry.get("_SYSTEMD_UNIT") == _BUS_UNIT:
                fields = _bus_record(entry)
            else:
                fields = _lagerds(entry) if _is_lagerds(entry) else _sessions(entry)
            if "event" in fields:
                box = {"box": _text(entry.get("_HOSTNAME", _UNKNOWN))} if with_box else {}
                yield fields | {"time": int(entry["__REALTIME_TIMESTAMP"]) / 1e6} | box


def _is_known(entry: dict[str, Any], seen: set[object]) -> bool:
    """Return whether an equal record was seen before: after an interruption, an upload sends again what was not
    acknowledged.

    The collector sets some fields of each record that it stores, so these fields differ.
    """
    own = sorted((key, value) for key, value in entry.items() if key not in _PLACE)
    same = hashlib.sha256(json.dumps(own).encode()).digest()
    known = same in seen
    seen.add(same)
    return known


def _bus_record(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a caller that the bus itself refused, or for whom it started lagerd; empty for other lines.

    The uid precedes the text that the caller can choose, and the first match precedes the text that the recipient can
    choose.
    """
    said, foreign = _text(entry["MESSAGE"]), _is_foreign(entry)
    if (started := _STARTED_BY_BUS.match(said)) is not None:
        return _record_of("started", started["uid"], "asked the bus for lagerd, which was not running", foreign)
    refused = _REFUSED_BY_BUS.match(said)
    if refused is None or not _concerns_us(refused, foreign):
        return {}
    if refused["type"] == "signal":
        return _record_of("denied", refused["uid"], f"{refused['member']}: only lagerd may send this signal", foreign)
    record = _record_of("denied", refused["uid"], f"{refused['member']}: not a member of the group {GROUP}", foreign)
    with contextlib.suppress(KeyError):
        if _is_member(record["by_user"]):
            record["reason"] = f"{refused['member']}: only root may do this"
    return record


def _record_of(event: str, uid: str, reason: str, foreign: bool) -> dict[str, Any]:
    user = uid
    with contextlib.suppress(KeyError):
        user = uid if foreign else pwd.getpwuid(int(uid)).pw_name
    return dict.fromkeys(_FIELDS, _UNKNOWN) | {"event": event, "by_uid": uid, "by_user": user, "reason": reason}


def _is_foreign(entry: dict[str, Any]) -> bool:
    """Return whether the entry is of another machine, whose users have other names."""
    machine = entry.get("_MACHINE_ID")
    return machine is not None and machine != _own_machine()


@functools.cache
def _own_machine() -> str:
    with contextlib.suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return ""


def _concerns_us(refused: re.Match[str], foreign: bool) -> bool:
    """Return whether the message was for lagerd, by one of its names, or looked like one of lager's."""
    if any(refused[part].startswith("com.lager.") for part in ("interface", "destination")):
        return True
    with contextlib.suppress(KeyError):
        return not foreign and refused["owner"] == str(pwd.getpwnam(_USER).pw_uid)
    return False


def _is_member(user: str) -> bool:
    """Return whether the user is a member of the group now. Raises KeyError if there is no such user or group."""
    group = grp.getgrnam(GROUP)
    return user in group.gr_mem or pwd.getpwnam(user).pw_gid == group.gr_gid


def _is_lagerds(entry: dict[str, Any]) -> bool:
    """Return whether the entry was selected as a record of lagerd or of its notifier. A field may occur twice, once
    with a session's value."""
    ids = entry.get("MESSAGE_ID")
    unit = entry.get("_SYSTEMD_UNIT", _UNIT)
    return unit in (_UNIT, _NOTIFY_UNIT) and LOST not in (ids if isinstance(ids, list) else [ids])


def _lagerds(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key.removeprefix("LAGER_").lower(): _text(value) for key, value in entry.items() if key.startswith("LAGER_")
    }


def _sessions(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a lost connection; empty for any other entry.

    Any user can write to the journal, so the entry counts only if journald has recorded the same user.
    """
    said = _lagerds(entry)
    uid = int(entry["_UID"])
    user = said.get("by_user") if _is_foreign(entry) else pwd.getpwuid(uid).pw_name
    if (said.get("event"), said.get("by_user"), said.get("by_uid", str(uid))) != ("connection-lost", user, str(uid)):
        return {}
    run = said.get("run", "").lower()
    return {
        "event": "connection-lost",
        "run": run if _RUN.fullmatch(run) else _UNKNOWN,
        "by_uid": str(uid),
        "by_user": str(uid) if _is_foreign(entry) else user,
    }


def row(record: dict[str, Any]) -> tuple[str, ...]:
    """Return one row of the table."""

    def get(key: str) -> str:
        return str(record.get(key, _UNKNOWN))

    known = get("breakpoint") != _UNKNOWN and get("event") != _CHANGED
    where = f"{banner.shown_path(get('file'))}:{get('line')}" if get("file") != _UNKNOWN else _UNKNOWN
    return (
        _moment(record.get("time")),
        get("event"),
        get("by_user"),
        f"{get('breakpoint')} {get('label')}".removesuffix(f" {_UNKNOWN}")
        if known
        else get("net" if get("event") == _CHANGED else "instrument"),
        where,
        get("run")[:8],
        _after(get("paused_sec")),
        _why(get("event"), get("reason"), get("on_timeout"), record.get("answer")),
    )


def _why(event: str, reason: str, on_timeout: str, answer: str | None) -> str:
    if answer is not None:
        return f"{reason}: {answer}"
    return f"{reason}: {banner.outcome(on_timeout)}" if event == "auto-resumed" and on_timeout != _UNKNOWN else reason


def _after(seconds: str) -> str:
    try:
        return duration(float(seconds))
    except (ValueError, OverflowError):
        return _UNKNOWN


def _moment(seconds: Any) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(seconds)))
    except (TypeError, ValueError, OverflowError, OSError):
        return _UNKNOWN


def _text(value: object) -> str:
    """Return a field as text.

    journalctl gives text as a string, other bytes as a list of numbers, and a repeated field as a list of these
    (journalctl(1), json).
    """
    if isinstance(value, list) and value and all(type(byte) is int and 0 <= byte < 256 for byte in value):
        return bytes(value).decode(errors="replace")
    if isinstance(value, list):
        return _text(value[-1]) if value else ""
    return str(value)


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table

    return Table(_HEADERS, row)
