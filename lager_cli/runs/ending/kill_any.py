"""`lager python --kill` of another user's run: root ends it directly, others through lagerd, which asks polkit."""

import contextlib
import os
import signal
from pathlib import Path

from lager import variables
from lager.contract import INSTRUMENTS
from lager.errors import AccessDenied, AmbiguousId, LagerError, NoSuchRun
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.linux.ladder import SignalLadder
from lager_cli.runs.records import SHORTEST_PREFIX

_MARK = f"{variables.PROCESS_ID}=".encode()


def kill(id: str, number: signal.Signals | None, unknown: NoSuchRun) -> int:
    """End the only run of other users whose id begins with `id`, or send it a signal. May raise `unknown`."""
    wanted = id.strip().lower()
    if len(wanted) < SHORTEST_PREFIX:
        raise unknown
    if os.geteuid() != 0:
        return _ask_lagerd(wanted, number, unknown)
    (run, uid), pids = _only(wanted, unknown)
    if number is None:
        for pid in pids:
            SignalLadder(pid, with_root=True).climb()
        output.say(f"Ended {run[:8]}, a run of uid {uid}.")
    else:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        output.say(f"Sent {number.name} to {len(pids)} processes of {run[:8]}.")
    return 0


def _ask_lagerd(wanted: str, number: signal.Signals | None, unknown: NoSuchRun) -> int:
    known: set[str] = set()
    with contextlib.suppress(LagerError):  # only lagerd knows the runs of other users
        for listed in (ask("List")[0], ask("List", name=INSTRUMENTS)[0]):
            known |= {str(one["run_id"]) for one in listed if one["run_id"].startswith(wanted)}
    if not known:
        raise unknown
    if number is not None:
        raise AccessDenied("Only root may send a signal to another user's run.", "End it without --signal.")
    if len(known) > 1:
        raise AmbiguousId(f"{wanted} matches {len(known)} runs.", "Give more of the id: lager breakpoints --json")
    (run,) = known
    ask("KillRun", "s", run)
    output.say(f"Ended {run[:8]}.")
    return 0


def _only(wanted: str, unknown: NoSuchRun) -> tuple[tuple[str, int], list[int]]:
    """Return the run, its user and its processes. The same id of another user is another run."""
    found: dict[tuple[str, int], list[int]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, UnicodeError):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            variables = (entry / "environ").read_bytes().split(b"\0")
            run = next((one.removeprefix(_MARK).decode() for one in variables if one.startswith(_MARK)), "")
            if run.startswith(wanted):
                found.setdefault((run, entry.stat().st_uid), []).append(int(entry.name))
    if not found:
        raise unknown
    if len(found) > 1:
        shown = ", ".join(f"{run} of uid {uid}" for run, uid in list(found)[:5])
        raise AmbiguousId(f"{wanted} matches {len(found)} runs: {shown}.", "Give more of the id, or kill a pid.")
    return found.popitem()
