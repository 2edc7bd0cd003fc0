"""`lager dap`: the debug adapter of lager, which an editor starts."""

import asyncio

import click

from lager_cli.options import completion
from lager_cli.options.box_option import box_group_option, choose


@click.command()
@box_group_option
@click.argument("id", required=False, shell_complete=completion.consoles)
@click.pass_context
def dap(context: click.Context, id: str | None, box: str | None) -> int:
    """Attach an editor to the pause ID (default: your only one, else the next one), or run a script. Speaks the Debug
    Adapter Protocol on standard input and output; see docs/editor.md.

    \b
    Examples:
      lager dap
      lager dap 7f3a --box bench3
    """
    from lager_cli.dap.adapter import serve

    return asyncio.run(serve(id or "", choose(context, box)))
