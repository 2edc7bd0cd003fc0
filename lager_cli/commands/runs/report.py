"""`lager report`: the evidence of a run, on the terminal, as a page, as JSON or for a build server."""

import json
import os
from typing import Any

import click

from lager.errors import LagerError, NoSuchRun
from lager.wording.text import printable
from lager_cli.commands.runs import report_records
from lager_cli.detached.output_log import OutputLog, Reader
from lager_cli.display import output
from lager_cli.options.box_option import box_option
from lager_cli.report import html, junit, tables
from lager_cli.report.collect import collect, moment
from lager_cli.runs import records
from lager_cli.runs.records import Record

_LONGEST_OUTPUT = 1 << 20
_LONGEST_NOTES = 2 << 20


@click.command()
@click.argument("run", required=False)
@click.option("--html", "form", flag_value="html", help="Print one HTML page that needs nothing else.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--junit", "form", flag_value="junit", help="Print JUnit XML: the run as one test.")
@box_option
def report(run: str | None, form: str | None) -> None:
    """Show the evidence of RUN (default: your latest): output, pauses and who ended them, answers, readings, changes,
    instruments, versions.

    The output is kept for detached runs only. Once a run has ended, its report does not change.

    \b
    Examples:
      lager report
      lager report 9b1c
      lager report 9b1c --html > report.html
      lager report 9b1c --junit > report.xml
    """
    found = gathered(_latest() if run is None else records.find(run))
    if form == "json":
        output.say(json.dumps(found, indent=1, sort_keys=True))
    elif form == "html":
        output.raw(html.page(found).encode("utf-8", "replace"))
    elif form == "junit":
        output.raw(junit.junit(found).encode("utf-8", "replace"))
    else:
        _show(found)


def gathered(record: Record) -> dict[str, Any]:
    """Return the report of a run; see `collect`. Reads the journal; prints a note on standard error if it may not."""
    events: list[dict[str, Any]] = []
    try:
        events = report_records.recorded(record)
    except LagerError as problem:
        output.note(f"the report has no pauses and no changes: {problem}")
    return collect(_run(record), events, _notes(record.id), _output(record.id))


def _latest() -> Record:
    for record in records.everyone():
        return record
    raise NoSuchRun("You have no runs on this machine.", "Start one with: lager python FILE")


def _run(record: Record) -> dict[str, Any]:
    """Return the fields of the record that do not change once the run has ended."""
    state = record.state
    return {
        "id": record.id,
        "runnable": printable(record.runnable),
        "arguments": [printable(one) for one in record.arguments],
        "folder": printable(record.folder),
        "box": record.box,
        "host": record.host,
        "detached": record.detached,
        "interpreter": record.interpreter,
        "state": state,
        "exit_code": record.exit_code,
        "started": moment(record.started),
        "ended": moment(record.ended),
        "seconds": record.seconds if state == "ended" else None,
    }


def _notes(id: str) -> list[bytes]:
    try:
        with open(records.path(id, "evidence"), "rb") as file:
            return file.read(_LONGEST_NOTES).split(b"\n")
    except OSError:
        return []


def _output(id: str) -> dict[str, Any]:
    """Return the output of the run if it was kept; of a long output, only the end."""
    log = OutputLog(id)
    try:
        reader = Reader(log)
    except OSError:
        return {"text": "", "note": "The output of a run in the foreground is not kept."}
    size = sum(os.stat(log.file(stream)).st_size for stream in (0, 1))
    data = b""
    try:
        for _, piece in reader.pieces():
            data = (data + piece)[-_LONGEST_OUTPUT:]
    finally:
        reader.close()
    lines = data.decode("utf-8", "replace").split("\n")
    note = f"The first {size - len(data)} bytes are left out." if size > len(data) else ""
    return {"text": "\n".join(printable(line.expandtabs(), _LONGEST_OUTPUT) for line in lines), "note": note}


def _show(report: dict[str, Any]) -> None:
    output.say(tables.title(report))
    for part in tables.parts(report):
        output.say(f"\n{part.title}")
        if not part.rows:
            output.say(f"  {part.none}")
        elif any(part.headers):
            output.fitting_table(part.headers, part.rows)
        else:
            for name, value in part.rows:
                output.say(f"  {name:<16} {value}")
    output.say("\nOutput")
    for text in (report["output"]["note"], report["output"]["text"].rstrip("\n")):
        if text:
            output.say(text)
