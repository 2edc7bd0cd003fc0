"""Starts the process that makes instruments safe, and sends it requests. lagerd itself opens no device and no network.

On a box this is the unit lager-safe@.service: systemd starts one for each connection to its socket. Elsewhere it is a
child, with the same socket as its standard input. A request is a line of JSON, which comes with a socket for the answer
and a copy of the lease. Because of that copy, no other process can claim the instrument while it is made safe, even if
lagerd crashes meanwhile.

Most of the time from a crash to the safe state is the start of this process. So while nets with a safe state are held,
and for a minute after a crash, one process is kept ready: it has imported what it needs, and forks a child for each
request. It knows the holders of these nets, and makes safe what they leave behind while there is no lagerd
(`make_safe.standby`). It is started with the claim of a script; for that of another program, which may be short,
only once the net has been held for a moment.

Beside it a second process is kept, which is started a second later, has imported the same and knows no holders. It
takes the place of the first at once if that is killed. Only one of them is ever asked.
"""

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lagerd.instruments.leases.files.lock_files import process_end
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.safety.starting import Started, start

SOCKET = Path("/run/lager-safe/socket")
SECONDS = 10.0
_HELD_SECONDS = 0.2  # that nets are held before a process is kept ready
_IDLE_SECONDS = 60.0  # that it is kept ready after they were released, or made safe
_SPARE_SECONDS = 1.0  # that there is a process, until a second one is started: the first has imported everything
_AGAIN_SECONDS = 0.5  # after its start, until a process that was killed is started again, while nets are held
_LONGEST = 1 << 20


@dataclass(frozen=True)
class SafetyAnswer:
    """The answer of the process. `nets` maps each net to the reason why it is not safe, or to ""; `done` has what was
    done."""

    nets: dict[str, str]
    done: dict[str, str]
    died: bool = False  # the process ended before it answered
    name: str = ""  # of the instrument, in the nets file
    changes: tuple[dict[str, Any], ...] = ()  # what was changed, as the holder of an instrument reports it

    @property
    def is_safe(self) -> bool:
        return not any(self.nets.values())

    @property
    def why(self) -> str:
        return " ".join(f"{net}: {reason}" for net, reason in self.nets.items() if reason)


class SafeProcess:
    """`unit` is the socket of the unit; None starts a child, which reads the nets file of the holder."""

    def __init__(self, unit: Path | None) -> None:
        self._unit = unit
        self._ready: Started | None = None
        self._spare: Started | None = None
        self._guarded: list[dict[str, Any]] = []
        self._handed: list[int] = []
        self.replaced: Callable[[], list[int]] = lambda: self._handed  # what to hand to the process after a lost one
        self._held = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._spare_timer: asyncio.TimerHandle | None = None
        self._reaping: set[asyncio.Task[None]] = set()

    def held(self, held: bool) -> None:
        """Note whether nets with a safe state are held."""
        if held != self._held:
            self._held = held
            if held:
                self._later(_HELD_SECONDS, self.make_ready)
            else:
                self._later(_IDLE_SECONDS, self._end_ready)

    def guard(self, leases: Iterable[Lease]) -> None:
        """Tell the process which leases it makes safe if their holders end while there is no lagerd."""
        guarded = [{**_request(lease, lease.safe), "pid": lease.pid} for lease in leases]
        if guarded != self._guarded:
            self._guarded = guarded
            if self._ready is not None and self._handed:
                self._tell(self._ready.ours, [])

    def hand_over(self, fds: list[int]) -> None:
        """Let the process make the guarded leases safe without lagerd, until a byte is written to the FIFO. `fds`
        are the FIFO and the file for what it changes."""
        self._handed = fds
        if self._ready is not None:
            self._tell_guarded(self._ready.ours)

    def close(self) -> None:
        """End the process that is ready; one at work continues, and one that guards leases until they end."""
        self._closed = True
        self._stop_timer()
        self._end_ready()

    async def make_safe(
        self, lease: Lease, fd: int, *, off: bool = False, nets: tuple[str, ...] = (), watched: bool = False
    ) -> SafetyAnswer:
        """Make the nets of a crashed lease safe, or with `off` switch off those named or all of the instrument.

        If it is `watched`, the answer tells what was changed. Takes at most ten seconds. Does not raise: what fails is
        in the answer. `fd` stays open; -1 is none.
        """
        asked = list(nets if off else lease.safe)
        try:
            answer = read_answer(asked, await self._ask(_request(lease, asked, off=off, watched=watched), fd))
            if not (self._held or self._closed):
                self._later(_IDLE_SECONDS, self._end_ready)
            return answer
        except TimeoutError:
            return SafetyAnswer(dict.fromkeys(asked or [lease.name], f"This took more than {SECONDS:g} s."), {})
        except (OSError, ValueError) as error:
            return SafetyAnswer(dict.fromkeys(asked or [lease.name], f"This failed: {error}."), {}, died=True)

    async def _ask(self, request: dict[str, Any], fd: int) -> bytes:
        process = self._alive()
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                fds = [theirs.fileno(), *([fd] if fd >= 0 else [])]
                self._send(process.ours, {**request, "fds": len(fds)}, fds)
            async with asyncio.timeout(SECONDS):
                return await _read(ours)

    def make_ready(self) -> None:
        """Start the process before it is needed, unless it is running."""
        if self._closed:
            return
        with contextlib.suppress(OSError):  # then it is started when it is needed, or that says why not
            self._alive()

    def _spare_later(self) -> None:
        if self._spare_timer is not None:
            self._spare_timer.cancel()
        self._spare_timer = asyncio.get_running_loop().call_later(_SPARE_SECONDS, self._make_spare)

    def _make_spare(self) -> None:
        if self._spare is not None or self._ready is None:
            return
        with contextlib.suppress(OSError):  # the one that is ready has to do
            self._spare = start(self._unit, lambda _: None)
            asyncio.get_running_loop().add_reader(self._spare.ours, self._spare_died)

    def _spare_died(self) -> None:
        self._end_spare()
        self._spare_later()

    def _alive(self) -> Started:
        """Return the process; start it if it is not running. Raises OSError."""
        if self._ready is not None and not self._ready.is_alive():
            self._lost()
        if self._ready is None:
            self._ready = self._promoted() or start(self._unit, self._tell_guarded)
            asyncio.get_running_loop().add_reader(self._ready.ours, self._died)  # it never writes there
            self._spare_later()
        return self._ready

    def _promoted(self) -> Started | None:
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        if not spare.is_alive():
            self._end(spare)
            return None
        self._tell_guarded(spare.ours)
        return spare

    def _lost(self) -> None:
        """Drop a process that has ended, or that no longer reads and must not act later.

        It is told so before its socket is closed, because otherwise it would treat that as the end of lagerd, and act
        alone.
        """
        self._handed = self.replaced()
        if self._ready is not None:
            self._end(self._ready)
            self._ready = None

    def _died(self) -> None:
        lived = time.monotonic() - self._ready.at if self._ready is not None else 0.0
        self._lost()
        if self._held:
            self._later(0.0 if self._spare else max(_AGAIN_SECONDS - lived, 0.0), self.make_ready)

    def _tell(self, process: socket.socket, fds: list[int]) -> None:
        with contextlib.suppress(OSError):  # it has ended, and is replaced when it is needed
            self._send(process, {"guard": self._guarded, "fds": len(fds)}, fds)

    def _send(self, process: socket.socket, said: dict[str, Any], fds: list[int]) -> None:
        """Send one line. Raises OSError, and ends a process that no longer reads."""
        data = json.dumps(said).encode() + b"\n"
        try:
            sent = socket.send_fds(process, [data], fds)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            if self._ready is not None and self._ready.ours is process:
                self._died()
            raise OSError("the process does not read its requests")

    def _end_ready(self) -> None:
        if self._spare_timer is not None:
            self._spare_timer.cancel()
        self._end_spare()
        if self._ready is not None:
            self._end(self._ready)
            self._ready = None

    def _end_spare(self) -> None:
        if self._spare is not None:
            self._end(self._spare)
            self._spare = None

    def _end(self, process: Started) -> None:
        asyncio.get_running_loop().remove_reader(process.ours)
        process.ours.close()
        if process.child is not None:
            self._reap(process.child)

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, what)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_guarded(self, ours: socket.socket) -> None:
        if self._handed:
            self._tell(ours, self._handed)

    def _reap(self, child: "subprocess.Popen[bytes]") -> None:
        async def reap() -> None:
            await process_end(child.pid)
            child.wait()

        task = asyncio.get_running_loop().create_task(reap())
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)


def _request(lease: Lease, nets: Iterable[str], *, off: bool = False, watched: bool = False) -> dict[str, Any]:
    return {
        "instrument": lease.instrument,
        "nets": list(nets),
        "off": off,
        "watched": watched,
        "nets_file": lease.nets_file,
        "places": dict(lease.places),
    }


async def _read(ours: socket.socket) -> bytes:
    said = b""
    while data := await asyncio.get_running_loop().sock_recv(ours, 1 << 16):
        said += data
        if len(said) > _LONGEST:
            raise ValueError("its answer is too long")
    return said


def read_answer(asked: Iterable[str], said: bytes) -> SafetyAnswer:
    """Parse the answer; a net that it does not name is not safe. Raises ValueError if it is invalid."""
    try:
        told = json.loads(said)
        nets = {str(net): str(reason) for net, reason in dict(told["nets"]).items()}
        done = {str(net): str(what) for net, what in dict(told["done"]).items()}
        name = str(told.get("name", ""))
        changes = tuple(dict(change) for change in told.get("changes", ()))
    except (ValueError, TypeError, KeyError):
        raise ValueError("the process ended before it answered") from None
    return SafetyAnswer(
        {net: nets.get(net, "it was not asked.") for net in asked} | nets, done, name=name, changes=changes
    )
