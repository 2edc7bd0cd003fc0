"""What `lager python` does beside its script: starts lagerd, resumes a pause at Enter, shows the time left, and
announces pauses whose banner is not visible.

Invariants:

- One thread owns everything: the event loop, the bus, the terminal. The main thread only starts it and cancels it.
- A line is meant for exactly one pause: the one whose banner is the last. What was typed before a banner is dropped, so
  a late Enter cannot resume the next pause.
- While a command that was typed runs (the console, say), the keys are its own.

The races between the script, the shell and us for the keys are told in terminal_lines, those between lagerd's signals
and its List in run_pauses.
"""

import contextlib
import fcntl
import math
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.errors import LagerError, NoDaemon, Refusal
from lager_cli.daemon import identify
from lager_cli.display import output
from lager_cli.run_terminal.run_pauses import RunPauses

if TYPE_CHECKING:
    import asyncio

    from lager.bus.facade import Bus
    from lager.bus.received import Signal
    from lager.contract import PauseDetails
    from lager.wording.question import Question
    from lager_cli.linux.tty_writes import LastWrite
    from lager_cli.run_terminal.countdown import Countdown
    from lager_cli.run_terminal.direct_pauses import DirectPauses
    from lager_cli.run_terminal.line_actions import LineActions
    from lager_cli.run_terminal.terminal_lines import TerminalLines
    from lager_cli.run_terminal.typed_line import TypedLine
    from lager_cli.run_terminal.unseen_pauses import UnseenPauses

_RETRY_FIRST, _RETRY_LAST = 0.1, 2.0  # seconds between two looks for a bus that was lost
# Without a terminal only lagerd is started, if it does not run. A script that pauses before waits longer than this.
_UNATTENDED_AFTER = 1.0  # seconds
_HEARD_SECONDS = 1.0  # in which lagerd resumes a pause, if it and the bus answer


class EnterKey:
    """Runs in a thread of its own inside the `with`. `ends` is the end of the whole run, by the monotonic clock."""

    def __init__(
        self,
        run_id: str,
        address: str,
        ends: float | None = None,
        *,
        keys_are_ours: bool = False,
        logs: Sequence[Path] = (),
        row: int = -1,
        last_write: "LastWrite | None" = None,
        starts_bus: bool = False,
    ) -> None:
        """`keys_are_ours`: the script has no terminal, so we drop what was typed before a pause; there is no countdown,
        since the script's output, in `logs`, is shown late. `row` is the file that the countdown locks.
        `last_write` has watched the terminal since before the script began: of a pause that is older we could not know
        whether its banner came. `starts_bus`: the bus was perhaps just started, so that lagerd does not run yet."""
        self._run_id = run_id
        self._pauses = RunPauses(run_id)
        self._ends = ends
        self._address = address
        self._keys_are_ours = keys_are_ours
        self._logs = logs
        self._row = row
        self._last_write = last_write
        self._waits = not starts_bus and not any(os.isatty(fd) for fd in (0, 1, 2))
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._attending: asyncio.Task[None] | None = None
        self._bus: Bus | None = None
        self._lines: TerminalLines | None = None
        self._countdown: Countdown | None = None
        self._unseen: UnseenPauses | None = None
        self._direct: DirectPauses | None = None
        self._actions: LineActions | None = None
        self._asked: set[str] = set()  # Continue was sent, and Resumed has not arrived
        self._unheard: dict[str, asyncio.TimerHandle] = {}  # Enter was sent, and Resumed has not arrived
        self._untold: dict[str, asyncio.TimerHandle] = {}  # the script has reported it, and lagerd has not
        self._lost_said = False
        self._thread = threading.Thread(target=self._work, name="enter key", daemon=True)

    def __enter__(self) -> "EnterKey":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        loop, attending = self._loop, self._attending
        if loop is not None and attending is not None:  # else the thread has not reached its loop yet
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(attending.cancel)
            self._thread.join()

    def _work(self) -> None:
        if self._waits and self._over.wait(_UNATTENDED_AFTER):
            return  # most runs without a terminal are short, and need none of what follows
        # Import in this thread, so that the script does not wait for it.
        import asyncio

        from lager.bus.facade import Bus

        async def attend() -> None:
            self._loop = asyncio.get_running_loop()
            self._attending = asyncio.current_task()
            try:
                self._begin()
                await self._stay_connected(Bus.connect)
            finally:
                self._leave()

        try:
            asyncio.run(attend())
        except LagerError as problem:
            output.error(problem)
        except asyncio.CancelledError:
            return

    def _begin(self) -> None:
        if os.isatty(0):
            from lager_cli.run_terminal.terminal_lines import TerminalLines

            with contextlib.suppress(OSError):
                self._lines = TerminalLines(self._keys_wanted, self._take, self._leave)
        if self._lines is not None:
            from lager_cli.run_terminal.direct_pauses import DirectPauses
            from lager_cli.run_terminal.line_actions import LineActions

            self._actions = LineActions(self._address, self._say, self._keys_changed)
            with contextlib.suppress(OSError):
                self._direct = DirectPauses(self._run_id, self._direct_changed, self._script_told)
        if os.isatty(2) and not self._keys_are_ours:
            from lager_cli.run_terminal.countdown import Countdown

            with contextlib.suppress(OSError):
                self._countdown = Countdown(math.inf if self._ends is None else self._ends, self._row)
        if any(os.isatty(fd) for fd in (0, 1, 2)):
            from lager_cli.run_terminal.unseen_pauses import UnseenPauses

            self._unseen = UnseenPauses(
                self._logs, enter=self._lines is not None, told=self._row_anew, last_write=self._last_write
            )

    async def _stay_connected(self, connect: "Callable[[str], Coroutine[Any, Any, Bus]]") -> None:
        """Keep a connection as long as there is a terminal, over restarts of the bus. Reports a problem once."""
        import asyncio

        delay, first = _RETRY_FIRST, True
        while True:
            try:
                self._bus = await connect(self._address)
                self._lost_said = False
                try:
                    await self._attend(self._bus, first=first)
                    delay, first = _RETRY_FIRST, False
                    await self._bus.lost
                    self._say_lost()
                finally:
                    self._bus.close()
                    self._bus = None
            except LagerError as problem:
                if first:
                    output.error(problem)
                first = False
            self._owned("")
            if self._unseen is None:
                return
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_LAST)

    def _say_lost(self) -> None:
        if (self._pauses or self._direct) and not self._lost_said:
            self._lost_said = True
            way = "Enter still resumes the script" if self._direct is not None else "see: lager runs"
            output.note(f"lost the bus; {way}")

    async def _attend(self, bus: "Bus", *, first: bool) -> None:
        if self._unseen is None:
            if not await bus.owner(BREAKPOINTS):
                await bus.start_service(BREAKPOINTS)
            return
        heard = {"Paused": self._paused, "Resumed": self._resumed}
        if self._countdown is not None:
            heard["Extended"] = self._extended
        await bus.follow(
            BREAKPOINTS, self._owned
        )  # first, so that lagerd knows this caller before it announces a pause
        await bus.subscribe(BREAKPOINTS, heard)
        await self._find(bus, start=first)

    async def _find(self, bus: "Bus", *, start: bool) -> None:
        """Add the pauses that exist already, except those that ended meanwhile: the signals are newer."""
        self._pauses.begin_listing()
        try:
            for pause in (await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List", start=start))[0]:
                if not self._pauses.has_ended(pause["id"]):
                    self._note(pause)
        except NoDaemon as problem:
            if start:
                output.error(problem)  # lagerd may still come
        except Refusal:
            return  # lagerd is stopping; the next one announces the pauses again
        finally:
            self._pauses.end_listing()

    def _owned(self, owner: str) -> None:
        # A new lagerd announces the pauses again; without one, no signal would report which have ended.
        if owner:
            self._identify()
        else:
            self._pauses.forget()
            self._decide()
            if self._countdown is not None:
                self._countdown.clear()

    def _paused(self, signal: "Signal") -> None:
        pause = signal.args[1]
        if self._keys_are_ours and self._lines is not None and self._pauses.is_ours(pause) and not self._pauses:
            self._lines.drop()
        self._note(pause)

    def _note(self, pause: "PauseDetails") -> None:
        if self._pauses.is_ours(pause):
            self._told(pause["id"])
            self._pauses.add(pause)
            self._asked.discard(pause["id"])
            self._decide()
            if self._unseen is not None:
                self._unseen.paused(pause)
            if self._countdown is not None:
                self._countdown.paused(pause)
            if self._actions is not None and self._actions.has_keys:
                self._keep_row(True)

    def _extended(self, signal: "Signal") -> None:
        if self._countdown is not None:
            self._countdown.extended(signal.args[0], signal.args[1], signal.args[2].get("attached", []))

    def _resumed(self, signal: "Signal") -> None:
        if signal.args[2].get("how") == "step":  # the console stays, so the script must not wait for its end
            self._keep_row(False)
        self._end(signal.args[0])
        self._heard(signal.args[0])
        self._told(signal.args[0])
        self._asked.discard(signal.args[0])
        if self._unseen is not None:
            self._unseen.resumed(signal.args[0])
        if self._countdown is not None:
            self._countdown.resumed(signal.args[0])

    def _end(self, id: str) -> None:
        self._pauses.end(id)
        self._decide()

    def _script_told(self, id: str, pid: int, begun: bool, question: dict[str, Any]) -> None:
        """Handle the report of a script about a pause. It is only needed if lagerd, or the bus, does not answer."""
        assert self._loop is not None
        self._told(id)
        if not begun:
            self._end(id)
        elif id not in self._pauses:
            self._pauses.heard_of(id, question)
            self._untold[id] = self._loop.call_later(_HEARD_SECONDS, self._add_untold, id, pid)

    def _add_untold(self, id: str, pid: int) -> None:
        del self._untold[id]
        self._pauses.add_unheard(id, pid)
        self._decide()

    def _told(self, id: str) -> None:
        if (waiting := self._untold.pop(id, None)) is not None:
            waiting.cancel()

    def _direct_changed(self) -> None:
        for id in self._direct.ids() if self._direct is not None else ():
            if id in self._asked and self._direct is not None:  # of a lagerd that was gone by then
                self._asked.discard(id)
                self._direct.resume(id)
        if self._direct and self._bus is None:  # lost before the pause was known here
            self._say_lost()
        self._decide()

    def _keys_wanted(self) -> bool:
        lent = self._actions is not None and self._actions.has_keys
        return bool(self._pauses or self._direct) and not lent

    def _decide(self) -> None:
        if self._lines is not None:
            self._lines.decide()

    def _row_anew(self) -> None:
        if self._countdown is not None:
            self._countdown.begin_anew()

    def _take(self, typed: bytes) -> None:
        """Carry out a typed line."""
        from lager_cli.run_terminal import typed_line
        from lager_cli.run_terminal.typed_line import Wish

        assert self._actions is not None
        id = self._meant()
        question = self._pauses.question(id)
        line = typed_line.line(typed, question)
        if line.wish is Wish.RESUME and question is not None and question.default is None:
            self._say(f"{question.text} Type {question.wanted()}.")
        elif line.wish is Wish.RESUME:
            self._erase_countdown()
            self._resume(id)
        elif line.wish is Wish.ANSWER and question is not None:
            self._answer(id, question, line)
        else:
            self._actions.start(self._bus if id in self._pauses else None, id, line)

    def _meant(self) -> str:
        """Return the id of the pause whose banner is the last."""
        return self._pauses.latest(self._direct.ids() if self._direct else ())

    def _resume(self, id: str) -> None:
        if self._direct:
            self._direct.resume(id)
            return
        self._knock_unless_heard(id)
        self._end(id)
        self._asked.add(id)
        self._tell_next()
        if self._bus is not None:
            self._identify()  # again: lagerd caches its callers, and drops the oldest of many
            self._bus.post(BREAKPOINTS, BREAKPOINTS_PATH, "Continue", "s", id)

    def _tell_next(self) -> None:
        if self._pauses:
            id = self._meant()
            what = "Enter resumes" if self._pauses.question(id) is None else "your next line answers"
            self._say(f"{len(self._pauses)} more paused; {what} {id} now")

    def _answer(self, id: str, question: "Question", line: "TypedLine") -> None:
        assert self._actions is not None
        try:
            question.answer(line.text)
        except Refusal as wrong:
            self._say(str(wrong))
            return
        self._erase_countdown()
        if self._direct:
            self._direct.answer(id, line.text)
        else:
            self._knock_unless_heard(id, line.text)
            if self._bus is not None:
                self._actions.start(self._bus, id, line)

    def _knock_unless_heard(self, id: str, answer: str | None = None) -> None:
        """Resume the pause directly if lagerd has not done so within a second: it, or the bus, may have stopped
        answering without having ended."""
        assert self._loop is not None
        self._heard(id)
        self._unheard[id] = self._loop.call_later(_HEARD_SECONDS, self._knock, id, self._pauses.pid(id), answer)

    def _knock(self, id: str, pid: int, answer: str | None) -> None:
        from lager.breakpoints.terminal.enter_channel import ENTER, answer_line, knock

        del self._unheard[id]
        with contextlib.suppress(OSError):
            knock(self._run_id, pid, id, ENTER if answer is None else answer_line(answer))

    def _heard(self, id: str) -> None:
        if (waiting := self._unheard.pop(id, None)) is not None:
            waiting.cancel()

    def _erase_countdown(self) -> None:
        if self._countdown is not None and self._lines is not None:
            self._countdown.erase(self._lines.terminal)

    def _keys_changed(self) -> None:
        if self._countdown is not None and self._actions is not None:
            self._countdown.hold(self._actions.has_keys)
        if self._actions is not None:
            self._keep_row(self._actions.has_keys)
        self._row_anew()
        self._decide()

    def _keep_row(self, kept: bool) -> None:
        """Let the script wait until the console of this terminal has ended before it prints how it was resumed: the
        cursor is behind what is typed there. It waits a third of a second at most."""
        if self._row >= 0:
            with contextlib.suppress(OSError):
                fcntl.flock(self._row, fcntl.LOCK_EX | fcntl.LOCK_NB if kept else fcntl.LOCK_UN)

    def _say(self, text: str) -> None:
        output.note_on_terminal(text)
        self._row_anew()

    def _identify(self) -> None:
        assert self._bus is not None
        identify(self._bus, "enter", start=False)

    def _leave(self) -> None:
        if self._actions is not None:
            self._actions.close()
        self._pauses.forget()
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        if self._countdown is not None:
            self._countdown.close()
            self._countdown = None
        if self._unseen is not None:
            self._unseen.close()
            self._unseen = None
