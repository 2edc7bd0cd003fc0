"""The one connection of a script's process to the bus, in a thread of its own that starts with the first pause.

Everything named with an underscore runs in that thread. A pause outlives lagerd: its call fails, and is made again,
with the same id and the time that is left, as soon as somebody owns the name again. It outlives the bus until its own
deadline.
"""

import asyncio
import atexit
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Coroutine
from concurrent import futures
from dataclasses import dataclass, field
from importlib import import_module
from queue import SimpleQueue
from typing import Any

from lager import address, typeahead
from lager.bus import Bus, Call, Signal
from lager.errors import AccessDenied, BusError, InvalidArgument, LagerError, NoDaemon
from lager.objects import Interface, Method, Outcome, Tree
from lager.place import Place
from lager.terms import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH, SCRIPT, SCRIPT_PATH

_DEFAULT_TIMEOUT = 300.0  # until lagerd says what that of the box is
_PATIENCE = 5.0  # for a lagerd that is just being started
_UNHEARD_SECONDS = 15.0  # until lagerd must have said that it knows of a pause
_GRACE = 3.0  # beyond our own deadline, before we stop waiting for a lagerd that keeps silent
_ANSWER_SECONDS = 25.0
_LAST_WORDS_SECONDS = 1.0
_RETRY_FIRST, _RETRY_LAST = 0.1, 5.0
_BUSLESS_SECONDS = 300.0  # how long a pause without a deadline waits for a bus that has gone
_LOOK_AT_MOST = {"context": 50, "width": 2000}
_XML = """ <interface name="com.lager.Script">
  <method name="Attach">
   <arg name="console" type="h" direction="in"/>
   <arg name="details" type="a{sv}" direction="in"/>
  </method>
  <method name="Inspect">
   <arg name="details" type="a{sv}" direction="in"/>
   <arg name="look" type="s" direction="out"/>
  </method>
 </interface>"""


@dataclass(frozen=True)
class Stood:
    remaining: float


@dataclass(frozen=True)
class Ended:
    reason: str
    by: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    error: LagerError


@dataclass(eq=False)
class Standing:
    """One pause of this process. `events` tells the paused thread: Stood when lagerd has it, then Ended or Failed."""

    details: dict[str, Any]
    place: Place
    events: "SimpleQueue[Stood | Ended | Failed]" = field(default_factory=SimpleQueue)
    deadline: float | None = None
    known: bool = False
    began: float = field(default_factory=time.monotonic)
    since: float = 0.0  # of the epoch, by the clock of lagerd
    interrupted: bool = False
    dropped: int | None = None
    by: dict[str, Any] = field(default_factory=dict)
    limit: asyncio.Timeout | None = None
    task: "asyncio.Task[None] | None" = None
    consoles: Any = None

    @property
    def id(self) -> str:
        return str(self.details["id"])

    @property
    def interactive(self) -> bool:
        return bool(self.details["interactive"])

    def set_remaining(self, seconds: float) -> None:
        """Seconds left, 0 for no limit."""
        self.deadline = time.monotonic() + seconds if seconds else None
        if self.limit is not None:
            with contextlib.suppress(RuntimeError):  # it is just expiring
                self.limit.reschedule(self._last_moment())

    def as_asked(self) -> dict[str, Any]:
        """What to tell lagerd: everything, and the time that is left where it stood before."""
        if not self.known:
            return self.details
        left = 0.0 if self.deadline is None else max(self.deadline - time.monotonic(), 0.001)
        return {**self.details, "remaining": left, "since": self.since}

    def _last_moment(self) -> float | None:
        """When to stop waiting for lagerd, by the clock of the loop."""
        ends = [self.deadline + _GRACE] if self.deadline is not None else []
        if not self.known:
            ends.append(self.began + _UNHEARD_SECONDS)
        return asyncio.get_running_loop().time() + min(ends) - time.monotonic() if ends else None


class Link:
    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._standings: dict[str, Standing] = {}
        self._bus: Bus | None = None
        self._owner = ""
        self._owner_changed = asyncio.Event()
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._closing = False
        self._releases: set[futures.Future[None]] = set()
        self._thread = threading.Thread(target=self._run, name="lager", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def begin(self, standing: Standing) -> None:
        """Let `standing` be known to lagerd; its events tell how it goes. From any thread."""
        self._loop.call_soon_threadsafe(self._begin, standing)

    def interrupt(self, standing: Standing) -> None:
        """The paused thread no longer waits. From any thread."""
        self._loop.call_soon_threadsafe(self._interrupt, standing)

    def claim(self, instrument: str, details: dict[str, Any], wait: float) -> int:
        """The descriptor of a lease, after up to `wait` seconds in the queue. Blocks; from any other thread."""
        return int(self._wait_for(self._claim(instrument, details, wait)))

    def release(self, instrument: str, fd: int) -> None:
        """Tell lagerd that a lease is over, and close it; returns at once. From any thread but our own."""
        work = self._release(instrument, fd)
        try:
            self._releases.add(asyncio.run_coroutine_threadsafe(work, self._loop))
        except RuntimeError:  # the process is ending
            work.close()
            os.close(fd)
        self._releases = {release for release in self._releases if not release.done()}

    def close(self) -> None:
        """End the thread and the connection; at the end of the process that made them, and nowhere else."""
        if self._pid == os.getpid() and self._thread.is_alive():
            self._closing = True
            futures.wait(self._releases, _LAST_WORDS_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _claim(self, instrument: str, details: dict[str, Any], wait: float) -> int:
        ends = self._loop.time() + wait
        while True:
            left = max(ends - self._loop.time(), 0.0)
            bus = await self._connected(patient=False)
            try:
                asked = bus.call(
                    INSTRUMENTS, INSTRUMENTS_PATH, "Claim", "sa{sv}", instrument, {**details, "wait": left},
                    timeout=left + _ANSWER_SECONDS,
                )  # fmt: skip
                return int((await asked)[0])
            except NoDaemon:
                # It died while we queued: another one comes, and we queue again.
                if not left:
                    raise
                await self._lagerd(min(left, _PATIENCE))

    async def _release(self, instrument: str, fd: int) -> None:
        # Closed when lagerd has heard of it, else the end of the lease would look like the end of its holder.
        try:
            if self._bus is not None:
                with contextlib.suppress(LagerError):
                    await self._bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "Release", "s", instrument, start=False)
        finally:
            os.close(fd)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            # At the end of the process only daemon threads can stand here, and they end where they stand.
            for standing in () if self._closing else self._standings.values():
                standing.events.put(Failed(BusError("The connection to lagerd ended.")))
            self._loop.run_until_complete(self._wind_up())
            self._loop.close()

    async def _wind_up(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._bus is not None:
            self._bus.close()

    def _begin(self, standing: Standing) -> None:
        self._standings[standing.id] = standing
        standing.task = self._loop.create_task(self._carry(standing))

    def _interrupt(self, standing: Standing) -> None:
        if standing.id in self._standings and standing.task is not None:
            standing.interrupted = True
            standing.task.cancel()

    async def _carry(self, standing: Standing) -> None:
        """From the first call to the end of the pause, whichever way it ends."""
        outcome: Ended | Failed
        try:
            asked = standing.details["timeout"]
            standing.set_remaining(_DEFAULT_TIMEOUT if asked is None else asked)
            async with asyncio.timeout_at(standing._last_moment()) as standing.limit:
                reason = await self._stand(standing)
            outcome = Ended(reason, standing.by)
        except TimeoutError:
            self._tell("Interrupt", "s", standing.id)
            outcome = Ended("alone", {}) if standing.known else Failed(_no_answer())
        except LagerError as error:
            outcome = Failed(error)
        except asyncio.CancelledError:
            if self._closing and not standing.interrupted:
                raise
            self._tell("Interrupt", "s", standing.id)
            outcome = Ended("interrupted", {})
        except Exception as error:
            outcome = Failed(BusError(f"{type(error).__name__}: {error}"))
        self._standings.pop(standing.id, None)
        standing.events.put(outcome)
        if standing.consoles is not None:
            by = outcome.by if isinstance(outcome, Ended) else {}
            standing.consoles.close(outcome.reason if isinstance(outcome, Ended) else "failed", by)

    async def _stand(self, standing: Standing) -> str:
        while True:
            bus = await self._connected(patient=standing.known)
            await self._lagerd(None if standing.known else _PATIENCE)
            if not standing.known:
                # Before anybody hears of the pause: from then on an Enter is meant for it.
                standing.dropped = typeahead.drop()
            try:
                reason = await bus.call(
                    BREAKPOINTS, BREAKPOINTS_PATH, "Pause", "a{sv}", standing.as_asked(), start=False, timeout=None
                )
                return str(reason[0])
            except BusError:
                if bus.lost.done():
                    continue
                if self._owner:
                    await self._look_for_owner(bus)

    async def _look_for_owner(self, bus: Bus) -> None:
        """The end of a lagerd is told by two messages; after the first it must not look alive."""
        known = self._owner
        found = await bus.owner(BREAKPOINTS)
        if self._owner == known:  # else its end, and perhaps the next one's beginning, have been told meanwhile
            self._set_owner(found)

    async def _connected(self, *, patient: bool) -> Bus:
        """The connection; made anew if it was lost, patiently where a pause already stood."""
        delay = _RETRY_FIRST
        give_up = time.monotonic() + _BUSLESS_SECONDS
        while True:
            try:
                async with self._connecting:
                    if self._bus is None or self._bus.lost.done():
                        self._bus = await self._connect()
                    return self._bus
            except BusError:
                if not patient or time.monotonic() > give_up:
                    raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_LAST)

    async def _connect(self) -> Bus:
        self._set_owner("")
        bus = await Bus.connect(address.choose().text)
        tree = Tree()
        methods = {"Attach": Method("ha{sv}", "", self._attach), "Inspect": Method("a{sv}", "s", self._inspect)}
        tree.add(SCRIPT_PATH, Interface(SCRIPT, methods, xml=_XML))
        bus.serve(tree)
        for member, heard in (("Paused", self._paused), ("Extended", self._extended), ("Resumed", self._resumed)):
            bus.listen(member, self._from_lagerd(heard))
        try:
            await bus.follow(BREAKPOINTS, self._set_owner)
        except BaseException:
            bus.close()
            raise
        return bus

    async def _lagerd(self, patience: float | None) -> None:
        """Wait until lagerd is there; NoDaemon after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while not self._owner:
                    await self._owner_changed.wait()
        except TimeoutError:
            raise _no_answer() from None

    def _set_owner(self, owner: str) -> None:
        self._owner = owner
        (self._owner_changed.set if owner else self._owner_changed.clear)()

    def _tell(self, member: str, signature: str, *values: Any) -> None:
        if self._bus is not None and self._owner:
            self._bus.post(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values)

    # What lagerd says of our pauses.

    def _from_lagerd(self, heard: Any) -> Any:
        def listener(signal: Signal) -> None:
            standing = self._standings.get(signal.args[0]) if signal.sender == self._owner else None
            if standing is not None:
                heard(standing, *signal.args[1:])

        return listener

    def _paused(self, standing: Standing, details: dict[str, Any]) -> None:
        new, standing.known = not standing.known, True
        standing.set_remaining(details["remaining"])
        if new:
            standing.since = details["since"]
            standing.details["timeout"] = details["timeout"]
            standing.events.put(Stood(details["remaining"]))
            if standing.interactive:
                self._loop.call_soon(import_module, "lager.console")  # while it stands, so that a console opens at once

    def _extended(self, standing: Standing, remaining: float, _: dict[str, Any]) -> None:
        standing.set_remaining(remaining)
        if standing.consoles is not None:
            standing.consoles.told(remaining)

    def _resumed(self, standing: Standing, reason: str, details: dict[str, Any]) -> None:
        standing.by = details
        # The answer that says the same is on its way; the paused thread need not wait for it.
        standing.events.put(Ended(reason, details))

    # Consoles, and looks.

    def _meant(self, call: Call, details: dict[str, Any]) -> Standing:
        if call.sender != self._owner:
            raise AccessDenied("Only lagerd attaches consoles.")
        standing = self._standings.get(details.get("id", ""))
        if standing is None:
            raise InvalidArgument("That pause has ended.")
        return standing

    async def _inspect(self, call: Call) -> Outcome:
        standing = self._meant(call, call.args[0])
        from lager.inspecting import look

        return (json.dumps(await look(standing.place, **_chosen(call.args[0]))),)

    def _attach(self, call: Call) -> Outcome:
        details = call.args[1]
        standing = self._meant(call, details)
        if not standing.interactive:
            raise InvalidArgument("That pause has no console.")
        from lager.console import Consoles

        if standing.consoles is None:
            standing.consoles = Consoles(standing.place, standing.details, self._reporter(standing))
        standing.consoles.attach(socket.socket(fileno=call.take_fd(call.args[0])), details)
        return ()

    def _reporter(self, standing: Standing) -> Any:
        def report(member: str, console: int, /, **details: Any) -> None:
            if standing.id in self._standings:
                more: tuple[Any, ...] = (details,) if member == "Touch" else ()
                self._tell(member, "sua{sv}" if more else "su", standing.id, console, *more)

        return report


def _chosen(options: dict[str, Any]) -> dict[str, int]:
    """How much to look at: what is no number is passed over, and more than enough is cut."""
    numbers = {key: options[key] for key in _LOOK_AT_MOST if type(options.get(key)) is int}
    return {key: min(max(number, 0), _LOOK_AT_MOST[key]) for key, number in numbers.items()}


def _no_answer() -> NoDaemon:
    return NoDaemon("lagerd does not answer.", "Start it with: sudo systemctl start lagerd")


_link: Link | None = None
_making = threading.RLock()  # for a signal handler that pauses, too
_abandoned: list[Link] = []


def this_process() -> Link:
    """The link of this process, made at the first call; a forked child makes its own."""
    global _link
    with _making:
        if _link is None or not _link._thread.is_alive():
            _link = Link()
        return _link


def _after_fork() -> None:
    global _link, _making
    _making = threading.RLock()
    if _link is not None:
        _abandoned.append(_link)  # its loop is the parent's too: not to be closed from here
        _link = None


os.register_at_fork(after_in_child=_after_fork)
