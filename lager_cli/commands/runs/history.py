"""`lager history`: the records of lagerd in the journal, as a table."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lager.breakpoints.terminal import banner
from lager.errors import LagerError
from lager.wording.text import duration, printable
from lager_cli.commands.runs.history_read import read
from lager_cli.commands.runs.history_records import UNKNOWN
from lager_cli.display import output
from lager_cli.options.box_option import several_box_option

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

_HEADERS = ("TIME", "EVENT", "WHO", "WHAT", "WHERE", "RUN", "AFTER", "WHY")
_CHANGED = "changed"


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


def row(record: dict[str, Any]) -> tuple[str, ...]:
    """Return one row of the table."""

    def get(key: str) -> str:
        return str(record.get(key, UNKNOWN))

    known = get("breakpoint") != UNKNOWN and get("event") != _CHANGED
    where = f"{banner.shown_path(get('file'))}:{get('line')}" if get("file") != UNKNOWN else UNKNOWN
    return (
        _moment(record.get("time")),
        get("event"),
        get("by_user"),
        f"{get('breakpoint')} {get('label')}".removesuffix(f" {UNKNOWN}")
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
    return f"{reason}: {banner.outcome(on_timeout)}" if event == "auto-resumed" and on_timeout != UNKNOWN else reason


def _after(seconds: str) -> str:
    try:
        return duration(float(seconds))
    except (ValueError, OverflowError):
        return UNKNOWN


def _moment(seconds: Any) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(seconds)))
    except (TypeError, ValueError, OverflowError, OSError):
        return UNKNOWN


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table

    return Table(_HEADERS, row)
