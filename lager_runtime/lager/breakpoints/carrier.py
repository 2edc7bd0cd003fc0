"""Reports the pauses of this process to lagerd, and waits for their end.

A pause survives a restart of lagerd: its call fails, and is repeated with the same id and the time left as soon as
another lagerd owns the name. It survives the loss of the bus until its own timeout; meanwhile Enter in the terminal of
the run reaches it directly. Methods whose names begin with an underscore run in the daemon client's thread.
"""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import lager
from lager import variables
from lager.breakpoints.script_object import ScriptObject
from lager.breakpoints.state import Accepted, CannotPause, Ended, PauseState
from lager.breakpoints.terminal import enter_channel, notices, typeahead
from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.contract import AT_TIMEOUT, BREAKPOINTS, BREAKPOINTS_PATH, DEFAULT_TIMEOUT
from lager.daemon.daemon_client import PATIENCE, DaemonClient, no_answer, this_process
from lager.errors import AccessDenied, BusError, InvalidArgument, LagerError, Refusal
from lager.process import fork_lock
from lager.process.system import user_name

if TYPE_CHECKING:
    from lager.stepping.course import Request

_REFUSED_FIRST, _REFUSED_LAST = 0.1, 30.0  # seconds between two calls of a pause that a new lagerd refuses
_REPORT_AGAIN = 5.0  # seconds
_TELL_FIRST, _TELL_LAST = 0.05, 2.0  # seconds between two attempts to tell `lager python` of a pause


class Carrier:
    def __init__(self, client: DaemonClient) -> None:
        self._client = client
        self._pauses: dict[str, PauseState] = {}
        self._hearing: asyncio.Task[None] | None = None
        self._object = ScriptObject(self._for_lagerd, self._tell, self._step)

    def begin(self, pause: PauseState) -> None:
        """Report `pause` to lagerd; its `events` get the results. From any thread."""
        self._client.start(self._begin, pause)

    def hear_signals(self, pause: PauseState) -> None:
        """Let each signal wake the main thread from its wait for the events of `pause`."""
        self._client.loop.hear_signals(pause.wake)

    def ignore_signals(self, pause: PauseState) -> None:
        """End `hear_signals`, if it was called."""
        self._client.loop.ignore_signals(pause.wake)

    def interrupt(self, pause: PauseState) -> None:
        """End `pause`, because its thread no longer waits. From any thread."""
        self._client.start(self._interrupt, pause)

    def connected(self, bus: Bus) -> None:
        bus.serve(self._object.tree())
        for member, heard in (("Paused", self._paused), ("Extended", self._extended), ("Resumed", self._resumed)):
            bus.listen(member, self._of_ours(heard), of=BREAKPOINTS)

    def ended(self) -> None:
        for pause in self._pauses.values():
            pause.events.put(CannotPause(BusError("The connection to lagerd ended.")))

    def step_over(self, pause: PauseState) -> None:
        """Note that the step which resumed `pause` has ended without a stop. From any thread."""
        self._client.start(self._step_over, pause)

    def _step_over(self, pause: PauseState) -> None:
        self._tell("Interrupt", "s", pause.id)
        pause.consoles.close("over", pause.by)

    async def _step(self, pause: PauseState, request: "Request", console: int) -> None:
        """Resume `pause` with a step, for the user of a console. Raises LagerError if that is refused."""
        if pause.over or pause.step is not None:
            raise InvalidArgument("The script is not paused any more.")
        if pause.question is not None:
            raise InvalidArgument("The script waits for an answer.", f"Give it with: lager answer {pause.id} VALUE")
        if pause.no_steps:
            raise InvalidArgument(pause.no_steps, "Resume the script instead.")
        if self._client.bus is None or not self._client.owner:
            raise no_answer()
        pause.step = request
        try:
            await self._client.bus.call(
                BREAKPOINTS, BREAKPOINTS_PATH, "Step", "sua{sv}", pause.id, console, {"step": request.kind}, start=False
            )
        except LagerError:
            pause.step = None
            raise

    def _begin(self, pause: PauseState) -> None:
        if self._hearing is None:
            self._hearing = self._client.create_task(self._hear_enter(pause.details["run_id"]))
        self._pauses[pause.id] = pause
        pause.task = self._client.create_task(self._carry(pause))

    def _interrupt(self, pause: PauseState) -> None:
        if pause.id in self._pauses and pause.task is not None:
            pause.interrupted = True
            pause.task.cancel()

    async def _carry(self, pause: PauseState) -> None:
        """Handle a pause from its first call to its end, whatever ends it."""
        outcome: Ended | CannotPause
        try:
            asked = pause.details["timeout"]
            # Until lagerd reports the default of the box.
            pause.set_remaining(pause.details.get("remaining", DEFAULT_TIMEOUT if asked is None else asked))
            async with asyncio.timeout_at(pause.last_moment()) as pause.limit:
                outcome = Ended(await self._wait_for_lagerd(pause), pause.by)
        except enter_channel.Pressed as pressed:
            outcome = self._entered(pause, pressed)
        except TimeoutError:
            outcome = pause.unheard(no_answer())
            if isinstance(outcome, Ended):
                self._client.finish(self._report(pause, AT_TIMEOUT))
            else:
                self._tell("Interrupt", "s", pause.id)
        except LagerError as error:
            outcome = CannotPause(error)
        except asyncio.CancelledError:
            if pause.pressed is not None:
                outcome = self._entered(pause, pause.pressed)
            elif self._client.closing and not pause.interrupted:
                raise
            else:
                self._tell("Interrupt", "s", pause.id)
                outcome = Ended("interrupted", {})
        except Exception as error:
            outcome = CannotPause(BusError(f"{type(error).__name__}: {error}"))
        self._pauses.pop(pause.id, None)
        pause.task = pause.limit = None  # else the script's thread may delete them, in Python code that drops errors
        self._end(pause, outcome)

    def _end(self, pause: PauseState, outcome: Ended | CannotPause) -> None:
        """Resume the script, and tell its consoles why: in one step, because the script may end directly afterwards.

        The script runs when this thread next waits. It may close lager's descriptors, as a daemon does, and must not do
        so while they are in use.
        """
        if pause.over:
            return  # the reply repeats the signal
        pause.over = True
        if pause.known:
            self._tell_run(pause, enter_channel.ENDED)
        pause.events.put(outcome)
        if pause.consoles is not None and isinstance(outcome, Ended) and pause.is_step(outcome):
            pause.consoles.run(outcome.by)
        elif pause.consoles is not None:
            by = outcome.by if isinstance(outcome, Ended) else {}
            pause.consoles.close(outcome.reason if isinstance(outcome, Ended) else "failed", by)

    def _entered(self, pause: PauseState, pressed: enter_channel.Pressed) -> Ended:
        """Return the end of a pause by an Enter that arrived directly, and report it to lagerd."""
        pause.by = {"user": user_name(), "how": "enter"}
        if pause.question is not None:
            pause.by["answer"] = pause.question.default if pressed.answer is None else pressed.answer
        self._client.finish(self._report(pause, "enter"))
        return Ended("continued" if pause.question is None or pressed.answer is None else "answered", pause.by)

    async def _hear_enter(self, run_id: str) -> None:
        """Resume a pause whose Enter `lager python` sends us directly because lagerd, or the bus, does not answer."""
        async for id, pressed in enter_channel.knocks(run_id):
            pause = self._pauses.get(id)
            if pause is not None and pause.known and not pause.over and pause.task is not None:
                pause.pressed = pressed
                pause.task.cancel()

    async def _wait_for_lagerd(self, pause: PauseState) -> str:
        """Return the reason from lagerd. A pause that lagerd has accepted once stays until its own timeout: if a later
        lagerd refuses it, it calls again from time to time. Raises Pressed if there is none and Enter came directly."""
        delay = _REFUSED_FIRST
        while True:
            if not pause.known:
                bus = await self._client.connected(patient=False)
                await self._client.lagerd(PATIENCE)
                # Before lagerd announces the pause: from then on an Enter is meant for it.
                pause.dropped = typeahead.drop()
            elif self._client.bus is not None and not self._client.bus.lost.done() and self._client.owner:
                bus = self._client.bus
            else:
                bus = await enter_channel.unless_pressed(pause.details["run_id"], pause.id, self._back())
            try:
                reply = await bus.call(
                    BREAKPOINTS, BREAKPOINTS_PATH, _method(pause), "a{sv}", pause.as_asked(), start=False, timeout=None
                )
                if len(reply) > 1 and reply[0] == "answered":
                    pause.by.setdefault("answer", reply[1])
                return str(reply[0])
            except Refusal:
                if not pause.known:
                    raise
                another = self._client.another_lagerd(delay)
                await enter_channel.unless_pressed(pause.details["run_id"], pause.id, another)
                delay = min(delay * 2, _REFUSED_LAST)
            except BusError:
                if pause.over:  # the signal has said why; the reply is lost with lagerd
                    return "continued"
                if bus.lost.done():
                    continue
                # Two messages announce the end of lagerd; after the first, it must not look alive.
                with contextlib.suppress(BusError):  # the bus may be lost at this moment, too
                    await self._client.look_for_owner()

    async def _back(self) -> Bus:
        """Wait until lagerd is running again, and return the connection."""
        while True:
            bus = await self._client.connected(patient=True)
            waiting = asyncio.ensure_future(self._client.lagerd(None))
            try:
                await asyncio.wait({waiting, bus.lost}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if not bus.lost.done():
                return bus

    async def _report(self, pause: PauseState, how: str) -> None:
        """Report to lagerd how a pause ended without it, for the journal, as soon as a lagerd answers. If none has
        answered within the time for last calls at the end of the process, print that there is no record."""
        details = {**pause.as_asked(), "resumed": how, "ended": time.monotonic()}
        if "answer" in pause.by:
            details["answer"] = pause.by["answer"]
        method = _method(pause)
        try:
            while True:
                bus = await self._back()
                try:
                    await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, method, "a{sv}", details, start=False)
                    return
                except Refusal:
                    return
                except BusError:
                    await asyncio.sleep(_REPORT_AGAIN)
        except asyncio.CancelledError:
            notices.say(f"lager: lagerd has no record of how {pause.id} was resumed: it did not return in time.\n")
            raise

    def _tell(self, member: str, signature: str, *values: Any) -> None:
        bus = self._client.bus
        if bus is not None and self._client.owner:
            bus.post(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values)

    def _of_ours(self, heard: Any) -> Any:
        def listener(signal: Signal) -> None:
            pause = self._pauses.get(signal.args[0])
            if pause is not None:
                heard(pause, *signal.args[1:])

        return listener

    def _paused(self, pause: PauseState, details: dict[str, Any]) -> None:
        new, pause.known = not pause.known, True
        pause.set_remaining(details["remaining"])
        if new:
            pause.since = details["since"]
            pause.told = {key: details[key] for key in ("began",) if key in details}
            pause.details["timeout"] = details["timeout"]
            self._tell_run(pause, enter_channel.BEGUN)
            pause.events.put(Accepted(details["remaining"]))
            if pause.consoles is not None:  # of the previous pause, whose step has ended here
                pause.consoles.stopped(pause.place, pause.details, *self._object.links(pause))
                pause.consoles.told(details["remaining"])
            elif pause.interactive:
                asyncio.get_running_loop().call_soon(_import_console)  # so that a console opens at once

    def _tell_run(self, pause: PauseState, what: bytes, delay: float = _TELL_FIRST) -> None:
        """Report the pause to `lager python` if it reads Enter; it may start to listen later."""
        if what == enter_channel.BEGUN and pause.over:
            return
        if not lager.at_start(variables.TERMINAL):
            return
        try:
            enter_channel.tell(pause.details["run_id"], pause.id, what, pause.question)
        except OSError:
            if what == enter_channel.BEGUN:
                next_delay = min(delay * 2, _TELL_LAST)
                asyncio.get_running_loop().call_later(delay, self._tell_run, pause, what, next_delay)

    def _for_lagerd(self, id: str, sender: str) -> PauseState | None:
        if sender != self._client.owner:
            raise AccessDenied("Only lagerd attaches consoles.")
        return self._pauses.get(id)

    def _extended(self, pause: PauseState, remaining: float, _: dict[str, Any]) -> None:
        pause.set_remaining(remaining)
        if pause.consoles is not None:
            pause.consoles.told(remaining)

    def _resumed(self, pause: PauseState, reason: str, details: dict[str, Any]) -> None:
        pause.by = details
        # The reply repeats this; the paused thread need not wait for it.
        self._end(pause, Ended(reason, details))


def _method(pause: PauseState) -> str:
    return "Pause" if pause.question is None else "Ask"


def _import_console() -> None:
    with (
        contextlib.suppress(OSError, ImportError),
        fork_lock.wait_in_client,
    ):  # no descriptors: the console itself reports this
        import lager.console.server  # noqa: F401


def of_this_process() -> Carrier:
    """Return the carrier of this process; a forked child makes its own. Raises BusError if no thread can start."""
    return this_process().join(Carrier)
