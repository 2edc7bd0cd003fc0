"""Runs `lager ARGUMENTS` on a box over one ssh connection: as if it ran here, or at the end of a socket."""

import contextlib
import math
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lager.errors import LagerError
from lager_cli.boxes.names.box_table import find
from lager_cli.boxes.session.desk_client import BoxSession
from lager_cli.boxes.ssh import Ssh
from lager_cli.transfer.attachments import Attachments

_UNASKED_SECONDS = 60.0
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def run(
    box: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    attachments: Attachments | None = None,
    reads: bool = True,
) -> int:
    """Run the command with our standard streams, and `environment` added to that of the box. Return its exit code.

    Without `reads`, the command gets no standard input, unless that is the terminal.
    Raises BoxError if the box cannot be used, and NoConnection if the connection fails or breaks.
    """
    known = find(box)
    with _no_gaps() as streams, _Signals() as signals, Ssh(known) as ssh:
        session = BoxSession(known, ssh, arguments, streams, environment or {}, attachments or Attachments(), reads)
        signals.listener = session
        session.multiplexer.parties.append(signals)
        session.open(_patience())
        return session.run()


def channel(box: str, arguments: Sequence[str], *, errors: int = 2, limit: float | None = None) -> socket.socket:
    """Return one end of a socket pair. The other end is standard input and output of `lager ARGUMENTS` on the box.

    Blocks until lager answers there; raises as `run` does. A separate thread then carries the data. It ends, and closes
    the other end, when the command ends, when the connection breaks, or when this end is closed. Standard error of the
    command goes to a copy of the descriptor `errors`, by default ours. With a `limit` in seconds, the box has to answer
    within that time, and ssh never asks for a password.
    """
    known = find(box)
    near, far = socket.socketpair()
    with contextlib.ExitStack() as unless_open, contextlib.ExitStack() as opened:
        unless_open.callback(near.close)
        opened.enter_context(far)
        streams = (far.fileno(), far.fileno(), opened.enter_context(_copy(errors)))
        ssh = opened.enter_context(Ssh(known, batch=limit is not None))
        session = BoxSession(known, ssh, arguments, streams, {}, Attachments())
        session.open(_patience() if limit is None else limit)
        unless_open.pop_all()
        kept = opened.pop_all()

    def carry() -> None:
        with kept, contextlib.suppress(LagerError):
            session.run()

    threading.Thread(target=carry, name="channel", daemon=True).start()
    return near


@contextlib.contextmanager
def _copy(fd: int) -> Iterator[int]:
    """Yield a copy of a descriptor, -1 if it is closed."""
    try:
        copy = os.dup(fd)
    except OSError:
        yield -1
        return
    try:
        yield copy
    finally:
        os.close(copy)


def _patience() -> float:
    """Return the seconds within which a box has to answer: infinite if ssh may ask the user for a password."""
    if "SSH_ASKPASS" in os.environ:
        return math.inf
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return _UNASKED_SECONDS
    return math.inf


class _Signals:
    """The signals of this process, as a party of the multiplexer."""

    def __init__(self) -> None:
        self.listener: BoxSession | None = None
        self._woken, self._wake = socket.socketpair()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Signals":
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._wake.fileno())
        for number in (*_FORWARDED, signal.SIGWINCH, signal.SIGCONT):
            self._before[number] = signal.signal(number, lambda number, frame: None)
        # The box would consider a stopped client lost.
        self._before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, before in self._before.items():
            signal.signal(number, before)
        self._woken.close()
        self._wake.close()

    def interest(self) -> tuple[int, int] | None:
        return self._woken.fileno(), select.POLLIN

    def ready(self) -> None:
        for number in self._woken.recv(4096):
            assert self.listener is not None
            if number in self._before:
                self.listener.signalled(number)


@contextlib.contextmanager
def _no_gaps() -> Iterator[tuple[int, ...]]:
    """Yield the standard descriptors, -1 for a closed one. Inside the block, no other file can get the number of a
    closed one."""
    opened = []
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        opened.append(fd)
    os.close(fd)
    try:
        yield tuple(-1 if fd in opened else fd for fd in (0, 1, 2))
    finally:
        for fd in opened:
            os.close(fd)
