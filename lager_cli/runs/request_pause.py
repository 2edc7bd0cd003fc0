"""`lager python --pause`: asks an active run to pause where it is, and prints the place."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from lager import variables
from lager.breakpoints.terminal import banner
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.errors import RunError
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.runs import records
from lager_cli.runs.records import Record

if TYPE_CHECKING:
    from lager.bus.facade import Bus
    from lager.bus.received import Signal
    from lager.contract import PauseDetails

_PATIENCE = 3.0


def ask(id: str) -> int:
    """Ask the run to pause. Blocks until it is paused, a few seconds at most."""
    record = records.find(id)
    if record.state != "running" or not record.script.is_alive():
        raise RunError(f"The run {record.id[:8]} has ended.", "See: lager runs")
    pause, already = asyncio.run(_until_paused(record))
    if already:
        output.note("the run is already paused")
    output.say(banner.paused(pause, pause["remaining"], enter=False).rstrip("\n"))
    return 0


async def request(id: str) -> None:
    """Ask the run to pause, and return once it is paused. Raises RunError if that takes longer than a few seconds."""
    record = records.find(id)
    await _until_paused(record)


async def _until_paused(record: Record) -> "tuple[PauseDetails, bool]":
    async with daemon.connected() as bus:
        reached: asyncio.Future[PauseDetails] = asyncio.get_running_loop().create_future()
        ended: set[str] = set()

        def paused(signal: "Signal") -> None:
            if _is_of(record, signal.args[1]) and not reached.done():
                reached.set_result(signal.args[1])

        await bus.subscribe(BREAKPOINTS, {"Paused": paused, "Resumed": lambda signal: ended.add(signal.args[0])})
        already = await _current_pause(bus, record)
        if already and already["id"] not in ended:  # the signal is newer than the list
            return already, True
        _interrupt(record)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                return await reached, False
        raise RunError(
            f"The run {record.id[:8]} is in a call that Python cannot interrupt, and does not pause yet.",
            "It pauses as soon as the call returns; see: lager breakpoints",
        )


async def _current_pause(bus: "Bus", record: Record) -> "PauseDetails | None":
    """Return the pause of its main thread; None if it is not paused."""
    listed = (await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List"))[0]
    return next((pause for pause in listed if _is_of(record, pause) and pause["thread"] == "MainThread"), None)


def _is_of(record: Record, pause: "PauseDetails") -> bool:
    return bool(pause["run_id"] == record.id and pause["pid"] == record.script.pid)


def _interrupt(record: Record) -> None:
    run = f"The run {record.id[:8]}"
    if _is_off(record.script.pid):
        raise RunError(
            f"{run} was started with LAGER_BREAKPOINTS off, and never pauses.", "Start it again without that."
        )
    if not _listens(record.script.pid):
        raise RunError(
            f"{run} cannot be paused: it has only just started, or ended, or is not a Python script of this lager.",
            "Try again; see: lager runs",
        )
    try:
        there = record.script.send(signal.SIGURG)
    except PermissionError:
        raise RunError(f"{run} belongs to another user.", "Only that user and root may ask it to pause.") from None
    if not there:
        raise RunError(f"{run} has just ended.", "See: lager runs")


def _listens(pid: int) -> bool:
    """Return whether the process handles SIGURG; without a handler the signal is ignored: proc(5), signal(7)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> signal.SIGURG - 1 & 1)
    return False


def _is_off(pid: int) -> bool:
    with contextlib.suppress(OSError):
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == variables.BREAKPOINTS.encode():
                return value.decode("utf-8", "replace").strip().lower() in variables.OFF
    return False
