"""Where what goes into a pipe comes out again: at filters, as of a shell's `2>&1 | tee log`, which write it on."""

import contextlib
import os
import stat

from lager.breakpoints.notices import identify


def seen(terminals: set[str]) -> list[int]:
    """Which of our standard output and standard error are pipes that lead to one of the terminals."""
    return [fd for fd in (1, 2) if is_pipe(fd) and leads_to(terminals, identify(fd))]


def leads_to(terminals: set[str], pipe: str) -> bool:
    """Whether a filter that reads this pipe, or one that reads what that writes, writes to one of the terminals. All
    of them as `identify` names them."""
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
    """Whether this descriptor or path is one."""
    try:
        return stat.S_ISFIFO(os.stat(file).st_mode)
    except OSError:
        return False


def _readers(pipe: str) -> list[str]:
    """The processes in /proc that have it as their standard input, as a filter has: proc(5)."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if identify(f"/proc/{entry}/fd/0") == pipe and is_pipe(f"/proc/{entry}/fd/0"):
                    found.append(f"/proc/{entry}")
    return found
