"""`lager breakpoints --watch`: a live table of the pauses on a terminal, else one line for each change."""

import asyncio
import os
import stat
import time
from typing import Any

from lager.breakpoints.terminal import banner
from lager_cli.display import output
from lager_cli.display.age import with_ages
from lager_cli.display.pause_table import HEADERS, row
from lager_cli.follower import Following, PauseEvent

WIDTHS = (11, 8, 20, 30, 20, 8, 8, 6, 8, 8, 0)  # columns of EVENT, those of the table, and BY
_BEAT_SECONDS = 1.0
_BY = ("uid", "user", "pid", "how")


def watch(as_json: bool, alive: bool = False) -> int:
    """Show the pauses until the user leaves, and return the exit code. Raises LagerError without lagerd.

    With `alive`, for another lager that reads the lines, there is one each second as well, from the first list on.
    """
    if on_a_screen(as_json):
        from lager_cli.watch.live_table import live

        return live()
    asyncio.run(_LineWatch(as_json, alive).run())
    return 0


def on_a_screen(as_json: bool) -> bool:
    """Return whether there is a terminal to draw a table on."""
    return not as_json and os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "dumb") not in ("", "dumb")


class _LineWatch:
    """Print a line for each change. Raises BrokenPipeError when the reader closes the pipe."""

    def __init__(self, as_json: bool, alive: bool) -> None:
        self._as_json = as_json
        self._alive = alive
        self._problem = ""
        self._following = Following(self._changed)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._unread: asyncio.Future[None] = loop.create_future()
        if not self._as_json:
            output.cells(("EVENT", *HEADERS, "BY"), WIDTHS)
        if stat.S_ISFIFO(os.fstat(1).st_mode):
            loop.add_reader(
                1, self._leave, BrokenPipeError()
            )  # readable when the reader has gone, even without changes
        work = asyncio.ensure_future(self._following.run())
        beat = asyncio.ensure_future(self._beat()) if self._alive else None
        done, _ = await asyncio.wait([work, self._unread], return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        if beat is not None:
            beat.cancel()
        done.pop().result()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            if self._following.listed:
                self._say_alive()

    def _say_alive(self) -> None:
        try:
            output.print_json_line({"event": "alive", "problem": self._following.problem})
        except OSError as error:
            self._leave(error)

    def _changed(self, change: PauseEvent | None) -> None:
        try:
            self._tell(change)
        except OSError as error:
            self._leave(error)

    def _tell(self, change: PauseEvent | None) -> None:
        if change is None and self._alive:
            self._say_alive()
        elif change is None:
            if self._following.problem != self._problem:
                self._problem = self._following.problem
                output.note(self._problem or "lagerd is back.")
        elif self._as_json:
            output.print_json_line(as_object(change))
        else:
            output.cells([change.event, *row(change.pause), who(change)], WIDTHS)

    def _leave(self, error: OSError) -> None:
        if not self._unread.done():
            self._unread.set_exception(error)


def as_object(change: PauseEvent) -> dict[str, Any]:
    by = {key: change.by[key] for key in _BY if key in change.by}
    return {"event": change.event, "time": time.time(), "pause": with_ages([change.pause])[0], "by": by}


def who(change: PauseEvent) -> str:
    if change.event in ("continued", "answered", "timeout", "gone", "interrupted"):
        return banner.why(change.event, change.by, change.pause.get("on_timeout", ""))
    return str(change.by.get("user", ""))
