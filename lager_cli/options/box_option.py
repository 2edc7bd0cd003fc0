"""`--box NAME`: decides where a command runs, and runs it there."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from lager import variables
from lager.errors import BoxError, TransferError
from lager_cli.boxes.names.chosen import chosen
from lager_cli.options import completion
from lager_cli.options.common import seconds

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

HELP = "Run the command on box NAME over ssh (default: LAGER_BOX, else the default box)."
_SEVERAL = "Also accepts @GROUP, 'bench*' and a,b."
_LIMIT = "lager_cli.limit"  # in the context's meta: seconds for each box of several


def box_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --box to a command that needs nothing from this machine except its arguments. With a box, it runs only
    there."""
    return click.option(
        "--box", metavar="NAME", expose_value=False, callback=_go, help=HELP, shell_complete=completion.boxes
    )(command)


def acting_box_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --box to a command that acts, and can do so on several boxes at a time."""

    def act(context: click.Context, _option: object, named: str | None) -> None:
        _go(context, _option, named, acts=True)

    return _limit_option(_several_option(act)(command))


def _several_option(callback: Callable[..., None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--box", metavar="NAME[,NAME...]", expose_value=False, callback=callback, help=f"{HELP} {_SEVERAL}",
        shell_complete=completion.boxes,
    )  # fmt: skip


def _limit_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def keep(context: click.Context, _option: click.Parameter, limit: float | None) -> None:
        if limit == 0:
            raise click.BadParameter("0 leaves no time for an answer. Give a time like 10s or 1m.", context, _option)
        if limit is not None:
            context.meta[_LIMIT] = limit

    return click.option(
        "--limit", type=seconds, metavar="TIME", is_eager=True, expose_value=False, callback=keep,
        help="With several boxes: how long to wait for each answer (default: 10s).",
    )(command)  # fmt: skip


def several_box_option(table: "Callable[[], Table]") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --box to a read-only command with --json. It accepts several boxes and shows one table."""

    def act(context: click.Context, _option: object, named: str | None) -> None:
        _go(context, _option, named, table)

    return lambda command: _limit_option(_several_option(act)(command))


def box_group_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --box to a group of commands, which passes it to `go`."""
    return click.option("--box", metavar="NAME", help=HELP, shell_complete=completion.boxes)(command)


def several_box_group_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --box to a group of commands that reads, and can do so on several boxes at a time."""
    return _limit_option(
        click.option("--box", metavar="NAME[,NAME...]", help=f"{HELP} {_SEVERAL}", shell_complete=completion.boxes)(
            command
        )
    )


def go(context: click.Context, named: str | None, table: "Callable[[], Table] | None" = None) -> None:
    """Run the whole command on the box, if one is chosen, and exit. A subcommand decides for itself."""
    if context.invoked_subcommand is None:
        _go(context, None, named, table)
    elif named is not None:
        _go(context, None, named)


def _go(
    context: click.Context,
    _option: object,
    named: str | None,
    table: "Callable[[], Table] | None" = None,
    *,
    acts: bool = False,
) -> None:
    if context.resilient_parsing:  # only shell completion
        return
    box = choose(context, named)
    if box is None:
        return
    from lager_cli.boxes.names import box_groups

    if (table is not None or acts) and box_groups.is_several(box):
        from lager_cli.boxes.several import fan_out

        limit = limit_of(context)
        words = _without_limit(typed(context))
        with says_where_from(named):
            if table is not None:
                context.exit(fan_out.show(box, words, table(), limit))
            context.exit(fan_out.act(box, words, limit))
    from lager_cli.boxes import remote
    from lager_cli.options import default_nets

    with says_where_from(named):
        known = default_nets.to_pass_on()
        context.exit(remote.run(box, typed(context), environment=known, reads=context.info_name == "uart"))


def limit_of(context: click.Context) -> float:
    """Return the seconds that each box of several has."""
    from lager_cli.boxes.several.answers import LIMIT

    return float(context.meta.get(_LIMIT, LIMIT))


def several(context: click.Context, named: str | None) -> str | None:
    """Return the text of a --box that stands for several boxes; None if the command runs on one box, or here."""
    box = None if context.resilient_parsing else choose(context, named)
    if box is None:
        return None
    from lager_cli.boxes.names import box_groups

    return box if box_groups.is_several(box) else None


def _without_limit(words: list[str]) -> list[str]:
    """Return the words without --limit: it is for this machine, and an older lager on a box does not know it."""
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word != "--limit" and not word.startswith("--limit="):
            kept.append(word)
        skip = word == "--limit" and not skip
    return kept


def typed(context: click.Context) -> list[str]:
    """Return all words after `lager`."""
    arguments = context.find_root().obj
    assert isinstance(arguments, list)
    return arguments


def choose(context: click.Context, named: str | None) -> str | None:
    """Return the box of --box, else of LAGER_BOX, else the default box; None if the command runs here."""
    if context.find_root().params.get("here"):
        return None
    return chosen() if named is None else named


@contextlib.contextmanager
def says_where_from(named: str | None) -> Iterator[None]:
    """If --box did not choose the box, add to its errors what did."""
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
    """Return what chose the box."""
    if os.environ.get(variables.BOX):
        return "LAGER_BOX names this box"
    return "it is your default box; change it with: lager boxes default NAME, or --none"
