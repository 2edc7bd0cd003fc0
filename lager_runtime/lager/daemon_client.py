"""The one connection of a script's process to the bus, in a thread of its own that starts with the first pause.

Everything named with an underscore runs in that thread. A pause outlives lagerd: its call fails, and is made again,
with the same id and the time that is left, as soon as somebody owns the name again. It outlives the bus until its own
deadline.
"""

import asyncio
import atexit
import contextlib
import os
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any

from lager import fork_lock
from lager.breakpoints import typeahead
from lager.breakpoints.script_object import Visits
from lager.breakpoints.state import Ended, Failed, Standing, Stood, no_answer
from lager.bus import address
from lager.bus.connection import close_fds
from lager.bus.facade import Bus, Signal
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import AccessDenied, BusError, LagerError, NoDaemon, Refusal

_DEFAULT_TIMEOUT = 300.0  # until lagerd says what that of the box is
_PATIENCE = 5.0  # for a lagerd that is just being started
_ANSWER_SECONDS = 25.0
_LAST_WORDS_SECONDS = 1.0
_RETRY_FIRST, _RETRY_LAST = 0.1, 5.0
_REFUSED_LAST = 30.0  # between two times that a pause which stood asks to be taken back


class Link:
    def __init__(self) -> None:
        self._pid = os.getpid()
        self._selector = selectors.EpollSelector()
        self._mark = os.fstat(self._selector.fileno())
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._standings: dict[str, Standing] = {}
        self._visits = Visits(self._visited, self._tell)
        self._bus: Bus | None = None
        self._owner = ""
        self._owner_changed = asyncio.Event()
        self._next_owner = asyncio.Event()
        self._look_for_owner: Callable[[], Coroutine[Any, Any, None]]
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._closing = False
        self._releases: set[futures.Future[None]] = set()
        self._thread = threading.Thread(target=self._run, name="lager", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def is_usable(self) -> bool:
        """False once the thread has ended, or the script has closed our descriptors, as one that becomes a daemon does:
        then their numbers are no longer ours, and nothing reaches the thread."""
        try:
            return self._thread.is_alive() and os.path.samestat(self._mark, os.fstat(self._selector.fileno()))
        except (OSError, ValueError):
            return False

    def begin(self, standing: Standing) -> None:
        """Let `standing` be known to lagerd; its events tell how it goes. From any thread."""
        self._loop.call_soon_threadsafe(self._begin, standing)

    def interrupt(self, standing: Standing) -> None:
        """The paused thread no longer waits. From any thread."""
        self._loop.call_soon_threadsafe(self._interrupt, standing)

    def claim(self, instrument: str, details: dict[str, Any], wait: float) -> int:
        """The descriptor of a lease, after up to `wait` seconds in the queue. Blocks; from any other thread."""
        granted: list[int] = []
        try:
            self._wait_for(self._claim(instrument, details, wait, granted))
        except BaseException:
            self._loop.call_soon_threadsafe(close_fds, granted)  # of Ctrl-C that came with the lease
            raise
        return granted[0]

    def leases(self) -> list[dict[str, Any]]:
        """Everything that is held now, as `List` of com.lager.Instruments gives it. Blocks; from any other thread."""
        return list(self._wait_for(self._leases()))

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
        if self._pid == os.getpid() and self.is_usable():
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
        finally:
            del future  # whose error knows this frame, and would keep it and its callers' until they are collected

    async def _claim(self, instrument: str, details: dict[str, Any], wait: float, granted: list[int]) -> None:
        ends = self._loop.time() + wait
        while True:
            left = max(ends - self._loop.time(), 0.0)
            bus = await self._connected(patient=False)
            try:
                asked = bus.call(
                    INSTRUMENTS, INSTRUMENTS_PATH, "Claim", "sa{sv}", instrument, {**details, "wait": left},
                    timeout=left + _ANSWER_SECONDS,
                )  # fmt: skip
                granted.append((await asked)[0])
                return
            except NoDaemon:
                # It died while we queued: another one comes, and we queue again.
                if not left:
                    raise
                await self._lagerd(min(left, _PATIENCE))

    async def _leases(self) -> list[dict[str, Any]]:
        bus = await self._connected(patient=False)
        return list((await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List"))[0])

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
        except OSError:
            if self.is_usable():
                raise
        finally:
            # At the end of the process only daemon threads can stand here, and they end where they stand.
            for standing in () if self._closing else self._standings.values():
                standing.events.put(Failed(BusError("The connection to lagerd ended.")))
            if self.is_usable():
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
            async with asyncio.timeout_at(standing.last_moment()) as standing.limit:
                reason = await self._stand(standing)
            outcome = Ended(reason, standing.by)
        except TimeoutError:
            self._tell("Interrupt", "s", standing.id)
            outcome = standing.unheard(no_answer())
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
        standing.over = True
        standing.events.put(outcome)
        if standing.consoles is not None:
            by = outcome.by if isinstance(outcome, Ended) else {}
            standing.consoles.close(outcome.reason if isinstance(outcome, Ended) else "failed", by)

    async def _stand(self, standing: Standing) -> str:
        """The reason for which the pause ended. One that stood is refused in vain: it stands until its own deadline,
        and asks again from time to time, whatever a lagerd answers."""
        delay = _RETRY_FIRST
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
            except Refusal:
                if not standing.known:
                    raise
                await self._wait_for_another(delay)
                delay = min(delay * 2, _REFUSED_LAST)
            except BusError:
                if bus.lost.done():
                    continue
                if self._owner:  # its end is told by two messages; after the first it must not look alive
                    await self._look_for_owner()

    async def _connected(self, *, patient: bool) -> Bus:
        """The connection; made anew if it was lost, patiently where a pause already stood."""
        delay = _RETRY_FIRST
        while True:
            try:
                async with self._connecting:
                    if self._bus is None or self._bus.lost.done():
                        self._bus = await self._connect()
                    return self._bus
            except BusError:
                if not patient:
                    raise  # else it is the pause's own deadline that ends this, if it has one
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_LAST)

    async def _connect(self) -> Bus:
        self._set_owner("")
        bus = await Bus.connect(address.choose().text)
        bus.serve(self._visits.tree())
        for member, heard in (("Paused", self._paused), ("Extended", self._extended), ("Resumed", self._resumed)):
            bus.listen(member, self._of_ours(heard), of=BREAKPOINTS)
        try:
            self._look_for_owner = await bus.follow(BREAKPOINTS, self._set_owner)
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
            if not self._owner:  # else it came while this thread could not run
                raise no_answer() from None

    async def _wait_for_another(self, seconds: float) -> None:
        """Until another lagerd has come, or so many seconds are over."""
        refused_by = self._owner
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._owner == refused_by:
                    await self._next_owner.wait()

    def _set_owner(self, owner: str) -> None:
        self._next_owner.set()
        self._next_owner = asyncio.Event()
        self._owner = owner
        (self._owner_changed.set if owner else self._owner_changed.clear)()

    def _tell(self, member: str, signature: str, *values: Any) -> None:
        if self._bus is not None and self._owner:
            self._bus.post(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values)

    # What lagerd says of our pauses.

    def _of_ours(self, heard: Any) -> Any:
        def listener(signal: Signal) -> None:
            standing = self._standings.get(signal.args[0])
            if standing is not None:
                heard(standing, *signal.args[1:])

        return listener

    def _paused(self, standing: Standing, details: dict[str, Any]) -> None:
        new, standing.known = not standing.known, True
        standing.set_remaining(details["remaining"])
        if new:
            standing.since = details["since"]
            standing.told = {key: details[key] for key in ("began",) if key in details}
            standing.details["timeout"] = details["timeout"]
            standing.events.put(Stood(details["remaining"]))
            if standing.interactive:
                self._loop.call_soon(_import_console)  # while it stands, so that a console opens at once

    def _visited(self, id: str, sender: str) -> Standing | None:
        if sender != self._owner:
            raise AccessDenied("Only lagerd attaches consoles.")
        return self._standings.get(id)

    def _extended(self, standing: Standing, remaining: float, _: dict[str, Any]) -> None:
        standing.set_remaining(remaining)
        if standing.consoles is not None:
            standing.consoles.told(remaining)

    def _resumed(self, standing: Standing, reason: str, details: dict[str, Any]) -> None:
        standing.by = details
        # The answer that says the same is on its way; the paused thread need not wait for it.
        standing.events.put(Ended(reason, details))


def _import_console() -> None:
    with fork_lock.wait:
        import lager.console.server  # noqa: F401


_link: Link | None = None
_making = threading.RLock()  # for a signal handler that pauses, too
_abandoned: list[Link] = []


def this_process() -> Link:
    """The link of this process, made at the first call; a forked child makes its own."""
    global _link
    with _making:
        if _link is not None and not _link.is_usable():
            _abandon()
        if _link is None:
            _make()
        if _link is None:
            raise BusError("The thread that speaks to lagerd could not be started.")
        return _link


def _make() -> None:
    """In a thread beside, where the stack of the caller is not near its limit."""
    failed: list[BaseException] = []

    def make() -> None:
        global _link
        try:
            _link = Link()
        except BaseException as error:
            failed.append(error.with_traceback(None))

    maker = threading.Thread(target=make, name="lager-maker", daemon=True)
    maker.start()
    maker.join()
    if failed:
        raise failed.pop()


def _abandon() -> None:
    """Keep it, for it must not be closed from here: its descriptors are somebody else's, too or by now."""
    global _link
    if _link is not None:
        _abandoned.append(_link)
        _link = None


def _after_fork() -> None:
    global _making
    _making = threading.RLock()
    _abandon()


os.register_at_fork(after_in_child=_after_fork)
