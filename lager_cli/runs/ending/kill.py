"""`lager python --kill`: ends a run and everything it started."""

import os
import select
import signal

import click

from lager import variables
from lager.errors import LagerError, NoSuchRun, RunError
from lager_cli.display import output
from lager_cli.linux import process_tree
from lager_cli.linux.ladder import SignalLadder
from lager_cli.runs import records
from lager_cli.runs.records import Record

_RECORD_SECONDS = 3.0  # in which the keeper of a run that has ended records its end


def kill(id: str, name: str | None) -> int:
    """Send one signal to all processes of the run; without a name, go up the ladder until the run has ended."""
    number = None if name is None else _number(name)
    try:
        record = records.find(id)
    except NoSuchRun as unknown:
        from lager_cli.runs.ending import kill_any

        return kill_any.kill(id, number, unknown)
    if record.state != "running":
        raise RunError(f"The run {record.id[:8]} has already ended.", "See: lager runs")
    if number is None:
        return _end(record)
    count = _signal(record, number)
    output.say(f"Sent {signal.Signals(number).name} to {count} process{'' if count == 1 else 'es'} of {record.id[:8]}.")
    return 0


def kill_all(name: str | None) -> int:
    """End all active runs of this user, or send each a signal; not the run that calls this. Return 1 if one did not
    end."""
    number = None if name is None else str(_number(name).value)
    mine = os.environ.get(variables.PROCESS_ID)
    active = [record for record in records.everyone() if record.state == "running" and record.id != mine]
    if not active:
        output.say("You have no active runs.")
    failed = False
    for record in active:
        try:
            kill(record.id, number)
        except LagerError as problem:  # it may have ended meanwhile
            if records.find(record.id).state == "running":
                output.error(problem)
                failed = True
    return int(failed)


def _end(record: Record) -> int:
    keeper = record.keeper.opened()
    waited_for = keeper if keeper is not None else record.script.opened()
    if waited_for is None:
        return _told(record)
    try:
        if _is_kept(record):
            SignalLadder(record.keeper.pid, run=record.id).climb()
        elif record.script.is_alive():
            SignalLadder(record.script.pid, run=record.id, with_root=True).climb()
        record.keeper.send(signal.SIGCONT)  # so that it can record the end
        if select.select([waited_for], [], [], _RECORD_SECONDS)[0]:
            return _told(record)
    finally:
        os.close(waited_for)
    raise RunError(f"The run {record.id[:8]} did not end.", "Look at its processes: ps f")


def _told(record: Record) -> int:
    code = records.find(record.id).exit_code
    output.say(f"Ended {record.id[:8]}" + ("." if code is None else f": exit code {code}."))
    return 0


def _signal(record: Record, number: int) -> int:
    """Send the signal, and return how many processes got it."""
    if _is_kept(record):
        return process_tree.signal_descendants(number, of=record.keeper.pid)
    below = process_tree.signal_descendants(number, of=record.script.pid) if record.script.is_alive() else 0
    return below + record.script.send(number)


def _is_kept(record: Record) -> bool:
    """Return whether the run consists of all processes that its keeper started; otherwise it is the script and its
    descendants."""
    return record.detached and record.keeper.is_alive()


def _number(name: str) -> signal.Signals:
    wanted = name.strip().upper()
    try:
        return signal.Signals(int(wanted)) if wanted.isdigit() else signal.Signals["SIG" + wanted.removeprefix("SIG")]
    except (KeyError, ValueError):
        raise click.BadParameter(
            f"{name!r} is not a signal; give one like INT, TERM or KILL.", param_hint="--signal"
        ) from None
