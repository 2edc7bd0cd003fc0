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
from lager.wording.text import printable
from lager_cli.boxes.names import box_table
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.session.desk_client import BoxSession
from lager_cli.boxes.ssh import Ssh
from lager_cli.display import output
from lager_cli.transfer.attachments import Attachments

LIMIT = 10.0  # seconds for a box to answer: to connect, to start lager, and to do what is asked
_AT_ONCE = 32  # connections
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


def show(names: str, typed: list[str], table: Table, limit: float = LIMIT) -> int:
    """Run the command on all boxes. Show one table whose rows come as the boxes answer, or with --json one list.

    Return 1 if a box failed.
    """
    boxes = _find(names)
    as_json = "--json" in typed
    shown = output.GrowingTable(("BOX", *table.headers))
    answers = []
    asked = [typed[0], "--json", *typed[1:]]
    for answer in as_they_come(boxes, asked, _json(lambda said: [(item, table.row(item)) for item in said]), limit):
        answers.append(answer)
        if answer.problem is not None:
            output.error(answer.problem)
        if not as_json:
            shown.add(_rows(answer, limit))
    if as_json:
        # A run has its own `box`; the name used here is the one that works from here.
        found = sorted((answer for answer in answers if answer.problem is None), key=lambda one: boxes.index(one.box))
        output.print_json(
            [{"box": one.box.name} | item | {"box": one.box.name} for one in found for item, _ in one.said]
        )
    elif shown.is_empty and all(answer.problem is None for answer in answers):
        output.say("Nothing to list on these boxes.")
    return int(any(answer.problem is not None for answer in answers))


def act(names: str, typed: list[str], limit: float = LIMIT) -> int:
    """Run a command that acts on all boxes, and show what each of them says. Return 1 if one of them failed."""
    shown = output.GrowingTable(("BOX", "RESULT"))
    failed = False
    for answer in as_they_come(_find(names), typed, str.splitlines, limit):
        failed = failed or answer.problem is not None
        lines = [printable(line) for line in answer.said or [""]]
        shown.add([(answer.box.name, line) for line in lines] if answer.problem is None else _rows(answer, limit))
        if answer.problem is not None:
            output.error(answer.problem)
    return int(failed)


def _find(names: str) -> list[Box]:
    return [*dict.fromkeys(box_table.find(name) for name in box_table.several(names))]


def _rows(answer: BoxAnswer, limit: float) -> list[Sequence[object]]:
    if answer.problem is None:
        return [(answer.box.name, *row) for _, row in answer.said]
    return [(answer.box.name, f"no answer within {limit:g} s" if isinstance(answer.problem, Late) else "failed")]


def ask(
    boxes: Sequence[Box], arguments: Sequence[str], read: Callable[[Any], Any], limit: float = LIMIT
) -> list[BoxAnswer]:
    """Return the JSON that `lager ARGUMENTS` prints on each box, parsed by `read`, which raises if it is invalid.

    ssh never asks for a password: several would ask at the same time.
    """
    answers = as_they_come(boxes, arguments, _json(read), limit)
    return sorted(answers, key=lambda answer: boxes.index(answer.box))


def _json(read: Callable[[Any], Any]) -> Callable[[str], Any]:
    return lambda text: read(json.loads(text))


def as_they_come(
    boxes: Sequence[Box], arguments: Sequence[str], read: Callable[[str], Any], limit: float = LIMIT
) -> Iterator[BoxAnswer]:
    """Yield the answers as they arrive. A box that takes longer than `limit` seconds has a problem. Not more than
    _AT_ONCE boxes are connected to at a time; a box whose turn has not come yet has its time from then on."""
    answers: queue.SimpleQueue[BoxAnswer] = queue.SimpleQueue()
    turns = threading.Semaphore(_AT_ONCE)
    rounds = -(-len(boxes) // _AT_ONCE)
    ends = time.monotonic() + limit * rounds
    for box in boxes:
        asking = _Asking(BoxAnswer(box), arguments, read, limit, answers.put)
        threading.Thread(target=asking.in_turn, args=(turns,), daemon=True).start()
    waiting = list(boxes)
    while waiting:
        found = _taken(answers, len(waiting), ends + _GRACE_SECONDS)
        if not found:  # the threads of the others are stuck
            found = [BoxAnswer(box, problem=_late(box, limit)) for box in waiting]
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


@dataclass
class _Asking:
    """One question to one box; `done` is called with the answer."""

    answer: BoxAnswer
    arguments: Sequence[str]
    read: Callable[[str], Any]
    limit: float
    done: Callable[[BoxAnswer], None]

    def in_turn(self, turns: threading.Semaphore) -> None:
        with turns:
            self._ask()

    def _ask(self) -> None:
        answer, box, ends = self.answer, self.answer.box, time.monotonic() + self.limit
        try:
            with ExitStack() as stack:
                out, err = (stack.enter_context(os.fdopen(os.memfd_create("answer"), "w+b")) for _ in range(2))

                def check() -> float:
                    if max(os.fstat(one.fileno()).st_size for one in (out, err)) > _LONGEST:
                        what = f"The box {box.name} sent more than {_LONGEST >> 20} MB."
                        raise BoxError(what, "Do not trust that box.")
                    if time.monotonic() >= ends:
                        raise _late(box, self.limit)
                    return min(ends - time.monotonic(), _TURN_SECONDS)

                ssh = stack.enter_context(Ssh(box, batch=True))
                streams = (-1, out.fileno(), err.fileno())
                session = BoxSession(box, ssh, self.arguments, streams, {}, Attachments())
                session.open(max(ends - time.monotonic(), 0))
                answer.code = session.run(check)
                if answer.code:
                    said = printable(_text(err).strip().removeprefix("lager: "), 1000)
                    answer.problem = BoxError(f"{box.name}: {said or f'exit code {answer.code}'}")
                else:
                    check()
                    answer.said = self.read(_text(out))
        except LagerError as problem:
            late = isinstance(problem, NoConnection) and time.monotonic() >= ends
            answer.problem = _late(box, self.limit) if late else problem
        except Exception as problem:
            what = f"The answer of the box {box.name} cannot be read ({printable(repr(problem), 300)})."
            answer.problem = BoxError(what, "Compare the versions of lager: lager boxes check")
        self.done(answer)


def _late(box: Box, limit: float) -> Late:
    what = f"The box {box.name} did not answer within {limit:g} s."
    return Late(what, f"Try: ssh {box.ssh} {box.command} --version")


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
