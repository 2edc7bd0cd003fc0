"""`lager status --watch`: the bench on one screen, updated by signals and by reading the visible nets once a second."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from lager.bus.facade import Bus
from lager.contract import INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import LagerError
from lager.nets.model import NetConfig
from lager_cli.follower import Following
from lager_cli.readings.net_status import NetReader, NetStatus
from lager_cli.screens.scrolled import ScrolledScreen
from lager_cli.screens.status_screen import Bench, Line, lines

_EACH_SECONDS, _AT_MOST = 1.0, 0.2
_SIGNALS = ("Claimed", "Released", "MadeSafe", "Quarantined", "Cleared")

Runs = Callable[[], Sequence[tuple[str, str, float, str]]]


def live(nets: Sequence[NetConfig], problem: str, runs: Runs) -> int:
    """Show the bench until the user leaves, and return the exit code."""
    screen = LiveStatus(nets, problem, runs)
    asyncio.run(screen.run())
    return screen.code


class LiveStatus(ScrolledScreen):
    """The screen until the user leaves it."""

    def __init__(self, nets: Sequence[NetConfig], problem: str, runs: Runs) -> None:
        super().__init__()
        self._nets = nets
        self._runs = runs
        self._reader = NetReader()
        self._news = asyncio.Event()
        self._bus: Bus
        self._known: dict[str, NetStatus] = {}
        self._bench = Bench(nets=[NetStatus(net) for net in nets], problem=problem, unread={net.name for net in nets})
        self._following = Following(lambda _: self._changed(), also=self._listen)

    async def run(self) -> None:
        """Run until the user leaves. Raises LagerError if lagerd cannot be reached at the start."""
        try:
            await super().run()
        finally:
            self._reader.close()

    def _begin(self) -> None:
        super()._begin()
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
        """Read the visible nets once a second, and immediately after a change."""
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
        visible = {line.net for line in self._visible(self._all())}
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
        super()._changed()

    def _lines(self, width: int) -> list[Line]:
        self._bench.pauses = self._following.pauses()
        return lines(self._bench, width)

    def _problem(self) -> str:
        return self._following.problem
