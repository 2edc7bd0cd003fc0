"""`lager mcp`: lets an assistant inspect the bench through the Model Context Protocol."""

import asyncio

import click

from lager.errors import LagerError
from lager_cli.options import box_option as where

_ACTS = ("extend", "continue", "set", "evaluate", "answer")


def _allowed(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    words = [word.strip() for text in given for word in text.split(",")]
    for word in words:
        if word not in _ACTS:
            raise click.BadParameter(f"'{word}' is not one of {', '.join(_ACTS)}.", context, option)
    return frozenset(words)


@click.command()
@click.option(
    "--allow", multiple=True, metavar="ACT[,ACT...]", callback=_allowed,
    help="Let the assistant act, too: extend, continue, set, evaluate, answer (default: it only looks).",
)  # fmt: skip
@where.box_group_option
@click.pass_context
def mcp(context: click.Context, allow: frozenset[str], box: str | None) -> None:
    """Serve the Model Context Protocol on standard input and output, for an assistant that starts this command.

    It looks at boxes, pauses, runs, nets, readings, history and reports. It acts only as far as --allow says, and as
    lagerd and polkit allow your user. With --box, it does all of this on that box. Nothing listens on the network.

    \b
    Examples:
      lager mcp
      lager mcp --box bench3 --allow extend,answer
    """
    try:
        from lager_cli.mcp.server import server
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] not in ("mcp", "pydantic"):
            raise
        raise LagerError("The mcp SDK is not installed.", "Install it: pip install 'lager-box[mcp]'") from None
    asyncio.run(server(where.choose(context, box), allow).run_stdio_async())
