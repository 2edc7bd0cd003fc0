"""The same command on several boxes at once, side by side, and what they say as one table."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lager.errors import BoxError, LagerError
from lager_cli import boxtable, output
from lager_cli.boxtable import Box
from lager_cli.client import Session
from lager_cli.parcel import Parcel
from lager_cli.ssh import Ssh


@dataclass(frozen=True)
class Table:
    """How a command shows each item of its JSON."""

    headers: Sequence[str]
    row: Callable[[dict[str, Any]], Sequence[object]]


@dataclass
class Answer:
    """What a command printed on a box; or the `problem` where there was one."""

    box: Box
    code: int = 1
    out: str = ""
    problem: LagerError | None = None


def show(names: str, typed: list[str], table: Table) -> int:
    """Run what was typed on all the boxes, and show one table, or with --json one list. 1 where one did not answer."""
    items, failed = [], False
    for answer in ask([boxtable.find(name) for name in names.split(",")], [typed[0], "--json", *typed[1:]]):
        if answer.problem is None:
            items += [{"box": answer.box.name, **item} for item in json.loads(answer.out)]
        else:
            failed = True
            output.error(answer.problem)
    if "--json" in typed:
        output.print_json(items)
    elif items:
        output.table(("BOX", *table.headers), [(item["box"], *table.row(item)) for item in items])
    elif not failed:
        output.say("None of the boxes has any.")
    return int(failed)


def ask(boxes: Sequence[Box], arguments: Sequence[str]) -> list[Answer]:
    """What `lager ARGUMENTS` says on each of them. Nobody is asked for a password: they would ask at the same time."""
    answers = [Answer(box) for box in boxes]
    threads = [threading.Thread(target=_one, args=(answer, arguments), daemon=True) for answer in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _one(answer: Answer, arguments: Sequence[str]) -> None:
    try:
        with ExitStack() as stack:
            out, err = (stack.enter_context(os.fdopen(os.memfd_create("answer"), "w+b")) for _ in range(2))
            ssh = stack.enter_context(Ssh(answer.box, batch=True))
            session = Session(answer.box, ssh, arguments, (-1, out.fileno(), err.fileno()), {}, Parcel())
            session.open()
            answer.code = session.run()
            answer.out, said = (_text(file.fileno()) for file in (out, err))
            if answer.code:
                answer.problem = BoxError(f"{answer.box.name}: {said.strip().removeprefix('lager: ')}")
    except LagerError as problem:
        answer.problem = problem
    except Exception as problem:
        answer.problem = BoxError(f"The box {answer.box.name} could not be asked: {problem}.")


def _text(fd: int) -> str:
    return os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "replace")
