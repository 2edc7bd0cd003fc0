"""The nets of this bench as a table: `lager nets`, and the commands of net types without a net."""

import os
from typing import Any

from lager import variables
from lager.nets import file as nets_file
from lager.nets.model import Nets, NetType
from lager_cli import daemon
from lager_cli.display import output

HEADERS = ("NET", "TYPE", "INSTRUMENT", "MODEL", "CHANNEL", "ADDRESS", "LIMITS")
BENCH = "BENCH"


def print_nets(type: NetType | None, as_json: bool, only: str | None = None) -> None:
    """Print the nets of this box, or those of one type or of one bench; on standard error, which files are not used."""
    bench = of_this_box(only)
    found = [
        {**net.as_dict(), "safe": dict(net.safe.settings) if net.safe else None}
        for net in bench.nets.values()
        if type in (None, net.type)
    ]
    if as_json:
        output.print_json(found)
    elif any(net["bench"] for net in found):
        output.fitting_table((*HEADERS, BENCH), [(*row(net), net["bench"] or "-") for net in found])
    elif found:
        output.fitting_table(HEADERS, [row(net) for net in found])
    else:
        output.say(f"The nets file defines no nets{f' of type {type.value}' if type else ''}.")
    for error in bench.rejected:
        output.error(error)


def of_this_box(only: str | None = None) -> Nets:
    """Return the nets of this box, or those of one bench on it. Raises NetsFileError."""
    if not os.environ.get(variables.NETS):
        daemon.ready_address()
    found = nets_file.load()
    return found if only is None else found.of_bench(only)


def row(net: dict[str, Any]) -> tuple[object, ...]:
    """Return the cells of a net, for HEADERS."""
    limits = ", ".join(f"{key} {value:g}" for key, value in net["limits"].items())
    channel = "-" if net["channel"] is None else net["channel"]
    return (net["name"], net["type"], net["instrument"], net["model"], channel, net["address"], limits or "-")
