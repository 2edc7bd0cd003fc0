"""`lager breakpoints show`: the details of one pause, without a console."""

import asyncio
import json
import shutil
import time
from typing import Any

import click

from lager.breakpoints.terminal.banner import shown_path
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import AccessDenied, Failed, LagerError, NoSuchBreakpoint
from lager.nets.actions import ACTIONS, OPEN_NETS, look
from lager.nets.model import net_type
from lager.wording import changes
from lager.wording.text import duration, printable
from lager_cli.daemon import connected
from lager_cli.display import output, snapshot
from lager_cli.display.age import age
from lager_cli.display.pause_table import time_left_of
from lager_cli.options import completion
from lager_cli.options.box_option import box_option
from lager_cli.options.common import json_option
from lager_cli.readings.answers import read

_WIDEST = 10_000
_READING_SECONDS = 5.0


@click.command()
@json_option
@box_option
@click.argument("id", shell_complete=completion.pauses)
def show(as_json: bool, id: str) -> None:
    """Show one paused script: source, stack, variables, what was changed on the bench
    since it began, readings of its nets, consoles and the time left. ID is that
    of the pause or of its run, or a prefix of it.

    Only the script's user and root see the variables, as with its console; all others see the rest.

    \b
    Examples:
      lager breakpoints show 7f3a
      lager breakpoints show 7f3a --json | jq .variables
    """
    width = shutil.get_terminal_size().columns if output.on_terminal() else _WIDEST
    pause, found = asyncio.run(_look(id, width))
    if isinstance(found, LagerError):
        output.error(found)
        found = {}
    if as_json:
        output.print_json({**pause, **found})
    else:
        for line in [*_outside(pause), *_changes(pause), *_readings(pause), *_inside(found)]:
            output.line(line, width)


async def _look(wanted: str, width: int) -> tuple[dict[str, Any], dict[str, Any] | LagerError]:
    """Return what lagerd knows about the pause, with its `leases`; and the script's snapshot, or why there is none."""
    found: dict[str, Any] | LagerError
    async with connected() as bus:
        pauses = (await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List"))[0]
        try:
            options = {"width": max(width // 2, 20)} if width < _WIDEST else {}
            found = json.loads((await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "Inspect", "sa{sv}", wanted, options))[0])
        except (AccessDenied, Failed) as refused:
            found = refused
        pause = _meant(pauses, wanted.strip().lower())
        leases = (await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List"))[0]
        pause["leases"] = [lease for lease in leases if pause["id"] in lease["pauses"]]
        pause["nets"] = await _nets(bus, [lease["instrument"] for lease in pause["leases"]])
    return pause, found


async def _nets(bus: Any, instruments: list[str]) -> list[dict[str, Any]]:
    """Return a reading of each net that the script has open, made inside the script; or why there is none."""

    async def nets(instrument: str) -> list[dict[str, Any]]:
        try:
            answer = await bus.call(
                INSTRUMENTS,
                INSTRUMENTS_PATH,
                "Through",
                "sssa{sv}",
                instrument,
                "",
                OPEN_NETS,
                {},
                timeout=_READING_SECONDS,
            )
            return [one for one in json.loads(answer[0])["nets"] if isinstance(one, dict)]
        except LagerError as error:
            return [{"net": "", "type": "", "error": str(error)}]
        except (ValueError, TypeError, KeyError, RecursionError):  # the script can send anything
            return [{"net": "", "type": "", "error": "The script's answer cannot be read."}]

    return [one for found in await asyncio.gather(*map(nets, instruments)) for one in found]


def _meant(pauses: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the pause that lagerd, too, resolved `wanted` to."""
    for pause in pauses:
        if pause["run_id"] == wanted or pause["id"].startswith(wanted):
            return pause
    raise NoSuchBreakpoint(f"{wanted} has just begun.", "Try again.")


def _outside(pause: dict[str, Any]) -> list[str]:
    since = time.strftime("%H:%M:%S", time.localtime(pause["since"]))
    rows = {
        "where": f"{shown_path(pause['file'])}:{pause['line']} in {pause['function']}",
        "script": pause["script"] or "-",
        "process": f"{pause['pid']} of {pause['user']}, thread {pause['thread']}",
        "run": pause["run_id"] or "-",
        "paused": f"for {duration(age(pause))}, since {since}",
        "time left": time_left_of(pause),
        "holds": ", ".join(f"{lease['name']} (net {lease['net']})" for lease in pause["leases"]) or "no instrument",
    }
    if pause["interactive"]:
        rows["consoles"] = ", ".join(pause["attached"]) or "none open"
    return [f"{pause['id']}  {pause['label']}".rstrip(), *(f"  {name:<10}{text}" for name, text in rows.items())]


def _changes(pause: dict[str, Any]) -> list[str]:
    lines = changes.lines(pause.get("changes", ()), pause.get("changes_left_out", 0))
    return ["", "Changes", *(f"  {line}" for line in lines)] if lines else []


def _readings(pause: dict[str, Any]) -> list[str]:
    if not pause["nets"]:
        return []
    return ["", "Nets", *(f"  {line}" for one in pause["nets"] for line in _reading(one, pause["id"]))]


def _reading(one: dict[str, Any], id: str) -> list[str]:
    name = printable(one.get("net", ""))
    if "error" in one:
        return [f"{name}  {printable(one['error'], 400)}".strip()]
    try:
        type = net_type(one["type"])
        value, _ = read(type, {**one, "id": id})
    except (LagerError, KeyError):
        return [f"{name}  The script's answer cannot be read."]
    unit = ACTIONS[type][look(type)].unit if look(type) else ""
    text = f"{value:.6g} {unit}".strip() if isinstance(value, float) else "-" if value is None else str(value)
    first, *rest = text.split("\n")
    return [first if rest else f"{name}  {first}", *rest]


def _inside(look: dict[str, Any]) -> list[str]:
    if not look:
        return []
    try:
        return _looked(look)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):  # the script can send anything
        return ["", "The script's answer cannot be read."]


def _looked(look: dict[str, Any]) -> list[str]:
    source = ["Source", *snapshot.source(look["source"])] if look["source"] else ["The source is not available."]
    variables = snapshot.variables(look) or ["  none"]
    return ["", *source, "", "Stack", *snapshot.stack(look), "", "Variables", *variables]
