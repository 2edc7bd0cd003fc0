"""The embedded daemon: a private bus for one user, which starts lagerd as a system bus does, and ends when idle.

Four processes. The keeper (this module) is what systemd is on a box. It starts the simulated bench and the broker, has
lagerd started again when that dies, and ends everything when no other client has been on the bus for a while. The
broker starts lagerd, by its service files, when it is called.

Invariants

- One keeper serves a folder. A keeper starts and ends under an exclusive flock on the file `starting`. A keeper that
  comes while another one starts waits, finds a bus that listens, and leaves. One that comes while another one ends
  waits, finds no bus, and starts one: it never reports a bus that ends at once. The kernel frees the lock of a keeper
  that is killed.
- "ready" is written only when the broker listens. The process that started the keeper reads until that word or the end
  of the pipe. From then on the keeper has no part in that terminal: standard output and error go to /dev/null and the
  log.
- The bench is older than the broker and ends after it, and it is not a child of lagerd: instruments keep their state
  when lagerd dies.
- No process outlives the keeper, even if the keeper is killed. The broker gets SIGTERM by the kernel (PR_SET_PDEATHSIG:
  when the *thread* that started it ends, so it is started by the main thread). The bench reads a pipe that closes.
  lagerd loses its bus.
- The socket file is removed only if no process listens on it. If the folder was removed meanwhile, another keeper may
  have made a new one with a socket of the same name.

Races

- A client connects while the keeper decides that the bus is idle. The connection breaks when the broker ends, as when
  any daemon restarts, and the client starts a new keeper, which waits for the lock. No pause is lost: a paused script
  is on the bus, so the bus is not idle.
- lagerd dies while the keeper starts it again. The broker announces both, the owner and its end, and the deaths are in
  a queue, so none is missed. A lagerd that dies again and again is given up: `_RESTARTS` deaths with less than
  `_SHORT_LIVES` seconds of life between them. A life is the time that lagerd owns its name: on a busy machine the start
  of a process may take long, which does not count.
- Names come and go while the keeper asks who is there (`Idle.on`). It listens first and asks then. The list may be
  older than a signal that has been handled already, so names that left meanwhile are collected (`_left`) and taken out
  of the list; otherwise it would count as present forever. The bus never gives out a unique name twice.
- A lagerd that has just connected does not own its name yet and so counts as another client. This only delays the end.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from lager import variables
from lager.bus.address import embedded_folder, listening, unix_address
from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.contract import BREAKPOINTS, INSTRUMENTS
from lager.errors import BusError, LagerError
from lager.process import system
from lager.process.end_signals import resolve, until_told
from lagerd.bench.nets import NAME as NETS_FILE
from lagerd.instruments.leases.files import kept_claims

IDLE_SECONDS = 600.0
NAMES = (BREAKPOINTS, INSTRUMENTS)
_RESTARTS = 5
_SHORT_LIVES = 10.0  # seconds of life between `_RESTARTS` deaths

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <listen>{address}</listen>
 <auth>EXTERNAL</auth>
 <servicedir>{services}</servicedir>
 <policy context="default">
  <allow send_destination="*"/>
  <allow receive_sender="*"/>
  <allow own_prefix="com.lager"/>
 </policy>
 <limit name="max_replies_per_connection">50000</limit>
 <limit name="max_match_rules_per_connection">50000</limit>
 <limit name="max_connections_per_user">5000</limit>
 <limit name="max_completed_connections">5000</limit>
 <limit name="service_start_timeout">25000</limit>
</busconfig>
"""

_log = logging.getLogger("lagerd")


async def keep() -> int:
    """Keep the embedded bus of this user until it is idle. Returns 0, also if another process keeps it already.

    Raises BusError if the broker or the bench does not start.
    """
    folder = embedded_folder()
    with _one_starts(folder):
        if listening(folder / "bus"):
            _say_ready(folder)
            return 0
        (folder / "log").write_bytes(b"")
        for name in ("records", "records.old"):
            (folder / name).unlink(missing_ok=True)
        kept_claims.forget(folder, folder / NETS_FILE)
        with contextlib.ExitStack() as own:
            own.enter_context(_bench(folder))
            own.enter_context(broker(folder))
            own = own.pop_all()
            _say_ready(folder)
    try:
        await _watch_over(folder)
    finally:
        with contextlib.ExitStack() as alone:
            with contextlib.suppress(OSError):  # the folder was removed
                alone.enter_context(_one_starts(folder))
            own.close()
    return 0


@contextlib.contextmanager
def _one_starts(folder: Path) -> Iterator[None]:
    """Hold the lock on starting and ending. Blocks while another keeper starts or ends."""
    with open(folder / "starting", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[None]:
    broker = _start_broker(folder)
    try:
        yield
    finally:
        broker.terminate()
        broker.wait()
        if not listening(folder / "bus"):  # otherwise it belongs to another keeper now
            (folder / "bus").unlink(missing_ok=True)


@contextlib.contextmanager
def _bench(folder: Path) -> Iterator[None]:
    """Run the simulated bench in a process of its own, since instruments keep their state when lagerd dies."""
    alive_there, alive_here = os.pipe()
    ready_here, ready_there = os.pipe()
    command = [sys.executable, "-P", "-m", "lagerd.bench", "--folder", str(folder)]
    command += ["--ready-fd", str(ready_there), "--parent-fd", str(alive_there)]
    with open(folder / "log", "ab") as log:
        bench = subprocess.Popen(command, pass_fds=[ready_there, alive_there], stdin=subprocess.DEVNULL, stderr=log)
    os.close(ready_there)
    os.close(alive_there)
    try:
        with open(ready_here, encoding="ascii") as answer:
            if not answer.readline():
                raise BusError("The simulated bench does not start.", f"See {folder / 'log'}.")
        yield
    finally:
        os.close(alive_here)  # the bench ends when it reads the end of this pipe
        bench.wait()


def _start_broker(folder: Path) -> "subprocess.Popen[bytes]":
    services = folder / "services"
    services.mkdir(mode=0o700, exist_ok=True)
    for name in NAMES:
        command = shlex.join([sys.executable, "-P", "-m", "lagerd"])
        (services / f"{name}.service").write_text(f"[D-BUS Service]\nName={name}\nExec={command}\n", encoding="utf-8")
    address = unix_address(folder / "bus")
    config = _CONFIG.format(address=escape(address), services=escape(str(services)))
    (folder / "bus.conf").write_text(config, encoding="utf-8")
    (folder / "bus").unlink(missing_ok=True)
    return _until_it_listens(folder, {**os.environ, variables.BUS_ADDRESS: address})


def _until_it_listens(folder: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    reader, writer = os.pipe()
    command = ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile", "--nosyslog"]
    try:
        with open(folder / "log", "ab") as log:
            broker = subprocess.Popen(
                [*command, f"--print-address={writer}"], pass_fds=[writer], env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=system.signal_with_parent(signal.SIGTERM),
            )  # fmt: skip
    except FileNotFoundError:
        os.close(reader)
        raise BusError("dbus-daemon is not installed.", "Install it with: sudo apt-get install dbus-daemon") from None
    finally:
        os.close(writer)
    with open(reader, encoding="utf-8") as answer:
        if answer.readline():
            return broker
    broker.wait()
    raise BusError("dbus-daemon does not start.", f"See {folder / 'log'}.")


def _say_ready(folder: Path) -> None:
    """Tell the process that started us, and detach from its terminal."""
    with contextlib.suppress(OSError):
        os.write(1, b"ready\n")
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, target in ((0, null), (1, null), (2, log)):
        os.dup2(target, fd)
    os.close(null)
    os.close(log)


async def _watch_over(folder: Path) -> None:
    bus = await Bus.connect(unix_address(folder / "bus"))
    stop = until_told()
    restarter = asyncio.create_task(restart_lagerd(bus))
    idle = await Idle.on(bus)
    try:
        await asyncio.wait([stop, bus.lost, idle.reached, restarter], return_when=asyncio.FIRST_COMPLETED)
    finally:
        restarter.cancel()
        idle.cancel()
        bus.close()


async def restart_lagerd(bus: Bus) -> None:
    """Restart lagerd whenever it crashes; return if it does not keep running."""
    loop = asyncio.get_running_loop()
    died: asyncio.Queue[float] = asyncio.Queue()
    born: list[float] = []

    def owner(name: str) -> None:
        if name:
            born[:] = [loop.time()]
        elif born:
            died.put_nowait(loop.time() - born.pop())

    await bus.follow(BREAKPOINTS, owner)
    lives: list[float] = []
    while True:
        lives = [*lives, await died.get()][-_RESTARTS:]
        if len(lives) == _RESTARTS and sum(lives[1:]) < _SHORT_LIVES:
            _log.error("lagerd keeps crashing; ending the embedded bus.")
            return
        _log.warning("lagerd crashed; restarting it.")
        try:
            await bus.start_service(BREAKPOINTS)
        except LagerError as error:
            _log.error("Cannot start lagerd: %s", error)
            return


class Idle:
    """`reached` is done when only lagerd and the keeper have been on the bus for `seconds`. It does not poll."""

    def __init__(self, bus: Bus, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._bus = bus
        self._seconds = seconds
        self._present: set[str] = set()
        self._left: set[str] | None = set()  # names that left while the list is requested; None after that
        self._lagerd = ""
        self._timer: asyncio.TimerHandle | None = None
        self.reached: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def on(cls, bus: Bus) -> "Idle":
        """Start watching a bus, for the seconds in LAGER_EMBEDDED_IDLE."""
        idle = cls(bus, float(os.environ.get(variables.EMBEDDED_IDLE, IDLE_SECONDS)))
        bus.listen("NameOwnerChanged", idle._changed)
        await bus.add_match("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'")
        await bus.follow(BREAKPOINTS, idle._owned)
        there = {name for name in await bus.names() if name.startswith(":")}
        idle._present |= there - (idle._left or set())
        idle._left = None
        idle._judge()
        return idle

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _changed(self, signal: Signal) -> None:
        name, _, owner = signal.args
        if not name.startswith(":"):
            return
        (self._present.add if owner else self._present.discard)(name)
        if self._left is not None and not owner:
            self._left.add(name)
        self._judge()

    def _owned(self, owner: str) -> None:
        self._lagerd = owner
        self._judge()

    def _judge(self) -> None:
        self.cancel()
        if self._left is None and not self._present - {self._bus.name, self._lagerd}:
            self._timer = self._loop.call_later(self._seconds, resolve, self.reached)
