"""Finds the end of a pipeline: a filter such as `2>&1 | tee log` copies what it reads from a pipe to a terminal."""

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from lager.breakpoints.terminal.notices import identify

if TYPE_CHECKING:
    from lager_cli.linux.tty_writes import LastWrite


def last_write() -> "contextlib.AbstractContextManager[LastWrite | None]":
    """Return a context that watches our terminal, if filters may write to it."""
    terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
    if terminals and any(is_pipe(fd) for fd in (1, 2)):
        from lager_cli.linux.tty_writes import LastWrite

        with contextlib.suppress(OSError):
            return contextlib.closing(LastWrite(os.ttyname(terminals[0])))
    return contextlib.nullcontext()


def seen(terminals: set[str]) -> list[int]:
    """Return those of our descriptors 1 and 2 that are pipes and lead to one of the terminals."""
    return [fd for fd in (1, 2) if is_pipe(fd) and leads_to(terminals, identify(fd))]


def leads_to(terminals: set[str], pipe: str) -> bool:
    """Return whether a filter that reads this pipe, directly or through other filters, writes to one of the terminals.
    `identify` has named all of them."""
    pipes, known = [pipe], {pipe}
    while pipes:
        for process in _readers(pipes.pop()):
            with contextlib.suppress(OSError):
                written = identify(f"{process}/fd/1")
                if written in terminals:
                    return True
                if written not in known and is_pipe(f"{process}/fd/1"):
                    known.add(written)
                    pipes.append(written)
    return False


def is_pipe(file: int | str) -> bool:
    """Return whether this descriptor or path is a pipe."""
    try:
        return stat.S_ISFIFO(os.stat(file).st_mode)
    except OSError:
        return False


def _readers(pipe: str) -> list[str]:
    """Return the processes in /proc that have the pipe as their standard input: proc(5)."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if identify(f"/proc/{entry}/fd/0") == pipe and is_pipe(f"/proc/{entry}/fd/0"):
                    found.append(f"/proc/{entry}")
    return found
