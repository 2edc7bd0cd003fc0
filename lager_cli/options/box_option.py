"""`--box NAME`: decides where a command runs, and runs it there."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from lager import variables
from lager.errors import BoxError, TransferError
from lager_cli.options import completion

if TYPE_CHECKING:
    from lager_cli.boxes.fan_out import Table

HELP = "Run the command on box NAME over ssh (default: LAGER_BOX, else the default box)."


def box_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --box to a command that needs nothing from this machine but its arguments. With a box, it runs only there."""
    return click.option(
        "--box", metavar="NAME", expose_value=False, callback=_go, help=HELP, shell_complete=completion.boxes
    )(command)


def several_box_option(table: "Callable[[], Table]") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --box to a read-only command with --json. It accepts several boxes and shows one table."""

    def act(context: click.Context, _option: object, named: str | None) -> None:
        _go(context, _option, named, table)

    return click.option(
        "--box", metavar="NAME[,NAME...]", expose_value=False, callback=act, help=HELP, shell_complete=completion.boxes
    )


def box_group_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --box to a group of commands, which passes it to `go`."""
    return click.option("--box", metavar="NAME", help=HELP, shell_complete=completion.boxes)(command)


def go(context: click.Context, named: str | None, table: "Callable[[], Table] | None" = None) -> None:
    """Run the whole command on the box, if one is chosen, and exit. A subcommand decides for itself."""
    if context.invoked_subcommand is None:
        _go(context, None, named, table)
    elif named is not None:
        _go(context, None, named)


def _go(context: click.Context, _option: object, named: str | None, table: "Callable[[], Table] | None" = None) -> None:
    if context.resilient_parsing:  # only shell completion
        return
    box = choose(context, named)
    if box is None:
        return
    if table is not None and "," in box:
        from lager_cli.boxes import fan_out

        with says_where_from(named):
            context.exit(fan_out.show(box, typed(context), table()))
    from lager_cli.boxes import remote
    from lager_cli.options import default_nets

    with says_where_from(named):
        known = default_nets.to_pass_on()
        context.exit(remote.run(box, typed(context), environment=known, reads=context.info_name == "uart"))


def typed(context: click.Context) -> list[str]:
    """Return all words after `lager`."""
    arguments = context.find_root().obj
    assert isinstance(arguments, list)
    return arguments


def choose(context: click.Context, named: str | None) -> str | None:
    """Return the box of --box, else of LAGER_BOX, else the default box; None if the command runs here.

    Inside a run the bench is this machine, and LAGER_BOX is only the name by which the user knows it.
    """
    if context.find_root().params.get("here"):
        return None
    if named is not None:
        return named
    if os.environ.get(variables.PROCESS_ID):
        return None
    from lager_cli.boxes import box_table

    return os.environ.get(variables.BOX) or box_table.default() or None


@contextlib.contextmanager
def says_where_from(named: str | None) -> Iterator[None]:
    """If --box did not name the box, add to its errors what did."""
    try:
        yield
    except TransferError:
        raise
    except BoxError as problem:
        if named is not None:
            raise
        source = _source()
        raise type(problem)(problem.what, f"{problem.hint} ({source})".strip()) from problem


def _source() -> str:
    """Return what named the box."""
    if os.environ.get(variables.BOX):
        return "LAGER_BOX names this box"
    return "it is your default box; change it with: lager boxes default NAME, or --none"
