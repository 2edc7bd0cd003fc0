"""One run of a script in the foreground, and its environment. detach.py starts detached runs."""

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lager import variables
from lager.errors import LagerError
from lager.inspection import display_paths
from lager.process import system
from lager.wording import commands
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.linux import home, pipelines
from lager_cli.run_terminal.enter_key import EnterKey
from lager_cli.runs.ending.exit_code import ExitCode
from lager_cli.runs.ending.keeper import Keeper
from lager_cli.runs.interpreter import OWN, Interpreter
from lager_cli.runs.wait import BLOCKED, Wait

if TYPE_CHECKING:
    from lager_cli.runs.records import Record

_ATTENDED_AFTER = 0.1
_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OWN_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores these; a script starts with the defaults


@dataclass
class Run:
    """`flag` is -m or -c if `runnable` is a module or code, else empty. `timeout` is in seconds, 0 for none. `nets` are
    claimed for the run before it starts, for which it waits up to `wait` seconds."""

    runnable: str
    arguments: tuple[str, ...]
    flag: str
    environment: dict[str, str]
    timeout: float
    interpreter: Interpreter = OWN
    nets: tuple[str, ...] = ()
    wait: float = 0.0
    simulate: str = ""
    """The nets file whose simulation the run uses; empty for the bench of this machine."""

    def run(self) -> int:
        """Run the script in the foreground. Return its exit code, 128 + N for signal N, 124 for a timeout."""
        session = os.getppid()
        code = self._run()
        if os.getppid() != session and (folder := uploaded()):  # the session was killed and cannot remove the folder
            from lager_cli.transfer import run_folder

            os.chdir("/")
            run_folder.remove(folder)
        return code

    def _run(self) -> int:
        command = self.command()
        if not self.simulate:
            return self._run_on_bench(command)
        from lager_cli.runs.simulated_bench import SimulatedBench

        with SimulatedBench(self.simulate) as bench:
            say_simulated(self.simulate, bench.folder, bench.notes)
            os.environ.update(bench.environment)
            return self._run_on_bench(command)

    def _run_on_bench(self, command: list[str]) -> int:
        address = daemon.ready_address()
        id = next_id()
        with self.reserved(id):
            return self._run_as(id, command, address)

    @contextlib.contextmanager
    def reserved(self, id: str) -> Iterator[None]:
        """Hold the instruments of `nets` for the run with this id, until it claims them or the block ends.

        Blocks up to `wait` seconds, and can be interrupted. Raises InstrumentBusy, BusError and NoSuchNet.
        """
        if not self.nets:
            yield
            return
        from lager_cli.runs.reservation import Reservation  # imports the bus library

        before = signal.pthread_sigmask(signal.SIG_BLOCK, (*BLOCKED, signal.SIGCONT))  # for the threads that it starts
        try:
            reservation = Reservation(self.nets, id, self.runnable)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            reservation.claim(self.wait)
            yield
        finally:
            reservation.release()

    def _run_as(self, id: str, command: list[str], address: str) -> int:
        # Before the script starts, so that no signal is lost in between; the script gets its own mask.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*BLOCKED, signal.SIGCONT))  # the last is for the countdown
        ends = self.ends()
        if ends is not None:
            system.adopt_orphans()
        terminal = ""
        with contextlib.suppress(OSError):  # no terminal, or one of another container, which has no name here
            terminal = os.ttyname(0)
        row = os.memfd_create("countdown") if os.isatty(2) else -1
        environment = self.whole_environment(id, address, ends, terminal)
        environment[variables.COUNTDOWN] = f"/proc/{os.getpid()}/fd/{row}" if row >= 0 else ""
        environment[variables.PYTHON_PID] = str(os.getpid())
        exit_code = ExitCode()
        environment[variables.EXIT] = exit_code.path
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
        watch = pipelines.last_write()
        script = os.posix_spawn(command[0], command, environment, setsigmask=[], setsigdef=OWN_SIGNALS)
        with watch as last_write, Keeper(script, id) as keeper:
            wait = Wait(script, id, ends, output.note, without=(keeper.pid,))
            code = wait.until_it_ends(_ATTENDED_AFTER)
            if code is not None:
                exit_code.tell(code)
                return code  # before a user could press a key
            record = self.record(id)
            with contextlib.suppress(OSError, LagerError):  # the run does not need its record
                record.begin(script)
            starts = daemon.is_embedded(address)
            with EnterKey(id, address, ends, row=row, last_write=last_write, starts_bus=starts):
                code = wait.until_it_ends() or 0
                exit_code.tell(code)
        with contextlib.suppress(OSError, LagerError):
            record.end(code)
        return code

    def command(self) -> list[str]:
        """Return the command line of the script. Raises UsageError if there is nothing to run."""
        return [self.interpreter.path, *target(self.runnable, self.flag), *self.arguments]

    def ends(self) -> float | None:
        """Return when a run that starts now times out, on the monotonic clock; None for no timeout."""
        return time.monotonic() + self.timeout if self.timeout else None

    def record(self, id: str) -> "Record":
        from lager_cli.runs.records import Record  # a short run does not need it

        try:
            folder = os.getcwd()
        except FileNotFoundError:  # the current folder was removed
            folder = ""
        other = self.interpreter.path if self.interpreter.other else ""
        box = os.environ.get(variables.BOX, "")
        bench = os.environ.get(variables.BENCH, "")
        return Record(id, self.runnable, list(self.arguments), folder, box, interpreter=other, bench=bench)

    def whole_environment(self, id: str, address: str, ends: float | None, terminal: str) -> dict[str, str]:
        """Return the environment of this process, with the variables that a pause in the script needs, and those of the
        user."""
        marks = {variables.PROCESS_ID: id, variables.RUNNABLE: self.runnable, variables.BUS_ADDRESS: address}
        marks["PYTHONBREAKPOINT"] = os.environ.get("PYTHONBREAKPOINT", "lager.breakpointhook")
        marks[variables.TERMINAL] = terminal
        marks[variables.EVIDENCE] = str(home.state() / "lager" / "runs" / f"{id}.evidence")
        marks[variables.COMMAND] = commands.missing_path()
        marks[variables.RUN_DEADLINE] = "" if ends is None else repr(ends)
        # After the user's variables, so that a simulated run reaches no other bench.
        simulated = {variables.NETS: os.environ[variables.NETS]} if os.environ.get(variables.BENCH) else {}
        simulated |= {variables.BENCH: os.environ[variables.BENCH]} if simulated else {}
        return self.interpreter.within({**os.environ, **marks, **self.environment, **simulated})


def say_simulated(file: str, folder: str, notes: Iterable[str]) -> None:
    """Print that no real instrument is used, and how other terminals can use the simulation."""
    output.note(f"simulated bench of {file}: no real instrument is used. In other terminals:")
    output.note(f"  export {variables.BENCH}={folder}")
    for note in notes:
        output.note(note)


def target(runnable: str, flag: str) -> list[str]:
    """Return the arguments for Python. `flag` is -m for a module, -c for code, else empty. The file `-` is standard
    input. Raises UsageError if there is no such file.
    """
    if flag:
        return [flag, runnable]
    if runnable == "-":
        return [runnable]
    name = display_paths.there(runnable)
    path = Path(name)
    if name and path.is_dir():
        for main in ("main.py", "__main__.py"):
            if (path / main).is_file():
                return [_no_option(str(path / main))]
        raise click.UsageError(f"The folder {runnable} has neither a main.py nor a __main__.py.")
    if not (name and path.exists()):
        raise click.UsageError(f"No such file or folder: {runnable or repr(runnable)}")
    return [_no_option(name)]


def _no_option(name: str) -> str:
    """Return a name that Python does not treat as an option."""
    return os.path.join(os.curdir, name) if name.startswith("-") else name


def uploaded() -> str:
    """Return the folder that was sent with the run; empty in a run started by another run, which owns the folder."""
    return "" if variables.PROCESS_ID in os.environ else os.environ.get(variables.RUN_FOLDER, "")


def next_id() -> str:
    """Return the id that the program that started this process has chosen for the run, else a new one."""
    given = os.environ.pop(variables.NEXT_RUN, "")
    return given if _RUN_ID.fullmatch(given) else new_id()


def new_id() -> str:
    return Path("/proc/sys/kernel/random/uuid").read_text(encoding="ascii").strip()
