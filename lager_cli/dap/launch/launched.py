"""A script that the editor has started: `lager python` under its keeper, whose output goes to the editor."""

import asyncio
import codecs
import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from lager import variables
from lager.errors import InvalidArgument
from lager_cli.dap.launch import keeper

_CHUNK = 1 << 16
_PATIENCE = keeper.ENDING + 5.0  # seconds


class Launched:
    """`run_id` is the id of the run. `printed` is called with "out" or "err" and the text."""

    def __init__(self, printed: Callable[[str, str], None]) -> None:
        self.run_id = str(uuid.uuid4())
        self._printed = printed
        # Not a process of asyncio, which may kill its processes when it ends.
        self._process: subprocess.Popen[bytes] | None = None
        self._output: list[int] = []  # the ends of its pipes, until they are read
        self._leash = -1
        self._folder: str | None = None
        self._place: list[str] = []
        self._options: list[str] = []
        self._script: list[str] = []

    def prepare(self, arguments: dict[str, Any], box: str | None) -> None:
        """Take the arguments of a launch request. Raises InvalidArgument if they are not valid."""
        self._folder = arguments.get("cwd") or None
        self._options, self._script = _words(arguments, box)
        self._place = [] if box else ["--here"]
        if self._folder is not None and not os.path.isdir(str(self._folder)):
            raise InvalidArgument(f"The script cannot be started: {self._folder} is not a folder.", "Check the cwd.")

    def start(self, at_start: str) -> None:
        """Start it; `at_start` is "loud" or "quiet" if it is to pause before its first line, else empty. Raises
        InvalidArgument if it cannot be started."""
        stop = ["--env", f"{variables.PAUSE_AT_START}={at_start}"] if at_start else []
        words = [sys.executable, "-P", "-m", "lager_cli", *self._place, *self._options, *stop, *self._script]
        with contextlib.ExitStack() as given:  # the ends that only the keeper and the script hold then
            pairs = [os.pipe() for _ in range(3)]
            self._output = [pairs[0][0], pairs[1][0]]
            self._leash = pairs[2][1]
            for fd in (pairs[0][1], pairs[1][1], pairs[2][0]):
                given.callback(os.close, fd)
            kept = (pairs[2][0], *self._output)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", keeper.__file__, *map(str, kept), "--", *words],
                    stdin=subprocess.DEVNULL, stdout=pairs[0][1], stderr=pairs[1][1], pass_fds=kept,
                    env={**os.environ, variables.NEXT_RUN: self.run_id}, cwd=self._folder,
                )  # fmt: skip
            except OSError as error:
                self._close()
                raise InvalidArgument(
                    f"The script cannot be started: {error}.", "Check the cwd and the args."
                ) from None

    async def ended(self) -> int:
        """Return its exit code once it has ended and all its output was passed on."""
        out, err = self._output
        self._output = []
        await asyncio.gather(self._pass_on("out", out), self._pass_on("err", err))
        return await self._exit_code()

    async def end(self) -> None:
        """End the run, as `lager python` does at SIGTERM: the script is interrupted first, so that it can clean up.
        Its output is still passed on to the caller that awaits `ended`."""
        self._say(keeper.END)
        if self._process is not None:
            try:
                await asyncio.wait_for(self._exit_code(), _PATIENCE)
            except TimeoutError:
                self._process.kill()
                await self._exit_code()

    async def leave(self, *, running: bool) -> None:
        """Stop reading its output, and leave it `running`, or end it."""
        if running:
            self._say(keeper.RELEASE)
        self._close()
        if not running:
            await self.end()

    async def _exit_code(self) -> int:
        """Return the exit code of the keeper, once it has ended."""
        assert self._process is not None
        if self._process.poll() is None:
            ended = asyncio.Event()
            loop, fd = asyncio.get_running_loop(), os.pidfd_open(self._process.pid)
            loop.add_reader(fd, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(fd)
                os.close(fd)
        return self._process.wait()

    def _say(self, word: bytes) -> None:
        if self._leash >= 0:
            with contextlib.suppress(BrokenPipeError):  # it has just ended
                os.write(self._leash, word)

    def _close(self) -> None:
        for fd in (*self._output, self._leash):
            if fd >= 0:
                os.close(fd)
        self._output, self._leash = [], -1

    async def _pass_on(self, stream: str, fd: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(fd, "rb", 0))
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        try:
            while data := await reader.read(_CHUNK):
                if text := decoder.decode(data):
                    self._printed(stream, text)
        finally:
            transport.close()


def _words(arguments: dict[str, Any], box: str | None) -> tuple[list[str], list[str]]:
    """Return the words of `lager python` in front of the script, and the script with its arguments."""
    program, given = arguments.get("program"), arguments.get("args", [])
    environment = arguments.get("env") or {}
    if not isinstance(program, str) or not program:
        raise InvalidArgument("The launch configuration names no program.", 'Add "program": "${file}".')
    if not _are_texts(given):
        raise InvalidArgument("The args of the launch configuration are not a list of texts.", "Quote each of them.")
    if not isinstance(environment, dict) or not _are_texts([*environment, *environment.values()]):
        raise InvalidArgument("The env of the launch configuration is not a table of texts.", "Quote each value.")
    words = ["python", *(["--box", box] if box else [])]
    words += [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    words += ["--pause-on-error"] if arguments.get("pauseOnError") else []
    return words, [program, "--", *given]


def _are_texts(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str) and all(isinstance(one, str) for one in values)
