"""Shell completion: commands and options, ids of pauses and runs, names of nets and boxes.

It is read-only: it starts no daemon, waits one second at most, and prints no errors.
"""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from lager import variables
from lager.bus import address
from lager.errors import LagerError
from lager.wording.text import printable

if TYPE_CHECKING:
    from lager import NetType
    from lager.contract import PauseDetails
    from lager_cli.runs.records import Record

_SECONDS = 1.0
_SHORT = 8
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def pauses(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of pauses, with label and place."""
    return _items(incomplete, ((pause["id"], _told(pause)) for pause in quietly_paused()))


def consoles(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of pauses that have a console."""
    return _items(incomplete, ((pause["id"], _told(pause)) for pause in quietly_paused() if pause["interactive"]))


def questions(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of pauses that have a question."""
    return _items(incomplete, ((pause["id"], _told(pause)) for pause in quietly_paused() if "question" in pause))


def running(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of this user's active runs."""
    return _runs(incomplete, lambda run: run.state == "running")


def detached(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of this user's detached runs, including ended ones, whose output is kept."""
    return _runs(incomplete, lambda run: run.detached)


def _runs(incomplete: str, wanted: "Callable[[Record], bool]") -> list[CompletionItem]:
    """Return ids as short as `lager runs` shows them, with state and script."""
    from lager_cli.runs import records

    length = _SHORT if len(incomplete) <= _SHORT else None
    found = [run for run in _quietly(records.everyone) if wanted(run)]
    return _items(incomplete, ((run.id[:length], f"{run.state}: {run.runnable}") for run in found))


def boxes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names in the user's table, with their ssh destinations."""
    return _items(incomplete, _quietly(_boxes))


def quietly_paused() -> "list[PauseDetails]":
    """Return the pauses; none if lagerd does not answer. Never starts lagerd."""
    return _quietly(_paused)


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def runnable(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete files; nothing after -m, which takes a module."""
    return [] if context.params.get("module") else files(context, parameter, incomplete)


def nets(*types: "NetType") -> Completer:
    """Return a completer for the names of nets of these types."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [net for net in _quietly(_nets) if net.type in types]
        return _items(incomplete, ((net.name, str(net.instrument)) for net in found))

    return complete


def readable(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of nets that have a reading."""
    from lager.nets.actions import look

    found = [net for net in _quietly(_nets) if look(net.type)]
    return _items(incomplete, ((net.name, str(net.instrument)) for net in found))


def _items(incomplete: str, found: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    return [CompletionItem(value, help=printable(text, 80)) for value, text in found if value.startswith(incomplete)]


def _told(pause: "PauseDetails") -> str:
    where = f"{os.path.basename(pause['file'])}:{pause['line']}"
    return f"{pause['label']} ({where})" if pause["label"] else where


def _quietly(look: Callable[[], Iterable[Any]]) -> list[Any]:
    try:
        return list(look())
    except (LagerError, OSError, TimeoutError):
        return []


def _boxes() -> Iterable[tuple[str, str]]:
    from lager_cli.boxes.names import box_table

    found = box_table.known()
    groups = [(f"@{name}", ", ".join(members)) for name, members in found["groups"].items()]
    return [(name, str(entry.get("ssh", name))) for name, entry in found["boxes"].items()] + groups


def _nets() -> Iterable[Any]:
    from lager.nets import file as nets_file

    known = os.environ.get(variables.NETS) or os.environ.get(variables.BENCH)
    where = None if known else address.choose()
    embedded = where is not None and where.embedded
    return nets_file.load(address.embedded_folder() / "nets.toml" if embedded else None).nets.values()


def _paused() -> Iterable[Any]:
    where = address.choose()
    if where.embedded and not address.listening(address.embedded_folder() / "bus"):
        return []
    import asyncio

    return asyncio.run(_listed(where.text))


async def _listed(bus_address: str) -> "list[PauseDetails]":
    import asyncio

    from lager.bus.facade import Bus
    from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH

    async with asyncio.timeout(_SECONDS):
        bus = await Bus.connect(bus_address)
        try:
            return list((await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List", start=False))[0])
        finally:
            bus.close()
