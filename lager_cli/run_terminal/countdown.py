"""The line below the banner of a paused run: the time left, updated in place, and the attached users.

It is the row above the cursor, and ours until any other process writes to the terminal. From then on its position is
unknown: it stays as it is, and a new row begins only below the next line of ours. So the countdown never overwrites
output of the script, its threads or its children.
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
from typing import TYPE_CHECKING

from lager.wording import palette
from lager.wording.text import printable, time_left
from lager_cli.linux.tty import in_foreground
from lager_cli.linux.tty_writes import TtyWrites

if TYPE_CHECKING:
    from lager.contract import PauseDetails

_LAST = 60.0  # seconds left from which the row is highlighted
_QUIET = 0.5  # seconds without other output before a row begins
_SETTLED = 0.05  # inotify reports a write when it ends, after its output is visible
_BACKGROUND = 1.0
_FEWEST_COLUMNS, _FEWEST_ROWS = 20, 3


@dataclass
class _Pause:
    deadline: float
    attached: list[str]


class Countdown:
    """The countdown row. Use it in the event loop that created it. `ends`: the run's end, by the monotonic clock."""

    def __init__(self, ends: float, lock: int = -1) -> None:
        """Raises OSError if standard error is not a terminal that supports escape sequences.

        `lock` is a file that is locked while a row is shown. At the end of a pause the script waits for the lock before
        it prints why, so that we can remove the row first.
        """
        if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") in ("", "dumb"):
            raise OSError("no escape sequences are wanted here")
        path = os.ttyname(2)
        # Our own file description, so that it does not block after Ctrl-S.
        self._terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._writes = TtyWrites(path)
        except OSError:
            os.close(self._terminal)
            raise
        self._ends = ends
        self._pauses: dict[str, _Pause] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._lock = lock
        self._text = ""
        self._columns = 0  # of the terminal, when the row began
        self._due = False  # whether a new row should begin
        self._held = False

    @property
    def _shown(self) -> str:
        """The text of our row; empty without a row."""
        return self._text

    @_shown.setter
    def _shown(self, text: str) -> None:
        if self._lock >= 0 and bool(text) != bool(self._text):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB if text else fcntl.LOCK_UN)
        self._text = text

    def paused(self, pause: "PauseDetails") -> None:
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
        """Begin a new row, below a line that lager has just printed."""
        self._shown, self._due = "", True
        self._look_in(_QUIET)

    def hold(self, held: bool) -> None:
        """Show no row while another command, such as a console, has the terminal."""
        if held:
            self._take_away()
        self._held = held

    def clear(self) -> None:
        """Forget all pauses."""
        self._take_away()
        self._pauses.clear()
        self._look_in(0)

    def _take_away(self) -> None:
        """Remove our row, if it is still the one above the cursor: its text is no longer true."""
        with contextlib.suppress(OSError):
            if self._shown and not self._held and in_foreground(self._terminal) and not self._is_touched():
                self._write("\x1b[A\r\x1b[J")
        self._shown = ""

    def erase(self, keyboard: int) -> None:
        """Remove our row, and the empty row that the Enter typed on the terminal `keyboard` has made."""
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
        if self._held or not in_foreground(self._terminal):
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
            text = words(len(self._pauses), left, attached, of_run=first == self._ends)
            self._draw(text, "bad" if left < _LAST else "")
            if self._shown and 1 < left < math.inf:
                self._look_in(left % 1 + 0.01)
        return None

    def _draw(self, text: str, style: str = "") -> None:
        columns, rows = os.get_terminal_size(self._terminal)
        self._due = False
        if columns < _FEWEST_COLUMNS or rows < _FEWEST_ROWS:
            return
        text = printable(text, columns - 1)
        row = palette.styled(text, style)
        if not self._shown:
            # A full row of spaces moves to the next row from any column but the first, where it stays in the empty row.
            self._columns = columns
            self._shown = text if self._write(f"{' ' * columns}\r\x1b[K{row}\r\n") else ""
        elif text != self._shown:
            self._shown = text if self._write(f"\x1b7\x1b[A\r\x1b[K{row}\x1b8") else ""

    def _is_touched(self) -> bool:
        """Return whether our row has moved, or another process has written since the last call."""
        return self._writes.any() or self._is_resized()

    def _is_resized(self) -> bool:
        return bool(self._shown) and os.get_terminal_size(self._terminal).columns != self._columns

    def _write(self, text: str) -> bool:
        """Return whether all was written and inotify reported it: if it misses our writes, it misses all others."""
        data = text.encode()
        try:
            return os.write(self._terminal, data) == len(data) and self._writes.any()
        except OSError:
            return False


def words(count: int, left: float, attached: list[str], *, of_run: bool = False) -> str:
    """Return the text of the row for `count` pauses.

    `left` is the seconds until the first one resumes automatically, or until the run is ended; infinite for no limit.
    `attached` has the users of the consoles.
    """
    told = "no limit" if left == math.inf else time_left(left) + (" until the run is ended" if of_run else "")
    if count > 1:
        told = f"{count} paused, " + (f"next in {told}" if left < math.inf and not of_run else told)
    if attached:
        consoles = "1 console" if len(attached) == 1 else f"{len(attached)} consoles"
        told += f", {consoles}: {', '.join(dict.fromkeys(attached))}"
    return f"  time left {told}"


def _was_stopped() -> bool:
    """Return whether the job was continued after Ctrl-Z since the last call. SIGCONT is blocked and stays pending."""
    return signal.sigtimedwait((signal.SIGCONT,), 0) is not None


def _deadline(remaining: float) -> float:
    return time.monotonic() + remaining if remaining else math.inf
