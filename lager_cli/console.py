"""The user's side of a console: from a terminal with a prompt, from a pipe statement by statement."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import termios
from collections.abc import Iterator

from lager import banner
from lager.bus import Bus, Signal
from lager.terms import BREAKPOINTS, BREAKPOINTS_PATH
from lager_cli import output
from lager_cli.attached import Attached, Outcome, write
from lager_cli.daemon import connected
from lager_cli.lines import Lines
from lager_cli.statements import Statements

_WHO_SECONDS = 1.0
_CLOSING_SECONDS = 1.0
_STUCK_SECONDS = 1.0
# How long nothing more must come after an empty line for it to end a statement: nobody types so fast.
_SILENCE_IN_PIPE, _SILENCE_AT_TERMINAL = 0.2, 0.03
_PROMPT, _MORE = ">>> ", "... "


def attach(id: str) -> int:
    """Open a console in the pause `id` and stay in it. The exit code: 0, that of exit(), or 1 where a piped statement
    raised or the script went on before the end of it."""
    return asyncio.run(_attach(id))


async def _attach(wanted: str) -> int:
    async with connected() as bus:
        ends = await _Ends.follow(bus)
        fd = (await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "OpenConsole", "sa{sv}", wanted, {}))[0]
        script = Attached(socket.socket(fileno=fd))
        try:
            id = str((await script.hello).get("id", ""))
            ends.watch(id, script)
            session = _Terminal(script, id) if os.isatty(0) else _Pipe(script)
            outcome = await session.run()
            if outcome is Outcome.CLOSED:
                output.note(f"{id or wanted} {await ends.why(id)}; this console ends")
        finally:
            script.close()
        return session.code(outcome)


class _Ends:
    """The ends of pauses that lagerd has told of."""

    def __init__(self) -> None:
        self._why: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._watched: tuple[str, Attached] | None = None

    @classmethod
    async def follow(cls, bus: Bus) -> "_Ends":
        ends = cls()
        bus.listen("Resumed", ends._heard)
        await bus.add_match(f"type='signal',sender='{BREAKPOINTS}',interface='{BREAKPOINTS}',member='Resumed'")
        return ends

    def watch(self, id: str, script: Attached) -> None:
        """See to it that the console ends with its pause, even where somebody else holds its socket open."""
        self._watched = (id, script)

    async def why(self, id: str) -> str:
        """By whom the script went on; it has, so the signal is here or about to be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WHO_SECONDS):
                while id not in self._why:
                    self._changed.clear()
                    await self._changed.wait()
        return self._why.get(id, "went on, or ended")

    def _heard(self, signal: Signal) -> None:
        id, reason, by = signal.args
        self._why[id] = banner.why(reason, by)
        self._changed.set()
        if self._watched and self._watched[0] == id:
            asyncio.get_running_loop().call_later(_CLOSING_SECONDS, self._watched[1].close)


class _Session:
    def __init__(self, script: Attached) -> None:
        self._script = script
        self._statements = Statements()
        self._lines = Lines(-1 if sys.stdin is None else 0)

    async def run(self) -> Outcome:
        raise NotImplementedError

    def code(self, outcome: Outcome) -> int:
        """The exit code."""
        raise NotImplementedError

    async def _next_line(self) -> str | None:
        """The next line; None at the end of them, or of the console."""
        reading = asyncio.ensure_future(self._lines.next())
        await self._script.closed_or(reading)
        if reading.done():
            return reading.result()
        reading.cancel()
        self._script.closed.result()
        return None

    async def _next_sources(self, silence: float) -> list[str] | None:
        """The statements that the next line completes, or the `silence` in seconds after an empty one."""
        line = await self._next_line()
        if line is None:
            return None
        sources = self._statements.feed(line)
        if self._statements.may_end() and not await self._lines.follows(silence):
            sources.append(self._statements.rest())
        return sources


class _Pipe(_Session):
    """Statements from standard input, until one raises or the input ends."""

    async def run(self) -> Outcome:
        while (sources := await self._next_sources(_SILENCE_IN_PIPE)) is not None:
            for source in sources:
                outcome = await self._script.evaluate(source)
                if outcome is not Outcome.DONE:
                    return outcome
        if self._script.closed.done():
            return Outcome.CLOSED
        return await self._script.evaluate(self._statements.rest()) if self._statements else Outcome.DONE

    def code(self, outcome: Outcome) -> int:
        return self._script.code if outcome is Outcome.LEFT else int(outcome is not Outcome.DONE)


class _Terminal(_Session):
    """Lines from a terminal, at a prompt; the terminal itself does the editing."""

    def __init__(self, script: Attached, id: str) -> None:
        super().__init__(script)
        self._id = id
        self._evaluating = False
        self._stuck: asyncio.TimerHandle | None = None
        self._offered = False
        self._abandoned = False

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        with _own_description() as terminal:
            self._lines = Lines(terminal)
            loop.add_signal_handler(signal.SIGINT, self._interrupted)
            output.note(f"a console of {self._id}: Ctrl-D leaves it, and the script stays paused")
            outcome = await self._serve()
        if outcome is not Outcome.LEFT:
            write(sys.stdout, "\n")
        if outcome is Outcome.CLOSED:
            # What was being typed was meant for the script, and not for the shell.
            termios.tcflush(0, termios.TCIFLUSH)
        return outcome

    def code(self, outcome: Outcome) -> int:
        return self._script.code

    async def _serve(self) -> Outcome:
        while True:
            write(sys.stdout, _MORE if self._statements else _PROMPT)
            sources = await self._next_sources(_SILENCE_AT_TERMINAL)
            if sources is None:
                return Outcome.CLOSED if self._script.closed.done() else Outcome.DONE
            for source in sources:
                outcome = await self._evaluate(source)
                if self._abandoned:
                    return Outcome.LEFT
                if outcome in (Outcome.LEFT, Outcome.CLOSED):
                    return outcome

    async def _evaluate(self, source: str) -> Outcome:
        self._evaluating = True
        try:
            return await self._script.evaluate(source)
        finally:
            self._evaluating = self._offered = False
            if self._stuck is not None:
                self._stuck.cancel()
                self._stuck = None

    def _interrupted(self) -> None:
        """Ctrl-C: interrupts what runs, else forgets what was typed."""
        if not self._evaluating:
            self._statements = Statements()
            self._lines.forget()
            write(sys.stdout, "\nKeyboardInterrupt\n" + _PROMPT)
        elif self._offered:
            self._abandoned = True
            self._script.close()
        else:
            self._sending = asyncio.ensure_future(self._script.send({"interrupt": True}))
            if self._stuck is None:
                self._stuck = asyncio.get_running_loop().call_later(_STUCK_SECONDS, self._offer_to_leave)

    def _offer_to_leave(self) -> None:
        self._offered = True
        output.note("it waits in a call that Python cannot interrupt; Ctrl-C again leaves this console")


@contextlib.contextmanager
def _own_description() -> Iterator[int]:
    """The terminal as a file description of our own, so that it can be read without blocking others that have it."""
    try:
        terminal = os.open(os.ttyname(0), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        terminal = os.dup(0)
    try:
        yield terminal
    finally:
        os.close(terminal)
