"""The live table of pauses: follows changes, counts down, and reads keys."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.layout.processors import BeforeInput

from lager.contract import EXTENSION
from lager.errors import LagerError
from lager.wording.text import printable, seconds_of, time_given
from lager_cli.display.pause_table import HEADERS, row, urgency
from lager_cli.display.tables import fitted
from lager_cli.follower import Following
from lager_cli.screens.palette import style
from lager_cli.screens.selection import RowSelection

if TYPE_CHECKING:
    from lager.contract import PauseDetails

_KEYS = "j/k select  c continue  e +5m  E extend  o console  ? help  q leave"
_HELP = """\
  j, k, arrows     select; also Page Up, Page Down, Home and End
  o, Enter         open the console of the selected pause; it returns here
  c                resume the selected pause
  e                extend it by five minutes
  E                extend it by a time that you type: 90, 10m, 1h; 0: no limit
  q, Ctrl-C        leave
  any key          return to the table"""
_MARGIN = 2
_AROUND = 2  # the header, and the line below
_ALL = 1 << 31


def live() -> int:
    """Show the table until the user leaves, and return the exit code. Open consoles in between."""
    selection, message = RowSelection(), ""
    while True:
        table = LiveTable(selection, message)
        asyncio.run(table.run())
        if table.console is None:
            return table.code
        message = _console(table.console)


def _console(id: str) -> str:
    """Run the console of the pause `id`, and return the message to show afterwards."""
    from lager_cli.console.attach import attach

    try:
        attach(id)
    except LagerError as problem:
        return printable(problem, 1000)
    return f"The console of {id} has ended."


class LiveTable:
    """The table until the user leaves it. Then `console` is the pause whose console to open, or None."""

    def __init__(self, selection: RowSelection, message: str) -> None:
        self.console: str | None = None
        self.code = 0
        self._message = message
        self._selection = selection
        self._helping = False
        self._typed_early: list[Callable[[], object]] = []
        self._following = Following(lambda _: self._changed())
        self._has_pauses = asyncio.Event()
        self._time = Buffer(multiline=False, accept_handler=self._extend_as_typed)
        self._table = FormattedTextControl(self._rendered, focusable=True, show_cursor=False)
        asking = Window(BufferControl(self._time, [BeforeInput("extend by: ")]), height=1)
        self._asking = Condition(lambda: self._app.layout.has_focus(self._time))
        told = Window(FormattedTextControl(self._told), height=1)
        body = HSplit(
            [Window(self._table), ConditionalContainer(asking, self._asking), ConditionalContainer(told, ~self._asking)]
        )
        self._app: Application[None] = Application(
            Layout(body), key_bindings=self._keys(), full_screen=True, min_redraw_interval=0.05, style=style()
        )

    async def run(self) -> None:
        """Run until the user leaves or opens a console. Raises LagerError if lagerd cannot be reached at the start."""
        with contextlib.suppress(EOFError):  # the terminal is gone
            await self._app.run_async(pre_run=self._begin)

    def _begin(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave, 128 + signal.SIGTERM)
        self._app.create_background_task(self._follow())
        self._app.create_background_task(self._tick())

    async def _follow(self) -> None:
        try:
            await self._following.run()
        except LagerError as problem:
            self._app.exit(exception=problem)

    async def _tick(self) -> None:
        while True:
            await self._has_pauses.wait()
            await asyncio.sleep(1)
            self._app.invalidate()

    def _changed(self) -> None:
        pauses = self._following.pauses()
        (self._has_pauses.set if pauses else self._has_pauses.clear)()
        if self._selection.id is not None and self._following.listed:  # a key may come before the next drawing
            self._selection.update([pause["id"] for pause in pauses])
        if self._following.problem:
            self._message = ""
            self._typed_early.clear()
        elif self._following.listed:
            commands, self._typed_early = self._typed_early, []
            for command in commands:
                command()
        self._app.invalidate()

    # Drawing.

    def _rendered(self) -> StyleAndTextTuples:
        if self._helping:
            return [("", _HELP)]
        size = self._app.output.get_size()
        pauses = self._following.pauses()
        self._selection.update([pause["id"] for pause in pauses])
        if not pauses:
            return [("", "No script is paused." if self._following.listed else "")]
        head, *lines = fitted(HEADERS, [row(pause) for pause in pauses], size.columns - _MARGIN)
        shown: StyleAndTextTuples = [("bold", " " * _MARGIN + head)]
        for number in self._selection.window(self._page()):
            chosen = pauses[number]["id"] == self._selection.id
            styles = [f"class:{urgent}"] if (urgent := urgency(pauses[number])) else []
            styles += ["reverse"] if chosen else []
            shown.append((" ".join(styles), f"\n{'> ' if chosen else '  '}{lines[number]}"))
        return shown

    def _told(self) -> StyleAndTextTuples:
        if self._following.problem:
            return [("reverse", self._following.problem)]
        count = len(self._following.pauses())
        return [("", self._message or f"{count} paused  {_KEYS}")]

    # Keys.

    def _keys(self) -> KeyBindings:
        on_pauses: dict[str, Callable[[], object]] = {
            **dict.fromkeys(("up", "k"), partial(self._move, -1)),
            **dict.fromkeys(("down", "j"), partial(self._move, 1)),
            "pageup": lambda: self._move(-self._page()),
            "pagedown": lambda: self._move(self._page()),
            **dict.fromkeys(("home", "g"), partial(self._move, -_ALL)),
            **dict.fromkeys(("end", "G"), partial(self._move, _ALL)),
            "c": lambda: self._ask_lagerd("Continue", "s"),
            "e": lambda: self._ask_lagerd("Extend", "sd", EXTENSION),
            "E": self._ask_for_time,
            **dict.fromkeys(("o", "enter"), self._open),
        }
        commands: dict[str, Callable[[], object]] = {
            **{key: partial(self._when_listed, command) for key, command in on_pauses.items()},
            "?": self._help,
            **dict.fromkeys(("q", "c-c", "<sigint>"), partial(self._leave, 0)),
            "c-z": lambda: self._app.suspend_to_background(),
            "<any>": lambda: None,
        }
        keys = KeyBindings()
        for key, command in commands.items():
            keys.add(key, filter=~self._asking)(self._handler(command))
        for key in ("escape", "c-c", "c-d"):
            keys.add(key, filter=self._asking, eager=True)(lambda _: self._app.layout.focus(self._table))
        return keys

    def _handler(self, command: Callable[[], object]) -> Callable[[KeyPressEvent], None]:
        def pressed(_: KeyPressEvent) -> None:
            self._message = ""
            if self._helping:
                self._helping = False
            else:
                command()

        return pressed

    def _when_listed(self, command: Callable[[], object]) -> None:
        """Run a command on the pauses. After a console the pauses are listed again; a key that is typed before takes
        effect afterwards, starting at the pause that was selected before the console."""
        if self._following.listed or self._selection.id is None:
            command()
        else:
            self._typed_early.append(command)

    def _move(self, by: int) -> None:
        self._selection.move(by)

    def _page(self) -> int:
        return max(self._app.output.get_size().rows - _AROUND, 1)

    def _help(self) -> None:
        self._helping = True

    def _leave(self, code: int) -> None:
        if not self._app.is_done:  # a second signal
            self.code = code
            self._app.exit()

    def _selected(self) -> "PauseDetails | None":
        for pause in self._following.pauses():
            if pause["id"] == self._selection.id:
                return pause
        self._message = "Nothing is selected: press j or k."
        return None

    def _open(self) -> None:
        pause = self._selected()
        if pause is not None and pause["interactive"]:
            self.console = pause["id"]
            self._app.exit()
        elif pause is not None:
            self._message = f"{pause['id']} has no console. Use pause(interactive=True) or breakpoint() to get one."

    def _ask_for_time(self) -> None:
        if self._selected() is not None:
            self._time.reset()
            self._app.layout.focus(self._time)

    def _extend_as_typed(self, buffer: Buffer) -> bool:
        self._app.layout.focus(self._table)
        seconds = seconds_of(buffer.text)
        if seconds is None:
            self._message = "That is not a valid duration. Type one like 90, 10m, 1h30m, or 0 for no limit."
        else:
            self._ask_lagerd("Extend", "sd", seconds)
        return False

    def _ask_lagerd(self, member: str, signature: str, *values: Any) -> None:
        pause = self._selected()
        if pause is not None:
            self._app.create_background_task(self._ask(member, signature, pause["id"], *values))

    async def _ask(self, member: str, signature: str, id: str, *values: Any) -> None:
        try:
            answer = await self._following.call(member, signature, id, *values)
        except LagerError as problem:
            self._message = printable(problem, 1000)
        else:
            self._message = f"Resumed {id}." if member == "Continue" else f"{time_given(id, answer)}."
        self._app.invalidate()
