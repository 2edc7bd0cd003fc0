"""Follows a command that never ends on many boxes, with an ssh connection to each that is made again after a loss."""

import contextlib
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO

from lager.errors import LagerError, NoConnection
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.session.desk_client import BoxSession
from lager_cli.boxes.several.answers import (
    LIMIT,
    LONGEST,
    BoxAnswer,
    failed,
    late,
    left,
    text,
    too_much,
    unreadable,
)  # fmt: skip
from lager_cli.boxes.several.turns import Turns
from lager_cli.boxes.ssh import Ssh
from lager_cli.transfer.attachments import Attachments

_RETRY_FIRST, _RETRY_LAST = 1.0, 10.0
_TURN_SECONDS = 1.0
_GOODBYE_SECONDS = 1.0  # for a command to end when it is interrupted
_END_SECONDS = 5.0  # for a thread to notice the end
_READ = 1 << 16

Told = Callable[[BoxAnswer], None]


@contextlib.contextmanager
def followed(
    boxes: Sequence[Box], arguments: Sequence[str], read: Callable[[Any], Any], told: Told, limit: float = LIMIT
) -> Iterator[None]:
    """Follow `lager ARGUMENTS` on the boxes until the end of the block.

    `told` is called, in a thread for each box, with each line of JSON, parsed by `read`, which raises if it is invalid,
    and with each problem. A box has a problem if it does not answer within `limit` seconds; if it
    says nothing for longer, it is late, too. At the end, the commands on the boxes are interrupted, and no ssh is left.
    """
    end, turns = _End(), Turns(limit)
    threads = [
        threading.Thread(target=_Stream(box, arguments, read, told, limit, end, turns).run, name=box.name, daemon=True)
        for box in boxes
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        ends = time.monotonic() + _END_SECONDS
        for thread in threads:
            thread.join(max(ends - time.monotonic(), 0))
        if not any(thread.is_alive() for thread in threads):
            end.close()


class _End:
    """Tells all threads to end: a descriptor that stays readable from then on."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0)

    def set(self) -> None:
        os.eventfd_write(self.fd, 1)

    def wait(self, seconds: float = 0.0) -> bool:
        """Wait at most this many seconds; return whether it is time to end."""
        return bool(select.select([self.fd], [], [], seconds)[0])

    def close(self) -> None:
        os.close(self.fd)


class _Stream:
    """The output of one box, line by line."""

    def __init__(
        self,
        box: Box,
        arguments: Sequence[str],
        read: Callable[[Any], Any],
        told: Told,
        limit: float,
        end: _End,
        turns: Turns,
    ) -> None:
        self._box, self._arguments, self._read, self._told = box, arguments, read, told
        self._limit, self._end, self._turns = limit, end, turns
        self._delay = _RETRY_FIRST
        self._due = 0.0

    def run(self) -> None:
        """Follow the box, and connect again, until the end."""
        while not self._end.wait():
            try:
                self._connect()
            except SystemExit:  # while it was connecting
                return
            except LagerError as problem:
                self._tell(BoxAnswer(self._box, problem=problem))
            except Exception as problem:
                self._tell(BoxAnswer(self._box, problem=unreadable(self._box, problem)))
            self._end.wait(self._delay)
            self._delay = min(2 * self._delay, _RETRY_LAST)

    def _tell(self, answer: BoxAnswer) -> None:
        if not self._end.wait():
            self._told(answer)

    def _connect(self) -> None:
        """Follow the box over one connection, until the end or until the connection is lost. Raises LagerError with the
        reason."""
        with ExitStack() as stack:
            err = stack.enter_context(os.fdopen(os.memfd_create("errors"), "w+b"))
            reader, writer = os.pipe()
            for fd in (reader, writer):
                stack.callback(os.close, fd)
            session = self._opened(stack, (-1, writer, err.fileno()))
            session.multiplexer.parties.append(_Lines(self._box, reader, self._line))
            code = self._followed(session, err)
            raise failed(self._box, code, text(err))

    def _opened(self, stack: ExitStack, streams: Sequence[int]) -> BoxSession:
        """Return the session of a box that has answered."""
        while not self._turns.take(self._box, 0.2):
            if self._end.wait():
                raise SystemExit
        answered = False
        try:
            ends = self._due = time.monotonic() + self._limit
            ssh = stack.enter_context(Ssh(self._box, batch=True))
            session = BoxSession(self._box, ssh, self._arguments, streams, {}, Attachments())
            self._goodbye = _Goodbye(session, self._end)
            try:
                session.open(self._limit)
            except NoConnection as problem:
                raise late(self._box, self._limit) if time.monotonic() >= ends else problem from None
            answered = True
        finally:
            self._turns.end(self._box, answered=answered)
        return session

    def _followed(self, session: BoxSession, err: BinaryIO) -> int:
        """Carry the output of the box until the command has ended; return its exit code."""

        def check() -> float:
            if self._goodbye.is_over():
                raise SystemExit
            return min(left(self._box, self._limit, self._due, err), _TURN_SECONDS)

        try:
            return session.run(check)
        except NoConnection as problem:
            if time.monotonic() >= self._due:
                raise
            what = f"The connection to the box {self._box.name} is lost; connecting again."
            raise NoConnection(what, problem.hint) from problem

    def _line(self, line: bytes) -> None:
        said = self._read(json.loads(line))
        self._delay = _RETRY_FIRST
        self._due = time.monotonic() + max(self._limit, LIMIT)
        self._tell(BoxAnswer(self._box, 0, said))


class _Goodbye:
    """The end, as a party of the multiplexer: it interrupts the command on the box, which then has a moment to end."""

    def __init__(self, session: BoxSession, end: _End) -> None:
        self._session, self._end = session, end
        self._ends = 0.0
        session.multiplexer.parties.append(self)

    def is_over(self) -> bool:
        return bool(self._ends) and time.monotonic() >= self._ends

    def interest(self) -> tuple[int, int] | None:
        return None if self._ends else (self._end.fd, select.POLLIN)

    def ready(self) -> None:
        self._ends = time.monotonic() + _GOODBYE_SECONDS
        self._session.signalled(signal.SIGINT)  # raises SystemExit if the box has not answered yet


class _Lines:
    """The lines that arrive through a pipe, as a party of the multiplexer."""

    def __init__(self, box: Box, fd: int, take: Callable[[bytes], None]) -> None:
        self._box, self._fd, self._take = box, fd, take
        self._rest = b""

    def interest(self) -> tuple[int, int] | None:
        return self._fd, select.POLLIN

    def ready(self) -> None:
        *lines, self._rest = (self._rest + os.read(self._fd, _READ)).split(b"\n")
        if len(self._rest) > LONGEST:
            raise too_much(self._box)
        for line in lines:
            self._take(line)
