"""The console session on a full terminal: editing, colours, completion, and a bar below the prompt."""

import ast
import asyncio
import contextlib
import os
import select
import signal
import sys
import warnings
from collections.abc import AsyncGenerator, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal, run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus, is_searching
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.lexers import Lexer, PygmentsLexer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from lager_cli.console.client import Attached, Outcome, write
from lager_cli.console.history_file import ConsoleHistory
from lager_cli.console.line_frontends import MORE, PROMPT, Frontend, Interruptible, forget_typed
from lager_cli.console.meta_commands import MetaCommands, completions, is_meta_command, is_step, others, remaining
from lager_cli.console.statements import NOT_PYTHON, is_complete, outdented
from lager_cli.display import output

_COMPLETION_SECONDS = 1.5
_COMPOUND = (
    ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match, ast.FunctionDef, ast.ClassDef,
    ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith,
)  # fmt: skip


class _GivenUp(Exception):
    """The user discarded the input with Ctrl-C."""


class PromptFrontend(Frontend):
    def __init__(self, script: Attached, id: str, number: int, meta_commands: MetaCommands, *, suspends: bool) -> None:
        """`suspends`: Ctrl-Z works. A box would consider a stopped client lost."""
        super().__init__(script)
        self._suspends = suspends
        self._id = id
        self._number = number
        self._meta_commands = meta_commands
        self._running = Interruptible(script)
        self._line_is_open = False
        self._prompt = self._made()
        script.show = self._show
        script.told = self._prompt.app.invalidate
        script.stepped = self._stepped

    async def run(self) -> Outcome:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupted)
        output.note(f"console of {self._id}: Ctrl-D leaves it, and the script stays paused")
        with self._keys_held():
            await self._meta_commands.look()
        outcome = await self._serve()
        if outcome is Outcome.CLOSED:
            forget_typed()
        return outcome

    async def _serve(self) -> Outcome:
        while True:
            try:
                source = await self._next()
            except _GivenUp:
                write(sys.stdout, "KeyboardInterrupt\n")
                continue
            if source is None:
                return Outcome.CLOSED if self._script.closed.done() else Outcome.DONE
            if not source.strip():
                continue
            if is_step(source) and self._suspends:
                await self._meta_commands.obey(source)  # meanwhile the keys may be the script's
                continue
            with self._keys_held():
                if await self._meta_commands.obey(source):
                    continue
                outcome = await self._running.evaluate(outdented(source) + "\n")
            if outcome in (Outcome.LEFT, Outcome.CLOSED):
                return outcome

    @contextlib.contextmanager
    def _keys_held(self) -> Iterator[None]:
        """Keep keys that are typed without a prompt for the next one, without echo. Ctrl-C is a key here, too: as a
        signal it would also reach the processes that ssh has started on the way to a box."""
        keys: list[KeyPress] = []
        terminal = self._prompt.app.input

        def take() -> None:
            for key in terminal.read_keys():
                if key.key is Keys.ControlC:
                    keys.clear()
                    self._interrupted()
                else:
                    keys.append(key)

        with terminal.raw_mode(), terminal.attach(take):
            yield
        store_typeahead(terminal, keys)

    async def _next(self) -> str | None:
        """Return the input; None at its end or that of the console. Raises _GivenUp if the user discarded it."""
        if self._script.closed.done():
            return None
        if self._line_is_open:
            write(sys.stdout, "\n")
        self._line_is_open = False
        prompting = asyncio.ensure_future(self._prompt.prompt_async(handle_sigint=False))
        await self._script.closed_or(prompting)
        if not prompting.done():
            self._leave(EOFError())
        try:
            return await prompting
        except EOFError:
            return None

    def _leave(self, why: BaseException) -> None:
        """End the prompt, and leave its text on the screen."""
        if self._prompt.app.is_running and not self._prompt.app.is_done:
            self._prompt.app.exit(exception=why, style="class:aborting")

    def _interrupted(self) -> None:
        """Handle SIGINT. At the prompt Ctrl-C is a key, not a signal."""
        if self._running.running:
            self._running.interrupt()
        elif not self._meta_commands.interrupt():
            self._leave(_GivenUp())

    def _show(self, stream: str, text: str) -> None:
        def show() -> None:
            write(sys.stdout if stream == "out" else sys.stderr, text)

        self._line_is_open = not text.endswith("\n")
        if self._prompt.app.is_running:
            self._showing = asyncio.ensure_future(run_in_terminal(show))
        else:
            show()

    def _stepped(self) -> None:
        """Show where the script is paused after a step that this console does not wait for."""
        self._prompt.app.invalidate()
        if not (self._script.running or self._meta_commands.waits):
            self._showing = asyncio.ensure_future(self._show_stop())

    async def _show_stop(self) -> None:
        async with in_terminal() if self._prompt.app.is_running else contextlib.nullcontext():
            await self._meta_commands.show_stop()

    def _made(self) -> "PromptSession[str]":
        colours = output.colours()
        return PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=MORE,
            lexer=_python() if colours else None,
            completer=_Remote(self._script),
            complete_while_typing=False,
            complete_style=CompleteStyle.MULTI_COLUMN,
            history=ConsoleHistory(),
            key_bindings=_keys(),
            bottom_toolbar=self._bar,
            refresh_interval=1.0,
            enable_suspend=self._suspends,
            color_depth=None if colours else ColorDepth.DEPTH_1_BIT,
            output=_Output.from_pty(sys.stdout, term=os.environ.get("TERM")),
        )

    def _bar(self) -> str:
        script, also = self._script, others(self._script, self._number)
        state = "running a step" if script.running else remaining(script)
        id = script.place.get("id", self._id)
        return f" {id}  {state}" + (f"  also here: {also}" if also else "") + "  :help "


class _Output(Vt100_Output):
    """The output of the prompt. It never queries the terminal, because a late answer would be read as typed input."""

    @property
    def responds_to_cpr(self) -> bool:
        return False

    def get_rows_below_cursor_position(self) -> int:
        return 1  # the minimum, so that the bar is directly below the prompt


class _Remote(Completer):
    """Gets completions from the paused process. Typing does not wait for them."""

    def __init__(self, script: Attached) -> None:
        self._script = script

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> list[Completion]:
        return []

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        ours = completions(document.text_before_cursor)
        for name in ours or ():
            yield Completion(name, -len(document.text_before_cursor.lstrip()))
        if ours is not None:
            return
        found = await self._script.ask("complete", document.text_before_cursor, _COMPLETION_SECONDS)
        for one in found if isinstance(found, list) else ():
            with contextlib.suppress(KeyError, TypeError, ValueError):
                length = min(max(int(one["length"]), 0), len(document.text_before_cursor))
                yield Completion(str(one["text"]), -length, display_meta=str(one["kind"]))


def _keys() -> KeyBindings:
    keys = KeyBindings()
    editing = has_focus(DEFAULT_BUFFER) & ~is_searching

    @keys.add("enter", filter=editing)
    def _enter(event: KeyPressEvent) -> None:
        buffer, more = event.current_buffer, _more_follows(event)
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None
        elif "\n" not in buffer.document.text_after_cursor and is_whole(buffer.text, more):
            buffer.validate_and_handle()
        else:
            line = buffer.document.current_line_before_cursor
            margin = line[: len(line) - len(line.lstrip())] + "    " * line.rstrip().endswith(":")
            buffer.insert_text("\n" + ("" if more else margin))

    @keys.add("c-c", filter=editing)
    def _give_up(event: KeyPressEvent) -> None:
        event.app.exit(exception=_GivenUp(), style="class:aborting")

    @keys.add("tab", filter=editing & Condition(_at_margin))
    def _indent(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("    ")

    return keys


def _at_margin() -> bool:
    from prompt_toolkit.application import get_app

    return not get_app().current_buffer.document.current_line_before_cursor.strip()


def _more_follows(event: KeyPressEvent) -> bool:
    """Return whether more input is pending: then the text was pasted, and an empty line need not end it."""
    return bool(event.key_processor.input_queue) or bool(select.select([event.app.input.fileno()], [], [], 0)[0])


def is_whole(text: str, more: bool = False) -> bool:
    """Return whether to evaluate `text`: it is complete, or can never become valid.

    A compound statement ends with an empty line. If `more` input is pending, several lines are not complete yet.
    """
    if is_meta_command(text) or not text.strip():
        return True
    text = outdented(text)
    if more and "\n" in text:
        return False
    complete = is_complete(text)
    if not complete:
        return complete is None
    try:
        with warnings.catch_warnings(action="ignore"):
            last = ast.parse(text).body[-1:]
    except NOT_PYTHON:
        return True
    is_compound = bool(last) and isinstance(last[0], _COMPOUND)
    return not is_compound or not (more or text.rpartition("\n")[2].strip())


def _python() -> Lexer:
    from pygments.lexers.python import PythonLexer

    return PygmentsLexer(PythonLexer)
