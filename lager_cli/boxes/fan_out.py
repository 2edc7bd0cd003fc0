"""Runs the same command on several boxes in parallel, and shows their answers as one table."""

import contextlib
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

from lager.errors import BoxError, LagerError, NoConnection
from lager.text import printable
from lager_cli.boxes import box_table
from lager_cli.boxes.box_table import Box
from lager_cli.boxes.desk_client import BoxSession
from lager_cli.boxes.ssh import Ssh
from lager_cli.display import output
from lager_cli.transfer.attachments import Attachments

_ANSWER_SECONDS = 20.0  # ssh's own time to connect, that of a slow box to start lager, and to answer
_GRACE_SECONDS = 5.0  # for a thread to notice that
_TURN_SECONDS = 1.0
_TOGETHER_SECONDS = 1.0  # in which answers are put into the order of the boxes
_LONGEST = 4 << 20  # bytes that a box may answer


class Late(NoConnection):
    """A box did not answer in time."""


@dataclass(frozen=True)
class Table:
    """How a command shows each item of its JSON."""

    headers: Sequence[str]
    row: Callable[[Any], Sequence[object]]


@dataclass
class BoxAnswer:
    """The parsed answer of a command on a box; or the `problem` if it failed."""

    box: Box
    code: int = 1
    said: Any = None
    problem: LagerError | None = None


def show(names: str, typed: list[str], table: Table) -> int:
    """Run the command on all boxes. Show one table whose rows come as the boxes answer, or with --json one list.

    Return 1 if a box failed.
    """
    boxes = list(dict.fromkeys(box_table.find(name) for name in names.split(",")))
    as_json = "--json" in typed
    shown = output.GrowingTable(("BOX", *table.headers))
    answers = []
    asked = [typed[0], "--json", *typed[1:]]
    for answer in as_they_come(boxes, asked, lambda said: [(item, table.row(item)) for item in said]):
        answers.append(answer)
        if answer.problem is not None:
            output.error(answer.problem)
        if not as_json:
            shown.add(_rows(answer))
    if as_json:
        # A run has its own `box`; the name used here is the one that works from here.
        found = sorted((answer for answer in answers if answer.problem is None), key=lambda one: boxes.index(one.box))
        output.print_json(
            [{"box": one.box.name} | item | {"box": one.box.name} for one in found for item, _ in one.said]
        )
    elif shown.is_empty and all(answer.problem is None for answer in answers):
        output.say("Nothing to list on these boxes.")
    return int(any(answer.problem is not None for answer in answers))


def _rows(answer: BoxAnswer) -> list[Sequence[object]]:
    if answer.problem is None:
        return [(answer.box.name, *row) for _, row in answer.said]
    return [(answer.box.name, f"no answer within {_ANSWER_SECONDS:g} s")] if isinstance(answer.problem, Late) else []


def ask(boxes: Sequence[Box], arguments: Sequence[str], read: Callable[[Any], Any]) -> list[BoxAnswer]:
    """Return the JSON that `lager ARGUMENTS` prints on each box, parsed by `read`, which raises if it is invalid.

    ssh never asks for a password: several would ask at the same time.
    """
    return sorted(as_they_come(boxes, arguments, read), key=lambda answer: boxes.index(answer.box))


def as_they_come(boxes: Sequence[Box], arguments: Sequence[str], read: Callable[[Any], Any]) -> Iterator[BoxAnswer]:
    """Yield the answers as they arrive. A box that takes longer than _ANSWER_SECONDS has a problem."""
    answers: queue.SimpleQueue[BoxAnswer] = queue.SimpleQueue()
    ends = time.monotonic() + _ANSWER_SECONDS
    for box in boxes:
        threading.Thread(target=_one, args=(BoxAnswer(box), arguments, read, ends, answers.put), daemon=True).start()
    waiting = list(boxes)
    while waiting:
        found = _taken(answers, len(waiting), ends + _GRACE_SECONDS)
        if not found:  # the threads of the others are stuck
            found = [BoxAnswer(box, problem=_late(box)) for box in waiting]
        for answer in found:
            waiting.remove(answer.box)
        yield from sorted(found, key=lambda answer: boxes.index(answer.box))


def _taken(answers: "queue.SimpleQueue[BoxAnswer]", most: int, ends: float) -> list[BoxAnswer]:
    """Return the next answer and those that arrive at about the same time; empty if none arrives."""
    found: list[BoxAnswer] = []
    with contextlib.suppress(queue.Empty):
        while len(found) < most:
            found.append(answers.get(timeout=max(ends - time.monotonic(), 0)))
            ends = min(ends, time.monotonic() + _TOGETHER_SECONDS)
    return found


def _one(
    answer: BoxAnswer,
    arguments: Sequence[str],
    read: Callable[[Any], Any],
    ends: float,
    done: Callable[[BoxAnswer], None],
) -> None:
    box = answer.box
    try:
        with ExitStack() as stack:
            out, err = (stack.enter_context(os.fdopen(os.memfd_create("answer"), "w+b")) for _ in range(2))

            def check() -> float:
                if max(os.fstat(one.fileno()).st_size for one in (out, err)) > _LONGEST:
                    raise BoxError(f"The box {box.name} sent more than {_LONGEST >> 20} MB.", "Do not trust that box.")
                if time.monotonic() >= ends:
                    raise _late(box)
                return min(ends - time.monotonic(), _TURN_SECONDS)

            ssh = stack.enter_context(Ssh(box, batch=True))
            session = BoxSession(box, ssh, arguments, (-1, out.fileno(), err.fileno()), {}, Attachments())
            session.open(max(ends - time.monotonic(), 0))
            answer.code = session.run(check)
            if answer.code:
                answer.problem = BoxError(f"{box.name}: {printable(_text(err).strip().removeprefix('lager: '), 1000)}")
            else:
                check()
                answer.said = read(json.loads(_text(out)))
    except LagerError as problem:
        answer.problem = problem
    except Exception as problem:
        what = f"The answer of the box {box.name} cannot be read ({printable(repr(problem), 300)})."
        answer.problem = BoxError(what, "Compare the versions of lager: lager boxes check")
    done(answer)


def _late(box: Box) -> "Late":
    what = f"The box {box.name} did not answer within {_ANSWER_SECONDS:g} s."
    return Late(what, f"Try: ssh {box.ssh} {box.command} --version")


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
