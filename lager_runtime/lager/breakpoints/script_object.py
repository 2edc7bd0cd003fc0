"""com.lager.Script on the bus: through it, lagerd attaches consoles to the pauses of this process, inspects them, and
passes on the requests of others.

Everything here runs in the daemon client's thread.
"""

import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import lager
from lager.breakpoints.state import PauseState
from lager.bus.exports import ObjectTree
from lager.bus.interfaces import LATER, Interface, Method, Outcome
from lager.bus.received import Call
from lager.contract import SCRIPT, SCRIPT_PATH
from lager.errors import InvalidArgument
from lager.process import fork_lock

_OFF_SECONDS = 9.0
_LEND_SECONDS = 15.0
_LARGEST_SIZES = {"context": 50, "width": 2000}


class ScriptObject:
    """`find` returns the pause with an id, and raises AccessDenied unless lagerd made the call. `tell` calls
    a method of lagerd. `step` resumes a pause with a step."""

    def __init__(
        self,
        find: Callable[[str, str], PauseState | None],
        tell: Callable[..., None],
        step: Callable[[PauseState, Any, int], Awaitable[None]],
    ) -> None:
        self._find = find
        self._tell = tell
        self._step = step

    def tree(self) -> ObjectTree:
        """Return the objects that a connection serves."""
        tree = ObjectTree(stopping=("The script ended before it answered.", "See what ran: lager runs"))
        tree.add(SCRIPT_PATH, self.interface())
        return tree

    def interface(self) -> Interface:
        methods = {
            "Attach": Method("ha{sv}", "", self._attach),
            "Inspect": Method("a{sv}", "s", self._inspect),
            "Through": Method("a{sv}", "s", self._through),
            "Off": Method("sas", "s", self._off),
            "Lend": Method("sa{sv}", "h", self._lend),
        }
        return Interface(SCRIPT, methods)

    def _pause_of(self, call: Call, details: dict[str, Any]) -> PauseState:
        pause = self._find(details.get("id", ""), call.sender)
        if pause is None or pause.over or pause.resumes:  # a call that was sent before may come after the end
            raise _ended()
        return pause

    async def _inspect(self, call: Call) -> Outcome:
        pause = self._pause_of(call, call.args[0])
        with fork_lock.wait_in_client:
            from lager.inspection.snapshot import taken

        return (json.dumps(await taken(pause.place, **_sizes(call.args[0]))),)

    async def _through(self, call: Call) -> Outcome:
        pause = self._pause_of(call, call.args[0])
        with fork_lock.wait_in_client:
            from lager.breakpoints.through_requests import Requests

        if pause.requests is None:
            pause.requests = Requests()
        if pause.resumes:  # checked after the requests are created: either this or `end_requests` sees the other
            raise _ended()
        return (await pause.requests.carry_out(call.args[0]),)

    async def _off(self, call: Call) -> Outcome:
        """Switch off what this process holds, for `lager off`."""
        self._find("", call.sender)  # refuses all callers except lagerd
        instrument, nets = call.args
        switch_off = lager.load("lager.instruments.while_paused.off_here").off
        with fork_lock.wait_in_client:
            from lager.inspection.side_thread import run_aside

        return (await run_aside(lambda: switch_off(instrument, nets), _OFF_SECONDS),)

    async def _lend(self, call: Call) -> Outcome:
        """Close the session of an instrument, and pass lagerd a copy of its lease."""
        instrument, details = call.args
        pause = self._pause_of(call, details)
        lend_here: Any = sys.modules.get("lager.instruments.while_paused.lend_here")  # the script's own
        if lend_here is None or pause.resumes:
            raise InvalidArgument("The script has no instrument open.", "Try again.")
        to, seconds = str(details.get("to", "")), float(details.get("seconds", 0.0))
        with fork_lock.wait_in_client:
            from lager.inspection.side_thread import run_aside

        fd = await run_aside(lambda: lend_here.lend(instrument, pause.id, to, seconds), _LEND_SECONDS)
        if pause.resumes:  # meanwhile, and it has taken back only instruments that were lent by then
            os.close(fd)
            await run_aside(lambda: lend_here.ended(instrument, "the script was resumed"), _LEND_SECONDS)
            raise _ended()
        call.reply("h", 0, fds=[fd])
        return LATER

    def _attach(self, call: Call) -> Outcome:
        details = call.args[1]
        pause = self._pause_of(call, details)
        if not pause.interactive:
            raise InvalidArgument("That pause has no console.")
        with fork_lock.wait_in_client:
            from lager.console.server import Consoles

            if details.get("breakpoints"):
                lager.load("lager.breakpoints.triggers.at_line").ready()
        if pause.consoles is None:
            pause.consoles = Consoles(pause.place, pause.details, *self.links(pause))
        connection = socket.socket(fileno=call.take_fd(call.args[0]))
        try:
            pause.consoles.attach(connection, details)
        except BaseException:
            connection.close()  # the error would keep it open
            if pause.resumes:  # resumed meanwhile: it has no frames any more
                raise _ended() from None
            raise
        return ()

    def links(self, pause: PauseState) -> tuple[Any, Any]:
        """Return the functions with which the consoles of a pause report to lagerd, and resume it with a step."""

        def step(request: Any, console: int) -> Awaitable[None]:
            return self._step(pause, request, console)

        def report(member: str, console: int, /, **details: Any) -> None:
            more: tuple[Any, ...] = (details,) if member == "Touch" else ()
            if not pause.over or (pause.step is not None and member == "Detach"):
                self._tell(member, "sua{sv}" if more else "su", pause.id, console, *more)

        return report, step


def _ended() -> InvalidArgument:
    return InvalidArgument("That pause has ended.", "List the pauses with: lager breakpoints")


def _sizes(options: dict[str, Any]) -> dict[str, int]:
    """Return the valid sizes of `options`, limited to the largest that we serve."""
    numbers = {key: options[key] for key in _LARGEST_SIZES if type(options.get(key)) is int}
    return {key: min(max(number, 0), _LARGEST_SIZES[key]) for key, number in numbers.items()}
