"""`--box NAME` of the commands that reach a box: where a command is to run, and taking it there."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from lager.errors import BoxError, TransferError
from lager_cli.commands import completion

if TYPE_CHECKING:
    from lager_cli.boxes.fan_out import Table

HELP = "Run it on that box, over ssh (default: LAGER_BOX, else the default of: lager boxes)."


def box_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option of a command that takes nothing from here but its arguments: with a box it never runs here."""
    return click.option(
        "--box", metavar="NAME", expose_value=False, callback=_go, help=HELP, shell_complete=completion.boxes
    )(command)


def several_box_option(table: "Callable[[], Table]") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same of a command that only reads and takes --json: of several boxes at once it makes one table."""

    def act(context: click.Context, _option: object, named: str | None) -> None:
        _go(context, _option, named, table)

    return click.option(
        "--box", metavar="NAME[,NAME...]", expose_value=False, callback=act, help=HELP, shell_complete=completion.boxes
    )


def box_group_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same of a group of commands, which calls `go` with it."""
    return click.option("--box", metavar="NAME", help=HELP, shell_complete=completion.boxes)(command)


def go(context: click.Context, named: str | None, table: "Callable[[], Table] | None" = None) -> None:
    """Run the whole command on the box, if it is for one, and leave. A subcommand decides for itself."""
    if context.invoked_subcommand is None:
        _go(context, None, named, table)
    elif named is not None:
        _go(context, None, named)


def _go(context: click.Context, _option: object, named: str | None, table: "Callable[[], Table] | None" = None) -> None:
    if context.resilient_parsing:  # a shell only wants to complete it
        return
    box = choose(context, named)
    if box is None:
        return
    if table is not None and "," in box:
        from lager_cli.boxes import fan_out

        with says_where_from(named):
            context.exit(fan_out.show(box, typed(context), table()))
    from lager_cli.boxes import remote

    with says_where_from(named):
        context.exit(remote.run(box, typed(context), reads=context.info_name == "uart"))


def typed(context: click.Context) -> list[str]:
    """All that stood behind `lager`."""
    arguments = context.find_root().obj
    assert isinstance(arguments, list)
    return arguments


def choose(context: click.Context, named: str | None) -> str | None:
    """The box that is named, else that of the environment or of the user; None where the command is to run here.

    Where a run is going on, its bench is this machine, and LAGER_BOX only tells by what name its user knows it.
    """
    if context.find_root().params.get("here"):
        return None
    if named is not None:
        return named
    if os.environ.get("LAGER_PROCESS_ID"):
        return None
    from lager_cli.boxes import box_table

    return os.environ.get("LAGER_BOX") or box_table.default() or None


@contextlib.contextmanager
def says_where_from(named: str | None) -> Iterator[None]:
    """Where a box cannot be used that --box did not name, its error says what did."""
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
    """What named the box."""
    if os.environ.get("LAGER_BOX"):
        return "LAGER_BOX names this box"
    return "it is your default box; change it with: lager boxes default NAME, or --none"
