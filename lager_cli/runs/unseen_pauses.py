"""Pauses whose banner is not visible on the user's terminal, and the line that announces each of them instead.

The script tells to which file it wrote its banner. The banner is visible if the file is our terminal, if we show the
file, or if it is a pipe whose readers write on to the terminal, as with `2>&1 | tee log`.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lager.breakpoints import banner
from lager.breakpoints.notices import identify
from lager.text import printable
from lager_cli.display import output
from lager_cli.linux import pipelines
from lager_cli.linux.tty_writes import TtyWrites

_PASSED_ON = 1.0  # seconds for a filter to pass the banner from a pipe to the terminal
_TOGETHER = 0.05  # seconds between the signal of a pause and its banner, whichever arrives first


class UnseenPauses:
    """Use and close it in the event loop that created it."""

    def __init__(self, logs: Iterable[Path], *, enter: bool, told: Callable[[], None]) -> None:
        """`logs` are files shown on the terminal; `enter`: Enter on the terminal resumes; `told` is called after each
        line."""
        self._enter = enter
        self._told = told
        terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
        self._shown = {identify(fd) for fd in (*terminals, *_shown_elsewhere())} | {identify(log) for log in logs}
        self._pauses: dict[str, asyncio.TimerHandle | None] = {}
        self._writes: TtyWrites | None = None
        self._written = -1.0  # time of the last write to the terminal, by the clock of the loop
        if terminals and any(pipelines.is_pipe(fd) for fd in (1, 2)):
            with contextlib.suppress(OSError):
                self._writes = TtyWrites(os.ttyname(terminals[0]))
                asyncio.get_running_loop().add_reader(self._writes.fileno(), self._note_write)

    def paused(self, pause: dict[str, Any], *, just_now: bool) -> None:
        """Announce the pause, once, if its banner is not visible."""
        file = pause.get("banner", "")  # an older lager does not send it
        if pause["id"] in self._pauses or not file or file in self._shown:
            return
        self._pauses[pause["id"]] = None
        if not pipelines.leads_to(self._shown, file):
            self._tell(pause)
        elif just_now and self._writes is not None:
            loop = asyncio.get_running_loop()
            later = loop.call_later(_PASSED_ON, self._tell_unless_written, pause, loop.time() - _TOGETHER)
            self._pauses[pause["id"]] = later

    def resumed(self, id: str) -> None:
        waiting = self._pauses.pop(id, None)
        if waiting is not None:
            waiting.cancel()

    def close(self) -> None:
        for id in list(self._pauses):
            self.resumed(id)
        if self._writes is not None:
            asyncio.get_running_loop().remove_reader(self._writes.fileno())
            self._writes.close()
            self._writes = None

    def _tell(self, pause: dict[str, Any]) -> None:
        output.note_on_terminal(line(pause, enter=self._enter))
        self._told()

    def _tell_unless_written(self, pause: dict[str, Any], since: float) -> None:
        if self._written < since:  # the reader of the pipe dropped the banner, as grep may
            self._tell(pause)

    def _note_write(self) -> None:
        if self._writes is not None and self._writes.any():
            self._written = asyncio.get_running_loop().time()


def line(pause: dict[str, Any], *, enter: bool) -> str:
    """Return the line that replaces the banner."""
    id, label = printable(pause["id"], 8), printable(pause["label"])
    ways = "press Enter, or: " if enter else ""
    where = printable(banner.where(pause), 300) + (f" - {label}" if label else "")
    return f"{id} is paused at {where}. To resume: {ways}lager python --continue {id}{banner.box_option()}"


def _shown_elsewhere() -> list[int]:
    """Return which of our streams are pipes that lead to a terminal, as the user's side of --box tells us."""
    if "LAGER_PROCESS_ID" in os.environ:  # inherited from the run that started this one
        return []
    return [fd for fd in (1, 2) if str(fd) in os.environ.get("LAGER_SEEN_STREAMS", "").split()]
