"""A script that the editor has started: `lager python` as a child, whose output goes to the editor."""

import asyncio
import codecs
import os
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from lager import variables
from lager.errors import InvalidArgument

_CHUNK = 1 << 16
_ENDING = 20.0  # seconds that `lager python` takes at most to end its script and everything that it started


class Launched:
    """`run_id` is the id of the run. `printed` is called with "out" or "err" and the text."""

    def __init__(self, printed: Callable[[str, str], None]) -> None:
        self.run_id = str(uuid.uuid4())
        self._printed = printed
        self._process: asyncio.subprocess.Process | None = None
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

    async def start(self, at_start: str) -> None:
        """Start it; `at_start` is "loud" or "quiet" if it is to pause before its first line, else empty. Raises
        InvalidArgument if it cannot be started."""
        stop = ["--env", f"{variables.PAUSE_AT_START}={at_start}"] if at_start else []
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "lager_cli", *self._place, *self._options, *stop, *self._script,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env={**os.environ, variables.NEXT_RUN: self.run_id}, cwd=self._folder,
            )  # fmt: skip
        except OSError as error:
            raise InvalidArgument(f"The script cannot be started: {error}.", "Check the cwd and the args.") from None

    async def ended(self) -> int:
        """Return its exit code once it has ended and all its output was passed on."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        await asyncio.gather(self._pass_on("out", process.stdout), self._pass_on("err", process.stderr))
        code = await process.wait()
        return 128 - code if code < 0 else code

    async def end(self) -> None:
        """End the run, as `lager python` does at SIGTERM: the script is interrupted first, so that it can clean up."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _ENDING)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _pass_on(self, stream: str, reader: asyncio.StreamReader) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        while data := await reader.read(_CHUNK):
            if text := decoder.decode(data):
                self._printed(stream, text)


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
