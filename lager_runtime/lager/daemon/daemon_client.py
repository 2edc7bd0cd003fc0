"""The one connection of a script's process to lagerd, in a thread that starts with the first pause or claim.

It knows neither pauses nor leases. Both join it as participants: `carrier` for pauses, `lease_calls` for leases. It
calls each of them for every new connection, where they serve and listen, and at the end of the thread.

Invariants, and the races that they prevent:

- The event loop runs in the client's thread. Other threads use only `run`, `start` and `finish`.
- There is one connection at a time. After a loss, `connected` makes a new one under a lock, because several pauses
  notice the loss at once.
- `owner` is the unique name of the present lagerd, "" while there is none. It is cleared before each connection is
  made, and the bus reports it afterwards, so an answer of an older lagerd never counts as one of the present.
- A participant may join while a connection is being made. It is called once for that connection: by `_connect` or by
  `join`, whichever comes first.
- Two messages report the death of a lagerd, the error of a call and the change of owner, in either order. After the
  error, a caller awaits `look_for_owner` before it calls again, so that the dead lagerd does not look alive.
- A forked child has the memory of its parent but not the thread. It abandons the client without closing anything, since
  the descriptors are the parent's, and makes its own at its first pause or claim. A script that closes all descriptors,
  as one that becomes a daemon does, looks the same: `is_usable` compares the inode of the loop's own socket. All
  instances of epoll have one inode, and the script may have opened one of its own, with the same number, since.
- At the end of the process, `close` waits one second at most for the last calls, such as the release of a lease. A
  thread that is still paused then is a daemon thread, and ends where it is.
"""

import _thread
import asyncio
import contextlib
import errno
import os
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from lager.bus import address
from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS
from lager.daemon.client_loop import ClientLoop, Work
from lager.errors import BusError, Failed, NoDaemon
from lager.process import at_end, at_exec, threads
from lager.process.raised import by_a_handler

PATIENCE = 5.0  # seconds, for a lagerd that is just being started
_LAST_WORDS_SECONDS = 1.0
_ONE_MOMENT = 0.5  # seconds, for a client's thread that does not answer
_RETRY_FIRST, _RETRY_LAST = 0.1, 5.0


class Participant(Protocol):
    """A user of the client. Both methods are called in the client's thread."""

    def connected(self, bus: Bus) -> None:
        """Serve and listen on a new connection."""

    def ended(self) -> None:
        """Note that the thread ends before the process does: no more events will come."""


Joined = TypeVar("Joined", bound=Participant)


class _Selector(selectors.EpollSelector):
    """Waits for the descriptors of a loop until the script closes them. After that, it raises OSError: their numbers
    may be those of others by now, whose messages the loop must not read."""

    def mark(self) -> None:
        """Note what the loop has registered so far: the socket by which other threads wake it."""
        (key,) = self.get_map().values()
        self._waking = key.fd
        self._inode = os.fstat(self._waking)

    def are_ours(self) -> bool:
        try:
            return os.path.samestat(self._inode, os.fstat(self._waking))
        except OSError as error:
            if by_a_handler(error):
                raise
            return False

    def select(self, timeout: float | None = None) -> "list[tuple[selectors.SelectorKey, int]]":
        ready = super().select(timeout)
        if not self.are_ours():
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return ready


class DaemonClient:
    """`run`, `start`, `finish` and `join` are for other threads; all other methods are for the client's own."""

    def __init__(self) -> None:
        self.bus: Bus | None = None
        self.owner = ""
        self.closing = False
        self._pid = os.getpid()
        selector = _Selector()
        self.loop = ClientLoop(selector)
        selector.mark()
        self._are_ours = selector.are_ours
        self._over = False
        self._participants: dict[Any, Participant] = {}
        self._newest: Bus | None = None  # it may not be in use yet
        self._introduced: list[Participant] = []  # those that were called for it
        self._owner_changed = asyncio.Event()
        self._next_owner = asyncio.Event()
        self._look_for_owner: Callable[[], Coroutine[Any, Any, None]]
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._last_words: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._work, name="lager", daemon=True)
        try:
            threads.start(self._thread)
        except BaseException:
            self.loop.close()
            raise
        at_end.call(self.close)

    def is_usable(self) -> bool:
        """Return False once the thread has ended, or the script has closed lager's descriptors, as a daemon does: then
        their numbers are no longer lager's, and nothing reaches the thread."""
        # Not Thread.is_alive(), which a signal handler that raises there makes False (in Python 3.11 and 3.12).
        return not self._over and self._are_ours()

    def is_here(self) -> bool:
        """Return whether the calling thread is the client's own, which must not wait for itself."""
        return threading.get_ident() == self._thread.ident

    def join(self, kind: "Callable[[DaemonClient], Joined]") -> Joined:
        """Return the participant of this kind, made at the first call."""
        with _making:
            found = self._participants.get(kind)
            if found is None:
                found = self._participants[kind] = kind(self)
                self.start(self._introduce, found)
        return found  # type: ignore[return-value]  # what `kind` made

    def start(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call `callback` soon, in the client's thread; returns at once."""
        self.loop.call_soon_threadsafe(callback, *arguments)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do `work` in the client's thread; return its result or raise its error. Blocks until it is done."""
        return Work(self.loop, work).result()

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the client's thread; returns at once. The end of the process waits for it.

        Raises RuntimeError if the process is ending already.
        """
        self.start(self._begin_last_words, work)

    def close(self) -> None:
        """End the thread and the connection, at the end of the process that made them; not in a child."""
        if self._pid == os.getpid() and self.is_usable():
            self.closing = True
            Work(self.loop, self._end_last_words()).wait(_LAST_WORDS_SECONDS + _ONE_MOMENT)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()

    async def connected(self, *, patient: bool) -> Bus:
        """Return the connection, or a new one if it was lost. Raises BusError if that fails, unless `patient`."""
        delay = _RETRY_FIRST
        while True:
            try:
                async with self._connecting:
                    if self.bus is None or self.bus.lost.done():
                        self.bus = await self._connect()
                    return self.bus
            except BusError:
                if not patient:
                    raise  # else the pause's own timeout ends this, if it has one
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_LAST)

    async def lagerd(self, patience: float | None) -> None:
        """Wait until lagerd is running. Raises NoDaemon after `patience` seconds; None waits forever."""
        try:
            async with asyncio.timeout(patience):
                while not self.owner:
                    await self._owner_changed.wait()
        except TimeoutError:
            if not self.owner:  # otherwise lagerd appeared while this thread could not run
                raise no_answer() from None

    async def another_lagerd(self, seconds: float) -> None:
        """Wait until another lagerd is running, at most `seconds`."""
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
        return self.loop.create_task(work)

    def time(self) -> float:
        """Return the seconds of the clock of the loop."""
        return self.loop.time()

    def _begin_last_words(self, work: Coroutine[Any, Any, None]) -> None:
        word = self.create_task(work)
        self._last_words.add(word)
        word.add_done_callback(self._last_words.discard)

    async def _end_last_words(self) -> None:
        if self._last_words:
            await asyncio.wait(self._last_words, timeout=_LAST_WORDS_SECONDS)

    def _introduce(self, participant: Participant) -> None:
        if self._newest is not None and participant not in self._introduced:  # else it is called when there is one
            self._introduced.append(participant)
            participant.connected(self._newest)

    def _work(self) -> None:
        try:
            self._serve()
        finally:
            self._over = True

    def _serve(self) -> None:
        try:
            self.loop.run_forever()
        except OSError:
            if self.is_usable():
                raise
        finally:
            for participant in () if self.closing else list(self._participants.values()):
                participant.ended()
            if self.is_usable():
                self.loop.run_until_complete(self._wind_up())
                self.loop.close()

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
at_exec.keep(lambda: [_client.bus.fileno()] if _client is not None and _client.bus is not None else [])
_making = threading.RLock()  # re-entrant, because a signal handler may pause
_abandoned: list[DaemonClient] = []


def this_process() -> DaemonClient:
    """Return the client of this process, made at the first call; a forked child makes its own."""
    global _client
    with _making:
        if _client is not None and not _client.is_usable():
            _abandon()
        if _client is None:
            try:
                _make()
            except Failed as error:
                raise BusError(error.what, "End some threads of the script.") from None
        if _client is None:
            raise BusError("Cannot start the thread for the connection to lagerd.")
        return _client


def _make() -> None:
    """Make the client in another thread, whose stack is not near its limit."""
    failed: list[BaseException] = []

    def make() -> None:
        global _client
        try:
            _client = DaemonClient()
        except BaseException as error:
            failed.append(error.with_traceback(None))
        finally:
            made.release()

    try:
        threading.Thread(daemon=True)  # as the client's
    except RuntimeError as error:  # since Python 3.12
        if by_a_handler(error):
            raise
        raise BusError("A subinterpreter without daemon threads cannot be paused.") from None
    # Not a Thread: a signal handler that raises in its start() or join() leaves their locks as they are.
    made = _thread.allocate_lock()
    made.acquire()
    threads.start_new(make)
    made.acquire()
    if failed:
        raise failed.pop()


def _abandon() -> None:
    """Keep the old client, which must not be closed here: its descriptors also, or now, belong to others."""
    global _client
    if _client is not None:
        _abandoned.append(_client)
        _client = None


def _after_fork() -> None:
    global _making
    _making = threading.RLock()
    if _client is not None:
        _client.loop.forget_signals()
    _abandon()


os.register_at_fork(after_in_child=_after_fork)
