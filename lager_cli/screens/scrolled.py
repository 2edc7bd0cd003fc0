"""A full screen of lines that the user can scroll: the base class of the live screens."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from functools import partial

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from lager_cli.screens.palette import style
from lager_cli.screens.status_screen import Line

_KEYS = "j/k scroll  q leave"
_ALL = 1 << 31
_FATAL = (signal.SIGTERM, signal.SIGHUP)  # the second means that the terminal is gone


class ScrolledScreen:
    """The screen until the user leaves it; then `code` is the exit code."""

    def __init__(self, *, redraw_seconds: float = 0.05) -> None:
        self.code = 0
        self._top = 0
        table = Window(FormattedTextControl(self._rendered, focusable=True, show_cursor=False))
        told = Window(FormattedTextControl(self._told), height=1)
        self._app: Application[None] = Application(
            Layout(HSplit([table, told])), key_bindings=self._keys(), full_screen=True, style=style(),
            min_redraw_interval=redraw_seconds,
        )  # fmt: skip

    async def run(self) -> None:
        """Run until the user leaves, or the terminal is gone."""
        with contextlib.suppress(EOFError):
            await self._app.run_async(pre_run=self._begin)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _FATAL:
            loop.add_signal_handler(number, self._leave, 128 + number)

    # What is shown.

    def _lines(self, width: int) -> Sequence[Line]:
        """Return all lines, of at most `width` columns."""
        raise NotImplementedError

    def _problem(self) -> str:
        """Return the problem of the whole screen, or ""."""
        return ""

    def _changed(self) -> None:
        self._app.invalidate()

    # Drawing.

    def _all(self) -> Sequence[Line]:
        return self._lines(self._app.output.get_size().columns)

    def _visible(self, all: Sequence[Line]) -> Sequence[Line]:
        self._top = max(min(self._top, len(all) - self._page()), 0)
        return all[self._top : self._top + self._page()]

    def _rendered(self) -> StyleAndTextTuples:
        shown: StyleAndTextTuples = []
        for line in self._visible(self._all()):
            shown += [(f"class:{line.style}" if line.style else "", line.text), ("", "\n")]
        return shown[:-1]

    def _told(self) -> StyleAndTextTuples:
        if problem := self._problem():
            return [("reverse", problem)]
        below = len(self._all()) - self._top - self._page()
        return [("", f"{_KEYS}  ({below} more lines below)" if below > 0 else _KEYS)]

    # Keys.

    def _keys(self) -> KeyBindings:
        commands: dict[str, Callable[[], object]] = {
            **dict.fromkeys(("up", "k"), partial(self._scroll, -1)),
            **dict.fromkeys(("down", "j"), partial(self._scroll, 1)),
            "pageup": lambda: self._scroll(-self._page()),
            "pagedown": lambda: self._scroll(self._page()),
            **dict.fromkeys(("home", "g"), partial(self._scroll, -_ALL)),
            **dict.fromkeys(("end", "G"), partial(self._scroll, _ALL)),
            **dict.fromkeys(("q", "c-c", "<sigint>"), partial(self._leave, 0)),
            "c-z": lambda: self._app.suspend_to_background(),
            "<any>": lambda: None,
        }
        keys = KeyBindings()
        for key, command in commands.items():
            keys.add(key)(lambda _, command=command: command())
        return keys

    def _scroll(self, by: int) -> None:
        self._top = max(self._top + by, 0)
        self._visible(self._all())
        self._changed()

    def _page(self) -> int:
        return max(self._app.output.get_size().rows - 1, 1)

    def _leave(self, code: int) -> None:
        if not self._app.is_done:  # a second signal
            self.code = code
            self._app.exit()
