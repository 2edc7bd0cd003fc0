"""`lager bench`: a simulated bench that a file describes."""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence

import click

from lager import variables
from lager.errors import BusError
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.runs.simulated_bench import SimulatedBench

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as of a shell


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("file", shell_complete=completion.files)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND]")
def bench(file: str, command: tuple[str, ...]) -> int:
    """Simulate the bench that FILE describes: a nets file, with a table [simulate] that says what is wired to what.
    It runs until Ctrl-C. With COMMAND, run that on the bench, and end with its exit code.

    The bench has a lagerd of its own: it claims no instrument of this machine, and no real instrument is reached
    through it.

    \b
    Examples:
      lager bench ci.toml
      lager bench ci.toml -- pytest tests
      lager bench ci.toml -- lager python test.py
    """
    command = command[1:] if command[:1] == ("--",) else command
    if command and shutil.which(command[0], os.F_OK) is None:
        raise _missing(command[0])  # before a bench starts for it
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    got: list[int] = []

    def told(number: int, _: object) -> None:
        got.append(number)

    signal.set_wakeup_fd(wake)
    before = {number: signal.getsignal(number) for number in _ENDING}
    with SimulatedBench(file) as simulated:
        for note in simulated.notes:
            output.note(note)
        for number in _ENDING:
            if before[number] is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, told)
        try:
            if command:
                return _run(command, simulated, woken, got)
            _say(file, simulated)
            while not got:
                ready = select.select([woken, simulated.fileno()], [], [])[0]
                if simulated.fileno() in ready and not got:
                    raise BusError("The simulated bench has ended.", "Start it again.")
            return 0
        finally:
            signal.set_wakeup_fd(-1)
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)  # until the bench has ended


def _say(file: str, simulated: SimulatedBench) -> None:
    output.note(f"the simulated bench of {file} is running; Ctrl-C ends it. In other terminals:")
    output.say(f"export {variables.BENCH}={simulated.folder}")


def _run(command: Sequence[str], simulated: SimulatedBench, woken: int, got: list[int]) -> int:
    """Run the command to its end, pass signals on, and return its exit code; 128 + N for signal N."""
    try:
        child = subprocess.Popen(command, env={**os.environ, **simulated.environment})
    except FileNotFoundError:
        raise _missing(command[0]) from None
    except OSError as error:
        raise click.UsageError(f"{command[0]!r} cannot be run: {error.strerror}.") from None
    ended = os.pidfd_open(child.pid)
    try:
        while child.poll() is None:
            if woken in select.select([woken, ended], [], [])[0]:
                os.read(woken, 4096)
                while got:
                    _pass_on(child, got.pop(0))
        return 128 - child.returncode if child.returncode < 0 else child.returncode
    finally:
        os.close(ended)


def _missing(command: str) -> click.UsageError:
    return click.UsageError(f"There is no command {command!r}.")


def _pass_on(child: "subprocess.Popen[bytes]", number: int) -> None:
    """Forward a signal, except SIGINT and SIGQUIT of a terminal, which the kernel also sends to the command."""
    if number not in (signal.SIGINT, signal.SIGQUIT) or not _in_foreground():
        child.send_signal(number)


def _in_foreground() -> bool:
    """Return whether we have a terminal and are in its foreground, where Ctrl-C reaches us."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
