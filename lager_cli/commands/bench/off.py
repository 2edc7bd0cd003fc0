"""`lager off`: switches off the outputs of the bench."""

import os
from typing import Any

import click

from lager.contract import INSTRUMENTS
from lager.errors import LagerError
from lager.nets import file as nets_file
from lager.nets.model import NetConfig
from lager.nets.settings.safe import OFF
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.options.box_option import acting_box_option
from lager_cli.options.common import json_option

_HEADERS = ("NET", "INSTRUMENT", "OFF", "WHAT")


@click.command()
@click.argument("nets", nargs=-1, shell_complete=completion.nets(*OFF))
@json_option
@acting_box_option
def off(nets: tuple[str, ...], as_json: bool) -> int:
    """Switch off the outputs of the bench now, or those of NETS. Nets with a safe state are set to it.

    It does not ask for confirmation. It also reaches instruments that paused scripts of other users hold; running
    scripts keep theirs, and the table names the holder. The exit code is 0 only if everything is off.

    \b
    Examples:
      lager off
      lager off supply2 eload1
    """
    daemon.ready_address()
    found = nets_file.load()
    rows: list[dict[str, Any]] = []
    chosen: list[NetConfig] = [] if nets else [net for net in found.nets.values() if net.type in OFF]
    for name in dict.fromkeys(nets):
        try:
            chosen.append(found.net(name))
        except LagerError as error:  # the others are switched off all the same
            rows.append({"net": name, "name": "-", "off": False, "done": "", "reason": str(error)})
    rows = _switched_off(chosen, found.path) + rows
    if as_json:
        output.print_json(rows)
    elif rows:
        output.fitting_table(_HEADERS, [_row(row) for row in rows])
    else:
        output.say("The nets file has no outputs.")
    return int(not all(row["off"] for row in rows))


def _switched_off(nets: list[NetConfig], path: str) -> list[dict[str, Any]]:
    if not nets:
        return []
    items = [f"{net.instrument.key}/{net.name}" for net in nets]
    told = daemon.ask("Off", "as", [os.path.abspath(path), *items], name=INSTRUMENTS)[0]
    rows = {(row["instrument"], row["net"]): row for row in told}
    return [_of(net, rows) for net in nets]


def _of(net: NetConfig, rows: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a net; lagerd may have answered for the whole instrument."""
    key = net.instrument.key
    row = rows.get((key, net.name)) or rows.get((key, "")) or {"off": False, "done": "", "reason": "no answer"}
    return {**row, "instrument": key, "net": net.name, "name": net.instrument.name}


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    return row["net"], row["name"], "yes" if row["off"] else "NO", row["done"] if row["off"] else row["reason"]
