"""Console frontends for a pipe, statement by statement, and for a plain terminal, line by line."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Iterator

from lager.errors import InvalidArgument
from lager_cli.console.client import Attached, Outcome, write
from lager_cli.console.meta_commands import MetaCommands, is_meta_command
from lager_cli.console.statements import Statements
from lager_cli.console.stdin_lines import Lines
from lager_cli.display import output

_STUCK_SECONDS = 1.0
_CLOSING_SECONDS = 5.0
# Seconds without more input after which an empty line ends a statement. People type more slowly.
_SILENCE_IN_PIPE, _SILENCE_AT_TERMINAL = 0.2, 0.03
PROMPT, MORE = ">>> ", "... "


class Frontend:
    def __init__(self, script: Attached) -> None:
        self._script = script

    async def run(self) -> Outcome:
        raise NotImplementedError

    def code(self, outcome: Outcome) -> int:
        """The exit code."""
        return self._script.code


class _ByLines(Frontend):
    def __init__(self, script: Attached) -> None:
        super().__init__(script)
        self._statements = Statements()
        self._lines = Lines(-1 if sys.stdin is None else 0)

    async def _next_line(self) -> str | None:
        """Return the next line; None at the end of the input or of the console."""
        reading = asyncio.ensure_future(self._lines.next())
        await self._script.closed_or(reading)
        if reading.done():
            return reading.result()
        reading.cancel()
        self._script.closed.result()
        return None

    async def _completed(self, line: str, silence: float) -> list[str]:
        """Return the statements that the line completes, or that an empty line and `silence` seconds end."""
        sources = self._statements.feed(line)
        if self._statements.may_end() and not await self._lines.follows(silence):
            sources.append(self._statements.ends_here())
        return sources


class PipeFrontend(_ByLines):
    """Statements and commands from standard input, until one fails or the input ends."""

    def __init__(self, script: Attached, meta_commands: MetaCommands) -> None:
        super().__init__(script)
        self._meta_commands = meta_commands

    async def run(self) -> Outcome:
        while (line := await self._next_line()) is not None:
            _require_text(line)
            is_for_us = is_meta_command(line) and (not self._statements or self._statements.is_whole())
            if is_for_us:
                sources = [self._statements.rest()] if self._statements else []
            else:
                sources = await self._completed(line, _SILENCE_IN_PIPE)
            for source in sources:
                outcome = await self._script.evaluate(source)
                if outcome is not Outcome.DONE:
                    return outcome
            if is_for_us and (outcome := await self._obeyed(line)) is not Outcome.DONE:
                return outcome
        if self._script.closed.done():
            return Outcome.CLOSED
        return await self._script.evaluate(self._statements.rest()) if self._statements else Outcome.DONE

    async def _obeyed(self, line: str) -> Outcome:
        await self._meta_commands.obey(line)
        if self._script.closed.done() and not (self._meta_commands.continued or self._meta_commands.failed):
            return Outcome.CLOSED
        if self._meta_commands.continued:
            await asyncio.wait([self._script.closed], timeout=_CLOSING_SECONDS)
            return Outcome.CLOSED
        return Outcome.RAISED if self._meta_commands.failed else Outcome.DONE

    def code(self, outcome: Outcome) -> int:
        if outcome is Outcome.LEFT:
            return self._script.code
        return int(outcome is not Outcome.DONE and not self._meta_commands.continued)


def _require_text(line: str) -> None:
    """Raise LagerError if the line looks like UTF-16, as some editors and shells save it."""
    every_second = {*line[::2]} == {"\0"} or {*line[1::2]} == {"\0"}
    if every_second or line.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        raise InvalidArgument("Standard input is not valid UTF-8; it looks like UTF-16.", "Save it as UTF-8.")


class Interruptible:
    """Evaluates statements for a terminal, and lets Ctrl-C interrupt them."""

    def __init__(self, script: Attached) -> None:
        self._script = script
        self._stuck: asyncio.TimerHandle | None = None
        self._offered = False
        self._abandoned = False
        self.running = False

    async def evaluate(self, source: str) -> Outcome:
        self.running = True
        try:
            outcome = await self._script.evaluate(source)
        finally:
            self.running = self._offered = False
            if self._stuck is not None:
                self._stuck.cancel()
                self._stuck = None
        return Outcome.LEFT if self._abandoned else outcome

    def interrupt(self) -> None:
        if self._offered:
            self._abandoned = True
            self._script.close()
            return
        self._sending = asyncio.ensure_future(self._script.send({"interrupt": True}))
        if self._stuck is None:
            self._stuck = asyncio.get_running_loop().call_later(_STUCK_SECONDS, self._offer_to_leave)

    def _offer_to_leave(self) -> None:
        self._offered = True
        output.note("waiting for a blocking call to end; press Ctrl-C again to leave this console")


class PlainFrontend(_ByLines):
    """A prompt on a terminal that supports only lines; the terminal itself does the editing."""

    def __init__(self, script: Attached, id: str, meta_commands: MetaCommands) -> None:
        super().__init__(script)
        self._id = id
        self._meta_commands = meta_commands
        self._running = Interruptible(script)

    async def run(self) -> Outcome:
        with _own_description() as terminal:
            self._lines = Lines(terminal)
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupted)
            self._script.stepped = self._stepped
            output.note(f"console of {self._id}: Ctrl-D leaves it, and the script stays paused")
            outcome = await self._serve()
        if outcome is not Outcome.LEFT:
            write(sys.stdout, "\n")
        if outcome is Outcome.CLOSED:
            forget_typed()
        return outcome

    async def _serve(self) -> Outcome:
        while True:
            write(sys.stdout, MORE if self._statements else PROMPT)
            line = await self._next_line()
            if line is None:
                return Outcome.CLOSED if self._script.closed.done() else Outcome.DONE
            if not self._statements and await self._meta_commands.obey(line):
                continue
            for source in await self._completed(line, _SILENCE_AT_TERMINAL):
                outcome = await self._running.evaluate(source)
                if outcome in (Outcome.LEFT, Outcome.CLOSED):
                    return outcome

    def _stepped(self) -> None:
        """Show where the script is paused after a step that this console does not wait for."""
        if not (self._script.running or self._meta_commands.waits):
            self._showing = asyncio.ensure_future(self._meta_commands.show_stop())

    def _interrupted(self) -> None:
        """Handle Ctrl-C: interrupt the running statement, else forget what was typed."""
        if self._running.running:
            self._running.interrupt()
        elif not self._meta_commands.interrupt():
            self._statements = Statements()
            self._lines.forget()
            write(sys.stdout, "\nKeyboardInterrupt\n" + PROMPT)


def forget_typed() -> None:
    """Discard typed input: it was meant for the script, not for the shell."""
    with contextlib.suppress(termios.error):
        termios.tcflush(0, termios.TCIFLUSH)


@contextlib.contextmanager
def _own_description() -> Iterator[int]:
    """Yield the terminal as our own file description, so that O_NONBLOCK does not affect other processes."""
    try:
        terminal = os.open(os.ttyname(0), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        terminal = os.dup(0)
    try:
        yield terminal
    finally:
        os.close(terminal)
