"""The command that a session runs on a box, with a terminal if the user has one."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from typing import Any

from lager import variables
from lager.process import system
from lager_cli.boxes.session.endpoints import PipeSink, Source
from lager_cli.boxes.session.multiplexer import Multiplexer
from lager_cli.boxes.session.protocol import Stream
from lager_cli.linux import tty


class Command:
    """The child process, leader of its own session. Its standard streams are streams of the multiplexer."""

    def __init__(self, multiplexer: Multiplexer, header: Mapping[str, Any], folder: str | None) -> None:
        self._multiplexer = multiplexer
        self._kinds: Sequence[str] = header["streams"]
        self.sources: list[Source] = []
        self._terminal = -1
        theirs = self._open(header)
        arguments = [_bytes(argument) for argument in header["arguments"]]
        told = {_bytes(name): _bytes(value) for name, value in header["environment"].items()}
        box = {variables.BOX.encode(): header["box"].encode()}
        if folder is not None:
            box[variables.RUN_FOLDER.encode()] = os.fsencode(folder)
        self._end_with_parent = system.signal_with_parent(signal.SIGINT)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lager_cli", "--here", *arguments],
            stdin=theirs[0],
            stdout=theirs[1],
            stderr=theirs[2],
            env={**os.environb, **told, **box},
            cwd=folder,
            start_new_session=True,
            preexec_fn=self._settle,
        )
        for fd in set(theirs):
            os.close(fd)
        self._ended = os.pidfd_open(self._process.pid)
        self.ended = False
        multiplexer.parties.append(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def interest(self) -> tuple[int, int] | None:
        return None if self.ended else (self._ended, select.POLLIN)

    def ready(self) -> None:
        self.ended = True

    def finish(self) -> int:
        """Send the rest of the output and return the exit code. Other processes may still have the streams open."""
        for source in self.sources:
            while not source.ended:
                if source.interest() is None:
                    self._multiplexer.turn()
                elif not source.read():
                    break
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def signal(self, number: signal.Signals) -> None:
        if not self.ended:
            self._process.send_signal(number)

    def resize(self, size: tuple[int, int]) -> None:
        if self._terminal >= 0:
            termios.tcsetwinsize(self._terminal, size)

    def _open(self, header: Mapping[str, Any]) -> list[int]:
        """Return the command's ends of its standard streams; our ends are in the multiplexer."""
        slave = -1
        if "terminal" in self._kinds:
            self._terminal, slave = os.openpty()
            self._describe(slave, header)
            os.set_blocking(self._terminal, False)
            self.sources.append(Source(self._multiplexer, Stream.TERMINAL, self._terminal))
            PipeSink(self._multiplexer, Stream.TERMINAL, self._terminal, keep=True)
        return [self._end(stream, kind, slave) for stream, kind in enumerate(self._kinds)]

    def _describe(self, slave: int, header: Mapping[str, Any]) -> None:
        if header["size"]:
            self.resize(header["size"])
        if header["settings"]:
            with contextlib.suppress(
                termios.error, ValueError, TypeError, IndexError
            ):  # the settings come from another machine
                tty.apply(slave, header["settings"])

    def _end(self, stream: int, kind: str, slave: int) -> int:
        if kind == "terminal":
            return slave
        if kind == "closed":
            return os.open(os.devnull, os.O_RDWR)
        reader, writer = os.pipe()
        if stream == Stream.IN:
            PipeSink(self._multiplexer, Stream.IN, writer)
            return reader
        os.set_blocking(reader, False)
        self.sources.append(Source(self._multiplexer, stream, reader, on_end=lambda: os.close(reader)))
        return writer

    def _settle(self) -> None:  # pragma: no cover: it is measured until it becomes another program, and then lost
        """Set up the new process: its controlling terminal, and closed descriptors where the user has closed ones.

        The process is interrupted when the session is killed, since nothing else would interrupt it.
        """
        self._end_with_parent()
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
            signal.signal(number, signal.SIG_DFL)
        if "terminal" in self._kinds:
            fcntl.ioctl(self._kinds.index("terminal"), termios.TIOCSCTTY, 0)
        for fd, kind in enumerate(self._kinds):
            if kind == "closed":
                os.close(fd)


def _bytes(text: str) -> bytes:
    """Return the bytes of an argument or a variable from its form in JSON."""
    return text.encode("latin-1")
