"""`lager breakpoints`: the paused scripts as a table."""

import time
from typing import Any

import click

from lager.banner import shown_path
from lager.terms import ON_TIMEOUT
from lager.text import duration, time_left
from lager_cli import output
from lager_cli.daemon import ask

_HEADERS = ("ID", "LABEL", "WHERE", "SCRIPT", "RUN", "USER", "PAUSED", "LEFT", "CONSOLES")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with every key of each pause.")
def breakpoints(as_json: bool) -> None:
    """List the paused scripts: what, where, whose, for how long, and when they go on by themselves.

    \b
    Example:
      lager breakpoints
    """
    pauses = ask("List")[0]
    if as_json:
        output.print_json(pauses)
    elif pauses:
        show(pauses)
    else:
        output.say("No script is paused.")


def show(pauses: list[dict[str, Any]]) -> None:
    output.table(_HEADERS, [_row(pause) for pause in sorted(pauses, key=lambda pause: pause["since"])])


def _row(pause: dict[str, Any]) -> tuple[object, ...]:
    return (
        pause["id"],
        pause["label"] or "-",
        f"{shown_path(pause['file'])}:{pause['line']}",
        pause["script"] or "-",
        pause["run_id"][:8] or "-",
        pause["user"],
        duration(time.time() - pause["since"]),
        left(pause["remaining"], pause.get("on_timeout", "")),
        (pause["consoles"] or "-") if pause["interactive"] else "",
    )


def left(remaining: float, on_timeout: str) -> str:
    """The time left, and what the script does then where that is not to go on."""
    if not remaining:
        return "no limit"
    return time_left(remaining) + (f", then {on_timeout}" if on_timeout in ON_TIMEOUT[1:] else "")
