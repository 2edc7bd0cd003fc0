"""A script's calls to lagerd about leases: claims, releases, and who holds what."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lager import variables
from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH
from lager.daemon.daemon_client import PATIENCE, DaemonClient, this_process
from lager.errors import LagerError, NoDaemon
from lager.process.raised import by_a_handler, suppressed

if TYPE_CHECKING:
    from lager.contract import LeaseDetails

_ANSWER_SECONDS = 25.0
_LOAN_SECONDS = 15.0  # of which lagerd gives a borrower ten to close
_RECORD_SECONDS = 1.0


loan_ended: Callable[[str, str], None] | None = None  # `lager.instruments.while_paused.lend_here` sets it


class LeaseCalls:
    """Call the methods without an underscore in any thread but the client's own."""

    def __init__(self, client: DaemonClient) -> None:
        self._client = client

    def connected(self, bus: Bus) -> None:
        """Listen to the ends of loans that this process has given or received."""
        bus.listen("LoanEnded", _loan_ended, of=BREAKPOINTS)

    def ended(self) -> None:
        """Do nothing: the future of each claim gets an error."""

    def claim(self, instrument: str, details: dict[str, Any], wait: float) -> int:
        """Return the descriptor of a lease. Blocks up to `wait` seconds in the queue, and while lagerd answers."""
        granted: list[int] = []
        try:
            self._client.run(self._claim(instrument, details, wait, granted))
        except BaseException:
            self._client.start(self._give_back, instrument, granted)  # of Ctrl-C that came with the lease
            raise
        return granted[0]

    def leases(self) -> "list[LeaseDetails]":
        """Return the leases that are held now, as `List` of com.lager.Instruments does. Blocks."""
        return list(self._client.run(self._leases()))

    def release(self, instrument: str, fd: int) -> None:
        """Release a lease and close it; returns at once."""
        work = self._release(instrument, fd)
        try:
            self._client.finish(work)
        except RuntimeError as error:  # the process is ending
            if by_a_handler(error):
                raise
            work.close()
            os.close(fd)

    def record(self, instrument: str, changes: list[dict[str, Any]], *, wait: bool) -> None:
        """Report a setting of an instrument that this process holds. Blocks only to `wait` until lagerd has it, a
        second at most. Raises nothing: an instrument can be set without lagerd."""
        with suppressed(LagerError, RuntimeError):  # the latter: the process is ending
            if not wait or self._client.is_here():  # the garbage collector closes a net
                self._client.start(self._post, instrument, changes)
            else:
                self._client.run(self._record(instrument, changes))

    def guard(self, instrument: str, nets: list[str]) -> None:
        """Replace the nets that are made safe if this process crashes. Blocks and raises like a claim."""
        if self._client.is_here():  # the garbage collector closed a net
            self._client.finish(self._guard(instrument, nets))
        else:
            self._client.run(self._guard(instrument, nets))

    def take_back(self, instrument: str) -> None:
        """End the loan of an instrument that this process has lent. Blocks until the borrower has closed it.

        Raises InstrumentBusy if the borrower still holds it after ten seconds, NoSuchInstrument if the lease is lost,
        BusError if no lagerd answers for so long.
        """
        self._client.run(self._take_back(instrument))

    def end(self, instrument: str, exit_code: int) -> None:
        """Pass lagerd the pipe from which it can read the exit code of this process. Blocks; closes `exit_code`."""
        self._client.run(self._end(instrument, exit_code))

    def release_first(self, instrument: str, fd: int) -> bool:
        """Release a lease that has nets to be made safe. lagerd must know before the lease ends, or it treats the end
        as a crash.

        Blocks until lagerd knows, at most a few seconds if it does not answer; returns whether it knows.
        """
        try:
            if self._client.is_here():  # the garbage collector closed the net
                self._client.finish(self._released_first(instrument, fd))
                return True
            return bool(self._client.run(self._release_first(instrument, fd)))
        except RuntimeError as error:  # the process is ending
            if by_a_handler(error):
                raise
            os.close(fd)
            return False

    def _post(self, instrument: str, changes: list[dict[str, Any]]) -> None:
        if (bus := self._client.bus) is not None and self._client.owner:
            for change in changes:
                bus.post(INSTRUMENTS, INSTRUMENTS_PATH, "Record", "sa{sv}", instrument, change)

    async def _record(self, instrument: str, changes: list[dict[str, Any]]) -> None:
        if (bus := self._client.bus) is not None and self._client.owner:
            calls = [
                bus.call(
                    INSTRUMENTS, INSTRUMENTS_PATH, "Record", "sa{sv}", instrument, change,
                    start=False, timeout=_RECORD_SECONDS,
                )
                for change in changes
            ]  # fmt: skip
            await asyncio.gather(*calls, return_exceptions=True)

    def _give_back(self, instrument: str, granted: list[int]) -> None:
        if granted:
            self._client.create_task(self._release(instrument, granted.pop()))

    async def _claim(self, instrument: str, details: dict[str, Any], wait: float, granted: list[int]) -> None:
        ends = self._client.time() + wait
        while True:
            left = max(ends - self._client.time(), 0.0)
            bus = await self._client.connected(patient=False)
            try:
                await self._declare(bus)
                asked = bus.call(
                    INSTRUMENTS, INSTRUMENTS_PATH, "Claim", "sa{sv}", instrument, {**details, "wait": left},
                    timeout=left + _ANSWER_SECONDS,
                )  # fmt: skip
                granted.append((await asked)[0])
                return
            except NoDaemon:
                # lagerd ended while this claim waited in the queue: wait for the next one, and queue again.
                if not left:
                    raise
                await self._client.lagerd(min(left, PATIENCE))

    async def _declare(self, bus: Bus) -> None:
        """Declare the assistant before its claim, so that the record of the claim names it."""
        if via := os.environ.get(variables.VIA):
            await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "Identify", "s", via, timeout=_ANSWER_SECONDS)

    async def _leases(self) -> "list[LeaseDetails]":
        bus = await self._client.connected(patient=False)
        return list((await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List"))[0])

    async def _guard(self, instrument: str, nets: list[str]) -> None:
        bus = await self._client.connected(patient=False)
        await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "Guard", "sas", instrument, nets, timeout=_ANSWER_SECONDS)

    async def _take_back(self, instrument: str) -> None:
        ends = self._client.time() + _LOAN_SECONDS
        while True:
            bus = await self._client.connected(patient=False)
            try:
                left = max(ends - self._client.time(), 0.1)
                await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "Return", "s", instrument, start=False, timeout=left)
                return
            except NoDaemon:
                if self._client.time() >= ends:
                    raise
                await self._client.look_for_owner()
                await self._client.lagerd(ends - self._client.time())

    async def _end(self, instrument: str, exit_code: int) -> None:
        try:
            bus = await self._client.connected(patient=False)
        except BaseException:
            os.close(exit_code)
            raise
        await bus.call(
            INSTRUMENTS, INSTRUMENTS_PATH, "Ending", "sh", instrument, 0,
            start=False, timeout=PATIENCE, fds=[exit_code],
        )  # fmt: skip

    async def _release_first(self, instrument: str, fd: int) -> bool:
        try:
            ends = self._client.time() + PATIENCE
            while True:
                bus = await self._client.connected(patient=False)
                try:
                    left = max(ends - self._client.time(), 0.1)
                    await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "Release", "s", instrument, start=False, timeout=left)
                    return True
                except NoDaemon:
                    if self._client.time() >= ends:
                        raise
                    await self._client.look_for_owner()
                    await self._client.lagerd(ends - self._client.time())
        except LagerError:
            return False
        finally:
            os.close(fd)

    async def _released_first(self, instrument: str, fd: int) -> None:
        await self._release_first(instrument, fd)

    async def _release(self, instrument: str, fd: int) -> None:
        # Closed after the call; otherwise the end of the lease would look like the end of its holder.
        try:
            if (bus := self._client.bus) is not None:
                with contextlib.suppress(LagerError):
                    await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "Release", "s", instrument, start=False)
        finally:
            os.close(fd)


def _loan_ended(signal: Signal) -> None:
    instrument, why = signal.args
    if loan_ended is not None:
        loan_ended(instrument, why)


def of_this_process() -> LeaseCalls:
    """Return the calls of this process; a forked child makes its own. Raises BusError if no thread can start."""
    return this_process().join(LeaseCalls)
