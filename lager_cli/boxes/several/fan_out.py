"""Runs the same command on several boxes in parallel, and shows their answers as one table."""

import contextlib
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lager.errors import LagerError, NoConnection
from lager.wording.text import printable
from lager_cli.boxes.names import box_table
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.session.desk_client import BoxSession
from lager_cli.boxes.several.answers import LIMIT, BoxAnswer, Late, failed, late, left, reason_of, text, unreadable
from lager_cli.boxes.several.turns import Turns
from lager_cli.boxes.ssh import Ssh
from lager_cli.display import output
from lager_cli.transfer.attachments import Attachments

_GRACE_SECONDS = 5.0  # for a thread to notice that
_TURN_SECONDS = 1.0
_TOGETHER_SECONDS = 1.0  # in which answers are put into the order of the boxes


@dataclass(frozen=True)
class Table:
    """How a command shows its JSON: each item of a list, or the whole. An exit code in `also` is an answer, too, and
    means that something is wrong there."""

    headers: Sequence[str]
    row: Callable[[Any], Sequence[object]]
    also: Collection[int] = ()

    def items(self, said: Any) -> list[tuple[Any, Sequence[object]]]:
        """Return each item with its row. Raises if an item does not have the form of this version."""
        return [(item, self.row(item)) for item in (said if isinstance(said, list) else [said])]


def show(names: str, typed: list[str], table: Table, limit: float = LIMIT) -> int:
    """Run the command on all boxes. Show one table whose rows come as the boxes answer, or with --json one list.

    Return 1 if a box failed.
    """
    boxes = box_table.find_several(names)
    as_json = "--json" in typed
    shown = output.GrowingTable(("BOX", *table.headers))
    answers = []
    asked = [typed[0], "--json", *typed[1:]]
    for answer in as_they_come(boxes, asked, _json(table.items), limit, table.also):
        answers.append(answer)
        if answer.problem is not None:
            output.error(answer.problem)
        if not as_json:
            _add(shown, answer, limit)
    if as_json:
        # A run has its own `box`; the name used here is the one that works from here.
        found = sorted((answer for answer in answers if answer.problem is None), key=lambda one: boxes.index(one.box))
        output.print_json(
            [{"box": one.box.name} | item | {"box": one.box.name} for one in found for item, _ in one.said]
        )
    elif shown.is_empty and all(answer.problem is None for answer in answers):
        output.say("Nothing to list on these boxes.")
    return int(any(answer.problem is not None or answer.code for answer in answers))


def act(names: str, typed: list[str], limit: float = LIMIT) -> int:
    """Run a command that acts on all boxes, and show the output of each. Return 1 if one of them failed."""
    shown = output.GrowingTable(("BOX", "RESULT"))
    failed = False
    for answer in as_they_come(box_table.find_several(names), typed, str.splitlines, limit):
        failed = failed or answer.problem is not None
        answer.said = [(line, [printable(line)]) for line in answer.said or [""]]
        _add(shown, answer, limit)
        if answer.problem is not None:
            output.error(answer.problem)
    return int(failed)


def _add(shown: output.GrowingTable, answer: BoxAnswer, limit: float) -> None:
    """Show the rows of the answer, or the reason why there is none."""
    if answer.problem is None:
        shown.add([(answer.box.name, *row) for _, row in answer.said])
    elif isinstance(answer.problem, Late):
        shown.add_sentence(answer.box.name, f"no answer within {limit:g} s")
    else:
        shown.add_sentence(answer.box.name, reason_of(answer.problem))


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
    boxes: Sequence[Box],
    arguments: Sequence[str],
    read: Callable[[str], Any],
    limit: float = LIMIT,
    also: Collection[int] = (),
) -> Iterator[BoxAnswer]:
    """Yield the answers as they arrive. A box that takes longer than `limit` seconds has a problem. The boxes are
    connected to in turns; a box whose turn has not come yet has its time from then on."""
    answers: queue.SimpleQueue[BoxAnswer] = queue.SimpleQueue()
    turns = Turns(limit)
    for box in boxes:
        asking = _Asking(BoxAnswer(box), arguments, read, limit, answers.put, also)
        threading.Thread(target=asking.in_turn, args=(turns,), daemon=True).start()
    waiting = list(boxes)
    while waiting:
        found = _taken(answers, len(waiting), turns)
        if not found:  # the threads of the others are stuck
            found = [BoxAnswer(box, problem=late(box, limit)) for box in waiting]
        for answer in found:
            waiting.remove(answer.box)
        yield from sorted(found, key=lambda answer: boxes.index(answer.box))


def _taken(answers: "queue.SimpleQueue[BoxAnswer]", most: int, turns: Turns) -> list[BoxAnswer]:
    """Return the next answer and those that arrive at about the same time; empty if none arrives."""
    found: list[BoxAnswer] = []
    while not found and (left := turns.due + _GRACE_SECONDS - time.monotonic()) > 0:
        with contextlib.suppress(queue.Empty):  # more may have begun meanwhile
            found.append(answers.get(timeout=left))
    ends = time.monotonic() + _TOGETHER_SECONDS
    with contextlib.suppress(queue.Empty):
        while found and len(found) < most:
            found.append(answers.get(timeout=max(ends - time.monotonic(), 0)))
    return found


@dataclass
class _Asking:
    """One question to one box; `done` is called with the answer."""

    answer: BoxAnswer
    arguments: Sequence[str]
    read: Callable[[str], Any]
    limit: float
    done: Callable[[BoxAnswer], None]
    also: Collection[int] = ()

    def in_turn(self, turns: Turns) -> None:
        turns.take(self.answer.box)
        try:
            self._ask()
        finally:
            turns.end(self.answer.box, answered=not isinstance(self.answer.problem, NoConnection))

    def _ask(self) -> None:
        answer, box, ends = self.answer, self.answer.box, time.monotonic() + self.limit
        try:
            with ExitStack() as stack:
                self._run(stack, ends)
        except LagerError as problem:
            is_late = isinstance(problem, NoConnection) and time.monotonic() >= ends
            answer.problem = late(box, self.limit) if is_late else problem
        except Exception as problem:
            answer.problem = unreadable(box, problem)
        self.done(answer)

    def _run(self, stack: ExitStack, ends: float) -> None:
        """Run the command on the box, and read what it said."""
        answer, box = self.answer, self.answer.box
        out, err = (stack.enter_context(os.fdopen(os.memfd_create("answer"), "w+b")) for _ in range(2))
        ssh = stack.enter_context(Ssh(box, batch=True))
        session = BoxSession(box, ssh, self.arguments, (-1, out.fileno(), err.fileno()), {}, Attachments())
        session.open(max(ends - time.monotonic(), 0))
        answer.code = session.run(lambda: min(left(box, self.limit, ends, out, err), _TURN_SECONDS))
        left(box, self.limit, ends, out, err)
        if answer.code and not (answer.code in self.also and text(out)):
            answer.problem = failed(box, answer.code, text(err))
        else:
            answer.said = self.read(text(out))
