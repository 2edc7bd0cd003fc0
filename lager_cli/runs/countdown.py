"""The line below the banner of a paused run: the time left, counted down in place, and who is attached.

It is the row above the cursor, and ours until anybody else writes to the terminal. From then on nobody knows where it
is: it stays as it is, and a new one begins only where something of ours is told below. So nothing that the script, its
threads and its children print is ever touched.
"""

import asyncio
import contextlib
import fcntl
import math
import os
import signal
import termios
import time
from dataclasses import dataclass
from typing import Any

from lager.text import printable, time_left
from lager_cli.linux.tty import in_foreground
from lager_cli.linux.tty_writes import Writes

_QUIET = 0.5  # seconds in which nobody else must have written before a row begins
_SETTLED = 0.05  # a write is told of when it has ended, which is after it can be seen
_BACKGROUND = 1.0
_FEWEST_COLUMNS, _FEWEST_ROWS = 20, 3


@dataclass
class _Pause:
    deadline: float
    attached: list[str]


class Countdown:
    """To be used in the loop that it was made in. `ends` is when the whole run ends, by the monotonic clock."""

    def __init__(self, ends: float, lock: int = -1) -> None:
        """OSError where standard error is no terminal, or one on which nothing is to be drawn.

        `lock` is the file that is locked while a row of ours is shown. When a pause has ended, the script waits for
        that before it says why, so that we can take the row away.
        """
        if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") in ("", "dumb"):
            raise OSError("no escape sequences are wanted here")
        path = os.ttyname(2)
        # A description of our own, which does not block where somebody has typed Ctrl-S.
        self._terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._writes = Writes(path)
        except OSError:
            os.close(self._terminal)
            raise
        self._ends = ends
        self._pauses: dict[str, _Pause] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._lock = lock
        self._text = ""
        self._columns = 0  # of the terminal, when the row began
        self._due = False  # a row is to begin

    @property
    def _shown(self) -> str:
        """What our row shows; empty where there is none."""
        return self._text

    @_shown.setter
    def _shown(self, text: str) -> None:
        if self._lock >= 0 and bool(text) != bool(self._text):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB if text else fcntl.LOCK_UN)
        self._text = text

    def paused(self, pause: dict[str, Any]) -> None:
        self._pauses[pause["id"]] = _Pause(_deadline(pause["remaining"]), pause.get("attached", []))
        self.begin_anew()

    def extended(self, id: str, remaining: float, attached: list[str]) -> None:
        if id in self._pauses:
            self._pauses[id] = _Pause(_deadline(remaining), attached)
            self._look_in(_SETTLED)

    def resumed(self, id: str) -> None:
        if self._pauses.pop(id, None) is not None:
            self._take_away()
            self.begin_anew()

    def begin_anew(self) -> None:
        """Something of ours is told on the terminal: a row belongs below it."""
        self._shown, self._due = "", True
        self._look_in(_QUIET)

    def clear(self) -> None:
        """No pause stands any more."""
        self._take_away()
        self._pauses.clear()
        self._look_in(0)

    def _take_away(self) -> None:
        """Our row, where it is still the one above the cursor: what it says is no longer true."""
        with contextlib.suppress(OSError):
            if self._shown and in_foreground(self._terminal) and not self._is_touched():
                self._write("\x1b[A\r\x1b[J")
        self._shown = ""

    def erase(self, keyboard: int) -> None:
        """The user has typed Enter on the terminal `keyboard`: take our row away, and the empty one that this made."""
        with contextlib.suppress(OSError, termios.error):
            rows = 2 if termios.tcgetattr(keyboard)[3] & termios.ECHO else 1
            same = os.path.samestat(os.fstat(keyboard), os.fstat(self._terminal))
            if self._shown and same and not self._is_touched():
                self._write(f"\x1b[{rows}A\r\x1b[J")
        self._shown = ""

    def close(self) -> None:
        self.clear()
        self._writes.close()
        os.close(self._terminal)

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look) if self._pauses else None

    def _look(self) -> None:
        if not in_foreground(self._terminal):
            self._shown, self._due = "", True
            return self._look_in(_BACKGROUND)
        if self._is_touched():
            self._due = self._due or (bool(self._shown) and (_was_stopped() or self._is_resized()))
            self._shown = ""
            return self._look_in(_QUIET) if self._due else None
        first = min([self._ends, *(pause.deadline for pause in self._pauses.values())])
        left = first - time.monotonic()
        attached = sorted(user for pause in self._pauses.values() for user in pause.attached)
        if self._shown or (self._due and (left < math.inf or attached)):
            self._draw(words(len(self._pauses), left, attached, of_run=first == self._ends))
            if self._shown and 1 < left < math.inf:
                self._look_in(left % 1 + 0.01)
        return None

    def _draw(self, text: str) -> None:
        columns, rows = os.get_terminal_size(self._terminal)
        self._due = False
        if columns < _FEWEST_COLUMNS or rows < _FEWEST_ROWS:
            return
        text = printable(text, columns - 1)
        if not self._shown:
            # So many spaces end in the next row, wherever in a row they began, and in the same one where it was empty.
            self._columns = columns
            self._shown = text if self._write(f"{' ' * columns}\r\x1b[K{text}\r\n") else ""
        elif text != self._shown:
            self._shown = text if self._write(f"\x1b7\x1b[A\r\x1b[K{text}\x1b8") else ""

    def _is_touched(self) -> bool:
        """Whether our row is not where it was, or anybody else has written since we last asked."""
        return self._writes.any() or self._is_resized()

    def _is_resized(self) -> bool:
        return bool(self._shown) and os.get_terminal_size(self._terminal).columns != self._columns

    def _write(self, text: str) -> bool:
        """Whether all of it was written; and heard of, for who does not hear of us hears of nobody."""
        data = text.encode()
        try:
            return os.write(self._terminal, data) == len(data) and self._writes.any()
        except OSError:
            return False


def words(count: int, left: float, attached: list[str], *, of_run: bool = False) -> str:
    """What the row says of `count` pauses: the seconds until the first goes on by itself, or until the whole run is
    ended, infinite where neither will be; and the users of the consoles."""
    told = "no limit" if left == math.inf else time_left(left) + (" until the whole run is ended" if of_run else "")
    if count > 1:
        told = f"{count} paused, " + (f"next in {told}" if left < math.inf and not of_run else told)
    if attached:
        consoles = "1 console" if len(attached) == 1 else f"{len(attached)} consoles"
        told += f", {consoles}: {', '.join(dict.fromkeys(attached))}"
    return f"  left      {told}"


def _was_stopped() -> bool:
    """Whether a Ctrl-Z has ended since this was last asked: whoever blocks SIGCONT finds it here."""
    return signal.sigtimedwait((signal.SIGCONT,), 0) is not None


def _deadline(remaining: float) -> float:
    return time.monotonic() + remaining if remaining else math.inf
