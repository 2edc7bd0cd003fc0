"""`lager nets`: lists the nets file, checks it against the instruments, and converts the list of another lager."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lager import variables
from lager.errors import LagerError, NetsFileError
from lager.nets import file as nets_file
from lager.nets import terminals
from lager.nets.imported import saved_nets
from lager.nets.model import Instrument, NetConfig, Nets, NetType
from lager.wording import text_files
from lager_cli import daemon
from lager_cli.commands.instruments import through
from lager_cli.commands.instruments.nets_found import add, scan
from lager_cli.commands.instruments.through import through_option
from lager_cli.display import output
from lager_cli.options.box_option import box_option, go, several_box_group_option
from lager_cli.options.common import json_option, wait_option

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

_FAIL = "FAIL"
_HEADERS = ("NET", "TYPE", "INSTRUMENT", "MODEL", "CHANNEL", "ADDRESS", "LIMITS")
_BENCH = "BENCH"

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
    print_nets(None, as_json, only)


def print_nets(type: NetType | None, as_json: bool, only: str | None = None) -> None:
    """Print the nets of this box, or those of one type or of one bench; on standard error, which files are not used."""
    bench = _bench(only)
    found = [
        {**net.as_dict(), "safe": dict(net.safe.settings) if net.safe else None}
        for net in bench.nets.values()
        if type in (None, net.type)
    ]
    if as_json:
        output.print_json(found)
    elif any(net["bench"] for net in found):
        output.fitting_table((*_HEADERS, _BENCH), [(*_row(net), net["bench"] or "-") for net in found])
    elif found:
        output.fitting_table(_HEADERS, [_row(net) for net in found])
    else:
        output.say(f"The nets file defines no nets{f' of type {type.value}' if type else ''}.")
    for error in bench.rejected:
        output.error(error)


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
    bench = _bench(only)
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
        headers.insert(1, _BENCH)
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
        _bench()
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


@nets.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE instead of standard output.",
)
def import_(file: Path, target: Path | None) -> int:
    """Convert the saved_nets.json of another lager to a nets file.

    Channels, limits and settings are converted. The command shows what each net has become, and lists what it cannot
    convert; if that is a limit, it writes nothing.

    \b
    Example:
      lager nets import saved_nets.json --output nets.toml
    """
    try:
        saved = text_files.read(file)
    except text_files.Unreadable as problem:
        hint = "Save it as UTF-8." if problem.is_encoding else "Check the file and its permissions."
        raise NetsFileError(f"{file} cannot be read: {problem.reason}.", hint) from None
    text, left_out = saved_nets.convert(saved)
    lost = [sentence for sentence in left_out if isinstance(sentence, saved_nets.LostLimit)]
    for sentence in left_out:
        if sentence not in lost:
            output.note(sentence)
    for sentence in lost:
        output.error(NetsFileError(sentence, f"Correct {file} and import it again; nothing was written."))
    if lost:
        return 1
    if not text:
        raise NetsFileError(f"{file} has no net that can be imported.", "Nothing was written.")
    if target is None:
        output.say(text.rstrip("\n"))
    else:
        if target.exists():
            raise NetsFileError(f"{target} already exists.", "Move it away, or write to another file.")
        target.write_text(text, encoding="utf-8")
    for net in nets_file.parse(text).nets.values():
        output.note(_told(net))
    return 0


def _guards(net: NetConfig) -> dict[str, str]:
    """Return what guards each limit of a net: hardware, which is the instrument itself beside lager, or software."""
    from lager.instruments.holdings import driver_class

    driver = driver_class(net)
    if_asked = getattr(driver, "GUARDS", {}) if net.options.get("hardware_limits") else {}
    by_instrument = (*getattr(driver, "ALWAYS_GUARDED", ()), *if_asked)
    return {key: "hardware" if key in by_instrument else "software" for key in net.limits.as_dict()}


def _word(result: dict[str, Any]) -> str:
    return _FAIL if result["error"] else "OK"


def _sum(results: list[dict[str, Any]]) -> str:
    """Return how many instruments are as the nets file says, and which nets cannot be used."""
    failed = [one for one in results if one["error"]]
    fine = len(results) - len(failed)
    if not failed:
        return f"{fine} {'instrument' if fine == 1 else 'instruments'} OK."
    nets = [name for one in failed for name in one["nets"]]
    lost = f"; these nets cannot be used now: {', '.join(nets)}" if nets else ""
    return f"{fine} OK, {len(failed)} FAIL{lost}."


def _told(net: NetConfig) -> str:
    """Return in one line what a net is."""
    channel = "" if net.channel is None else f", channel {net.channel}"
    settings = net.limits.as_dict() | dict(net.options)
    kept = "".join(f", {key} {f'{value:g}' if isinstance(value, float) else value}" for key, value in settings.items())
    return f"{net.name} is a net of type {net.type.value} on {net.instrument}{channel}{kept}"


nets.add_command(scan)
nets.add_command(add)


def _bench(only: str | None = None) -> Nets:
    if not os.environ.get(variables.NETS):
        daemon.ready_address()
    found = nets_file.load()
    return found if only is None else found.of_bench(only)


def _row(net: dict[str, Any]) -> tuple[object, ...]:
    limits = ", ".join(f"{key} {value:g}" for key, value in net["limits"].items())
    channel = "-" if net["channel"] is None else net["channel"]
    return (net["name"], net["type"], net["instrument"], net["model"], channel, net["address"], limits or "-")


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

    return Table(_HEADERS, _row)
