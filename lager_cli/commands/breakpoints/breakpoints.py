"""`lager breakpoints`: the paused scripts as a table."""

from typing import TYPE_CHECKING

import click

from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.display.age import with_ages
from lager_cli.display.pause_table import HEADERS, row, show
from lager_cli.options.box_option import go, limit_of, says_where_from, several, several_box_group_option

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table


class _LazyShow(click.Group):
    """Import the subcommand `show` only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["show"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "show":
            return None
        from lager_cli.commands.breakpoints.show import show

        return show


@click.group(cls=_LazyShow, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with every key of each pause.")
@click.option(
    "--watch", is_flag=True, help="Update continuously; with --json or in a pipe, print a line for each change."
)
@click.option("--alive", is_flag=True, hidden=True)
@several_box_group_option
@click.pass_context
def breakpoints(context: click.Context, as_json: bool, watch: bool, alive: bool, box: str | None) -> int | None:
    """List the paused scripts: label, place, user, time paused and time left.

    With several boxes, --watch shows all of them, and connects again to a box that is back.

    \b
    Examples:
      lager breakpoints
      lager breakpoints --watch
      lager breakpoints --watch --box @rack2
      lager breakpoints --watch --json | jq --unbuffered -c 'select(.event == "paused") | .pause.label'
      lager breakpoints show 7f3a
    """
    names = several(context, box) if watch and context.invoked_subcommand is None else None
    if names is not None:
        from lager_cli.watch import many_pauses

        with says_where_from(box):
            return many_pauses.watch(names, limit_of(context), as_json)
    go(context, box, None if watch else _table)
    if context.invoked_subcommand is not None:
        return None
    if watch:
        from lager_cli.watch.watch import watch as follow

        return follow(as_json, alive and as_json)
    pauses = ask("List")[0]
    if as_json:
        output.print_json(with_ages(pauses))
    elif pauses:
        show(pauses)
    else:
        output.say("No script is paused.")
    return None


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table

    return Table(HEADERS, row)
