"""The interface com.lager.Breakpoints: connect the table of pauses to scripts, commands and listeners."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lager.bus.facade import Bus
from lager.bus.interfaces import LATER, Interface, Outcome, Runner
from lager.bus.received import Call
from lager.bus.transport.wire import dicts
from lager.contract import AT_TIMEOUT, BREAKPOINTS, BREAKPOINTS_PATH, ON_TIMEOUT
from lager.errors import AccessDenied, InvalidArgument, TooMany
from lager.wording.text import printable
from lagerd import introspection
from lagerd.breakpoints import questions
from lagerd.breakpoints.announcements import Announcements
from lagerd.breakpoints.consoles import ConsoleAccess
from lagerd.breakpoints.encoded import EncodedPauses
from lagerd.breakpoints.hooks import PauseHooks, PauseSettings
from lagerd.breakpoints.returning import Returning
from lagerd.breakpoints.table.kept_pauses import KeptPauses
from lagerd.breakpoints.table.pauses import Pause, Pauses, ended_of, from_details, remaining_of
from lagerd.breakpoints.table.steps import Steps
from lagerd.callers.clients import HOWS, Client, Clients
from lagerd.callers.run_kills import RunKills
from lagerd.events import Event

_INPUT_LENGTH = 4096
_LONG_LIST = 100  # pauses; the broker needs some milliseconds to forward such a list
_MOST_BEHIND = 4


@dataclass
class Breakpoints:
    bus: Bus
    clients: Clients
    kept: KeptPauses
    settings: PauseSettings = field(default_factory=PauseSettings)
    hooks: PauseHooks = field(default_factory=PauseHooks)
    version: Callable[[], str] = str

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.pauses = Pauses(loop, self._expired, changes=self.kept.changes)
        for run_id, uid in self.kept.runs():
            self.pauses.note_run(run_id, uid)
        self._encoded = EncodedPauses(self.pauses, lambda pause: self.hooks.instruments(pause))
        self._calls: dict[str, Call] = {}
        self._coming: Counter[str] = Counter()  # Pause calls whose client is not known yet, by sender
        self.returning = Returning(self.pauses, self.kept, lambda *what: self._announcements.record(*what))
        self._consoles = ConsoleAccess(
            self.bus, self.clients, self.pauses, self.settings, self.hooks, self.returning.found
        )
        self._questions = questions.Questions(
            self.clients, self.returning.found, self._end, lambda client: self.hooks.admit(client)
        )
        self._kills = RunKills(
            self.bus, self.clients, lambda client: self.hooks.admit(client), lambda *what: self.hooks.killed(*what)
        )
        self._steps = Steps()
        self._announcements = Announcements(self.bus, self.pauses, self.kept, self._steps, self.hooks)
        self._closed = False
        self.clients.on_leave(self._gone)

    def close(self) -> None:
        """Stop resuming pauses at their deadlines: the next lagerd takes the pauses over."""
        self._closed = True
        self._announcements.flush()

    def interface(self) -> Interface:
        methods: dict[str, Runner] = {
            "Continue": self.continue_,
            "ContinueAll": self.continue_all,
            "Extend": self.extend,
            "List": self.list_,
            "OpenConsole": self.open_console,
            "Inspect": self._consoles.inspect,
            "KillRun": self._kills.kill,
            "Identify": self.identify,
            "Pause": self.pause,
            "Ask": self.pause,
            "Answer": self._questions.answer,
            "Interrupt": self.interrupt,
            "Step": self.step,
            "Touch": self.touch,
            "Detach": self.detach,
        }
        properties = {
            "Version": lambda: self.version(),
            "DefaultTimeout": lambda: self.settings.default_timeout,
            "MaxRunTimeout": lambda: self.settings.max_run_timeout,
            "Count": lambda: len(self.pauses),
        }
        return introspection.interface(BREAKPOINTS, methods, properties)

    # Methods that scripts call.

    def pause(self, call: Call) -> Outcome | Coroutine[Any, Any, Outcome]:
        client = self.clients.watched(call.sender)
        if client is not None:
            return self._pause(call, client)
        self._coming[call.sender] += 1
        return self._pause_later(call)

    async def _pause_later(self, call: Call) -> Outcome:
        try:
            return self._pause(call, await self.clients.watch(call.sender))
        finally:
            self._coming[call.sender] -= 1
            if not self._coming[call.sender]:
                del self._coming[call.sender]

    def _pause(self, call: Call, client: Client) -> Outcome:
        details = call.args[0]
        pause = from_details(
            details, owner=client.sender, uid=client.uid, user=client.user, pid=client.pid,
            default=self.settings.default_timeout, question=questions.of_call(call),
        )  # fmt: skip
        returns = self.kept.returns(pause)
        if details.get("resumed") in (*HOWS, AT_TIMEOUT):
            return self._ended_alone(pause, client, details, returns)
        if not returns:
            self.hooks.admit(client)
        self.pauses.add(pause, remaining_of(details), returns=returns)
        self._steps.stop_at(pause)
        self.kept.keep(pause)
        self.hooks.counted()  # before the pause is announced: settings from now on are listed with it
        call.forget_args()
        self._calls[pause.id] = call
        self._tell(pause, "Paused", "sa{sv}", pause.id, self._encoded.of(pause))
        self._announcements.record(Event.PAUSED, pause, client, {"again": returns})
        self.returning.arrived()
        return LATER

    def _ended_alone(self, pause: Pause, client: Client, details: dict[str, Any], returns: bool) -> Outcome:
        """Record the end of a pause that its script has resumed without lagerd: by Enter, by an answer, or at its
        timeout.

        At that time lagerd was not running, did not answer, or could not be reached.
        """
        by = None if details["resumed"] == AT_TIMEOUT else replace(client, how=details["resumed"])
        answer = questions.given_meanwhile(pause, details)
        reason = "timeout" if by is None else "answered" if answer else "continued"
        known = self.pauses.get(pause.id)
        if known is not None and known.owner == client.sender:
            self._end(known, reason, by, answer)
        elif returns:
            self.kept.drop(pause)
            pause.began += max(time.monotonic() - max(ended_of(details), pause.began), 0.0)  # the pause ended then
            self._announcements.record_end(reason, pause, by, answer or questions.default_of(pause, reason))
            self.returning.arrived()
        return ("continued",) if pause.question is None else ("continued", details.get("answer", ""))

    def interrupt(self, call: Call) -> Outcome | Coroutine[Any, Any, Outcome]:
        """Handle the call at once if possible, because the end of the script may be reported next; but never before its
        Pause."""
        return self._interrupt_later(call) if call.sender in self._coming else self._interrupt(call)

    async def _interrupt_later(self, call: Call) -> Outcome:
        await self.clients.watch(call.sender)  # as its Pause does, which began to wait before
        return self._interrupt(call)

    def _interrupt(self, call: Call) -> Outcome:
        pause = self._own(call)
        if pause is not None:
            self._end(pause, "interrupted", None)
        elif (stepped := self._steps.end(call.args[0], call.sender)) is not None:
            self._close_consoles(stepped)
        return ()

    def step(self, call: Call) -> Outcome:
        pause, number, details = self._own(call), call.args[1], call.args[2]
        if pause is None:
            raise InvalidArgument("The script is not paused any more.")
        if pause.question is not None:
            raise InvalidArgument("The script waits for an answer.", f"Give it with: lager answer {pause.id} VALUE")
        if lent := self.hooks.lent(pause):
            raise InvalidArgument(f"{lent[0]} is lent.", f"Return it first: lager return {lent[0]}")
        client = pause.consoles.get(number)
        kind = details.get("step")
        by = {**(client.details() if client else {}), "how": "step"}
        self._steps.begin(pause)
        self._end(pause, "continued", client, by | ({"step": printable(kind, 20)} if isinstance(kind, str) else {}))
        return ()

    def touch(self, call: Call) -> Outcome:
        pause = self._own(call)
        if pause is None:
            return ()
        if self.pauses.restart(pause):
            self._tell_remaining(pause, pause.consoles.get(call.args[1]), "console")
        source = call.args[2].get("input")
        if isinstance(source, str):
            self._announcements.record(
                Event.CONSOLE_INPUT, pause, pause.consoles.get(call.args[1]), {"input": source[:_INPUT_LENGTH]}
            )
        return ()

    def detach(self, call: Call) -> Outcome:
        pause = self._own(call)
        stepped = self._steps.of(call.args[0], call.sender)
        if pause is not None and call.args[1] in pause.consoles:
            client = pause.consoles.pop(call.args[1])
            self._announcements.record(Event.CONSOLE_CLOSED, pause, client, {})
            self._tell_remaining(pause, client, "detached")
        elif stepped is not None and call.args[1] in stepped.consoles:
            self._announcements.record(Event.CONSOLE_CLOSED, stepped, stepped.consoles.pop(call.args[1]), {})
        return ()

    # Methods that users call.

    async def identify(self, call: Call) -> Outcome:
        (await self.clients.of(call.sender)).declare(call.args[0])
        return ()

    def continue_(self, call: Call) -> Outcome | Coroutine[Any, Any, Outcome]:
        """Handle the call at once if there is nothing to wait for, because a person waits for the reply."""
        client = self.clients.known(call.sender)
        if client is None or not self.returning.is_settled:
            return self._continue_later(call)
        self.hooks.admit(client)
        return self._continue(call, self.pauses.find(call.args[0], client.uid), client)

    async def _continue_later(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        return self._continue(call, await self.returning.found(call.args[0], client.uid), client)

    def _continue(self, call: Call, found: list[Pause], client: Client) -> Outcome:
        resumable = [pause for pause in found if questions.may_continue(pause)]
        if not resumable:
            raise questions.needs_answer(found[0])
        with self.bus.together():
            for pause in resumable:
                self._end(pause, "continued", client)
            call.reply("s", found[0].run_id if len(found) > 1 else found[0].id)
        return LATER

    async def continue_all(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        await self.returning.settled()
        found = [pause for pause in self.pauses if questions.may_continue(pause)]
        for pause in found:
            self._end(pause, "continued", client)
        return (len(found),)

    async def extend(self, call: Call) -> Outcome:
        client = await self.clients.of(call.sender)
        self.hooks.admit(client)
        id, seconds = call.args
        left = []
        for pause in await self.returning.found(id, client.uid):
            left.append(self.pauses.extend(pause, seconds))
            self._tell_remaining(pause, client, "extended")
            self._announcements.record(Event.EXTENDED, pause, client, {"remaining": left[-1]})
        return (min(left),)

    def list_(self, call: Call) -> Outcome | Coroutine[Any, Any, Outcome]:
        if len(self.pauses) > _LONG_LIST and call.behind > _MOST_BEHIND:
            raise TooMany("Too many pending calls.", "Wait for an answer before asking for the next list.")
        return self._listed() if self.returning.is_settled else self._list_later()

    async def _list_later(self) -> Outcome:
        await self.returning.settled()
        return self._listed()

    def _listed(self) -> Outcome:
        return (self._encoded.all(),)

    async def open_console(self, call: Call) -> Outcome:
        pause, client = await self._consoles.open_console(call)
        self._announcements.record(Event.CONSOLE_OPENED, pause, client, {})
        self._tell_remaining(pause, client, "attached")
        return LATER

    # The end of a pause, and its announcement.

    def _end(self, pause: Pause, reason: str, client: Client | None, more: dict[str, Any] | None = None) -> None:
        if not self.pauses.remove(pause):
            return
        self._encoded.forget(pause)
        self.hooks.ended(pause)
        steps = self._steps.runs(pause)
        changed, left_out = ([], 0) if steps else self.pauses.changes_of(pause)  # told when it resumes for good
        changes = {"changes": dicts(changed), "changes_left_out": left_out} if changed or left_out else {}
        details = (client.details() if client else {}) | questions.default_of(pause, reason) | (more or {}) | changes
        answer = (reason,) if pause.question is None else (reason, details.get("answer", ""))
        reply = partial(self._calls.pop(pause.id).reply, "s" if pause.question is None else "sv", *answer)
        if client or changes:
            # The script resumes when it receives this, and prints who resumed it. Therefore its reply can wait.
            self._tell_script(pause, "Resumed", "ssa{sv}", pause.id, reason, details)
            self._announcements.ended(pause, reply, reason, details)
        else:
            reply()
            self._announcements.ended(pause, None, reason, details)
        if not steps:
            self._close_consoles(pause)
        elif client is not None:
            client = replace(client, how="step")
        self._announcements.record_end(
            reason, pause, client, {"answer": details["answer"]} if "answer" in details else {}
        )

    def _close_consoles(self, pause: Pause) -> None:
        for opener in pause.consoles.values():
            self._announcements.record(Event.CONSOLE_CLOSED, pause, opener, {})

    def _expired(self, pause: Pause) -> None:
        if self._closed or self.bus.lost.done():
            return  # the script could not be reached, so it stays paused
        self._end(pause, "timeout", None, {} if pause.on_timeout == ON_TIMEOUT[0] else {"on_timeout": pause.on_timeout})

    def _gone(self, sender: str) -> None:
        for pause in self.pauses.of(sender):
            self._end(pause, "gone", None)
        for pause in self._steps.end_all(sender):
            self._close_consoles(pause)

    def _tell_remaining(self, pause: Pause, client: Client | None, why: str) -> None:
        attached = [one.user for one in pause.consoles.values()]
        details = {**(client.details() if client else {}), "why": why, "consoles": len(attached), "attached": attached}
        left = self.pauses.remaining(pause)
        self._tell(pause, "Extended", "sda{sv}", pause.id, left, details)

    def _tell(self, pause: Pause, member: str, signature: str, *values: Any) -> None:
        """Send a signal to the script of `pause` now, and to all listeners at the end of this turn of the loop."""
        self._tell_script(pause, member, signature, *values)
        self._announcements.tell(member, signature, *values)

    def _tell_script(self, pause: Pause, member: str, signature: str, *values: Any) -> None:
        self.bus.emit(BREAKPOINTS_PATH, BREAKPOINTS, member, signature, *values, to=pause.owner)

    def _own(self, call: Call) -> Pause | None:
        """Return the pause for which its script makes a call; None if it has ended, which the script may not know
        yet."""
        pause = self.pauses.get(call.args[0])
        if pause is not None and pause.owner != call.sender:
            raise AccessDenied(f"The pause {pause.id} belongs to another process.")
        return pause
