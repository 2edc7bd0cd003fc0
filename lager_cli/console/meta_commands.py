"""The commands of a console's prompt: `:where` and the like, and `name?`."""

import asyncio
import contextlib
import re
import shutil
import textwrap
from collections.abc import Awaitable, Callable
from typing import Any

from lager.breakpoints.terminal import banner
from lager.breakpoints.terminal.banner import shown_path
from lager.errors import InvalidArgument, LagerError
from lager.wording.question import shown
from lager.wording.text import duration, printable, seconds_of, similar, time_left
from lager_cli.console.client import Attached
from lager_cli.console.statements import is_complete
from lager_cli.display import output, snapshot

_STEPS = ("next", "step", "finish", "until")
_NAMES = (*_STEPS, "where", "up", "down", "vars", "answer", "extend", "continue", "consoles", "help")
_WITH_VALUE = ("answer", "down", "extend", "until", "up")
_WIDEST = 10_000
_LINE = re.compile("[1-9][0-9]{0,8}")
_FRAMES = re.compile("[1-9][0-9]{0,5}")
_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)  # raised by an invalid answer
_HELP = """\
Python is evaluated in the paused script, on a copy of its variables. Commands:
  name?         show signature and docstring, without running anything
  :next         run the script to its next line, and pause it there
  :step         run it to the next line or into a call, and pause it there
  :finish       run it to the return of this function, and pause it there
  :until 42     run it to line 42 of this function, and pause it there
  :where        show the stack
  :up, :down    use the names of the calling frame, and go back (:up 2)
  :vars         show the variables, one a line
  :answer 2.5   answer the question that the pause asks; the first answer counts
  :extend 10m   give the pause more time (0: hold it until it is resumed)
  :continue     resume the script, which ends this console
  :consoles     show who is attached
  :help         show this help
Tab completes, Ctrl-C interrupts or clears the line.
Ctrl-D leaves, and the script stays paused."""


class MetaCommands:
    def __init__(self, script: Attached) -> None:
        self._script = script
        self._known: dict[str, Callable[[str], Awaitable[None]]] = {name: getattr(self, f"_{name}") for name in _NAMES}
        self.failed = False  # whether the last command failed
        self.waits = False  # whether a command waits for a step to stop
        self._given_up = False
        self._waiting: asyncio.Future[None] | None = None
        self.continued = False  # whether this console resumed the script, or answered its question

    async def obey(self, line: str) -> bool:
        """Run the command in the line and print its result or error. Return False if the line is Python."""
        if not is_meta_command(line):
            return False
        self.failed = False
        try:
            asked = None if _is_command(line) else _asked(line)
            if asked is not None:
                await (self._document(asked) if asked else self._help(""))
            else:
                name, *more = line.strip()[1:].split(None, 1) or [""]
                if more and name in self._known and name not in _WITH_VALUE:
                    raise InvalidArgument(f":{name} takes no argument.", f"Type :{name} alone, or see :help.")
                if (found := self._known.get(name)) is not None:
                    await found(more[0] if more else "")
                else:
                    self._describe(name)
        except LagerError as problem:
            self.failed = True
            output.error(problem)
        except _ODD:
            self.failed = True
            output.error(
                InvalidArgument("The script's answer cannot be read.", "Check that it uses the same version of lager.")
            )
        return True

    async def look(self) -> None:
        """Show the first screen: place, source and variables, as much as fits."""
        look = await self._script.ask("look", True)
        if isinstance(look, dict):
            with contextlib.suppress(*_ODD):
                self._show_look(look)

    def _show_look(self, look: dict[str, Any]) -> None:
        width, height = shutil.get_terminal_size()
        label = f" - {look['label']}" if look["label"] else ""
        _show([f"paused at {shown_path(look['file'])}:{look['line']} in {look['function']}{label}"])
        output.python(snapshot.source(look["source"]), width)
        lines = snapshot.variables(look)
        room = max(height - len(look["source"]) - 6, 3)
        if lines:
            more = [f"  ({len(lines) - room} more: :vars)"] if len(lines) > room else []
            _show(["", *lines[:room], *more])

    async def _where(self, _: str) -> None:
        look = await self._asked("where")
        _show(snapshot.stack(look))

    async def _up(self, more: str) -> None:
        await self._move(more, 1)

    async def _down(self, more: str) -> None:
        await self._move(more, -1)

    async def _move(self, more: str, direction: int) -> None:
        """Use the names of another frame from now on."""
        if not _FRAMES.fullmatch(more or "1"):
            raise InvalidArgument("That is not a number of frames.", "Type one like: :up 2")
        frame = await self._asked("move", direction * int(more or "1"))
        if not frame["moved"]:
            edge = "outermost" if direction > 0 else "innermost"
            raise InvalidArgument(f"This is the {edge} frame, of {printable(frame['function'], 60)}.", "See: :where")
        _show([f"in {shown_path(frame['file'])}:{frame['line']} in {frame['function']}"])
        output.python(snapshot.source(frame["source"]), shutil.get_terminal_size((_WIDEST, 0)).columns)

    async def _next(self, _: str) -> None:
        await self._run("next")

    async def _step(self, _: str) -> None:
        await self._run("step")

    async def _finish(self, _: str) -> None:
        await self._run("finish")

    async def _until(self, more: str) -> None:
        if not _LINE.fullmatch(more):
            raise InvalidArgument("That is not a line number.", "Type one like: :until 42")
        await self._run("until", int(more))

    async def _run(self, kind: str, line: int | None = None) -> None:
        """Let the script run a step, and show where it is paused again."""
        self.waits, self._given_up = True, False
        try:
            if await self._has_stopped(kind, line):
                await self.show_stop()
        finally:
            self.waits = False

    async def _has_stopped(self, kind: str, line: int | None) -> bool:
        """Begin a step, and wait until the script is paused again. Return False if the console was closed before, or
        the user no longer waits."""
        stepped = await self._script.ask("step", {"kind": kind, "line": line})
        if stepped is None and not (self._script.running or self._script.closed.done()):
            raise InvalidArgument("The script did not answer.", "Try again, or see: lager breakpoints")
        self._waiting = waiting = asyncio.ensure_future(self._script.stopped())
        if self._given_up:
            waiting.cancel()
        try:
            await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled():
                raise
            output.note("the script is still running, and pauses when the step has stopped")
            return False
        finally:
            self._waiting = None
        return not self._script.closed.done()

    def interrupt(self) -> bool:
        """Stop waiting for a step, which continues. Return False if nothing waits."""
        self._given_up = self.waits
        return self.waits and (self._waiting is None or self._waiting.cancel())

    async def show_stop(self) -> None:
        """Show where the script is paused after a step."""
        place = self._script.place
        at = " at its return: __return__" if place.get("returning") else ""
        look = await self._script.ask("look", True)
        _show([f"{place.get('id')} paused at {banner.where(place)}{at}"])
        if isinstance(look, dict):
            output.python(snapshot.source(look["source"]), shutil.get_terminal_size((_WIDEST, 0)).columns)

    async def _vars(self, _: str) -> None:
        look = await self._asked("vars")
        _show(snapshot.variables(look) or ["There are no variables here."])

    async def _extend(self, more: str) -> None:
        seconds = seconds_of(more)
        if seconds is None:
            raise InvalidArgument(
                "That is not a valid duration.", "Type one like: :extend 10m (or 90s, 1h30m, 0: no limit)"
            )
        left = await self._script.ask("extend", seconds)
        output.say(f"{time_left(left)} left." if left else "The script waits until it is resumed.")

    async def _continue(self, _: str) -> None:
        await self._script.ask("continue", True)
        self.continued = True

    async def _answer(self, more: str) -> None:
        if not more:
            raise InvalidArgument("There is no answer.", "Type it like: :answer yes")
        taken = await self._script.ask("given", more)
        if taken is None and not self._script.closed.done():
            raise InvalidArgument(
                "The answer did not arrive.", f"Try: lager answer {(await self._script.hello).get('id')} VALUE"
            )
        self.continued = True
        if taken is not None:
            output.say(f"Answered: {shown(taken)}.")

    async def _consoles(self, _: str) -> None:
        me = (await self._script.hello).get("console")
        for one in self._script.consoles:
            what = "watches" if one.get("watching") else "console"
            mine = "  (this one)" if one.get("console") == me else ""
            _show([f"  {one.get('console')}  {one.get('user')}  {what}, process {one.get('pid')}{mine}"])

    async def _help(self, _: str) -> None:
        output.say(_HELP)

    def _describe(self, name: str) -> None:
        """Show the help of `name?`. InvalidArgument if there is no such command."""
        wanted = name.rstrip("?")
        if name != wanted and wanted in self._known:
            output.say(next(line.strip() for line in _HELP.splitlines() if f":{wanted}" in line))
            return
        close = similar(wanted, self._known)
        meant = f"Did you mean :{close[0]}? " if close else ""
        known = ", ".join(f":{name}" for name in self._known)
        raise InvalidArgument(f"Unknown command :{printable(wanted, 40)}.", f"{meant}The commands are: {known}")

    async def _document(self, path: str) -> None:
        found = await self._script.ask("doc", path)
        if found is not None and "unknown" in found:
            raise InvalidArgument(" ".join(found["doc"]), "Type :vars to see the names.")
        if found is None:
            raise InvalidArgument(
                f"Cannot look up {printable(path, 60)} without running code.", "Type a name, like: supply.voltage?"
            )
        rows = [(name, found[name]) for name in ("signature", "type", "value", "file") if name in found]
        _wrapped([f"{name:<10} {text}" for name, text in rows])
        _wrapped(found["doc"])

    async def _asked(self, kind: str, what: Any = True) -> dict[str, Any]:
        found = await self._script.ask(kind, what)
        if not isinstance(found, dict):
            raise InvalidArgument("The script did not answer.", "Try again, or see: lager breakpoints show")
        return found


def is_meta_command(line: str) -> bool:
    """Return whether the line is a command of the console, not Python such as a comment that ends with `?`."""
    asked = _asked(line)
    return _is_command(line) or asked == "" or (asked is not None and not _is_python(line))


def _is_command(line: str) -> bool:
    return line.lstrip().startswith(":")


def is_step(line: str) -> bool:
    """Return whether the line is a command that lets the script run."""
    return line.strip().removeprefix(":").split(" ")[0] in _STEPS and line.lstrip().startswith(":")


def _asked(line: str) -> str | None:
    """Return what `name?`, `?name` or `name??` asks about, empty for `?` alone; None if the line asks nothing."""
    text = line.strip()
    if text.startswith("?"):
        return text.lstrip("?").strip()
    return text.rstrip("?").strip() if text.endswith("?") else None


def _is_python(line: str) -> bool:
    """Return whether the line is, or begins, a statement."""
    return is_complete(line.strip()) is not None


def completions(text: str) -> list[str] | None:
    """Return the commands that begin with the text; None if it is Python."""
    if not text.lstrip().startswith(":"):
        return None
    return [f":{name}" for name in sorted(_NAMES) if f":{name}".startswith(text.lstrip())]


def others(script: Attached, me: int) -> str:
    """Return who else is attached; empty if no one is."""
    named = []
    for one in script.consoles:
        if one.get("console") != me:
            named.append(f"{printable(one.get('user', '?'), 20)}{' (watching)' if one.get('watching') else ''}")
    return ", ".join(named)


def remaining(script: Attached) -> str:
    return "no time limit" if script.left is None else f"{duration(script.left + 0.5)} left"


def _show(lines: list[str]) -> None:
    width = shutil.get_terminal_size((_WIDEST, 0)).columns
    for line in lines:
        output.line(line, width)


def _wrapped(lines: list[str]) -> None:
    """Show the lines, wrapped and not shortened."""
    width = shutil.get_terminal_size((_WIDEST, 0)).columns
    for line in lines:
        _show(textwrap.wrap(line, width, subsequent_indent=" " * (len(line) - len(line.lstrip()))) or [""])
