"""Turns entries of the journal into records: of lagerd and its notifier, of the bus, and of lost connections."""

import contextlib
import functools
import grp
import hashlib
import json
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lager.contract import GROUP
from lager_cli.boxes.session.lost_client import MESSAGE_ID as LOST

UNIT = "lagerd.service"
NOTIFY_UNIT = "lager-notify.service"
_FIELDS = ("breakpoint", "run", "label", "file", "line", "instrument", "net")  # in each record of lagerd
BUS_UNIT = "dbus.service"
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
UNKNOWN = "-"
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
            if entry.get("_SYSTEMD_UNIT") == BUS_UNIT:
                fields = _bus_record(entry)
            else:
                fields = _lagerds(entry) if _is_lagerds(entry) else _sessions(entry)
            if "event" in fields:
                box = {"box": _text(entry.get("_HOSTNAME", UNKNOWN))} if with_box else {}
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
    return dict.fromkeys(_FIELDS, UNKNOWN) | {"event": event, "by_uid": uid, "by_user": user, "reason": reason}


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
    unit = entry.get("_SYSTEMD_UNIT", UNIT)
    return unit in (UNIT, NOTIFY_UNIT) and LOST not in (ids if isinstance(ids, list) else [ids])


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
        "run": run if _RUN.fullmatch(run) else UNKNOWN,
        "by_uid": str(uid),
        "by_user": str(uid) if _is_foreign(entry) else user,
    }


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
