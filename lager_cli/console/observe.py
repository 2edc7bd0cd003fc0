"""`lager python --console ID --watch`: shows what others type into the consoles of a pause, and the output."""

import asyncio
import signal
import sys
from typing import Any

from lager.breakpoints.terminal import banner
from lager.wording.text import printable
from lager_cli.console.client import Attached
from lager_cli.console.relay import opened
from lager_cli.display import output

_LINE = 10_000


async def look_on(wanted: str) -> int:
    """Follow the consoles until the script is resumed, or Ctrl-C. Return the exit code."""
    async with opened(wanted, {"watch": True}) as (connection, own):
        script = Attached(connection, own=own)
        script.other = _Shown().take
        script.stepped = lambda: _note_step(script, wanted)
        try:
            id = printable((await script.hello).get("id", wanted), 40)
            left = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, left.cancel)
            output.note(f"watching the consoles of {id}: Ctrl-C leaves")
            await script.closed_or(left)
        finally:
            script.close()
    if not left.done():
        output.note(f"{script.place.get('id', id)} {script.why()}")
    elif sys.stdout.isatty():
        output.say("")  # move to the line after the ^C
    return 0


def _note_step(script: Attached, wanted: str) -> None:
    place = script.place
    if script.running:
        output.note(f"{place.get('id', wanted)} runs a step")
    else:
        output.note(f"{place.get('id')} is paused at {banner.where(place)}")


class _Shown:
    """Prints whole lines, each with the console that it belongs to."""

    def __init__(self) -> None:
        self._begun: dict[Any, str] = {}

    def take(self, frame: dict[str, Any]) -> None:
        if "lost" in frame:
            count = printable(frame["lost"], 20)
            output.note(f"lost {count} pieces of output: they came faster than they could be shown")
            return
        of = frame["of"] if isinstance(frame["of"], dict) else {}
        who = f"{printable(of.get('user', '?'), 40)} {printable(of.get('console'), 20)}"
        if "in" in frame:
            for number, line in enumerate(str(frame["in"]).rstrip().splitlines()):
                _say(who, f"{'...' if number else '>>>'} {line}")
            return
        *lines, rest = (self._begun.pop(who, "") + str(frame.get("out", frame.get("err", "")))).split("\n")
        for line in lines:
            _say(who, line)
        if rest and "done" in frame:
            _say(who, rest)
        elif rest:
            self._begun[who] = rest[-_LINE:]


def _say(who: str, line: str) -> None:
    output.line(f"[{who}] {line}", _LINE)
