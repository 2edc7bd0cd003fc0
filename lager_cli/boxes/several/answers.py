"""The answer of one box to a command for many boxes, or the reason why there is none."""

import os
import re
import time
from dataclasses import dataclass
from typing import Any, BinaryIO

from lager.errors import BoxError, LagerError, NoConnection, OtherVersion
from lager.wording.text import printable
from lager_cli.boxes.names.box_table import Box

LIMIT = 10.0  # seconds for a box to answer: to connect, to start lager, and to do what is asked
LONGEST = 4 << 20  # bytes that a box may answer
_MOST_LINES = 20
_MISSING = re.compile(r"^Error: No such (command|option):? '?([a-z-]{1,40})", re.MULTILINE)  # of click


class Late(NoConnection):
    """A box did not answer in time."""


@dataclass
class BoxAnswer:
    """The parsed answer of a command on a box; or the `problem` if it failed."""

    box: Box
    code: int = 1
    said: Any = None
    problem: LagerError | None = None


def late(box: Box, limit: float) -> Late:
    what = f"The box {box.name} did not answer within {limit:g} s."
    return Late(what, f"Try: ssh {box.ssh} {box.command} --version")


def unreadable(box: Box, problem: Exception) -> OtherVersion:
    what = f"The answer of the box {box.name} cannot be read ({printable(repr(problem), 300)})."
    return OtherVersion(what, "Compare the versions of lager: lager boxes check")


def failed(box: Box, code: int, errors: str) -> BoxError:
    """Return why the command failed on the box, from its error output. If this machine has accepted the command line
    and the box has not, the box has another version."""
    if missing := _MISSING.search(errors):
        what = f"The box {box.name} has another version of lager, without the {missing[1]} {missing[2]}."
        return OtherVersion(what, "Compare the versions: lager boxes check")
    lines = errors.strip().removeprefix("lager: ").splitlines()[:_MOST_LINES]
    said = "\n".join(printable(line, 1000) for line in lines)
    return BoxError(f"{box.name}: {said or f'exit code {code}'}")


def text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def left(box: Box, limit: float, ends: float, *files: BinaryIO) -> float:
    """Return how many seconds the box still has. Raises Late, and BoxError if the box filled one of the files."""
    if max(os.fstat(one.fileno()).st_size for one in files) > LONGEST:
        raise too_much(box)
    if time.monotonic() >= ends:
        raise late(box, limit)
    return ends - time.monotonic()


def too_much(box: Box) -> BoxError:
    return BoxError(f"The box {box.name} sent more than {LONGEST >> 20} MB.", "Do not trust that box.")


def state_of(problem: LagerError) -> str:
    """Return in a few words why there is no answer."""
    for kind, words in ((Late, "late"), (OtherVersion, "other version"), (NoConnection, "no connection")):
        if isinstance(problem, kind):
            return words
    return "failed"


def reason_of(problem: LagerError) -> str:
    """Return why there is no answer, as one line."""
    return printable(problem.what.replace("\n", " "), 300)
