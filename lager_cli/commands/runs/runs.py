"""`lager runs`: active and recent runs."""

import asyncio
import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lager.wording.text import duration
from lager_cli.display import output
from lager_cli.options.box_option import several_box_option
from lager_cli.runs import records
from lager_cli.runs.records import Record

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

_RECENT_SECONDS = 86400.0
_SHOWN = 15
_HEADERS = ("ID", "STATE", "EXIT", "AGE", "PAUSE", "DETACHED", "SCRIPT")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with every field of each run.")
@click.option("--all", "every", is_flag=True, help="Show all that are kept: those of the last week.")
@click.option("--until-ended", "until", metavar="RUN", hidden=True, help="Wait for the end of a run, and print it.")
@several_box_option(lambda: _table())
def runs(as_json: bool, every: bool, until: str | None) -> None:
    """List your runs on this box: those that are running, and the last 15 that ended within a day.

    A run is listed once it has lasted a tenth of a second. A run in the state
    died was killed together with its supervisor, so its exit code is unknown.

    \b
    Examples:
      lager runs
      lager python --reattach 9b1c
      lager python --pause 9b1c
      lager python --kill 9b1c
    """
    if until is not None:
        from lager_cli.runs.ending.until_ended import until_ended

        ended = asyncio.run(until_ended(until))
        output.say(json.dumps({"id": ended.id, "exit_code": ended.exit_code}))
        return
    known = records.everyone()
    paused = _paused() if known else {}
    recent = [one for one in known if every or _is_recent(one)]
    latest = [one for number, one in enumerate(recent) if every or number < _SHOWN or one.state == "running"]
    shown = [_all_of(one, paused.get(one.id, [])) for one in latest]
    if as_json:
        output.print_json(shown)
    elif shown:
        output.marked_table(_HEADERS, [_row(one) for one in shown], ["bad" if _failed(one) else "" for one in shown])
        if len(latest) < len(recent):
            output.note(f"{len(recent) - len(latest)} older ones are not shown; see: lager runs --all")
    else:
        output.say("No active or recent runs.")


def _failed(run: dict[str, Any]) -> bool:
    return bool(run["exit_code"]) or run["state"] == "died"


def _is_recent(record: Record) -> bool:
    return record.state == "running" or record.ended_ago < _RECENT_SECONDS


def _all_of(record: Record, pauses: list[str]) -> dict[str, Any]:
    state = record.state
    seconds = record.seconds
    known = {key: value for key, value in asdict(record).items() if key != "lasted"}
    return {
        **known,
        "keeper": record.keeper.pid,
        "script": record.script.pid,
        "state": "paused" if pauses else state,
        "age": record.age,
        "seconds": seconds,
        "pauses": pauses,
    }


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    return (
        run["id"][:8],
        run["state"],
        "-" if run["exit_code"] is None else run["exit_code"],
        duration(run["age"]),
        " ".join(run["pauses"]) or "-",
        "yes" if run["detached"] else "-",
        shlex.join([run["runnable"], *run["arguments"]]) + _with_interpreter(run),
    )


def _with_interpreter(run: dict[str, Any]) -> str:
    """Return the name of the interpreter of a run, if it is not lager's own. An older box does not report it."""
    return f" (with {run['interpreter']})" if run.get("interpreter") else ""


def _paused() -> dict[str, list[str]]:
    """Return the ids of pauses by run; none if lagerd does not answer."""
    from lager_cli.options import completion

    found: dict[str, list[str]] = {}
    for pause in completion.quietly_paused():
        found.setdefault(pause["run_id"], []).append(pause["id"])
    return found


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table

    return Table(_HEADERS, _row)
