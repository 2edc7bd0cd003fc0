"""Collects the evidence of a run: its record, the records of lagerd about it, the notes of its processes, its
output."""

import csv
import datetime
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lager.wording.text import printable

_LONGEST_TEXT = 500
_LONGEST_FILE = 32 << 20
_SHOWN_ROWS = 50
_MOST_EVENTS = 10_000
_ENDS = frozenset(("resumed", "answered", "auto-resumed", "gone"))
_UNKNOWN = "-"
_QUIET = frozenset(("claimed", "released"))


def collect(
    run: Mapping[str, Any], records: Sequence[Mapping[str, Any]], notes: Iterable[bytes], output: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the report as JSON types. `run` has the fields of its record, `records` are those of lagerd about
    it, oldest first, `notes` the lines of its processes (lager.evidence). The same arguments give the same report, as
    long as the files of readings are unchanged."""
    known = [*_notes(notes)]
    return {
        "run": dict(run),
        "versions": _unique(known, "versions", ("lager", "python", "system")),
        "instruments": _instruments(known),
        "pauses": _pauses(records),
        "changes": [_change(one) for one in records if one.get("event") == "changed"][:_MOST_EVENTS],
        "events": [_event(one) for one in records if one.get("event") not in _QUIET][:_MOST_EVENTS],
        "readings": [_readings(file) for file in dict.fromkeys(_texts(known, "readings", "file"))],
        "output": dict(output),
    }


def moment(seconds: object) -> str:
    """Return a time in UTC, or "" for none."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    try:
        at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, OSError, ValueError):
        return ""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _notes(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue  # any process of the run can write there
        if isinstance(said, dict):
            yield said


def _unique(notes: list[dict[str, Any]], kind: str, keys: tuple[str, ...]) -> list[dict[str, str]]:
    found = [{key: _text(note.get(key)) for key in keys} for note in notes if note.get("kind") == kind]
    return [one for number, one in enumerate(found) if one not in found[:number]]


def _texts(notes: list[dict[str, Any]], kind: str, key: str) -> list[str]:
    return [one[key] for one in notes if one.get("kind") == kind and type(one.get(key)) is str]


def _instruments(notes: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the instruments that have identified themselves; an identity has maker, model, serial number and firmware
    (IEEE 488.2, 10.14)."""
    found = _unique(notes, "instrument", ("name", "model", "address", "identity"))
    for one in found:
        parts = [part.strip() for part in one["identity"].split(",", 3)]
        maker, _, serial, firmware = parts + [""] * (4 - len(parts))
        one |= {"maker": maker, "serial": serial, "firmware": firmware}
    return sorted(found, key=lambda one: (one["name"], one["identity"]))


def _pauses(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in records:
        id, event = str(one.get("breakpoint", _UNKNOWN)), one.get("event")
        if id == _UNKNOWN or (event != "paused" and event not in _ENDS and id not in found):
            continue
        pause = found.setdefault(id, _begun(id, one))
        if event == "paused":
            pause["paused_at"] = moment(one.get("time"))
        elif event in _ENDS:
            pause |= _ended(one)
        elif event == "console-opened":
            pause["consoles"].append(_text(one.get("by_user")))
    return list(found.values())


def _begun(id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": id,
        "label": _known(record, "label"),
        "file": _known(record, "file"),
        "line": _known(record, "line"),
        "paused_at": "",
        "seconds": None,
        "end": "",
        "by": "",
        "how": "",
        "answer": None,
        "consoles": [],
    }


def _ended(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "end": _known(record, "event"),
        "seconds": _number(record.get("paused_sec")),
        "by": _known(record, "by_user"),
        "how": _known(record, "by_how") or _known(record, "reason"),
        "answer": _text(record["answer"]) if "answer" in record else None,
    }


def _change(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "at": moment(record.get("time")),
        "net": _known(record, "net"),
        "instrument": _known(record, "instrument"),
        "what": _known(record, "reason"),
        "by": _known(record, "by_user"),
        "pause": _known(record, "breakpoint"),
    }


def _event(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "at": moment(record.get("time")),
        "event": _known(record, "event"),
        "what": _known(record, "instrument") or _known(record, "breakpoint"),
        "by": _known(record, "by_user"),
        "why": _known(record, "reason"),
    }


def _readings(name: str) -> dict[str, Any]:
    """Return the rows of a file of readings (lager.recording.rows). `problem` says why there are none, or no more."""
    found: dict[str, Any] = {"file": _text(name), "problem": "", "rows": 0, "titles": [], "first": []}
    columns: list[_Column] = []
    try:
        path = Path(name)
        if not path.is_file() or path.stat().st_size > _LONGEST_FILE:
            found["problem"] = "the file is no longer there, or too long"
        else:
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                _take_rows(csv.reader(file), found, columns)
    except (OSError, ValueError, csv.Error) as problem:
        found["problem"] = _text(str(problem))
    measured = [column.summary() for column in columns if column.title not in ("time", "seconds", "problem")]
    return found | {"columns": measured, "left_out": found["rows"] - len(found["first"])}


def _take_rows(rows: Iterator[list[str]], found: dict[str, Any], columns: "list[_Column]") -> None:
    """Read the rows. Raises csv.Error at an invalid row, such as one that a crash cut off."""
    found["titles"] = [_text(title) for title in next(rows, [])]
    columns += map(_Column, found["titles"])
    for row in rows:
        found["rows"] += 1
        if len(found["first"]) < _SHOWN_ROWS:
            found["first"].append([_text(cell) for cell in row[: len(columns)]])
        for column, cell in zip(columns, row, strict=False):
            column.add(cell)


class _Column:
    def __init__(self, title: str) -> None:
        self.title = title
        self._values: list[float] = []

    def add(self, cell: str) -> None:
        value = _number(cell)
        if value is not None:
            self._values.append(value)

    def summary(self) -> dict[str, Any]:
        values = self._values
        mean = math.fsum(values) / len(values) if values else None
        least, most = (min(values), max(values)) if values else (None, None)
        return {"name": self.title, "count": len(values), "min": least, "mean": mean, "max": most}


def _known(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key, _UNKNOWN)
    return "" if value == _UNKNOWN else _text(value)


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    return printable(str(value if value is not None else ""), _LONGEST_TEXT)
