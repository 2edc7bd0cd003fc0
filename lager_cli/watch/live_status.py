"""`lager status --watch`: the bench on one screen, kept live by signals and one reading a second of what is visible."""

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

from lager.bus.facade import Bus
from lager.contract import INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import LagerError
from lager.nets.model import NetConfig
from lager_cli.display.status_screen import Bench, Line, lines
from lager_cli.follower import Following
from lager_cli.readings.net_status import NetReader, NetStatus
from lager_cli.watch.palette import style

_KEYS = "j/k scroll  q leave"
_EACH_SECONDS, _AT_MOST = 1.0, 0.2
_ALL = 1 << 31
_SIGNALS = ("Claimed", "Released", "MadeSafe", "Quarantined", "Cleared")

Runs = Callable[[], Sequence[tuple[str, str, float, str]]]


def live(nets: Sequence[NetConfig], problem: str, runs: Runs) -> int:
    """Show the bench until the user leaves, and return the exit code."""
    screen = LiveStatus(nets, problem, runs)
    asyncio.run(screen.run())
    return screen.code


class LiveStatus:
    """The screen until the user leaves it."""

    def __init__(self, nets: Sequence[NetConfig], problem: str, runs: Runs) -> None:
        self.code = 0
        self._nets = nets
        self._runs = runs
        self._top = 0
        self._reader = NetReader()
        self._news = asyncio.Event()
        self._bus: Bus
        self._known: dict[str, NetStatus] = {}
        self._bench = Bench(nets=[NetStatus(net) for net in nets], problem=problem, unread={net.name for net in nets})
        self._following = Following(lambda _: self._changed(), also=self._listen)
        table = Window(FormattedTextControl(self._rendered, focusable=True, show_cursor=False))
        told = Window(FormattedTextControl(self._told), height=1)
        self._app: Application[None] = Application(
            Layout(HSplit([table, told])), key_bindings=self._keys(), full_screen=True, style=style(),
            min_redraw_interval=0.05,
        )  # fmt: skip

    async def run(self) -> None:
        """Run until the user leaves. Raises LagerError if lagerd cannot be reached at the start."""
        try:
            with contextlib.suppress(EOFError):  # the terminal is gone
                await self._app.run_async(pre_run=self._begin)
        finally:
            self._reader.close()

    def _begin(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave, 128 + signal.SIGTERM)
        self._app.create_background_task(self._follow())
        self._app.create_background_task(self._read())

    async def _follow(self) -> None:
        try:
            await self._following.run()
        except LagerError as problem:
            self._app.exit(exception=problem)

    async def _listen(self, bus: Bus) -> None:
        self._bus = bus
        await bus.subscribe(INSTRUMENTS, dict.fromkeys(_SIGNALS, lambda _: self._changed()))

    async def _read(self) -> None:
        """Read what is visible once a second, and at once when something has changed."""
        while True:
            if self._following.listed and not self._following.problem:
                with contextlib.suppress(LagerError):  # lagerd is gone, which `following` says
                    await self._read_once()
            self._app.invalidate()
            await asyncio.sleep(_AT_MOST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EACH_SECONDS - _AT_MOST):
                    await self._news.wait()
            self._news.clear()

    async def _read_once(self) -> None:
        bus = self._bus
        visible = {line.net for line in self._visible(self._lines())}
        wanted = [net for net in self._nets if net.name in visible]
        for one in await self._reader.read(bus, wanted):
            self._known[one.net.name] = one
        listed = (await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List"))[0]
        self._bench.quarantined = [one for one in listed if one.get("quarantined")]
        self._bench.runs = self._runs()
        self._bench.nets = [self._known.get(net.name) or NetStatus(net) for net in self._nets]
        self._bench.unread = {net.name for net in self._nets if net.name not in self._known}

    def _changed(self) -> None:
        self._news.set()
        self._app.invalidate()

    # Drawing.

    def _lines(self) -> list[Line]:
        self._bench.pauses = self._following.pauses()
        return lines(self._bench, self._app.output.get_size().columns)

    def _visible(self, all: list[Line]) -> list[Line]:
        self._top = max(min(self._top, len(all) - self._page()), 0)
        return all[self._top : self._top + self._page()]

    def _rendered(self) -> StyleAndTextTuples:
        shown: StyleAndTextTuples = []
        for line in self._visible(self._lines()):
            shown += [(f"class:{line.style}" if line.style else "", line.text), ("", "\n")]
        return shown[:-1]

    def _told(self) -> StyleAndTextTuples:
        if self._following.problem:
            return [("reverse", self._following.problem)]
        below = len(self._lines()) - self._top - self._page()
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
        self._visible(self._lines())
        self._changed()

    def _page(self) -> int:
        return max(self._app.output.get_size().rows - 1, 1)

    def _leave(self, code: int) -> None:
        if not self._app.is_done:  # a second signal
            self.code = code
            self._app.exit()
