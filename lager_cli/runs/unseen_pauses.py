"""Pauses whose banner no terminal of the user's shows, and the line that tells of each of them instead.

The script says in which file its banner is. It is seen where that is our terminal, where somebody shows that file, and
where it is a pipe whose readers write on to the terminal, as of `2>&1 | tee log`.
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
from lager_cli.linux.tty_writes import Writes

_PASSED_ON = 1.0  # seconds in which what went into a pipe has come to the terminal
_TOGETHER = 0.05  # between the news of a pause and of what its script writes then, whichever is heard first


class UnseenPauses:
    """To be used in the loop that it was made in, and closed there."""

    def __init__(self, logs: Iterable[Path], *, enter: bool, told: Callable[[], None]) -> None:
        """`logs` are files that somebody shows on the terminal, `enter` whether Enter there resumes; `told` is called
        after each line."""
        self._enter = enter
        self._told = told
        terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
        self._shown = {identify(fd) for fd in (*terminals, *_shown_elsewhere())} | {identify(log) for log in logs}
        self._pauses: dict[str, asyncio.TimerHandle | None] = {}
        self._writes: Writes | None = None
        self._written = -1.0  # when somebody last wrote to the terminal, by the clock of the loop
        if terminals and any(pipelines.is_pipe(fd) for fd in (1, 2)):
            with contextlib.suppress(OSError):
                self._writes = Writes(os.ttyname(terminals[0]))
                asyncio.get_running_loop().add_reader(self._writes.fileno(), self._note_write)

    def paused(self, pause: dict[str, Any], *, just_now: bool) -> None:
        """Once for each pause: tell of it if need be."""
        file = pause.get("banner", "")  # empty where it is an older lager that does not say
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
        if self._written < since:  # what reads the pipe has kept the banner, as grep may
            self._tell(pause)

    def _note_write(self) -> None:
        if self._writes is not None and self._writes.any():
            self._written = asyncio.get_running_loop().time()


def line(pause: dict[str, Any], *, enter: bool) -> str:
    """What stands in for the banner."""
    id, label = printable(pause["id"], 8), printable(pause["label"])
    ways = "press Enter, or: " if enter else ""
    where = printable(banner.where(pause), 300) + (f" - {label}" if label else "")
    return f"{id} is paused at {where}. To resume: {ways}lager python --continue {id}{banner.box_option()}"


def _shown_elsewhere() -> list[int]:
    """Which of our streams come to a terminal though they are pipes: whoever started us over --box says so."""
    if "LAGER_PROCESS_ID" in os.environ:  # in a run that one itself has started, it is the other's
        return []
    return [fd for fd in (1, 2) if str(fd) in os.environ.get("LAGER_SEEN_STREAMS", "").split()]
