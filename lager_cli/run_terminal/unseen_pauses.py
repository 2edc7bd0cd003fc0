"""Pauses whose banner is not visible on the user's terminal, and the line that announces each of them instead.

The script tells to which file it wrote its banner. The banner is visible if the file is our terminal, if we show the
file, or if it is a pipe whose readers write on to the terminal, as with `2>&1 | tee log`.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lager import variables
from lager.breakpoints.terminal import banner
from lager.breakpoints.terminal.notices import identify
from lager.wording import commands
from lager.wording.text import printable
from lager_cli.display import output
from lager_cli.linux import pipelines

if TYPE_CHECKING:
    from lager.contract import PauseDetails
    from lager_cli.linux.tty_writes import LastWrite

_PASSED_ON = 1.0  # seconds for a filter to pass the banner from a pipe to the terminal
_TOGETHER = 0.05  # seconds by which the beginning of a pause, by the clock of lagerd, and its banner may be apart


class UnseenPauses:
    """Use and close it in the event loop that created it."""

    def __init__(
        self, logs: Iterable[Path], *, enter: bool, told: Callable[[], None], last_write: "LastWrite | None"
    ) -> None:
        """`logs` are files shown on the terminal; `enter`: Enter on the terminal resumes; `told` is called after each
        line."""
        self._enter = enter
        self._told = told
        self._last_write = last_write
        terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
        self._shown = {identify(fd) for fd in (*terminals, *_shown_elsewhere())} | {identify(log) for log in logs}
        self._pauses: dict[str, asyncio.TimerHandle | None] = {}

    def paused(self, pause: "PauseDetails") -> None:
        """Announce the pause, once, if its banner is not visible."""
        file = pause.get("banner", "")  # an older lager does not send it
        if pause["id"] in self._pauses or not file or file in self._shown:
            return
        self._pauses[pause["id"]] = None
        if not pipelines.leads_to(self._shown, file):
            self._tell(pause)
        elif self._last_write is not None:
            age = max(time.time() - pause["since"], 0.0)
            since = time.monotonic() - age
            if since > self._last_write.began:  # for an older one, this is unknown
                left, loop = max(_PASSED_ON - age, 0.0), asyncio.get_running_loop()
                later = loop.call_later(left, self._tell_unless_written, pause, since - _TOGETHER)
                self._pauses[pause["id"]] = later

    def resumed(self, id: str) -> None:
        waiting = self._pauses.pop(id, None)
        if waiting is not None:
            waiting.cancel()

    def close(self) -> None:
        for id in list(self._pauses):
            self.resumed(id)

    def _tell(self, pause: "PauseDetails") -> None:
        output.note_on_terminal(line(pause, enter=self._enter))
        self._told()

    def _tell_unless_written(self, pause: "PauseDetails", since: float) -> None:
        if self._last_write is not None and self._last_write.time < since:
            self._tell(pause)  # the reader of the pipe dropped the banner, as grep may


def line(pause: "PauseDetails", *, enter: bool) -> str:
    """Return the line that replaces the banner."""
    id, label = printable(pause["id"], 8), printable(pause["label"])
    ways = "press Enter, or: " if enter else ""
    where = printable(banner.where(pause), 300) + (f" - {label}" if label else "")
    return f"{id} is paused at {where}. To resume: {ways}lager python --continue {id}{commands.box_option()}"


def _shown_elsewhere() -> list[int]:
    """Return which of the standard streams are pipes that lead to a terminal, as reported by the user's side of
    --box."""
    if variables.PROCESS_ID in os.environ:  # inherited from the run that started this one
        return []
    return [fd for fd in (1, 2) if str(fd) in os.environ.get(variables.SEEN_STREAMS, "").split()]
