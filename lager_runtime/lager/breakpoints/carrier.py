"""Carries the pauses of this process to lagerd: told, taken back after a restart, and ended.

A pause outlives lagerd: its call fails, and is made again, with the same id and the time that is left, as soon as
somebody owns the name again. It outlives the bus until its own deadline; meanwhile Enter in the terminal of the run
reaches it directly. Everything named with an underscore runs in the thread of the daemon client.
"""

import asyncio
import contextlib
import time
from typing import Any

from lager import fork_lock
from lager.breakpoints import enter_channel, typeahead
from lager.breakpoints.script_object import Visits
from lager.breakpoints.state import Ended, Failed, Standing, Stood
from lager.bus.facade import Bus, Signal
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.daemon_client import PATIENCE, DaemonClient, no_answer, this_process
from lager.errors import AccessDenied, BusError, LagerError, Refusal

_DEFAULT_TIMEOUT = 300.0  # until lagerd says what that of the box is
_REFUSED_FIRST, _REFUSED_LAST = 0.1, 30.0  # between two times that a pause which stood asks to be taken back
_REPORT_AGAIN = 5.0  # seconds


class Carrier:
    def __init__(self, client: DaemonClient) -> None:
        self._client = client
        self._standings: dict[str, Standing] = {}
        self._reports: set[asyncio.Task[None]] = set()
        self._visits = Visits(self._visited, self._tell)

    def begin(self, standing: Standing) -> None:
        """Let `standing` be known to lagerd; its events tell how it goes. From any thread."""
        self._client.start(self._begin, standing)

    def interrupt(self, standing: Standing) -> None:
        """The paused thread no longer waits. From any thread."""
        self._client.start(self._interrupt, standing)

    def connected(self, bus: Bus) -> None:
        bus.serve(self._visits.tree())
        for member, heard in (("Paused", self._paused), ("Extended", self._extended), ("Resumed", self._resumed)):
            bus.listen(member, self._of_ours(heard), of=BREAKPOINTS)

    def ended(self) -> None:
        for standing in self._standings.values():
            standing.events.put(Failed(BusError("The connection to lagerd ended.")))

    def _begin(self, standing: Standing) -> None:
        self._standings[standing.id] = standing
        standing.task = self._client.create_task(self._carry(standing))

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
            if self._client.closing and not standing.interrupted:
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
        try:
            return await self._stand_until_told(standing)
        except enter_channel.Pressed:
            standing.by = {"user": enter_channel.user_name(), "how": "enter"}
            report = self._client.create_task(self._report_enter(standing))
            self._reports.add(report)
            report.add_done_callback(self._reports.discard)
            return "continued"

    async def _stand_until_told(self, standing: Standing) -> str:
        """The reason that lagerd gives. Pressed where there is no lagerd, and Enter came directly."""
        delay = _REFUSED_FIRST
        while True:
            if not standing.known:
                bus = await self._client.connected(patient=False)
                await self._client.lagerd(PATIENCE)
                # Before anybody hears of the pause: from then on an Enter is meant for it.
                standing.dropped = typeahead.drop()
            elif self._client.bus is not None and not self._client.bus.lost.done() and self._client.owner:
                bus = self._client.bus
            else:
                bus = await enter_channel.unless_pressed(standing.details["run_id"], standing.id, self._back())
            try:
                reason = await bus.call(
                    BREAKPOINTS, BREAKPOINTS_PATH, "Pause", "a{sv}", standing.as_asked(), start=False, timeout=None
                )
                return str(reason[0])
            except Refusal:
                if not standing.known:
                    raise
                another = self._client.another_lagerd(delay)
                await enter_channel.unless_pressed(standing.details["run_id"], standing.id, another)
                delay = min(delay * 2, _REFUSED_LAST)
            except BusError:
                if bus.lost.done():
                    continue
                # Its end is told by two messages; after the first it must not look alive.
                with contextlib.suppress(BusError):  # the bus may end just now, too
                    await self._client.look_for_owner()

    async def _back(self) -> Bus:
        """The connection, as soon as there is a lagerd behind it again."""
        while True:
            bus = await self._client.connected(patient=True)
            waiting = asyncio.ensure_future(self._client.lagerd(None))
            try:
                await asyncio.wait({waiting, bus.lost}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if not bus.lost.done():
                return bus

    async def _report_enter(self, standing: Standing) -> None:
        """Tell the next lagerd how a pause ended that the last one had kept, for its records."""
        details = {**standing.as_asked(), "resumed": "enter", "ended": time.monotonic()}
        while True:
            bus = await self._back()
            try:
                await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "Pause", "a{sv}", details, start=False)
                return
            except Refusal:
                return
            except BusError:
                await asyncio.sleep(_REPORT_AGAIN)

    def _tell(self, member: str, signature: str, *values: Any) -> None:
        bus = self._client.bus
        if bus is not None and self._client.owner:
            bus.post(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values)

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
                asyncio.get_running_loop().call_soon(_import_console)  # so that a console opens at once

    def _visited(self, id: str, sender: str) -> Standing | None:
        if sender != self._client.owner:
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


def of_this_process() -> Carrier:
    """The carrier of this process; a forked child makes its own. Raises BusError where no thread can be started."""
    return this_process().join(Carrier)
