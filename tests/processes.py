"""Real processes under test: tests wait for output and never sleep, and end what they start."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests import warm

BIN = Path(sys.executable).parent
LAGER = str(BIN / "lager")
LAGERD = str(BIN / "lagerd")
IMPATIENT = """
import lager.breakpoints.state, lager.daemon.daemon_client
lager.breakpoints.state._GRACE = lager.daemon.daemon_client._LAST_WORDS_SECONDS = 0.2
"""  # the first lines of a script that gives a lagerd which stays away little time, at its timeout and at its end
PATIENCE = 60.0  # seconds, for what happens at once on a machine that has nothing else to do
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
_FAREWELL = 3.0


class Gone(AssertionError):
    """The process ended, or printed nothing for too long, before the expected output."""


class Reader:
    """What comes out of one descriptor, as text so far."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.text = ""
        self._open = True
        self._seen = 0
        os.set_blocking(fd, False)

    def expect(self, text: str, patience: float = PATIENCE) -> str:
        """Wait for `text` after what was last expected; what came before it, and it."""
        end = time.monotonic() + patience
        while (at := self.text.find(text, self._seen)) < 0:
            if not self.more(end - time.monotonic()):
                raise Gone(f"{text!r} did not come after:\n{self.text[self._seen :]}\n--- before that:\n{self.text}")
        found = self.text[self._seen : at + len(text)]
        self._seen = at + len(text)
        return found

    def rest(self, patience: float = PATIENCE) -> str:
        """Everything up to the end of it, and not yet expected."""
        end = time.monotonic() + patience
        while self.more(end - time.monotonic()):
            pass
        assert not self._open, f"still open after {patience} s: {self.text}"
        return self.text[self._seen :]

    def taken(self, data: bytes) -> None:
        """What was read just now; for those who want it as it came."""

    def more(self, left: float) -> bool:
        if not self._open or left <= 0 or not select.select([self.fd], [], [], left)[0]:
            return False
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        self.taken(data)
        self._open = bool(data)
        self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return self._open


class Process:
    """A command with pipes, in a session of its own."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: int | None = None) -> None:
        self.popen = warm.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self.out = Reader(self.popen.stdout.fileno())
        self.err = Reader(self.popen.stderr.fileno())

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def stdout(self) -> IO[bytes]:
        assert self.popen.stdout is not None
        return self.popen.stdout

    @property
    def stdin(self) -> IO[bytes]:
        assert self.popen.stdin is not None
        return self.popen.stdin

    def wait(self, patience: float = PATIENCE) -> int:
        return self.popen.wait(patience)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.popen.send_signal(number)

    def close(self, patience: float = _FAREWELL) -> None:
        """End everything in its session that is still there. `patience` is for what keeps its output open longer."""
        if MEASURED and self.popen.poll() is None:
            farewell(self.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(_FAREWELL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()
        for reader in (self.out, self.err):  # whose other ends are open until the last of them has gone
            with contextlib.suppress(AssertionError):
                reader.rest(patience)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()


def ended(process: Process) -> tuple[int, str, str]:
    """Exit code, output and errors of a process that ends on its own."""
    out, err = process.out.rest(), process.err.rest()
    return process.wait(), out, err


class Terminal:
    """A command on a pseudo-terminal of its own, as the leader of its session."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path, size: tuple[int, int] | None = None
    ) -> None:
        """`size` in rows and columns; without, the terminal knows none."""
        forked = warm.on_terminal(command, env, cwd, size)
        self.pid, self._fd = forked or pty.fork()
        if self.pid == 0:
            try:
                if size is not None:
                    termios.tcsetwinsize(0, size)
                os.chdir(cwd)
                os.execve(command[0], list(command), dict(env))
            finally:
                os._exit(127)
        self._status: int | None = None
        self.screen = Reader(self._fd)
        self.expect = self.screen.expect

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code, once all that it printed has been read."""
        self.screen.rest(patience)
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def close(self) -> None:
        if self._status is None:
            if MEASURED:
                farewell(self.pid)
                self._await_end(_FAREWELL)
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def _await_end(self, patience: float) -> None:
        with contextlib.suppress(AssertionError):
            self.screen.rest(patience)


def finished(
    command: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, in a session of its own."""
    pipe = subprocess.PIPE
    process = warm.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(env), cwd=cwd, text=True, start_new_session=True
    )
    with process:
        try:
            out, err = process.communicate(stdin, timeout=PATIENCE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def limited(limit: str, value: float) -> tuple[str, ...]:
    """`lager` with another value of one of its limits, MODULE.NAME: a test shows what happens when it expires, or when
    it does not, on any machine."""
    module, _, name = limit.rpartition(".")
    changed = f"import {module}; {module}.{name} = {value}; from lager_cli import entry; entry.main()"
    return (sys.executable, "-c", changed)


def farewell(pid: int) -> None:
    """Let a session that is to end write down what it ran."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:  # it has ended
        return []


def descriptors(pid: int) -> tuple[int, int]:
    """How many descriptors a process has, and how many more that wait for the end of a process each."""
    found = links(pid)
    waiting = found.count("anon_inode:[pidfd]")
    return len(found) - waiting, waiting


def links(pid: int) -> list[str]:
    """What the descriptors of a process lead to."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(fd))
    return found
