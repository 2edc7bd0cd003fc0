"""The loop of `python -m lagerd.make_safe`: a process that is kept ready, and forks a child for each request.

lagerd writes lines of JSON to its socket. A request comes with the socket for its answer and a copy of the lease; the
child that carries it out has all modules already. A list of guarded leases (`guard`) comes with a FIFO and a file for
what is changed without lagerd.

If lagerd is killed, this process replaces it until the next lagerd starts: when the holder of a guarded lease ends, a
child makes its nets safe at once, and records what it changed. The next lagerd finds the claim that was never released,
and makes it safe itself; before that it cannot be claimed.

Invariants

- Only lagerd knows whether a holder has released an instrument. Therefore this process acts alone only while lagerd is
  not running: the next lagerd writes to the FIFO before it takes its bus name, and from then on this process begins
  nothing. It finishes what it has begun, unless that was stuck for so long that the next lagerd would not wait for it
  (`_BEGUN_SECONDS`).
- The next lagerd begins nothing, either, until the FIFO has no reader: this process has ended, and its children. It
  waits for twelve seconds at most (`handover`).
- An instrument is used by one child at a time.
- A child may be late: if this process or the child was stopped, another process may already use the instrument.
  Therefore the child checks just before it acts whether it still may (`_may_act`), with its time limit already running:
  if it is stopped after that, it does not continue.
- A child that does not end within its time limit is killed, because a stopped child would keep the lease for ever.
- The process ends when lagerd is not running and it guards no holder.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

Request = dict[str, Any]
_LONGEST = 1 << 20
_CHUNK = 1 << 16
_MOST_FDS = 16
_CHILD_SECONDS = 11.0  # the child itself ends after ten
_BEGUN_SECONDS = 1.5  # after its fork, until a child must act: it ends ten seconds later, before the next lagerd begins


@dataclass(frozen=True)
class Child:
    """A child that carries out a request; `ends` is when it is killed, by the monotonic clock."""

    pid: int
    instrument: str
    ends: float = field(default_factory=lambda: time.monotonic() + _CHILD_SECONDS)


@dataclass
class Standby:
    """`work` carries out a request in a child of its own: it returns the answer. Just before it acts, it asks its
    second argument whether it still may. `ahead` are modules to import."""

    lagerd: socket.socket
    work: Callable[[Request, Callable[[], bool]], dict[str, Any]]
    ahead: Iterable[str] = ()
    _data: bytes = b""
    _fds: list[int] = field(default_factory=list)
    _children: dict[int, Child] = field(default_factory=dict)  # by pidfd
    _guarded: dict[str, tuple[Request, int]] = field(default_factory=dict)  # by instrument: what to do, the holder
    _fifo: int = -1
    _report: int = -1  # the file for what is changed without lagerd

    def serve(self) -> None:
        """Serve lagerd until it closes its socket; then make safe what it guarded, until the next lagerd is running."""
        modules = iter(self.ahead)
        module = next(modules, "")
        while True:
            idle = module and not self._children  # which import for themselves what they need, and first
            if self._wait([self.lagerd.fileno()], timeout=0 if idle else None):
                if not self._receive():
                    break
            elif idle:
                with contextlib.suppress(ImportError):  # an extra that is not installed
                    importlib.import_module(module)
                module = next(modules, "")
        self.lagerd.close()
        self._alone()
        while self._children:  # systemd would kill them with this process
            self._wait(())

    def _wait(self, fds: Iterable[int], timeout: int | None = None) -> set[int]:
        """Forget the children that have ended, and return which of these are readable; none if a child does not end and
        is killed."""
        poll = select.poll()
        for fd in (*fds, *self._children):
            poll.register(fd, select.POLLIN)
        if timeout is None and self._children:
            left = min(child.ends for child in self._children.values()) - time.monotonic()
            timeout = max(round(left * 1000) + 1, 0)
        ready = {fd for fd, _ in poll.poll(timeout)}
        for pidfd in ready & self._children.keys():
            os.waitpid(self._children.pop(pidfd).pid, 0)
            os.close(pidfd)
        for pidfd, child in list(self._children.items()):
            if child.ends <= time.monotonic():
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                self._children[pidfd] = Child(child.pid, child.instrument)
        return ready & set(fds)

    def _receive(self) -> bool:
        """Handle the received lines; return False once lagerd has closed the socket."""
        try:
            data, fds, _, _ = socket.recv_fds(self.lagerd, _CHUNK, _MOST_FDS)
        except ConnectionError:
            return False
        for fd in fds:
            os.set_inheritable(fd, False)
        self._fds += fds
        *lines, self._data = (self._data + data).split(b"\n")
        for line in lines:
            said = dict(json.loads(line))
            if not said.keys() & {"guard", "fds"}:  # by a lagerd from before an update, which accepts one answer
                self.lagerd.sendall(json.dumps(self.work(said, lambda: True)).encode() + b"\n")
                return False
            own = [self._fds.pop(0) for _ in range(min(int(said.get("fds", 0)), len(self._fds)))]
            if "guard" in said:
                self._guard(said["guard"], own)
            else:
                self._fork(said, own)
        return bool(data) and len(self._data) < _LONGEST

    def _guard(self, requests: list[Request], fds: list[int]) -> None:
        if fds:
            self._close(self._fifo)
            self._close(self._report)
            self._fifo, self._report = fds[0], fds[1] if len(fds) > 1 else -1
        for _, holder in self._guarded.values():
            self._close(holder)
        self._guarded = {}
        for one in requests:
            with contextlib.suppress(OSError):  # it cannot be watched: the next lagerd decides
                self._guarded[one["instrument"]] = one, _process(int(one["pid"]))

    def _fork(self, request: Request, fds: Sequence[int] = (), *, alone_at: float = 0.0) -> None:
        """Start a child. The first descriptor is the socket for its answer; it keeps the others until it ends.
        `alone_at` is a moment, by the monotonic clock, at which there was no next lagerd yet."""
        child = os.fork()
        if child == 0:
            try:
                self.lagerd.close()
                answer = json.dumps(self.work(request, partial(self._may_act, fds, alone_at))).encode() + b"\n"
                with contextlib.suppress(OSError):  # lagerd is gone, or the disk is full
                    self._answer(answer, fds)
            finally:
                os._exit(0)  # a library that is stuck does not keep the lease
        for fd in fds:
            self._close(fd)
        self._children[os.pidfd_open(child)] = Child(child, request["instrument"])

    def _answer(self, answer: bytes, fds: Sequence[int]) -> None:
        if fds:
            with socket.socket(fileno=fds[0]) as asker:
                asker.sendall(answer)
        elif self._report >= 0:
            os.write(self._report, answer)

    def _may_act(self, fds: Sequence[int], alone_at: float) -> bool:
        """Return whether the instrument of a request is still this process's to use, by the descriptors of the request.

        With a lease: until lagerd has removed its file. Without one: as long as lagerd waits for the answer. For a
        guarded lease: until the next lagerd is there, which waits for a child that was begun just before.
        """
        if len(fds) > 1:
            return os.fstat(fds[1]).st_nlink > 0
        if fds:
            return not _is_readable(fds[0])
        return time.monotonic() < alone_at + _BEGUN_SECONDS or not _is_readable(self._fifo)

    def _alone(self) -> None:
        """Make the nets of holders that end safe, until the next lagerd is running or no holder is left."""
        while self._fifo >= 0 and self._guarded:
            busy = {child.instrument for child in self._children.values()}
            waiting = {name: holder for name, (_, holder) in self._guarded.items() if name not in busy}
            living = [holder for holder in waiting.values() if holder >= 0]
            ended = self._wait([self._fifo, *living], timeout=None if len(living) == len(waiting) else 0)
            if self._fifo in ended:
                return
            for name, holder in waiting.items():
                if holder < 0 or holder in ended:
                    alone_at = time.monotonic()
                    if _is_readable(self._fifo):
                        return
                    request, _ = self._guarded.pop(name)
                    self._close(holder)
                    self._fork({**request, "watched": True}, alone_at=alone_at)

    @staticmethod
    def _close(fd: int) -> None:
        if fd >= 0:
            os.close(fd)


def _is_readable(fd: int) -> bool:
    """Return whether there is something to read, or the other end is closed; False for -1, which is no descriptor."""
    if fd < 0:
        return False
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _process(pid: int) -> int:
    """Return a descriptor that becomes readable when this process ends; -1 if it has ended. Raises OSError if neither
    is known, as of a process that is not one of this machine's (0)."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1
