"""Finds the first of several boxes whose nets are free, by claiming them there and never by asking first.

On each box a `lager hold` waits for an order to claim. The boxes are connected to in parallel, and claim one after the
other, in their order. To wait in line, all claim at the same time, and the first one wins. The run, which has the same
id, takes the claims of the winner over; the connections to the others are closed, which releases their claims.
"""

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lager.errors import BoxError, InstrumentBusy, LagerError
from lager.wording.text import printable
from lager_cli.boxes import remote
from lager_cli.boxes.names import box_table
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.several.answers import failed, reason_of
from lager_cli.boxes.several.turns import Turns
from lager_cli.display import output

LIMIT = 10.0  # seconds for a box to answer
_GRACE_SECONDS = 1.0  # for a thread to notice that
_LONGEST_LINE = 1 << 16


@contextlib.contextmanager
def held(names: str, nets: Sequence[str], run_id: str, script: str, wait: float) -> Iterator[str]:
    """Yield the name of a box that holds the nets for this run until the end of the block.

    Blocks up to `wait` seconds where the nets of all boxes are busy. Raises InstrumentBusy then, and BoxError if no box
    can be used. Says on standard error why a box was not used.
    """
    boxes = box_table.find_several(names)
    words = ["hold", "--run", run_id, "--script", script, "--", *nets]
    pool = ThreadPoolExecutor(len(boxes), "any box")
    turns = Turns(LIMIT)
    holders = [_Holder(box, pool.submit(_connect, box, words, turns)) for box in boxes]
    try:
        with contextlib.closing(turns):
            found = _first(holders, names, nets, wait, turns)
        yield found.box.name
    finally:
        for holder in holders:
            holder.close()
        pool.shutdown(wait=False)


def _first(holders: "list[_Holder]", names: str, nets: Sequence[str], wait: float, turns: Turns) -> "_Holder":
    """Return the holder that has claimed the nets; no other one has."""
    ends = time.monotonic() + wait
    for holder in holders:
        if holder.connect(turns):
            holder.order(0.0)
            if holder.answer(time.monotonic() + LIMIT):
                return holder
    waiting = [holder for holder in holders if holder.busy and wait > 0]
    for holder in waiting:
        holder.order(max(ends - time.monotonic(), 0.0))
    while waiting:
        left = max(ends + LIMIT - time.monotonic(), 0.0)
        ready = select.select([holder.end for holder in waiting], [], [], left)[0]
        for holder in [one for one in waiting if one.end in ready] or waiting:
            waiting.remove(holder)
            if holder.answer(time.monotonic() + (LIMIT if ready else 0.0)):
                return holder
            break
    for holder in holders:
        output.note(f"{holder.box.name}: {holder.why}")
    what = f"{printable(names, 60)}: no box has {printable(', '.join(nets), 100)} free"
    if any(holder.busy for holder in holders):
        raise InstrumentBusy(f"{what}.", "Wait in line with: --wait TIME" if not wait else "Try again later.")
    raise BoxError(f"{what}; the reasons are above.", "Fix this and try again.")


def _connect(box: Box, words: Sequence[str], turns: Turns) -> "tuple[socket.socket, int]":
    """Return the two ends of `lager hold` on the box: its streams, and a file with its errors."""
    if not turns.take(box):
        raise BoxError("was not needed")
    errors, answered = os.memfd_create("errors"), False
    try:
        end = remote.channel(box.name, words, errors=errors, limit=LIMIT)
        answered = True
        return end, errors
    finally:
        turns.end(box, answered=answered)
        if not answered:
            os.close(errors)


@dataclass(eq=False)
class _Holder:
    """`lager hold` on one box. `why` says why it has not claimed; it is `busy` if waiting may help."""

    box: Box
    _connecting: "Future[tuple[socket.socket, int]]"
    why: str = f"did not answer within {LIMIT:g} s"
    busy: bool = False

    @property
    def end(self) -> socket.socket:
        return self._connecting.result()[0]

    def connect(self, turns: Turns) -> bool:
        """Wait for the turn of the box and for its connection; return whether it is connected."""
        try:
            while (left := turns.due + _GRACE_SECONDS - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):  # more may have begun meanwhile
                    self._connecting.result(left)
                    return True
        except LagerError as problem:
            self.why = str(problem)
        return False

    def order(self, wait: float) -> None:
        self.busy = False
        with contextlib.suppress(OSError):  # it has ended; its answer says so
            self.end.sendall(json.dumps({"wait": wait}).encode() + b"\n")

    def answer(self, ends: float) -> bool:
        """Wait for the answer to an order; return whether the box has claimed the nets."""
        try:
            said = self._line(ends)
        except TimeoutError:
            return False
        except (OSError, ValueError):
            self.why = self._error()
            return False
        self.why, self.busy = printable(str(said.get("why", "")), 500), said.get("busy") is True
        return said.get("claimed") is True

    def _line(self, ends: float) -> dict[str, Any]:
        data = b""
        while not data.endswith(b"\n"):
            self.end.settimeout(max(ends - time.monotonic(), 0.01))
            part = self.end.recv(4096)
            if not part or len(data) > _LONGEST_LINE:
                raise ValueError("no line")
            data += part
        said = json.loads(data)
        if not isinstance(said, dict):
            raise ValueError("no answer")
        return said

    def _error(self) -> str:
        """Return why the command has ended without an answer."""
        said = os.pread(self._connecting.result()[1], _LONGEST_LINE, 0).decode("utf-8", "replace")
        return reason_of(failed(self.box, 1, said)).removeprefix(f"{self.box.name}: ")

    def close(self) -> None:
        """Close the connection, even if it is still being made."""
        self._connecting.add_done_callback(_hang_up)


def _hang_up(connecting: "Future[tuple[socket.socket, int]]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        end, errors = connecting.result()
        end.close()
        os.close(errors)
