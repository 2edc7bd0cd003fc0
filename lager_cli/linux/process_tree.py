"""Finds and ends the descendants of a process. Linux stores the parent of each, and gives us orphans on request."""

import contextlib
import os
import signal

from lager import variables


def signal_descendants(number: int, of: int | None = None) -> int:
    """Send a signal to all descendants of this process, or of another; return how many got it."""
    count = 0
    for pid in descendants(os.getpid() if of is None else of):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            count += 1
    return count


def end_descendants() -> None:
    """Kill all descendants and wait for them; the next round kills what was forked meanwhile."""
    while descendants(os.getpid()):
        signal_descendants(signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def descendants(*of: int) -> list[int]:
    """Return the pids of all descendants of these processes, parents before their children."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(_parent(int(entry)), []).append(int(entry))
    found = [child for pid in of for child in children.get(pid, [])]
    for pid in found:
        found += children.get(pid, [])
    return list(dict.fromkeys(found))


def of_run(id: str) -> list[int]:
    """Return the pids of all processes that began with the environment of this run, including those whose parents have
    ended.

    It finds only processes whose environment this user may read, and that a program did not clear: proc(5).
    """
    mark = f"{variables.PROCESS_ID}={id}\0".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                if mark in file.read():
                    found.append(int(entry))
    return found


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The name in parentheses may hold anything, spaces and parentheses too: proc(5).
        return int(file.read().rpartition(b")")[2].split()[1])
