"""`lager status`: the whole bench on one screen."""

import asyncio
import os
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import click

from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import LagerError
from lager.nets import file as nets_file
from lager.nets.model import NetConfig
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.display.age import with_ages
from lager_cli.options.box_option import go, limit_of, says_where_from, several, several_box_group_option
from lager_cli.options.common import json_option
from lager_cli.readings.net_status import NetReader, without_safe
from lager_cli.runs import records
from lager_cli.screens.status_screen import Bench, lines

if TYPE_CHECKING:
    from lager_cli.boxes.several.fan_out import Table

_WIDEST = 10_000


@click.command()
@click.option("--watch", is_flag=True, help="Update continuously; with --json, print a line each second.")
@json_option
@click.option(
    "--chosen", is_flag=True, hidden=True, help="With --watch --json: read the nets that standard input names."
)
@several_box_group_option
@click.pass_context
def status(context: click.Context, as_json: bool, watch: bool, chosen: bool, box: str | None) -> int:
    """Show the whole bench: pauses and questions, your active runs, and every net with its reading, who holds it, and
    whether its output is on.

    A free instrument is read without changing it and without blocking other claims; one that a paused script holds is
    read through the pause. What a running script holds is not read. The exit code is 1 if a net could not be read, or
    an instrument is quarantined. With several boxes, each has a line, and --watch connects again to a box that is back.

    \b
    Examples:
      lager status
      lager status --watch
      lager status --watch --box @rack2
      lager status --json | jq '.nets[] | select(.problem)'
    """
    names = several(context, box) if watch else None
    if names is None:
        go(context, box, _table)
    if watch and not as_json and not (os.isatty(0) and os.isatty(1)):
        raise click.UsageError("--watch needs a terminal. In a pipe, add --json.")
    if names is not None:
        from lager_cli.watch import many_boxes

        with says_where_from(box):
            return (many_boxes.lines_of_json if as_json else many_boxes.live)(names, limit_of(context))
    daemon.ready_address()
    nets, problem = _nets()
    if watch and not as_json:
        from lager_cli.watch.live_status import live

        return live(nets, problem, active_runs)
    if watch:
        from lager_cli.watch.status_lines import StatusLines

        return asyncio.run(StatusLines(nets, problem, read, plain, chosen=chosen).run())
    return asyncio.run(_once(nets, problem, as_json))


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table
    from lager_cli.screens import lab_screen

    return Table(lab_screen.HEADERS, lab_screen.row, also={1})


def _nets() -> tuple[list[NetConfig], str]:
    """Return the nets of the bench, and the problem of the nets file."""
    try:
        found = nets_file.load()
        return without_safe(list(found.nets.values())), " ".join(str(error) for error in found.rejected)
    except LagerError as error:
        return [], str(error)


async def _once(nets: list[NetConfig], problem: str, as_json: bool) -> int:
    reader = NetReader()
    try:
        async with daemon.connected() as bus:
            bench = await read(bus, reader, nets, problem)
    finally:
        reader.close()
    if as_json:
        output.print_json(plain(bench))
    else:
        width = shutil.get_terminal_size().columns if output.on_terminal() else _WIDEST
        for line in lines(bench, width):
            output.styled(line.text, line.style)
    return _code(bench)


async def read(bus: Any, reader: NetReader, nets: list[NetConfig], problem: str) -> Bench:
    """Return the bench as it is now, with these nets."""
    pauses, statuses, listed = await asyncio.gather(
        bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List"),
        reader.read(bus, nets),
        bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List"),
    )
    quarantined = [one for one in listed[0] if one.get("quarantined")]
    return Bench(sorted(pauses[0], key=lambda one: one["since"]), active_runs(), statuses, quarantined, problem)


def active_runs() -> list[tuple[str, str, float, str]]:
    """Return this user's active runs: id, state, age in seconds, and command."""
    return [
        (one.id, "detached" if one.detached else "running", one.age, shlex.join([one.runnable, *one.arguments]))
        for one in records.everyone()
        if one.state == "running"
    ]


def plain(bench: Bench) -> dict[str, Any]:
    """Return the bench as plain values, for JSON."""
    return {
        "pauses": with_ages(bench.pauses),
        "runs": [
            {"id": id, "state": state, "age": seconds, "command": command} for id, state, seconds, command in bench.runs
        ],
        "nets": [one.as_dict() for one in bench.nets],
        "quarantined": with_ages(bench.quarantined),
        "problem": bench.problem or None,
    }


def _code(bench: Bench) -> int:
    return int(bool(bench.problem or bench.quarantined or any(one.problem for one in bench.nets)))
