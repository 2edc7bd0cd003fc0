"""`lager scpi`: one query or command to any instrument that speaks SCPI."""

import base64

import click

from lager import NetType
from lager.errors import Failed
from lager_cli.commands.instruments.named_nets import placed
from lager_cli.commands.instruments.net_actions import carry_out, show
from lager_cli.commands.instruments.net_table import print_nets
from lager_cli.commands.instruments.through import through_option
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.options.box_option import box_option
from lager_cli.options.common import json_option, wait_option


@click.command()
@click.argument("words", nargs=-1, metavar="[NET] MESSAGE", shell_complete=completion.nets(NetType.SCPI))
@click.option("--binary", is_flag=True, help="Write the binary block that answers a query as raw bytes.")
@json_option
@wait_option
@through_option
@box_option
def scpi(words: tuple[str, ...], binary: bool, as_json: bool, wait: float, through: bool) -> None:
    """Send MESSAGE to an instrument, and print the answer if it is a query. After a command, read the error queue.
    No limit of the nets file applies. Without NET, use your default net, or list the nets.

    \b
    Examples:
      lager scpi scope1 '*IDN?'
      lager scpi scope1 'CHAN1:SCALE 0.5'
      lager scpi scope1 'DISP:DATA? PNG' --binary > screen.png
    """
    if not words:
        print_nets(NetType.SCPI, as_json)
        return
    net, rest = placed(NetType.SCPI, words, words if len(words) == 1 else ())
    if len(rest) != 1:
        raise click.UsageError("Give one message; quote it.")
    action = "query-binary" if binary else "ask" if _is_query(rest[0]) else "tell"
    result, id = carry_out(net, NetType.SCPI, action, rest[0], wait, through)
    if not binary:
        show(net, action, result, "", as_json, id)
        return
    data = result if isinstance(result, bytes) else _decoded(result)
    if as_json:
        output.print_json({"net": net, "base64": base64.b64encode(data).decode()})
    else:
        output.raw(data)


def _decoded(text: object) -> bytes:
    """Return the bytes that a paused script has sent as text."""
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:
        raise Failed("The script's answer cannot be read.", "Check which version of lager the script uses.") from None


def _is_query(message: str) -> bool:
    from lager.instruments.drivers.scpi_net import parts

    return all(parts(message))
