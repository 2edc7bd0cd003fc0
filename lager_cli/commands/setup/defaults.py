"""`lager defaults`: the box and the nets that commands use if none is given."""

from collections.abc import Callable
from typing import Any

import click

from lager.errors import BoxError
from lager.nets.model import NetType
from lager.wording.text import printable
from lager_cli.boxes.names import box_table
from lager_cli.display import output
from lager_cli.options import completion, default_nets
from lager_cli.options.common import json_option

_NAMES = {f"{type.value}-net": type for type in NetType}


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def defaults(context: click.Context, as_json: bool) -> None:
    """Show or change the box and the nets that commands use if none is given.

    \b
    Examples:
      lager defaults add --box bench3 --supply-net supply2
      lager defaults
      lager defaults delete supply-net
    """
    if context.invoked_subcommand is None:
        _show(as_json)


@defaults.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show the defaults.

    \b
    Example:
      lager defaults list --json
    """
    _show(as_json)


def _show(as_json: bool) -> None:
    found = {"box": box_table.default()} if box_table.default() else {}
    found |= {f"{type}-net": name for type, name in default_nets.table().items()}
    if as_json:
        output.print_json(found)
    elif found:
        output.fitting_table(("DEFAULT", "VALUE"), list(found.items()))
    else:
        output.advise("No defaults are set. Set one with: lager defaults add")


def _net_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, type in reversed(_NAMES.items()):
        text = f"Set the default net of type {type.value}."
        option = click.option(f"--{name}", metavar="NAME", help=text, shell_complete=completion.nets(type))
        command = option(command)
    return command


@defaults.command()
@click.option("--box", metavar="NAME", help="Set the default box.", shell_complete=completion.boxes)
@_net_options
def add(box: str | None, **nets: str | None) -> None:
    """Set defaults.

    \b
    Example:
      lager defaults add --box bench3 --supply-net supply2
    """
    given = {name.removesuffix("_net"): net for name, net in nets.items() if net is not None}
    if box is None and not given:
        raise click.UsageError("Give at least one option, such as --supply-net NAME.")
    wrong = next((net for net in given.values() if not net.isprintable() or not net.strip()), None)
    if wrong is not None:
        raise click.UsageError(f"'{printable(wrong, 60)}' is not the name of a net.")
    if box is not None:
        box_table.check(box)
        box_table.set_default(box)
    if given:
        box_table.set_default_nets(given)


@defaults.command()
@click.argument("name", type=click.Choice(["box", *_NAMES]))
@click.option("--yes", is_flag=True, help="Ignored, for compatibility: lager does not ask.")
def delete(name: str, yes: bool) -> None:
    """Remove one default.

    \b
    Example:
      lager defaults delete supply-net
    """
    del yes
    if name == "box":
        if not box_table.default():
            raise BoxError("No default box is set.", "See: lager defaults")
        box_table.set_default("")
        return
    type = _NAMES[name].value
    if type not in default_nets.table():
        raise BoxError(f"No default net of type {type} is set.", "See: lager defaults")
    box_table.set_default_nets({type: ""})


@defaults.command("delete-all")
@click.option("--yes", is_flag=True, help="Ignored, for compatibility: lager does not ask.")
def delete_all(yes: bool) -> None:
    """Remove all defaults.

    \b
    Example:
      lager defaults delete-all
    """
    del yes
    box_table.set_default("")
    box_table.set_default_nets(dict.fromkeys(default_nets.table(), ""))
