"""The world of the stress run: a broker, lagerd, scripts and clients, all real, and all ended with it."""

import asyncio
import contextlib
import os
import random
import resource
import signal
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.contract import path_of
from lager.errors import LagerError
from tests.client import NAME, PATH
from tests.processes import LAGER, descriptors
from tests.station import Station
from tests.stress.checks.journal import Journal
from tests.stress.checks.ledger import Broken, Ledger
from tests.stress.consoles import Console
from tests.stress.script import Script

INSTRUMENTS = "com.lager.Instruments"
PATIENCE = 40.0
_CLOCK = Path(__file__).with_name("clock")
_LAGERD = Path(__file__).with_name("recorded.py")
_SCRIPTS = 4
_TYPED = b"print('x' * 100000)\n" * 20
_SETTLING = 20.0


class World:
    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.rng = rng
        self.ledger = Ledger()
        self.folder = folder
        self.scripts: list[Script] = []
        self.releasing: set[str] = set()
        self.consoles: list[Console] = []
        self.commands: list[asyncio.subprocess.Process] = []
        self.stopped_commands: set[asyncio.subprocess.Process] = set()
        self._numbers = iter(range(1 << 30))
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock = folder / "clock"
        self._clock.write_bytes(struct.pack("d", 0))
        self._log_at = 0
        self.journal = Journal(folder / "journal", self.ledger.note)
        command = ["/bin/sh", "-c", 'exec "$@" 2>>"$0"', str(folder / "lagerd.log"), sys.executable, str(_LAGERD)]
        command.append(str(self.journal.path))
        self.station = Station(folder, command, STRESS_CLOCK=str(self._clock), PYTHONPATH=str(_CLOCK))
        self.stopped = False
        self.failed: BaseException | None = None

    def name(self, kind: str) -> str:
        return f"{kind}{next(self._numbers)}"

    async def open(self) -> None:
        await self.journal.open()
        await self.observe()
        for _ in range(_SCRIPTS):
            await self.add_script()
        self.baseline = await self.held_by_lagerd()

    async def close(self) -> None:
        """End all processes, in whatever state they are."""
        with contextlib.suppress(ProcessLookupError):
            self.lagerd_signal(signal.SIGCONT)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for console in self.consoles:
            console.close()
        for command in self.commands:
            await _end(command)
        for script in self.scripts:
            await script.close()
        if hasattr(self, "bus"):
            self.bus.close()
        self.station.close()
        await self.journal.close()

    # Who is there.

    async def observe(self) -> None:
        """Connect to the bus, and follow what lagerd says on it."""
        self.bus = await Bus.connect(self.station.address)
        for name, members in (
            ("com.lager.Breakpoints", ("Paused", "Resumed", "Extended")),
            ("com.lager.Instruments", ("Claimed", "Released", "Queued")),
        ):
            await self.bus.subscribe(name, dict.fromkeys(members, self._hear))

    def _hear(self, signal: Signal) -> None:
        self.ledger.signal(signal.member, signal.args)
        self.wake()

    def wake(self) -> None:
        self._changed.set()

    async def change(self, patience: float = PATIENCE) -> None:
        """Wait for the next event, at most so long."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._changed.wait()

    async def add_script(self) -> None:
        script = Script(self.name("script"), self.ledger, self.wake)
        self.scripts.append(script)
        await script.start(self.station.env, self.folder)

    def awake(self) -> list[Script]:
        return [script for script in self.scripts if script.alive and not script.stopped]

    # What is done to lagerd.

    def lagerd_signal(self, number: signal.Signals) -> None:
        self.ledger.note(f"{number.name} to lagerd")
        self.stopped = {signal.SIGSTOP: True, signal.SIGCONT: False}.get(number, self.stopped)
        if self.station.has_lagerd:
            self.station.lagerd.kill(number)

    async def restart_lagerd(self, number: signal.Signals) -> None:
        self.ledger.faults.add("killed" if number == signal.SIGKILL else "restarted")
        self.lagerd_signal(number)
        if self.station.has_lagerd:
            await asyncio.to_thread(self.station.lagerd.wait)
        self.station.kill_lagerd()
        await asyncio.to_thread(self.station.start_lagerd)
        self.ledger.note("lagerd is back")

    async def restart_bus(self) -> None:
        self.ledger.faults.add("bus")
        self.ledger.note("the bus dies")
        self.station.kill_broker()
        code = await asyncio.to_thread(self.station.lagerd.wait)
        if code != 1:
            raise Broken(f"lagerd ended with {code} when its bus died.")
        self.station.kill_lagerd()
        self.bus.close()
        self.station.start_broker()
        await self.observe()
        await asyncio.to_thread(self.station.start_lagerd)
        self.ledger.note("bus and lagerd are back")

    def fill_disk(self, full: bool) -> None:
        """No file of lagerd's may grow; a disk that is full looks the same to it, and this needs no mount."""
        self.ledger.note(f"disk full: {full}")
        if full:
            self.ledger.faults.add("disk")
        hard = resource.prlimit(self.station.lagerd.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.station.lagerd.pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))

    def step_clock(self, seconds: float) -> None:
        self.ledger.note(f"the wall clock steps to {seconds:+.0f} s")
        with self._clock.open("r+b") as file:
            file.write(struct.pack("d", seconds))

    # What is asked of it.

    async def call(self, member: str, signature: str = "", *values: Any, name: str = NAME, interface: str = "") -> Any:
        """Ask lagerd, from a connection that is there for this one call."""
        bus = await Bus.connect(self.station.address)
        try:
            result = await bus.call(
                name, path_of(name), member, signature, *values, interface=interface, timeout=PATIENCE
            )
        finally:
            bus.close()
        return result[0] if result else None

    def go(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run it beside everything else; a refusal is only noted."""

        async def run() -> None:
            try:
                self.ledger.note(f"{what}: {await work}")
            except LagerError as error:
                self.ledger.note(f"{what}: {type(error).__name__} {error}")

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.wake()
        if not task.cancelled() and task.exception() is not None:
            self.ledger.note(f"a client failed: {task.exception()!r}")
            self.failed = task.exception()

    async def quiet(self) -> None:
        """Wait for the end of everything that was asked."""
        async with asyncio.timeout(PATIENCE):
            while self._tasks:
                await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.failed is not None:
            raise Broken(f"A client failed: {self.failed!r}") from self.failed

    async def open_console(self, id: str) -> str:
        bus = await Bus.connect(self.station.address)
        try:
            fd = (await bus.call(NAME, PATH, "OpenConsole", "sa{sv}", id, {}, timeout=PATIENCE))[0]
        finally:
            bus.close()
        self.consoles.append(Console(fd))
        return f"console {len(self.consoles)}"

    async def command(self, *arguments: str) -> None:
        """Start a `lager` command, to be waited for or killed."""
        self.ledger.note(f"lager {' '.join(arguments)}")
        null = asyncio.subprocess.DEVNULL
        command = await asyncio.create_subprocess_exec(
            LAGER, *arguments, env=self.station.env, cwd=self.folder, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=null, stderr=null,
        )  # fmt: skip
        assert command.stdin is not None
        command.stdin.write(_TYPED)
        self.commands.append(command)

    def stop_or_wake(self, command: asyncio.subprocess.Process) -> None:
        number = signal.SIGCONT if command in self.stopped_commands else signal.SIGSTOP
        self.stopped_commands ^= {command}
        self.ledger.note(f"{number.name} to the command {command.pid}")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, number)

    async def end_commands(self) -> None:
        for command in self.commands:
            await _end(command)
        self.commands.clear()
        self.stopped_commands.clear()

    async def last_word(self) -> None:
        """Let lagerd say and record one thing more: by then we have every signal, and a record that found no room in
        the journal's socket is told of in the next one."""
        fd = (await self.bus.call(INSTRUMENTS, path_of(INSTRUMENTS), "Claim", "sa{sv}", "last", {}, timeout=PATIENCE))[
            0
        ]
        await self.bus.call(INSTRUMENTS, path_of(INSTRUMENTS), "Release", "s", "last", timeout=PATIENCE)
        os.close(fd)

    # What is left of it.

    def log(self) -> str:
        """What lagerd has logged since this was last asked."""
        with (self.folder / "lagerd.log").open(encoding="utf-8") as file:
            file.seek(self._log_at)
            text = file.read()
            self._log_at = file.tell()
        return text

    async def until(self, look: Callable[[], Awaitable[Any]], well: Callable[[Any], bool], what: str) -> None:
        """Check again after each call to lagerd until the check passes. Raises Broken if it never does."""
        end = time.monotonic() + _SETTLING
        while not well(seen := await look()):
            if time.monotonic() > end:
                raise Broken(f"There are {what} left: {seen}")
            await self.call("Ping", name="com.lager.Breakpoints", interface="org.freedesktop.DBus.Peer")

    async def files(self) -> list[str]:
        return [path.name for path in (self.folder / "lager" / "leases").iterdir()]

    async def held_by_lagerd(self) -> tuple[int, int]:
        """Its descriptors, but for one for the process of each script, for this one and for its own; its threads."""
        pid = self.station.lagerd.pid
        held, processes = descriptors(pid)
        return held + max(processes - len(self.scripts) - 2, 0), len(list(Path(f"/proc/{pid}/task").iterdir()))

    def children_of_lagerd(self) -> str:
        pid = self.station.lagerd.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().strip()


async def _end(command: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)
    await command.wait()
