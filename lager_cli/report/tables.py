"""The parts of a report as titles and tables, which the text and the HTML page both show."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lager.wording.text import duration

_NONE = "-"


@dataclass(frozen=True)
class Part:
    """A part of the report. `none` is the text if there are no rows."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    none: str = "None."


def title(report: dict[str, Any]) -> str:
    run = report["run"]
    return f"Run {run['id'][:8]}: {shlex.join([run['runnable'], *run['arguments']])}"


def parts(report: dict[str, Any]) -> list[Part]:
    """Return the parts, in their order, without the output of the script."""
    pauses, changes = report["pauses"], report["changes"]
    return [
        Part("Run", ("", ""), _run(report)),
        Part("Versions", ("LAGER", "PYTHON", "SYSTEM"), [_cells(one.values()) for one in report["versions"]]),
        Part(
            "Instruments", ("NAME", "MAKER", "MODEL", "SERIAL", "FIRMWARE", "ADDRESS"),
            [_cells(one[key] for key in ("name", "maker", "model", "serial", "firmware", "address"))
             for one in report["instruments"]],
            "The run opened no instruments.",
        ),
        Part("Pauses", ("PAUSE", "LABEL", "WHERE", "BEGAN", "LASTED", "ENDED", "BY", "ANSWER"), [*map(_pause, pauses)],
             "The run did not pause."),
        Part("Changed on the bench while it was paused", ("AT", "NET", "WHAT", "BY"),
             [_cells(one[key] for key in ("at", "net", "what", "by")) for one in changes], "Nothing."),
        *(_readings(one) for one in report["readings"]),
        Part("Events", ("AT", "EVENT", "WHAT", "BY", "WHY"), [_cells(one.values()) for one in report["events"]]),
    ]  # fmt: skip


def _run(report: dict[str, Any]) -> list[tuple[str, str]]:
    run = report["run"]
    paused = sum(one["seconds"] or 0.0 for one in report["pauses"])
    exit_code = run["exit_code"]
    return [
        ("id", run["id"]),
        ("state", run["state"]),
        ("exit code", _NONE if exit_code is None else str(exit_code)),
        ("command", shlex.join([run["runnable"], *run["arguments"]])),
        ("folder", run["folder"] or _NONE),
        ("machine", run["host"] + (f" (box {run['box']})" if run["box"] else "")),
        ("started", run["started"]),
        ("ended", run["ended"] or _NONE),
        ("lasted", _lasted(run["seconds"])),
        ("of which paused", _lasted(paused)),
    ]


def _pause(pause: dict[str, Any]) -> Sequence[str]:
    where = f"{pause['file']}:{pause['line']}" if pause["file"] else ""
    by = f"{pause['by']} ({pause['how']})" if pause["by"] and pause["how"] else pause["by"]
    answer = "" if pause["answer"] is None else pause["answer"]
    lasted = _lasted(pause["seconds"])
    return _cells((pause["id"], pause["label"], where, pause["paused_at"], lasted, pause["end"], by, answer))


def _readings(file: dict[str, Any]) -> Part:
    rows = [
        _cells((one["name"], str(one["count"]), *map(_value, (one["min"], one["mean"], one["max"]))))
        for one in file["columns"]
    ]
    count = f"{file['rows']} rows" if file["rows"] or not file["problem"] else ""
    about = ", then: ".join(filter(None, (count, file["problem"])))
    return Part(f"Readings in {file['file']} ({about})", ("COLUMN", "COUNT", "MIN", "MEAN", "MAX"), rows)


def _value(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"


def _lasted(seconds: float | None) -> str:
    return _NONE if seconds is None else duration(seconds)


def _cells(values: Any) -> tuple[str, ...]:
    return tuple(str(value) or _NONE for value in values)
