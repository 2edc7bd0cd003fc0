"""The one connection of a script's process to lagerd, in a thread that starts with the first pause or claim.

It knows neither pauses nor leases. Both join it as participants: `carrier` for pauses, `lease_calls` for leases. Each
is told of every new connection, so that it can say what it serves and listens to, and of the end of the thread.

Invariants, and the races that they answer:

- Everything of the loop runs in the client's thread. Other threads reach it by `run`, `start` and `finish` only.
- There is one connection at a time. `connected` makes it anew when it was lost, under a lock, because several pauses
  find out at once that it has gone.
- `owner` is the unique name of the lagerd that answers, "" while there is none. It is forgotten before each connection
  is made, and told by the bus after that, so an answer of an older lagerd is never taken for one of the present.
- A participant may join while a connection is being made. It is told of that one once: by the loop that made it, or
  when its own turn comes, whichever is first.
- A lagerd that dies is told of by two messages, the error of the call and the change of owner, in either order. Who
  gets the error asks `look_for_owner` before it calls again, so that the dead one does not look alive in between.
- A forked child has the memory of its parent but not the thread. It abandons the client without closing anything, since
  the descriptors are the parent's, and makes its own at its first pause or claim. A script that closes all descriptors,
  as one that becomes a daemon does, looks the same: `is_usable` compares the selector's inode.
- At the end of the process what was told last, as the release of a lease, is waited for, a second at most. A thread
  that is still paused then is a daemon thread, and ends where it is.
"""

import asyncio
import atexit
import contextlib
import os
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any, Protocol, TypeVar

from lager.bus import address
from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS
from lager.errors import BusError, NoDaemon

PATIENCE = 5.0  # seconds, for a lagerd that is just being started
_LAST_WORDS_SECONDS = 1.0
_RETRY_FIRST, _RETRY_LAST = 0.1, 5.0


class Participant(Protocol):
    """What uses the client. Both methods are called in the client's thread."""

    def connected(self, bus: Bus) -> None:
        """Serve and listen on a connection that has just been made."""

    def ended(self) -> None:
        """The thread ends though the process goes on: nothing more will come."""


Joined = TypeVar("Joined", bound=Participant)


class DaemonClient:
    """`run`, `start`, `finish` and `join` are for other threads; all other methods are for the client's own."""

    def __init__(self) -> None:
        self.bus: Bus | None = None
        self.owner = ""
        self.closing = False
        self._pid = os.getpid()
        self._selector = selectors.EpollSelector()
        self._mark = os.fstat(self._selector.fileno())
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._participants: dict[Any, Participant] = {}
        self._newest: Bus | None = None  # made, and perhaps not in use yet
        self._introduced: list[Participant] = []  # to that one
        self._owner_changed = asyncio.Event()
        self._next_owner = asyncio.Event()
        self._look_for_owner: Callable[[], Coroutine[Any, Any, None]]
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._last_words: set[futures.Future[None]] = set()
        self._thread = threading.Thread(target=self._work, name="lager", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def is_usable(self) -> bool:
        """False once the thread has ended, or the script has closed our descriptors, as one that becomes a daemon does:
        then their numbers are no longer ours, and nothing reaches the thread."""
        try:
            return self._thread.is_alive() and os.path.samestat(self._mark, os.fstat(self._selector.fileno()))
        except (OSError, ValueError):
            return False

    def join(self, kind: "Callable[[DaemonClient], Joined]") -> Joined:
        """The participant of this kind, made at the first call."""
        with _making:
            found = self._participants.get(kind)
            if found is None:
                found = self._participants[kind] = kind(self)
                self.start(self._introduce, found)
        return found  # type: ignore[return-value]  # what `kind` made

    def start(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call `callback` soon, in the client's thread; returns at once."""
        self._loop.call_soon_threadsafe(callback, *arguments)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do `work` in the client's thread. Blocks until it is done; its result, or what it raises."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
        finally:
            del future  # whose error knows this frame, and would keep it and its callers' until they are collected

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the client's thread, and at the end of the process wait for it; returns at once. Raises
        RuntimeError where the process is ending already."""
        self._last_words.add(asyncio.run_coroutine_threadsafe(work, self._loop))
        self._last_words = {word for word in self._last_words if not word.done()}

    def close(self) -> None:
        """End the thread and the connection; at the end of the process that made them, and nowhere else."""
        if self._pid == os.getpid() and self.is_usable():
            self.closing = True
            futures.wait(self._last_words, _LAST_WORDS_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    async def connected(self, *, patient: bool) -> Bus:
        """The connection, made anew if it was lost. Raises BusError where that cannot be, unless `patient`."""
        delay = _RETRY_FIRST
        while True:
            try:
                async with self._connecting:
                    if self.bus is None or self.bus.lost.done():
                        self.bus = await self._connect()
                    return self.bus
            except BusError:
                if not patient:
                    raise  # else it is the pause's own deadline that ends this, if it has one
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_LAST)

    async def lagerd(self, patience: float | None) -> None:
        """Wait until lagerd is there. Raises NoDaemon after `patience` seconds; None waits for ever."""
        try:
            async with asyncio.timeout(patience):
                while not self.owner:
                    await self._owner_changed.wait()
        except TimeoutError:
            if not self.owner:  # else it came while this thread could not run
                raise no_answer() from None

    async def another_lagerd(self, seconds: float) -> None:
        """Wait until another lagerd has come, or so many seconds are over."""
        refused_by = self.owner
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.owner == refused_by:
                    await self._next_owner.wait()

    async def look_for_owner(self) -> None:
        """Ask the bus who lagerd is now."""
        if self.owner:
            await self._look_for_owner()

    def create_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._loop.create_task(work)

    def time(self) -> float:
        """Seconds, by the clock of the loop."""
        return self._loop.time()

    def _introduce(self, participant: Participant) -> None:
        if self._newest is not None and participant not in self._introduced:  # else it is told when there is one
            self._introduced.append(participant)
            participant.connected(self._newest)

    def _work(self) -> None:
        try:
            self._loop.run_forever()
        except OSError:
            if self.is_usable():
                raise
        finally:
            for participant in () if self.closing else list(self._participants.values()):
                participant.ended()
            if self.is_usable():
                self._loop.run_until_complete(self._wind_up())
                self._loop.close()

    async def _wind_up(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.bus is not None:
            self.bus.close()

    async def _connect(self) -> Bus:
        self._set_owner("")
        bus = await Bus.connect(address.choose().text)
        self._newest, self._introduced = bus, []
        for participant in list(self._participants.values()):
            self._introduce(participant)
        try:
            self._look_for_owner = await bus.follow(BREAKPOINTS, self._set_owner)
        except BaseException:
            bus.close()
            raise
        return bus

    def _set_owner(self, owner: str) -> None:
        self._next_owner.set()
        self._next_owner = asyncio.Event()
        self.owner = owner
        (self._owner_changed.set if owner else self._owner_changed.clear)()


def no_answer() -> NoDaemon:
    return NoDaemon("lagerd does not answer.", "Start it with: sudo systemctl start lagerd")


_client: DaemonClient | None = None
_making = threading.RLock()  # for a signal handler that pauses, too
_abandoned: list[DaemonClient] = []


def this_process() -> DaemonClient:
    """The client of this process, made at the first call; a forked child makes its own."""
    global _client
    with _making:
        if _client is not None and not _client.is_usable():
            _abandon()
        if _client is None:
            _make()
        if _client is None:
            raise BusError("The thread that speaks to lagerd could not be started.")
        return _client


def _make() -> None:
    """In a thread beside, where the stack of the caller is not near its limit."""
    failed: list[BaseException] = []

    def make() -> None:
        global _client
        try:
            _client = DaemonClient()
        except BaseException as error:
            failed.append(error.with_traceback(None))

    maker = threading.Thread(target=make, name="lager-maker", daemon=True)
    maker.start()
    maker.join()
    if failed:
        raise failed.pop()


def _abandon() -> None:
    """Keep it, for it must not be closed from here: its descriptors are somebody else's, too or by now."""
    global _client
    if _client is not None:
        _abandoned.append(_client)
        _client = None


def _after_fork() -> None:
    global _making
    _making = threading.RLock()
    _abandon()


os.register_at_fork(after_in_child=_after_fork)
