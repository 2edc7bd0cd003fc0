"""Reads lines from the terminal of a run, and only while they are meant for a pause.

Invariants:

- The keys belong to the script. We read them only while `wanted` says so and this job is in the foreground of the
  terminal. At any other moment a key stays in the terminal for the script or the shell.
- We read through our own file description of the terminal, opened non-blocking. O_NONBLOCK belongs to the description,
  so the script's own standard input stays blocking.

Races:

- Line input arrives in the background too (the shell reads it there). Level-triggered polling would spin, so the
  terminal is watched edge-triggered: an edge only means "look again whether we are in the foreground".
- A user can type Enter before the shell's `fg` has made us the foreground job. `_look` therefore tries once more after
  _TYPED_AHEAD seconds.
- In the background a read fails with EIO, because SIGTTIN is blocked; the line then stays in the terminal.
"""

import asyncio
import contextlib
import os
import select
import termios
from collections.abc import Callable

from lager_cli.linux.tty import in_foreground

_TYPED_AHEAD = 0.5  # the maximum of seconds until a shell gives the terminal to this job


class TerminalLines:
    """Use and close it in the event loop that created it. Raises OSError if standard input has no terminal."""

    def __init__(self, wanted: Callable[[], bool], take: Callable[[bytes], None], hung_up: Callable[[], None]) -> None:
        """`take` is called with each line while `wanted()`; `hung_up` once the terminal has been closed."""
        self._wanted = wanted
        self._take = take
        self._hung_up = hung_up
        self._edges: select.epoll | None = None
        self._later: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.terminal = os.open(os.ttyname(0), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)

    def decide(self) -> None:
        """Watch the terminal exactly while `wanted()`. Call it after each change of that."""
        if self._wanted() == (self._edges is not None):
            return
        if self._edges is None:
            self._edges = select.epoll()
            self._edges.register(self.terminal, select.EPOLLIN | select.EPOLLET)
            self._loop.add_reader(self._edges.fileno(), self._look)
        else:
            self._stop_watching()

    def drop(self) -> None:
        """Drop what has been typed and not been read."""
        with contextlib.suppress(termios.error):
            if in_foreground(self.terminal):
                termios.tcflush(self.terminal, termios.TCIFLUSH)

    def close(self) -> None:
        self._stop_watching()
        os.close(self.terminal)

    def _stop_watching(self) -> None:
        self._stop_waiting()
        if self._edges is not None:
            self._loop.remove_reader(self._edges.fileno())
            self._edges.close()
        self._edges = None

    def _look(self) -> None:
        assert self._edges is not None
        hung_up = any(event & select.EPOLLHUP for _, event in self._edges.poll(0))
        self._read_all()
        if hung_up:
            self._hung_up()
        elif self._wanted() and not in_foreground(self.terminal):  # for the shell, or typed before its `fg`
            self._stop_waiting()
            self._later = self._loop.call_later(_TYPED_AHEAD, self._read_all)

    def _read_all(self) -> None:
        while self._wanted() and in_foreground(self.terminal) and self._read():
            pass

    def _read(self) -> bool:
        """Read one line. Return False if there is none."""
        try:
            typed = os.read(self.terminal, 4096)
        except OSError:  # no line yet; or EIO: in the background, with SIGTTIN blocked
            return False
        if typed:
            self._take(typed)
        return True  # also after Ctrl-D: more may follow; a closed terminal has no foreground job, which ends the loop

    def _stop_waiting(self) -> None:
        if self._later is not None:
            self._later.cancel()
        self._later = None
