"""`lager nets`: lists the nets file, checks it against the instruments, and lists the drivers."""

from typing import TYPE_CHECKING, Any

import click

from lager.errors import LagerError, NetsFileError
from lager.nets import terminals
from lager.nets.model import Instrument, NetConfig, Nets
from lager_cli import daemon
from lager_cli.commands.bench.nets_found import add, scan
from lager_cli.commands.bench.nets_import import import_
from lager_cli.commands.instruments import net_table, through
from lager_cli.commands.instruments.net_table import BENCH, HEADERS, of_this_box, row
from lager_cli.commands.instruments.through import through_option
from lager_cli.display import output
from lager_cli.options.box_option import box_option, go, several_box_group_option
from lager_cli.options.common import json_option, wait_option

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

_FAIL = "FAIL"


_bench_option = click.option("--bench", "only", metavar="NAME", help="Use only the nets of this bench (default: all).")


@click.group(invoke_without_command=True)
@json_option
@_bench_option
@several_box_group_option
@click.pass_context
def nets(context: click.Context, as_json: bool, only: str | None, box: str | None) -> None:
    """List the nets of this bench, or of each bench on this box.

    \b
    Examples:
      lager nets
      lager nets --bench thermal
      lager nets check
      lager nets import saved_nets.json > nets.toml
    """
    go(context, box, _table)
    if context.invoked_subcommand is not None:
        return
    net_table.print_nets(None, as_json, only)


@nets.command()
@json_option
@_bench_option
@wait_option
@through_option
@box_option
def check(as_json: bool, only: str | None, wait: float, through: bool) -> int:
    """Open each instrument and compare its identity with the nets file. Then show whether the
    instrument, too, guards each limit, or lager alone. List the nets that share a terminal: the smallest limit applies
    to all of them.

    \b
    Examples:
      lager nets check --wait 10
      lager nets check --through
    """
    bench = of_this_box(only)
    results = [_checked(instrument, bench, wait, through) for instrument in bench.instruments.values()]
    if as_json:
        output.print_json(results)
    else:
        _print_results(results)
        for net in bench.nets.values():
            if guards := _guards(net):
                output.say(f"{net.name}: {', '.join(f'{key} by {word}' for key, word in guards.items())}")
        for sentence in terminals.shared_limits(bench.nets.values()):
            output.say(sentence)
        output.say(_sum(results))
    for error in bench.rejected:
        output.error(error)
    return int(bool(bench.rejected) or any(one["error"] for one in results))


def _print_results(results: list[dict[str, Any]]) -> None:
    rows: list[tuple[object, ...]] = [
        (_word(one), one["instrument"], one["model"], one["identity"] or one["error"]) for one in results
    ]
    headers = ["CHECK", "INSTRUMENT", "MODEL", "RESULT"]
    marks = ["bad" if row[0] == _FAIL else "" for row in rows]
    if any(one["bench"] for one in results):
        headers.insert(1, BENCH)
        rows = [(row[0], one["bench"] or "-", *row[1:]) for row, one in zip(rows, results, strict=True)]
    output.marked_table(headers, rows, marks)


@nets.command()
@json_option
@box_option
def drivers(as_json: bool) -> int:
    """List the drivers: lager's own, those of installed packages, and those of the folder that the nets file names. The
    exit code is 1 if one cannot be used.

    \b
    Example:
      lager nets drivers
    """
    from lager.nets import catalog, own_drivers

    try:
        of_this_box()
        problem = None
    except NetsFileError as error:  # it may name drivers all the same
        problem = error
    rows = [
        {
            "models": list(one.examples),
            "maker": one.maker,
            "nets": [type.value for type in one.drivers],
            "from": one.origin,
        }
        for one in (*catalog.FAMILIES, *own_drivers.families(), catalog.SERIAL, catalog.SCPI)
    ]
    failed = own_drivers.broken()
    if as_json:
        output.print_json({"drivers": rows, "broken": [{"from": one.where, "reason": one.reason} for one in failed]})
    else:
        shown = [(", ".join(one["models"]), one["maker"] or "any", ", ".join(one["nets"]), one["from"]) for one in rows]
        output.fitting_table(("MODELS", "MAKER", "NETS", "FROM"), shown)
        for one in failed:
            output.say(f"{one.where} cannot be used: {one.reason}")
    if problem is not None:
        output.error(problem)
    return int(bool(failed or problem))


def _guards(net: NetConfig) -> dict[str, str]:
    """Return what enforces each limit of a net: hardware (the instrument and lager) or software (only lager)."""
    from lager.instruments.holdings import driver_class

    driver = driver_class(net)
    if_asked = getattr(driver, "GUARDS", {}) if net.options.get("hardware_limits") else {}
    by_instrument = (*getattr(driver, "ALWAYS_GUARDED", ()), *if_asked)
    return {key: "hardware" if key in by_instrument else "software" for key in net.limits.as_dict()}


def _word(result: dict[str, Any]) -> str:
    return _FAIL if result["error"] else "OK"


def _sum(results: list[dict[str, Any]]) -> str:
    """Return the line with the number of instruments that match the nets file, and the nets that cannot be used."""
    failed = [one for one in results if one["error"]]
    fine = len(results) - len(failed)
    if not failed:
        return f"{fine} {'instrument' if fine == 1 else 'instruments'} OK."
    nets = [name for one in failed for name in one["nets"]]
    lost = f"; these nets cannot be used now: {', '.join(nets)}" if nets else ""
    return f"{fine} OK, {len(failed)} FAIL{lost}."


nets.add_command(import_)
nets.add_command(scan)
nets.add_command(add)


def _checked(instrument: Instrument, bench: Nets, wait: float, by_pause: bool) -> dict[str, Any]:
    from lager.instruments.net import identify

    daemon.ready_address()
    shared = terminals.shared_limits(net for net in bench.nets.values() if net.instrument.key == instrument.key)
    known: dict[str, Any] = {
        "instrument": instrument.name, "model": instrument.model, "bench": instrument.bench or None,
        "shared_terminals": shared,
    }  # fmt: skip
    mine = [net for net in bench.nets.values() if net.instrument is instrument]
    known["guards"] = {net.name: guards for net in mine if (guards := _guards(net))}
    known["nets"] = [net.name for net in bench.nets.values() if net.instrument is instrument]
    result = {**known, "identity": None, "error": None}
    net = next((net.name for net in bench.nets.values() if net.instrument is instrument), instrument.name)
    try:
        if by_pause and (answer := through.identity(instrument.key)):
            return {**result, "identity": answer}
        return {**result, "identity": identify(instrument, net=net, wait=wait)}
    except LagerError as error:
        return {**result, "error": str(error)}


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table

    return Table(HEADERS, row)
