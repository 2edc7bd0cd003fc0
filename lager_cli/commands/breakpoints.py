"""`lager breakpoints`: the paused scripts as a table."""

import time
from typing import TYPE_CHECKING, Any

import click

from lager.breakpoints.banner import shown_path
from lager.contract import ON_TIMEOUT
from lager.text import duration, time_left
from lager_cli.commands.box_option import box_group_option, go
from lager_cli.daemon import ask
from lager_cli.display import output

if TYPE_CHECKING:
    from lager_cli.boxes.fan_out import Table

HEADERS = ("ID", "LABEL", "WHERE", "SCRIPT", "RUN", "USER", "PAUSED", "LEFT", "CONSOLES")


class _Lazy(click.Group):
    """Imports what shows a single pause when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["show"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "show":
            return None
        from lager_cli.commands.show import show

        return show


@click.group(cls=_Lazy, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with every key of each pause.")
@click.option("--watch", is_flag=True, help="Keep on showing them; with --json, or in a pipe, a line for each change.")
@box_group_option
@click.pass_context
def breakpoints(context: click.Context, as_json: bool, watch: bool, box: str | None) -> int | None:
    """List the paused scripts: what, where, whose, for how long, and when they go on by themselves.

    \b
    Examples:
      lager breakpoints
      lager breakpoints --watch
      lager breakpoints --watch --json | jq --unbuffered -c 'select(.event == "paused") | .pause.label'
      lager breakpoints show 7f3a
    """
    go(context, box, None if watch else _table)
    if context.invoked_subcommand is not None:
        return None
    if watch:
        from lager_cli.watch.watch import watch as follow

        return follow(as_json)
    pauses = ask("List")[0]
    if as_json:
        output.print_json(pauses)
    elif pauses:
        show(pauses)
    else:
        output.say("No script is paused.")
    return None


def show(pauses: list[dict[str, Any]]) -> None:
    output.fitting_table(HEADERS, [row(pause) for pause in sorted(pauses, key=lambda pause: pause["since"])])


def row(pause: dict[str, Any]) -> tuple[object, ...]:
    return (
        pause["id"],
        pause["label"] or "-",
        f"{shown_path(pause['file'])}:{pause['line']}",
        pause["script"] or "-",
        pause["run_id"][:8] or "-",
        pause["user"],
        duration(time.time() - pause["since"]),
        time_left_of(pause),
        (pause["consoles"] or "-") if pause["interactive"] else "",
    )


def time_left_of(pause: dict[str, Any]) -> str:
    """The time left, and what the script does then where that is not to go on."""
    if not pause["remaining"]:
        return "no limit"
    then = pause.get("on_timeout", ON_TIMEOUT[0])
    return time_left(pause["remaining"]) + (f", then {then}" if then != ON_TIMEOUT[0] else "")


def _table() -> "Table":
    from lager_cli.boxes.fan_out import Table

    return Table(HEADERS, row)
