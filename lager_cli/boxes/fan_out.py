"""The same command on several boxes at once, side by side, and what they say as one table."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

from lager.errors import BoxError, LagerError
from lager_cli.boxes import box_table
from lager_cli.boxes.box_table import Box
from lager_cli.boxes.desk_client import Session
from lager_cli.boxes.ssh import Ssh
from lager_cli.display import output
from lager_cli.transfer.attachments import Parcel

_ANSWER_SECONDS = 30.0  # ssh's own time to connect, and that of a slow box to start lager


@dataclass(frozen=True)
class Table:
    """How a command shows each item of its JSON."""

    headers: Sequence[str]
    row: Callable[[dict[str, Any]], Sequence[object]]


@dataclass
class Answer:
    """What a command said on a box, as it was read; or the `problem` where there was one."""

    box: Box
    code: int = 1
    said: Any = None
    problem: LagerError | None = None


def show(names: str, typed: list[str], table: Table) -> int:
    """Run what was typed on all the boxes, and show one table, or with --json one list. 1 where one did not answer."""
    items: list[tuple[str, dict[str, Any], Sequence[object]]] = []
    failed = False
    boxes = [box_table.find(name) for name in names.split(",")]
    for answer in ask(boxes, [typed[0], "--json", *typed[1:]], lambda said: [(item, table.row(item)) for item in said]):
        if answer.problem is None:
            items += [(answer.box.name, *one) for one in answer.said]
        else:
            failed = True
            output.error(answer.problem)
    if "--json" in typed:
        # A run has a word of its own for its box; the one by which it was asked leads there from here.
        output.print_json([{"box": box} | item | {"box": box} for box, item, _ in items])
    elif items:
        output.fitting_table(("BOX", *table.headers), [(box, *row) for box, _, row in items])
    elif not failed:
        output.say("None of the boxes has any.")
    return int(failed)


def ask(boxes: Sequence[Box], arguments: Sequence[str], read: Callable[[Any], Any]) -> list[Answer]:
    """What `lager ARGUMENTS` says on each of them in JSON, as `read` takes it, which may raise where it is something
    else. Nobody is asked for a password: they would ask at the same time."""
    answers = [Answer(box) for box in boxes]
    threads = [threading.Thread(target=_one, args=(answer, arguments, read), daemon=True) for answer in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _one(answer: Answer, arguments: Sequence[str], read: Callable[[Any], Any]) -> None:
    try:
        with ExitStack() as stack:
            out, err = (stack.enter_context(os.fdopen(os.memfd_create("answer"), "w+b")) for _ in range(2))
            ssh = stack.enter_context(Ssh(answer.box, batch=True))
            session = Session(answer.box, ssh, arguments, (-1, out.fileno(), err.fileno()), {}, Parcel())
            session.open(_ANSWER_SECONDS)
            answer.code = session.run()
            if answer.code:
                answer.problem = BoxError(f"{answer.box.name}: {_text(err).strip().removeprefix('lager: ')}")
            else:
                answer.said = read(json.loads(_text(out)))
    except LagerError as problem:
        answer.problem = problem
    except Exception as problem:
        what = f"The box {answer.box.name} gives no answer that can be read here ({problem!r})."
        answer.problem = BoxError(what, "See whether its lager is another: lager boxes check")


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
