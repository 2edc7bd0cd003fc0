"""The files of a run on a box, on the user's side: uploads and downloads."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from lager import variables
from lager.errors import BoxError, TransferError
from lager.wording.text import printable
from lager_cli.boxes import remote
from lager_cli.display import output
from lager_cli.runs import run
from lager_cli.transfer import downloads
from lager_cli.transfer.attachments import Attachments
from lager_cli.transfer.pack import FileSelection


class RunFiles:
    """Before anything is sent, raises TransferError, or UsageError if there is nothing to run."""

    def __init__(
        self, runnable: str, flag: str, added: Sequence[str], patterns: Sequence[str], *, overwrite: bool
    ) -> None:
        self._wanted = downloads.Wanted(patterns)
        self._receiver = downloads.Receiver(self._wanted, overwrite=overwrite)
        self._selection = FileSelection()
        for name in [*_of(runnable, flag), *added]:
            self._selection.add(name)
        if not overwrite:
            downloads.refuse_existing(self._wanted)
        self._unsent: TransferError | None = None
        self._unreceived: TransferError | None = None

    def run(self, box: str, arguments: Sequence[str], environment: Mapping[str, str], *, stays: bool) -> int:
        """Run `lager ARGUMENTS` on the box with the files. Return its exit code, or 1 if only a download failed.

        `stays`: the run continues after the command has ended. Raises as remote.run does, and TransferError.
        """
        order = {"download": self._wanted.patterns, "stays": stays}
        attachments = Attachments(order, self._send, self._receive if self._wanted.patterns else None)
        names = {variables.TYPED: json.dumps(self._selection.typed)} if self._selection.typed else {}
        try:
            code = remote.run(box, arguments, environment={**environment, **names}, attachments=attachments)
        except BoxError as problem:
            raise self._unsent or problem from None
        for pattern in self._receiver.missed:
            output.note(printable(f"--download {pattern}: the run wrote no such file", 300))
        for sentence in self._receiver.problems:
            output.note(printable(sentence, 1000))
        if self._unreceived is not None:
            output.error(self._unreceived)
        return code or int(bool(self._unreceived or self._receiver.problems))

    def _send(self, end: BinaryIO) -> None:
        with output.progress("Sending", self._selection.size) as sent:

            def write(data: bytes) -> None:
                end.write(data)
                sent(len(data))

            try:
                self._selection.write(write)
            except TransferError as problem:
                self._unsent = problem
            except BrokenPipeError:
                return  # the box has sent the reason

    def _receive(self, end: BinaryIO) -> None:
        try:
            self._receiver.receive(end)
        except TransferError as problem:
            self._unreceived = problem


def _of(runnable: str, flag: str) -> list[str]:
    """Return the local file or folder of the run; empty for code, and for a module that only the box has."""
    if flag == "-c" or runnable == "-":
        return []
    if not flag:
        run.target(runnable, flag)
        return [runnable]
    top = runnable.partition(".")[0]
    return [name for name in (top, f"{top}.py") if os.path.exists(name)][:1]
