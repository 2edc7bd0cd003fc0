"""Starts a simulated bench in a process of its own (lagerd.private_bus.simulation), and ends it."""

import contextlib
import json
import os
import select
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from lager import errors, variables
from lager.bus.address import unix_address
from lager.errors import BusError, LagerError
from lager_cli import daemon

_START_SECONDS = 30.0
_END_SECONDS = 20.0


class SimulatedBench:
    """A simulated bench as in a nets file, with a lagerd of its own. It ends with `close`, or when this process ends.

    Its process is not a child of this one, so it is not waited for or ended with the children. Blocks until the bench
    runs. Raises NetsFileError for a mistake in the file, BusError if the bench does not start.
    """

    def __init__(self, file: str) -> None:
        answer, answers = os.pipe()
        parents, self._alive = os.pipe()
        try:
            _start(os.path.abspath(file), answers, parents)
        finally:
            os.close(answers)
            os.close(parents)
        self._answer = open(answer, encoding="utf-8")  # noqa: SIM115  # open until the bench has ended
        self.folder = ""
        try:
            told = self._told()
        except BaseException:
            self.close()
            raise
        self.folder, self.notes = told["folder"], list(told["notes"])

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process uses this bench."""
        address = unix_address(Path(self.folder) / "bus")
        nets = os.path.join(self.folder, "nets.toml")
        return {variables.BENCH: self.folder, variables.BUS_ADDRESS: address, variables.NETS: nets}

    def fileno(self) -> int:
        """The descriptor that becomes readable when the bench ends."""
        return self._answer.fileno()

    def close(self) -> None:
        """End the bench, and wait until all its processes have ended."""
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1
        with self._answer:
            select.select([self._answer], [], [], _END_SECONDS)
        if self.folder:  # only the bench was killed; else it has removed it
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "SimulatedBench":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _told(self) -> dict[str, Any]:
        if not select.select([self._answer], [], [], _START_SECONDS)[0]:
            raise BusError(f"The simulated bench did not start within {_START_SECONDS:g} s.", "Try again.")
        line = self._answer.readline()
        if not line:
            raise BusError("The simulated bench did not start; the reason is above.", "Fix this and try again.")
        told: dict[str, Any] = json.loads(line)
        if "what" in told:
            kind = getattr(errors, str(told.get("kind", "")), BusError)
            raise (kind if issubclass(kind, LagerError) else BusError)(told["what"], told["hint"])
        return told


def _start(file: str, answers: int, parents: int) -> None:
    """Start the process of the bench as a grandchild, whose parent has ended."""
    command = [sys.executable, "-P", "-m", "lagerd.private_bus.simulation", "--file", file]
    command += ["--answer-fd", str(answers), "--parent-fd", str(parents)]
    ours = (variables.BENCH, variables.BUS_ADDRESS, variables.NETS)
    environment = {name: value for name, value in daemon.environment_of_no_run().items() if name not in ours}
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setsid()
            os.chdir("/")
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1):
                os.dup2(nowhere, stream)
            for fd in (answers, parents):
                os.set_inheritable(fd, True)
            os.posix_spawn(command[0], command, environment)
        os._exit(0)
    os.waitpid(child, 0)
