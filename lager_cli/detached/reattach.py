"""`lager python --reattach`: shows the output of a detached run from its beginning, and follows it."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator

from lager.errors import LagerError, RunError
from lager.process.system import MODIFIED, MOVED_TO
from lager.wording.commands import box_option
from lager_cli import daemon
from lager_cli.detached.output_log import ERR, OUT, OutputLog, Reader
from lager_cli.display import output
from lager_cli.linux.inotify import Changes
from lager_cli.runs import records
from lager_cli.runs.records import Record

_LEFT = 130


def reattach(id: str, tail: int | None) -> int:
    """Show the output, or its last `tail` lines, and follow it until the run has ended. Return the run's exit code."""
    record = records.find(id)
    if not record.detached:
        raise RunError(
            f"The run {record.id[:8]} is not detached: its output is in the terminal that started it.",
            "Start it with --detach to follow it from here.",
        )
    with contextlib.closing(Reader(OutputLog(record.id))) as reader:
        if tail is not None:
            reader.skip_to_last(tail)
        try:
            if record.state == "running":
                with _attended(record):
                    record = _follow(record, reader)
            _show(reader)
        except KeyboardInterrupt:
            output.note(f"the run continues. To end it: lager python --kill {record.id[:8]}{box_option()}")
            return _LEFT
    if record.exit_code is None:
        raise RunError(
            f"The exit code of the run {record.id[:8]} is unknown: its supervisor was killed before it, or with it.",
            "Its output is above.",
        )
    return record.exit_code


@contextlib.contextmanager
def _attended(record: Record) -> Iterator[None]:
    """On a terminal, let Enter resume a pause of the run."""
    if not os.isatty(0):
        yield
        return
    from lager_cli.run_terminal.enter_key import EnterKey

    try:
        address = daemon.ready_address()
    except LagerError as problem:
        output.error(problem)  # still show the output
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTIN, signal.SIGTTOU])
    output.note("Enter resumes its pauses; Ctrl-C leaves, and the run continues")
    logs = [OutputLog(record.id).file(stream) for stream in (OUT, ERR)]
    with EnterKey(record.id, address, keys_are_ours=True, logs=logs):
        yield


def _follow(record: Record, reader: Reader) -> Record:
    """Show new output until the run has ended, and return its record."""
    log, file = OutputLog(record.id), records.path(record.id, "json")
    with Changes() as changes, contextlib.ExitStack() as own:
        for stream in (OUT, ERR):
            changes.watch(log.file(stream), MODIFIED)
        changes.watch(file.parent, MOVED_TO)
        poll = select.poll()
        poll.register(changes, select.POLLIN)
        for process in (record.keeper, record.script):
            end = process.opened()
            if end is not None:
                own.callback(os.close, end)
                poll.register(end, select.POLLIN)
        while True:
            changes.heard()
            # Read the record first: if it says that the run has ended, the output read after it is complete.
            record = Record.read(file) or record
            _show(reader)
            if record.state != "running":
                return record
            for end, _ in poll.poll():
                if end != changes.fileno():
                    poll.unregister(end)


def _show(reader: Reader) -> None:
    for stream, piece in reader.pieces():
        output.raw(piece, error=stream == ERR)
