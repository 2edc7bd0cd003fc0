"""A user without a box, whose first command starts an embedded lagerd."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lager.bus import address
from tests.processes import BIN, LAGER, PATIENCE, Process, finished

ONE = "import lager\nlager.pause(timeout=TIMEOUT)\nprint('went on')\n"


class Home:
    """A user's session: a runtime folder, the commands in it, and all processes that came of them."""

    def __init__(self, root: Path, runtime: str = "run") -> None:
        self.root = root
        self.runtime = root / runtime
        self.runtime.mkdir(mode=0o700, parents=True)
        (root / "tmp").mkdir(mode=0o700)
        unwanted = ("LAGER", "DBUS", "PYTHONBREAK", "NOTIFY", "CI")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
        self.env |= {"XDG_RUNTIME_DIR": str(self.runtime), "TMPDIR": f"{root}/tmp", "LAGER_TEST": str(root)}
        self.env |= {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", "HOME": f"{root}/home"}
        self.processes: list[Process] = []

    @property
    def folder(self) -> Path:
        return self.runtime / "lager"

    @property
    def address(self) -> str:
        return address.unix_address(self.folder / "bus")

    def run(self, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return finished(command, {**self.env, **env}, self.root)

    def lager(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return self.run(LAGER, *arguments, **env)

    def start(self, *command: str, **env: str) -> Process:
        self.processes.append(Process(command, {**self.env, **env}, self.root))
        return self.processes[-1]

    def script(self, timeout: float = 0, before: str = "") -> Process:
        """A script that pauses once, after the lines `before`."""
        (self.root / "script.py").write_text(before + ONE.replace("TIMEOUT", repr(timeout)))
        return self.start(LAGER, "python", "script.py")

    def pids(self, *, named: str = "") -> list[int]:
        """What is alive of this user, by the environment that all of it inherits; `named` is in its command line."""
        found = []
        mark = b"LAGER_TEST=" + os.fsencode(self.root) + b"\0"
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                    if command.endswith(named) or (named.endswith("*") and named[:-1] in command):
                        found.append(int(entry.name))
        return found

    def until_gone(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                assert select.select([fd], [], [], PATIENCE)[0], self.run("ps", "-fp", str(pid)).stdout
            finally:
                os.close(fd)

    def until_all_are_gone(self) -> None:
        for pid in self.pids():
            self.until_gone(pid)
        assert self.pids() == []

    def close(self) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            process.close()
        self.until_all_are_gone()


@contextlib.contextmanager
def a_home(runtime: str = "run") -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="lager-test-", dir="/tmp") as root:
        home = Home(Path(root), runtime)
        try:
            yield home
        finally:
            home.close()
