"""The supervisor of a detached run: starts the script, waits for it, and records its end.

It runs as `python -m lager_cli.detached.supervisor JOB`, in a unit of the user's systemd manager or in its own session.
A signal to it (systemctl stop, the unit's time limit) ends the whole run. It also ends processes that outlive the
script.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from lager import variables
from lager.errors import LagerError
from lager.process import system
from lager_cli.detached.job import Job
from lager_cli.detached.journal_copy import JournalCopy
from lager_cli.detached.output_log import OutputLog
from lager_cli.display import output
from lager_cli.linux import process_tree
from lager_cli.runs import records
from lager_cli.runs.ending.exit_code import ExitCode
from lager_cli.runs.run import OWN_SIGNALS
from lager_cli.runs.wait import BLOCKED, Wait

READY = b"ready\n"


def main() -> None:
    path = Path(os.fsdecode(unquote_to_bytes(sys.argv[1])))
    records.keep_in(path.parent)
    try:
        job = Job.take(path)
        with _reserved(job):
            code = _supervise(job)
        sys.exit(code)
    except LagerError as problem:
        output.error(problem)
        sys.exit(1)
    except OSError as problem:
        output.error(LagerError(f"The run cannot start: {problem}.", "Fix this and try again."))
        sys.exit(1)


@contextlib.contextmanager
def _reserved(job: Job) -> Iterator[None]:
    """Take over the claims that the command that started this process has made for the run. Raises LagerError."""
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)  # also for the threads that this may start
    if not job.nets:
        yield
        return
    from lager_cli.runs.reservation import Reservation

    os.environ.update(
        {name: value for name, value in job.environment.items() if name in (variables.BUS_ADDRESS, variables.NETS)}
    )
    reservation = Reservation(job.nets, job.record.id, job.record.runnable)
    reservation.claim(0.0)
    try:
        yield
    finally:
        reservation.release()


def _supervise(job: Job) -> int:
    system.adopt_orphans()
    os.umask(job.umask)
    os.chdir(job.record.folder or "/")
    log = OutputLog(job.record.id)
    exit_code = ExitCode()
    with log.writer() as writer, _bench(job) as simulated:
        script = os.posix_spawn(
            job.command[0], job.command, {**job.environment, **simulated, variables.EXIT: exit_code.path},
            setsigmask=[], setsigdef=OWN_SIGNALS,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer.out, 1),
                (os.POSIX_SPAWN_DUP2, writer.err, 2),
            ],
        )  # fmt: skip
        try:
            job.record.begin(script)
        except OSError:
            process_tree.end_descendants()  # a run without a record cannot be found
            raise
        in_unit = bool(job.record.unit)
        _say_ready(in_unit)
        with JournalCopy(log, writer, copy=in_unit):
            code = Wait(script, job.record.id, job.ends, writer.note, alone=True).until_it_ends() or 0
            exit_code.tell(code)
            process_tree.end_descendants()
            writer.note_order()
            with contextlib.suppress(OSError):  # the exit code stays unknown
                job.record.end(code)
    if job.remove:
        from lager_cli.transfer import run_folder

        os.chdir("/")
        run_folder.remove(job.remove)
    return code


@contextlib.contextmanager
def _bench(job: Job) -> Iterator[dict[str, str]]:
    """Run the simulated bench of the job, if it has one; yield the variables with which its script uses it."""
    if not job.simulate:
        yield {}
        return
    from lager_cli.runs.simulated_bench import SimulatedBench

    with SimulatedBench(job.simulate) as bench:
        job.record.bench = bench.folder
        yield bench.environment


def _say_ready(in_unit: bool) -> None:
    if in_unit:
        import sdnotify

        sdnotify.SystemdNotifier().notify("READY=1")
        return
    os.write(1, READY)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)  # the process that started us may wait until these are closed
    os.close(nowhere)


if __name__ == "__main__":
    main()
